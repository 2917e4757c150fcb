"""The colleague for models: whether one can be trained, and what it costs."""

import copy
from typing import Any

import torch
from torch import Tensor

from ptmrec.core.errors import DataError
from ptmrec.core.words import first_few
from ptmrec.inspection.blocks import split_blocks, watch
from ptmrec.inspection.examples import Example, inputs_of, loss_of, output_of, targets_of
from ptmrec.inspection.findings import Finding, Report, close_report
from ptmrec.inspection.flow import check_flow, measure_flow, range_test
from ptmrec.inspection.subjects import describe

MOST_DEAD = 0.6
"""Share of the channels of a layer that may give one value throughout."""
SOME_DEAD = 0.25
TOLERANCE = 1e-3
"""Relative difference between the answers for an image alone and in its batch."""


def inspect_model(example: Example) -> Report:
    """Whether a model keeps the contract of a forward pass, learns in each block, and what it costs.

    The model is left as it was; all steps are taken on copies.

    Raises:
        DataError: the model cannot be copied.
    """
    try:
        model = copy.deepcopy(example.model)
    except Exception as error:  # a model may hold whatever its author put there
        raise DataError(f"{example.subject}: cannot be copied: {describe(error)}; keep no open files in it") from None
    findings = [_weights(model)]
    facts: dict[str, Any] = {"parameters": sum(parameter.numel() for parameter in model.parameters())}
    blocks = split_blocks(model)
    contract, output = _forward(model, example)
    findings += contract
    if output is not None:
        with watch(model, blocks) as passage, torch.no_grad():
            for batch in example.batches:
                model.eval()(inputs_of(batch))
        findings += [*_dead_units(passage.dead_units()), *_constant(passage.constant, output)]
        facts |= {"output_shape": list(output.shape), "input_shape": list(inputs_of(example.batches[0]).shape)}
        facts["memory"] = _memory(model, passage.bytes // len(example.batches))
        findings.append(_cost(facts))
    if not any(finding.severity == "fault" and finding.check in STOPS for finding in findings):
        more, numbers = _training(example)
        findings, facts = findings + more, facts | numbers
    return close_report("model", example.subject, findings, facts)


STOPS = ("nan_weights", "forward", "output_shape", "nan_output")
"""Faults after which a training step shows nothing new."""


def _weights(model: torch.nn.Module) -> Finding:
    named = [*model.named_parameters(), *model.named_buffers()]
    bad = [name for name, value in named if value.is_floating_point() and not value.isfinite().all()]
    why = "whatever is computed from them is not a number, either"
    if bad:
        what = f"{len(bad)} tensor(s) hold NaN or infinity: {first_few(bad)}"
        return Finding("nan_weights", "fault", what, why, "load the last good checkpoint, and lower the learning rate")
    return Finding("nan_weights", "ok", f"all {len(named)} tensors are finite", why)


def _forward(model: torch.nn.Module, example: Example) -> tuple[list[Finding], Tensor | None]:
    """Findings on the forward pass of the first batch, and its output where there is a usable one."""
    batch = example.batches[0]
    inputs, why = inputs_of(batch), "training and evaluation call the model this way"
    try:
        with torch.no_grad():
            given = model.eval()(inputs)
            output, again = output_of(given), output_of(model(inputs))
            alone = output_of(model(inputs[:1]))
    except Exception as error:  # a model runs whatever its author wrote
        what = f"the forward pass of {tuple(inputs.shape)} fails: {describe(error)}"
        return [Finding("forward", "fault", what, why, "mend forward; it must also take a batch of one")], None
    if output is None:
        what = f"the model gives a {type(given).__name__} without a tensor"
        return [Finding("forward", "fault", what, why, "return the output as a tensor")], None
    if output.is_floating_point() and not output.isfinite().all():
        what = f"{(~output.isfinite()).float().mean():.0%} of the output is NaN or infinite"
        do = "look for a division, log or exp"
        return [Finding("nan_output", "fault", what, "no loss can be computed", do)], None
    wrong = _wrong_shape(output, example)
    if wrong:
        do = "give one row per sample and one score per class"
        return [Finding("output_shape", "fault", wrong, "the loss compares rows with targets", do)], None
    shapes = f"{tuple(inputs.shape)} in, {tuple(output.shape)} out"
    return [Finding("forward", "ok", shapes, why), *_steady(output, again, alone)], output


def _wrong_shape(output: Tensor, example: Example) -> str:
    """What is wrong with the shape of an output; empty when nothing is."""
    batch = example.batches[0]
    inputs, targets = inputs_of(batch), targets_of(batch)
    shape = tuple(output.shape)
    if not shape or shape[0] != len(inputs):
        return f"{len(inputs)} samples give an output of shape {shape}"
    if example.outputs and shape[1:] != (example.outputs,):
        return f"the output has shape {shape}, {example.outputs} class scores are promised"
    classes = targets is not None and not targets.is_floating_point() and output.ndim == 2
    largest = max((int(targets_of(b).max()) for b in example.batches), default=0) if classes else 0
    if classes and largest >= shape[1]:
        return f"{shape[1]} class scores, but a target is class {largest} (counted from 0)"
    try:
        loss_of(output, targets)
    except (RuntimeError, IndexError, ValueError) as error:
        return f"output and targets do not fit: {' '.join(str(error).split())[:160]}"
    return ""


def _steady(output: Tensor, again: Tensor | None, alone: Tensor | None) -> list[Finding]:
    scale = float(output.abs().max()) + 1e-6
    findings = []
    if not torch.equal(output, again):
        do = "call dropout and noise only while self.training"
        what = "the same batch gives two answers in evaluation mode"
        findings.append(Finding("not_repeatable", "fault", what, "no evaluation could be repeated", do))
    elif float((alone[0] - output[0]).abs().max()) > TOLERANCE * scale:
        what = "an image alone gets another answer than in its batch, in evaluation mode"
        do = "use running statistics, or norms over one sample, in evaluation"
        findings.append(Finding("batch_dependence", "fault", what, "accuracy then depends on the batch size", do))
    return findings or [Finding("not_repeatable", "ok", "the same in any batch, every time", "evaluations repeat")]


def _dead_units(shares: dict[str, float]) -> list[Finding]:
    why = "a unit that says the same of every image takes part in nothing"
    if not shares:
        return []
    worst, share = max(shares.items(), key=lambda item: item[1])
    what = f"{share:.0%} of the units of layer {worst} give one value for all images"
    do = "lower the learning rate, initialise biases at 0, or use LeakyReLU or GELU"
    severity = "fault" if share > MOST_DEAD else "advice" if share > SOME_DEAD else "ok"
    return [Finding("dead_units", severity, what, why, "" if severity == "ok" else do)]


def _constant(constant: dict[str, bool], output: Tensor) -> list[Finding]:
    blocks = [name for name, same in constant.items() if same]
    if len(output) > 1 and bool((output[1:] == output[:1]).all()):
        what = "the output is the same for every image"
        do = "find the first block that lets nothing through" + (f": {blocks[0]}" if blocks else "")
        return [Finding("constant_output", "fault", what, "nothing of the image reaches it", do)]
    if blocks:
        what = f"the output of {', '.join(blocks[:3])} is the same for every image"
        return [Finding("dead_block", "fault", what, "the block adds nothing", "check its weights and its inputs")]
    return []


def _memory(model: torch.nn.Module, activations: int) -> dict[str, int]:
    """Bytes of training on one batch: weights, gradients, two moments of AdamW, and the outputs of all layers."""
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    weights = sum(value.numel() * value.element_size() for value in (*model.parameters(), *model.buffers()))
    parts = {"weights": weights, "gradients": trained, "adamw": 2 * trained, "activations": activations}
    return {**parts, "total": sum(parts.values())}


def _cost(facts: dict[str, Any]) -> Finding:
    total = facts["memory"]["total"] / 2**20
    what = f"{facts['parameters']:,} parameters; about {total:.1f} MiB to train with AdamW on batches of this size"
    return Finding("memory", "ok", what, "estimated from weights, gradients, moments and layer outputs")


def _training(example: Example) -> tuple[list[Finding], dict[str, Any]]:
    try:
        loss, flows = measure_flow(example.model, example.batches[0])
    except Exception as error:  # a model runs whatever its author wrote
        what = f"a training step fails: {describe(error)}"
        do = "mend forward in train mode"
        return [Finding("training_step", "fault", what, "the model cannot be trained", do)], {}
    rows = {
        name: {"parameters": flow.parameters, "trainable": flow.trainable, "gradient_over_weight": flow.relative}
        for name, flow in flows.items()
    }
    findings, facts = check_flow(flows), {"loss": loss, "blocks": rows}
    if any(finding.severity == "fault" for finding in findings):
        return findings, facts
    rate, curve = range_test(example.model, example.batches)
    facts |= {"learning_rate": rate, "range_test": [list(pair) for pair in curve]}
    why = "where the loss fell fastest in a range test with AdamW, at most a tenth of where it was lowest"
    if rate:
        what, do = f"suggested: {rate:.1e}", f"start at {rate:.1e}"
    else:
        what, why = "the loss fell at no learning rate of a short range test", "it may be at its lowest already"
        do = "check loss and targets, or train for longer"
    return [*findings, Finding("learning_rate", "advice", what, why, do)], facts
