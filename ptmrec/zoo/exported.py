"""Exported programs of torch (``.pt2``), run from what they list: no pickle is opened and no code of theirs is made.

``torch.export.load`` unpickles weights and inputs and evaluates expressions. Here an archive is read as data: its
weights as raw numbers, its graph as JSON, whose steps may call operators of ``torch.ops.aten`` and arithmetic only.
"""

import json
import math
import operator
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor, nn

from ptmrec.core.errors import UNFIT, ArtifactError, one_line
from ptmrec.zoo.feed import Feed, find_axes

DTYPES = {
    **{1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64, 6: torch.float16},
    **{7: torch.float32, 8: torch.float64, 12: torch.bool, 13: torch.bfloat16},
}
"""Numbers of torch's schema for kinds of tensors."""
FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 3: torch.channels_last_3d, 4: torch.preserve_format}
ARITHMETIC = frozenset(
    "add sub mul floordiv truediv mod neg pos pow eq ne lt le gt ge and_ or_ getitem not_ abs index".split()
)
"""Functions of :mod:`operator` that steps may call."""
REFUSED = frozenset({"from_file", "set_", "resize_", "_print", "record_stream"})
"""Operators that reach beyond the numbers they are given."""
TARGET = re.compile(r"torch\.ops\.aten\.([A-Za-z_][A-Za-z0-9_]*)\.([A-Za-z_][A-Za-z0-9_]*)")
PASSED = ("_assert_tensor_metadata", "_assert_scalar", "_assert_async", "sym_constrain_range")
"""Beginnings of operators that only check what export assumed."""
LARGEST_GRAPH = 2**26
"""Bytes of the longest JSON in an archive."""
MOST_NODES = 10**5
LAST_LAYERS = {"linear": 0, "addmm": 1, "mm": 0, "matmul": 0}
"""Operators a classifier ends in, and which argument of each holds the features."""
AFTER_LAST = frozenset({"softmax", "log_softmax", "sigmoid", "_softmax", "_log_softmax", "dropout", "to", "clone"})
NUMBERS = 2**30
"""Most numbers in one tensor that a step gives: 4 GiB."""


