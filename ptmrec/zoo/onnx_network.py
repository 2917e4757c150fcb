"""ONNX files, run by onnxruntime: the pictures they take, and features from the layer before their classifier.

Both packages are an extra (``pip install 'ptmrec[onnx]'``). A file is data: operators of the standard alone are run,
weights have to lie in the file itself, and lengths are checked before anything is run.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ptmrec.core.errors import ArtifactError, one_line
from ptmrec.zoo.feed import USUAL, Asked, Feed, find_axes

INSTALL = "pip install 'ptmrec[onnx]'"
LARGEST = 2**31
"""Bytes of the largest file: the format itself ends there."""
NUMBERS = 2**30
"""Most numbers in one tensor that a graph states it makes."""
STANDARD = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Domains of operators that onnxruntime brings with it."""
KINDS = {1: "float32", 2: "uint8", 10: "float16"}
"""Numbers of ONNX for kinds of tensors."""
LAST_LAYERS = frozenset({"Gemm", "MatMul", "Conv", "FusedGemm", "FusedMatMul", "MatMulNBits"})
AFTER_LAST = frozenset(
    "Softmax LogSoftmax Sigmoid Identity Dropout Cast Flatten Reshape Squeeze Unsqueeze Add Mul Clip Relu".split()
)
"""Operators that may stand between a classifier's last layer and the output."""


class OnnxNetwork(nn.Module):
    """An ONNX graph as a module that maps images to the values of one of its tensors.

    Args:
        path: of the file.
        asked: what a person says of it: the size of images where the file leaves it open, and the tensor of features.

    Raises:
        ArtifactError: a package is missing, or the file is damaged or not of this kind.
    """

    def __init__(self, path: Path, asked: Asked) -> None:
        super().__init__()
        try:
            import onnx
            import onnxruntime
        except ImportError:
            raise ArtifactError(f"{path}: ONNX files need two packages; run: {INSTALL}") from None
        if path.stat().st_size > LARGEST:
            raise ArtifactError(f"{path}: larger than {LARGEST >> 30} GiB; export it with weights in half precision")
        try:
            graph = onnx.load(str(path), load_external_data=False)
            _check(onnx, graph)
            onnx.checker.check_model(graph)
            self.features = _find(graph.graph, asked.features)
            self._input, self.feed = _feed(graph.graph, asked)
            del graph.graph.output[:]  # so that nothing behind the features is computed
            graph.graph.output.append(onnx.ValueInfoProto(name=self.features))
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
            options.log_severity_level = 3
            self.session = onnxruntime.InferenceSession(
                graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except ArtifactError as error:
            raise ArtifactError(f"{path}: {error}") from None
        except Exception as error:  # both libraries raise kinds of their own
            raise ArtifactError(f"{path}: not readable as ONNX ({one_line(error)[:200]}); export it again") from None
        self.num_params = sum(int(np.prod(part.dims)) for part in graph.graph.initializer)

    def forward(self, images: Tensor) -> Tensor:
        """Values of the tensor for images as :attr:`feed` says."""
        (found,) = self.session.run([self.features], {self._input: images.numpy()})
        return torch.from_numpy(np.asarray(found))


def _check(onnx: Any, model: Any) -> None:
    """Refuse weights in other files, operators from elsewhere and tensors without measure."""
    if any(part.data_location == onnx.TensorProto.EXTERNAL for part in model.graph.initializer):
        raise ArtifactError("its weights lie in other files; export it with external_data=False")
    strange = {node.domain for node in model.graph.node} - set(STANDARD)
    if strange or model.functions and any(part.domain in STANDARD for part in model.functions):
        raise ArtifactError(f"operators of {', '.join(sorted(strange))[:60] or 'its own'} are not run")
    known = onnx.shape_inference.infer_shapes(model, data_prop=True).graph.value_info
    for value in known:
        sizes = [dim.dim_value for dim in value.type.tensor_type.shape.dim if dim.HasField("dim_value")]
        if np.prod([max(size, 1) for size in sizes], dtype=float) > NUMBERS:
            raise ArtifactError(f"{value.name[:60]!r} would hold more than {NUMBERS:,} numbers")


def _feed(graph: Any, asked: Asked) -> tuple[str, Feed]:
    """Name of the input, and the pictures it takes."""
    held = {part.name for part in graph.initializer}
    inputs = [value for value in graph.input if value.name not in held]
    if len(inputs) != 1:
        raise ArtifactError(f"it takes {len(inputs)} inputs, not one of images; export the image tower alone")
    kind = inputs[0].type.tensor_type
    if kind.elem_type not in KINDS:
        raise ArtifactError(f"its images are of kind {kind.elem_type}, not {', '.join(KINDS.values())}")
    sizes = [dim.dim_value if dim.HasField("dim_value") else 0 for dim in kind.shape.dim]  # 0 = left open
    channels, height, width, last = find_axes(sizes)
    wanted = asked.input_size or (height or USUAL, width or USUAL)
    if (height and wanted[0] != height) or (width and wanted[1] != width):
        raise ArtifactError(f"it takes images of {height} x {width} pixels only; leave --input-size out")
    return inputs[0].name, Feed(*wanted, channels or 3, KINDS[kind.elem_type], last, batch=sizes[0])


def _find(graph: Any, wanted: str) -> str:
    """Name of the tensor with the features: the one asked for, or what the last layer of the classifier is given."""
    makers = {name: node for node in graph.node for name in node.output}
    if wanted:
        if wanted not in makers:
            raise ArtifactError(f"no tensor is called {wanted[:60]!r}; the last are {', '.join(list(makers)[-6:])}")
        return wanted
    held = {part.name for part in graph.initializer}
    held |= {
        name
        for name, node in makers.items()
        if node.op_type in ("Constant", "DequantizeLinear") and all(part in held for part in node.input)
    }
    name = output = graph.output[0].name
    for _ in range(len(graph.node)):
        node = makers.get(name)
        if node is None:
            return output
        given = [part for part in node.input if part and part not in held]
        if len(given) != 1:
            return output
        if node.op_type in LAST_LAYERS:
            return given[0]
        if node.op_type not in AFTER_LAST:
            return output
        name = given[0]
    return output
