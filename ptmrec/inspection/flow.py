"""Gradients of one batch, block by block, and a learning rate from a short range test."""

import copy
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ptmrec.inspection.blocks import parameters_by_block, split_blocks
from ptmrec.inspection.examples import inputs_of, loss_of, output_of, targets_of
from ptmrec.inspection.findings import Finding

EXPLODING = 1e3
"""Norm of a block's gradient over the norm of its weights from which on a step of any usual size wrecks it."""
VANISHING = 1e-5
"""The same ratio over the largest of all blocks from which on a block hardly learns."""
DEAD = 0.6
"""Share of a block's parameters without any gradient from which on it is dead."""
RATES = (1e-6, 1.0, 28)
"""First and last learning rate of the range test and the number of steps between."""
SECONDS = 15.0
"""Time of the range test: a slow model takes fewer, larger strides, at least :data:`LEAST_STEPS`."""
LEAST_STEPS = 10
DIVERGED = 4.0


@dataclass(frozen=True)
class Flow:
    """Gradients of a block on one batch.

    Attributes:
        parameters: how many; trainable: how many of them ask for a gradient.
        weight: norm of the trainable weights; gradient: norm of their gradient.
        without: share of the trainable parameters whose gradient is exactly 0 or missing.
    """

    parameters: int
    trainable: int
    weight: float
    gradient: float
    without: float

    @property
    def relative(self) -> float:
        """Gradient over weight; 0 for a frozen block."""
        return self.gradient / max(self.weight, 1e-8) if self.trainable else 0.0


def measure_flow(model: nn.Module, batch: Any) -> tuple[float, dict[str, Flow]]:
    """Loss of a batch in training mode and the flow through each block; model and gradients stay as they were."""
    twin = copy.deepcopy(model).train()
    twin.zero_grad(set_to_none=True)
    loss = _loss(twin, batch)
    if loss.requires_grad:
        loss.backward()
    blocks = parameters_by_block(twin, split_blocks(twin))
    return float(loss.detach()), {name: _flow(list(parameters.values())) for name, parameters in blocks.items()}


def _loss(model: nn.Module, batch: Any) -> Tensor:
    output = output_of(model(inputs_of(batch)))
    if output is None:
        raise ValueError("the model gives no tensor")
    return loss_of(output, targets_of(batch))


def _flow(parameters: list[nn.Parameter]) -> Flow:
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    count = sum(parameter.numel() for parameter in trained)
    given = [parameter for parameter in trained if parameter.grad is not None]
    reached = sum(int(torch.count_nonzero(parameter.grad)) for parameter in given)
    weight, gradient = norm_of(trained), norm_of(parameter.grad for parameter in given)
    without = 1 - reached / count if count else 0.0
    return Flow(sum(parameter.numel() for parameter in parameters), count, weight, gradient, without)


def norm_of(tensors: Iterable[Tensor]) -> float:
    """Norm of some tensors as one vector."""
    return math.sqrt(sum(float(tensor.detach().double().norm()) ** 2 for tensor in tensors))


def check_flow(flows: dict[str, Flow]) -> list[Finding]:
    """Whether gradients explode, vanish, or do not reach a block at all."""
    trained = {name: flow for name, flow in flows.items() if flow.trainable}
    if not trained:
        why = "nothing can be learned"
        return [Finding("gradient", "fault", "no parameter asks for a gradient", why, "set requires_grad on some")]
    findings = []
    dead = [f"{name} ({flow.without:.0%} of its weights)" for name, flow in trained.items() if flow.without >= DEAD]
    if dead:
        do = "check that forward uses it, that nothing is detached, and that its weights are not all 0"
        what = f"no gradient reaches {', '.join(dead[:3])}"
        findings.append(Finding("dead_block", "fault", what, "it will never change, and costs time and memory", do))
    alive = {name: flow.relative for name, flow in trained.items() if flow.without < DEAD}
    wild = [name for name, value in alive.items() if not value <= EXPLODING]
    top = max(alive.values(), default=0.0)
    faint = [name for name, value in alive.items() if value < VANISHING * top]
    shown = f"{min(alive.values(), default=0):.1g} to {top:.1g} times the weights"
    if wild:
        what = f"gradients explode in {', '.join(wild[:3])}: {shown}"
        do = "initialise smaller, normalise between the layers, or clip the gradient"
        findings.append(Finding("exploding_gradient", "fault", what, "one step wrecks the weights", do))
    if faint and not wild:
        what = f"gradients vanish in {', '.join(faint[:3])}: {shown}"
        do = "use ReLU or GELU, shortcuts around blocks, or normalisation"
        findings.append(Finding("vanishing_gradient", "fault", what, "these layers stay as they were drawn", do))
    if not findings:
        findings.append(Finding("gradient", "ok", f"gradients reach every block: {shown}", "each block learns"))
    return findings


def range_test(model: nn.Module, batches: list[Any]) -> tuple[float | None, list[tuple[float, float]]]:
    """A learning rate for AdamW from losses under growing rates; works on a copy.

    Returns:
        The rate at which the smoothed loss falls fastest, at most a tenth of the one at which it is lowest, None when
        it never falls; and the pairs of rate and loss.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return _range_test(copy.deepcopy(model).train(), batches)


def _range_test(twin: nn.Module, batches: list[Any]) -> tuple[float | None, list[tuple[float, float]]]:
    low, high, most = RATES
    began = time.perf_counter()
    _loss(twin, batches[0]).backward()
    steps = int(min(most, max(LEAST_STEPS, SECONDS / (time.perf_counter() - began))))
    optimizer = torch.optim.AdamW([p for p in twin.parameters() if p.requires_grad], lr=low)
    curve: list[tuple[float, float]] = []
    smooth: list[float] = []
    for step in range(steps):
        rate = low * (high / low) ** (step / (steps - 1))
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        loss = _loss(twin, batches[step % len(batches)])
        value = float(loss.detach())
        if not math.isfinite(value):
            break
        smooth.append(value if not smooth else 0.6 * smooth[-1] + 0.4 * value)
        curve.append((rate, value))
        if smooth[-1] > DIVERGED * max(min(smooth), 1e-3):
            break
        loss.backward()
        optimizer.step()
    return _choose(curve, smooth), curve


def _choose(curve: list[tuple[float, float]], smooth: list[float]) -> float | None:
    """The rate where the loss falls fastest, at most a tenth of where it is lowest; None when it never falls."""
    best = min(range(len(smooth)), key=smooth.__getitem__, default=0)
    if not smooth or smooth[best] >= 0.98 * smooth[0]:
        return None
    fastest = max(range(1, best + 1), key=lambda step: smooth[step - 1] - smooth[step])
    return min(curve[fastest][0], curve[best][0] / 10)
