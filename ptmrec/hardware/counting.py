"""Counts of a model, without timing: operations, activations, and the memory of one pass."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or torch's profiler writes to stderr that there is no GPU
COUNTED = ("convolution", "mm", "addmm", "bmm", "baddbmm", "linear")
"""Operators whose outputs count as activations."""


def count_flops(model: nn.Module, images: Tensor) -> int:
    """Floating point operations of one forward pass as torch counts them, a multiply-accumulate being two."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(images)
    return counter.get_total_flops()


class _ActivationCounter(TorchDispatchMode):
    total = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: Mapping | None = None) -> Any:
        found = function(*args, **(kwargs or {}))
        if function.overloadpacket.__name__ in COUNTED:
            self.total += found.numel()
        return found


def count_activations(model: nn.Module, images: Tensor) -> int:
    """Numbers that convolutions and matrix products put out in one forward pass.

    The count of Dollár, Singh and Girshick, "Fast and Accurate Model Scaling" (CVPR 2021), to which the time on a GPU
    is closest; timm's tables give it in millions as ``infer_macts``. Fused attention is none of these operators.
    """
    counter = _ActivationCounter()
    with torch.no_grad(), counter:
        model(images)
    return counter.total


def peak_memory(model: nn.Module, images: Tensor) -> int:
    """Bytes of weights, input and the largest sum of tensors alive during one forward pass.

    Args:
        model: in evaluation mode.
        images: ``(B, 3, H, W)`` float32.
    """
    with torch.inference_mode():
        model(images)
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            model(images)
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = [event for event in json.loads(trace.read_text())["traceEvents"] if event.get("name") == "[memory]"]
    changes = [event["args"]["Bytes"] for event in sorted(events, key=lambda event: event["ts"])]
    stored = sum(tensor.nbytes for tensor in [*model.parameters(), *model.buffers(), images])
    return stored + int(max(np.cumsum(changes), default=0))