class Program(nn.Module):
    """An exported program as a module that maps images to the values of one of its steps.

    Args:
        path: of the archive.
        features: name of the step; the layer before the classifier without it.

    Raises:
        ArtifactError: the archive is damaged, pickled in part, or calls what is not run.
    """

    def __init__(self, path: Path, features: str = "") -> None:
        super().__init__()
        try:
            with zipfile.ZipFile(path) as archive:
                self._read(archive)
            self.features = self._find(features)
            self.feed = self._feed()
        except ArtifactError as error:
            raise ArtifactError(f"{path}: {error}") from None
        except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, *UNFIT) as error:
            raise ArtifactError(f"{path}: damaged, or no exported program ({one_line(error)}); {AGAIN}") from None

    def _read(self, archive: zipfile.ZipFile) -> None:
        names = {name.partition("/")[2]: name for name in archive.namelist()}
        if "models/model.json" not in names:
            if any(PurePosixPath(name).suffix in {".pkl", ".py"} for name in names):
                raise ArtifactError(f"TorchScript or a pickle, which holds code and is never run; {AGAIN}")
            raise ArtifactError(f"no exported program of the name model; {AGAIN}")
        module = _object(_json(archive, names["models/model.json"]), "graph_module")
        graph, signature = _object(module, "graph"), _object(module, "signature")
        self._nodes = graph["nodes"]
        if not isinstance(self._nodes, list) or len(self._nodes) > MOST_NODES:
            raise ArtifactError(f"its graph is longer than {MOST_NODES:,} steps")
        self._metas, self._outputs = graph["tensor_values"], graph["outputs"]
        tensors = {**_tensors(archive, names, "weights"), **_tensors(archive, names, "constants")}
        self._values, inputs = {}, []
        for entry in signature["input_specs"]:
            ((kind, spec),) = entry.items()
            if kind == "user_input":
                inputs.append(_object(spec["arg"], "as_tensor")["name"])
                continue
            own = spec.get("parameter_name") or spec.get("buffer_name") or spec.get("tensor_constant_name")
            if own not in tensors:
                raise ArtifactError(f"its {kind} {str(own)[:60]!r} is missing; {AGAIN}")
            self.register_buffer(f"held{len(self._values)}", tensors[own])
            self._values[spec["arg"]["name"]] = f"held{len(self._values)}"
        if len(inputs) != 1:
            raise ArtifactError(f"it takes {len(inputs)} inputs, not one of images; export the image tower alone")
        self._input = inputs[0]
        self._steps = [(_resolve(node["target"]), node["inputs"], node["outputs"]) for node in self._nodes]
        last = {name: place for place, (_, given, _) in enumerate(self._steps) for name in _used(given)}
        self._ends = [[] for _ in self._steps]
        for name, place in last.items():
            self._ends[place].append(name)

    def _feed(self) -> Feed:
        """The pictures it takes; sizes that export left open are those it was exported with."""
        meta = self._metas[self._input]
        sizes = [_size(part) for part in meta["sizes"]]
        channels, height, width, last = find_axes([size for size, _ in sizes])
        self.open_size = any(open_ for _, open_ in (sizes[1:3] if last else sizes[2:]))
        kind = str(DTYPES.get(meta["dtype"])).removeprefix("torch.")
        return Feed(height, width, channels, kind, last, batch=0 if sizes[0][1] else sizes[0][0])

    def _find(self, wanted: str) -> str:
        """Name of the step whose value is the features."""
        makers = {name: node for node in self._nodes for name in _names(node["outputs"])}
        if wanted:
            if wanted not in makers:
                raise ArtifactError(f"no step is called {wanted[:60]!r}; the last are {', '.join(list(makers)[-6:])}")
            return wanted
        name = output = _names(self._outputs)[0]
        for _ in range(len(self._nodes)):
            node = makers.get(name)
            if node is None:
                return output
            kind = node["target"].split(".")[-2]
            places = _names([entry["arg"] for entry in node["inputs"]])
            if kind in LAST_LAYERS and len(places) > LAST_LAYERS[kind] + 1:
                return places[LAST_LAYERS[kind]]
            if kind not in AFTER_LAST or not places:
                return output
            name = places[0]
        return output

    def forward(self, images: Tensor) -> Any:
        """Value of the step for images as :attr:`feed` says."""
        values = {name: getattr(self, own) for name, own in self._values.items()} | {self._input: images}
        for (call, inputs, outputs), ends in zip(self._steps, self._ends, strict=True):
            if self.features in values:
                break
            found = None
            if call is not None:
                place = [_argument(entry["arg"], values) for entry in inputs if entry.get("kind") != 2]
                named = {entry["name"]: _argument(entry["arg"], values) for entry in inputs if entry.get("kind") == 2}
                found = call(*place, **named)
            _keep(values, outputs, found)
            for name in ends:
                if name != self.features:
                    values.pop(name, None)
        return values[self.features]


AGAIN = "save it with torch.export.save(torch.export.export(network.eval(), (images,)), FILE)"


def _json(archive: zipfile.ZipFile, name: str) -> Any:
    member = archive.getinfo(name)
    if member.file_size > LARGEST_GRAPH:
        raise ArtifactError(f"{name} is larger than {LARGEST_GRAPH >> 20} MiB")
    return json.loads(archive.read(name))


def _object(value: Any, key: str) -> Mapping[str, Any]:
    found = value.get(key) if isinstance(value, Mapping) else None
    if not isinstance(found, Mapping):
        raise ArtifactError(f"its graph has no {key!r}; {AGAIN}")
    return found


def _tensors(archive: zipfile.ZipFile, names: Mapping[str, str], kind: str) -> dict[str, Tensor]:
    """Weights or constants by name, from raw numbers."""
    listed = names.get(f"data/{kind}/model_{kind}_config.json")
    if listed is None:
        raise ArtifactError(f"its {kind} are a pickle, which is never read; {AGAIN} with torch 2.9 or later")
    found, storages = {}, {}
    for name, entry in _object(_json(archive, listed), "config").items():
        if entry.get("use_pickle") or not entry.get("tensor_meta"):
            what = f"its {kind} {name[:60]!r} is a pickle"
            raise ArtifactError(f"{what}, which is never read; take it out of the network")
        place = names.get(f"data/{kind}/{entry['path_name']}")
        if place is None:
            raise ArtifactError(f"{entry['path_name'][:60]!r} is missing in it")
        if place not in storages:
            storages[place] = bytearray(archive.read(place))
        found[name] = _tensor(storages[place], entry["tensor_meta"], name)
    return found


