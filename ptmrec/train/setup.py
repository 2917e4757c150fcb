"""What a trainer is told, and the accelerator and scheduler made from it."""

import math
from dataclasses import fields

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, patch_environment
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from ptmrec.config.sections import PRECISIONS, SCHEDULERS, TrainingOptions
from ptmrec.core.errors import TrainingError, brief
from ptmrec.core.processes import broadcast, world_size


def settings_of(options: TrainingOptions) -> dict[str, str]:
    """Every option that counts but ``epochs`` as text, to tell whether a resumed run is the same run."""
    beside = {"epochs", *(field.name for field in fields(TrainingOptions) if field.metadata["beside"])}
    names = {*(field.name for field in fields(TrainingOptions)), *getattr(options, "__dict__", ())} - beside
    return {name: repr(getattr(options, name)) for name in sorted(names) if hasattr(options, name)}


def build_accelerator(options: TrainingOptions) -> Accelerator:
    """An accelerator with the device and precision asked for.

    Raises:
        TrainingError: the device or precision is unknown or this machine has none such.
    """
    _check_choices(options)
    if world_size() > 1:
        if ":" in options.device:
            raise TrainingError(f"device {options.device!r} is one, and there are {world_size()} processes; use cuda")
        broadcast(None)  # they meet before accelerate looks for them
    # accelerate keeps its state in singletons, and those of an earlier trainer would win.
    AcceleratorState._reset_state(reset_partial_state=True)
    named = {} if options.device in ("auto", "cpu") or world_size() > 1 else {"accelerate_torch_device": options.device}
    try:
        with patch_environment(**named):
            accelerator = Accelerator(
                cpu=options.device == "cpu",
                mixed_precision=options.mixed_precision,
                # A parameter that nobody used keeps no gradient, or weight decay would move it.
                kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
            )
    except (RuntimeError, ValueError) as error:
        wanted = f"device {options.device!r} with mixed_precision {options.mixed_precision!r}"
        raise TrainingError(f"{wanted} cannot be used: {brief(error)}; try device=cpu") from error
    if options.mixed_precision == "fp16" and accelerator.device.type == "cpu":
        raise TrainingError("mixed_precision=fp16 needs a GPU; use bf16 or no on a CPU")
    return accelerator


def build_scheduler(options: TrainingOptions, optimizer: torch.optim.Optimizer) -> LambdaLR | ReduceLROnPlateau | None:
    """The scheduler asked for, to be stepped once per epoch; None for ``none``.

    Raises:
        TrainingError: the scheduler is unknown.
    """
    if options.scheduler == "none":
        return None
    if options.scheduler == "cosine":
        # A function of the epoch alone, so a run resumed with more epochs joins the longer curve.
        return LambdaLR(optimizer, lambda epoch: 0.5 * (1 + math.cos(math.pi * min(epoch / options.epochs, 1))))
    if options.scheduler == "plateau":
        return ReduceLROnPlateau(optimizer, factor=0.5, patience=options.patience // 2 or 5)
    raise TrainingError(f"scheduler {options.scheduler!r} is unknown; choose from {', '.join(SCHEDULERS)}")


def _check_choices(options: TrainingOptions) -> None:
    if options.mixed_precision not in PRECISIONS:
        choices = ", ".join(PRECISIONS)
        raise TrainingError(f"mixed_precision {options.mixed_precision!r} is unknown; choose from {choices}")
    if options.device == "auto":
        return
    try:
        device = torch.device(options.device)
    except RuntimeError:
        raise TrainingError(f"device {options.device!r} is unknown; use auto, cpu or cuda") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise TrainingError(f"device {options.device!r} is not in this machine; use auto or cpu")