def _tensor(data: bytearray, meta: Mapping[str, Any], name: str) -> Tensor:
    dtype = DTYPES.get(meta["dtype"])
    shape, strides = ([_size(part)[0] for part in meta[key]] for key in ("sizes", "strides"))
    offset = _size(meta["storage_offset"])[0]
    if dtype is None or min([*shape, *strides, offset, 0]) < 0 or len(shape) != len(strides):
        raise ArtifactError(f"tensor {name[:60]!r} is of a kind that is not read")
    if 0 in shape:
        return torch.empty(shape, dtype=dtype)
    reach = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) + 1
    if reach * dtype.itemsize > len(data) or math.prod(shape) * dtype.itemsize > len(data):
        raise ArtifactError(f"tensor {name[:60]!r} is larger than what is stored of it")
    return torch.frombuffer(data, dtype=dtype).as_strided(shape, strides, offset)


def _size(part: Mapping[str, Any]) -> tuple[int, bool]:
    """A length, and whether it was left open; it is then that of the example it was exported with."""
    left_open = part.get("as_int") is None
    value = ((_object(part, "as_expr").get("hint") or {}) if left_open else part).get("as_int")
    if not isinstance(value, int) or isinstance(value, bool):
        raise ArtifactError("it leaves a length open without an example; export it with images of a size")
    return value, left_open


def _resolve(target: Any) -> Any:
    """The function a step calls; None for one that only checks.

    Raises:
        ArtifactError: it is none of torch's own operators on numbers.
    """
    found = TARGET.fullmatch(str(target))
    if found and found[1].startswith(PASSED):
        return None
    if found and found[1] not in REFUSED:
        packet = getattr(torch.ops.aten, found[1], None)
        call = getattr(packet, found[2], None)
        if call is not None:
            return call
    plain = str(target).rpartition(".")
    if plain[0] in ("_operator", "operator") and plain[2] in ARITHMETIC:
        return getattr(operator, plain[2])
    if str(target) in ("torch.sym_max", "torch.sym_min"):
        return max if target.endswith("max") else min
    raise ArtifactError(f"it calls {str(target)[:80]!r}, which is never run; {AGAIN} after run_decompositions()")


def _names(arguments: list[Any]) -> list[str]:
    """Names of the single tensors among arguments, and of the members of a list of them."""
    found = []
    for argument in arguments:
        for kind, value in argument.items():
            parts = value if kind == "as_tensors" else [value] if kind == "as_tensor" else []
            found += [part["name"] for part in parts]
    return found


def _used(inputs: list[Any]) -> set[str]:
    """Names of the tensors a step is given."""
    return set(_names([entry["arg"] for entry in inputs]))


def _argument(argument: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """What an argument stands for."""
    ((kind, value),) = argument.items()
    if kind == "as_none":
        return None
    if kind == "as_tensor":
        return values[value["name"]]
    if kind == "as_tensors" or (kind.startswith("as_sym") and kind.endswith("s")):
        return [_argument({kind[:-1]: part}, values) for part in value]
    if kind == "as_optional_tensor":
        return _argument(value, values)
    if kind == "as_optional_tensors":
        return [_argument(part, values) for part in value]
    if kind.startswith("as_sym"):
        return values[value["as_name"]] if "as_name" in value else next(iter(value.values()))
    constants = {"as_scalar_type": DTYPES, "as_memory_format": FORMATS, "as_layout": {7: torch.strided}}
    if kind in constants:
        return constants[kind][value]
    if kind == "as_device":
        return torch.device("cpu")
    if kind in ("as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string", "as_int_lists"):
        return value
    raise ArtifactError(f"an argument of kind {kind[:40]!r} is not read")


def _keep(values: dict[str, Any], outputs: list[Any], found: Any) -> None:
    """Note what a step gave under the names it has."""
    if len(outputs) == 1:
        ((kind, value),) = outputs[0].items()
        if kind == "as_tensors":
            values.update(zip((part["name"] for part in value), found, strict=True))
        elif kind != "as_none":
            values[value.get("name") or value.get("as_name")] = found
    else:
        for output, part in zip(outputs, found if found is not None else [None] * len(outputs), strict=True):
            _keep(values, [output], part)
    for part in found if isinstance(found, list | tuple) else [found]:
        if isinstance(part, Tensor) and part.numel() > NUMBERS:
            raise ArtifactError(f"a step gives {part.numel():,} numbers at once, more than {NUMBERS:,}")
