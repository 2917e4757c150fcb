"""The colleague for trainers: whether one keeps the contract of the base trainer."""

import copy
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ptmrec.core.errors import PtmrecError
from ptmrec.inspection.examples import MOST_BATCHES
from ptmrec.inspection.findings import Finding, Report, close_report
from ptmrec.inspection.flow import EXPLODING, norm_of
from ptmrec.inspection.subjects import describe
from ptmrec.inspection.trainers import TrainerExample
from ptmrec.train.base_trainer import BaseTrainer
from ptmrec.train.batches import to_device

STEPS = 100
SECONDS = 10.0
"""Time of the repeated batch."""
FALL = 0.01
"""Share of the loss that the steps on a repeated batch have to gain."""
WRONG_GRADIENT = 10.0


def inspect_trainer(example: TrainerExample) -> Report:
    """Whether a trainer keeps the contract of :class:`BaseTrainer`, tried on a few batches in a temporary folder.

    Raises:
        DataError: the trainer cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="ptmrec-inspect-") as name:
        folder = Path(name)
        try:
            bench = TrainerProbe(example.make(folder / "bench", 2))
            findings, facts = bench.inspect()
        except Exception as error:  # a trainer runs whatever its author wrote
            what = f"training fails: {describe(error)}"
            return close_report("trainer", example.subject, [_broken(what)], {})
        if not any(finding.severity == "fault" for finding in findings):
            findings.append(_resume(example, folder))
    return close_report("trainer", example.subject, findings, facts)


def _broken(what: str) -> Finding:
    return Finding("training_step", "fault", what, "no epoch can be finished", "mend compute_loss or _forward_batch")


class TrainerProbe:
    """A started trainer whose steps are taken one by one.

    Args:
        trainer: one that was just made.
    """

    def __init__(self, trainer: BaseTrainer) -> None:
        self.trainer = trainer
        loaders = [trainer.train_loader, trainer.validation_loader]
        trainer.model = trainer._run.prepare(trainer.model, trainer.build_optimizer, loaders)
        trainer._run.begin(False)
        trainer.on_epoch_start(1)
        batches = [batch for _, batch in zip(range(MOST_BATCHES), trainer.train_loader, strict=False)]
        self.batches = [to_device(batch, trainer.accelerator.device) for batch in batches]
        self._start = self._state()

    def inspect(self) -> tuple[list[Finding], dict[str, Any]]:
        """Findings in the order of the contract, and the numbers behind them; ends early without a usable loss."""
        facts: dict[str, Any] = {"batches": len(self.batches)}
        findings = [self._loss()]
        if findings[0].severity == "fault":
            return findings, facts
        for check in (self._gradients, self._zeroing, self._evaluation, self._metrics, self._learning):
            try:
                found, numbers = check()
            except Exception as error:  # what was found before it explains the most
                return [*findings, _broken(f"training fails: {describe(error)}")], facts
            findings, facts = findings + found, facts | numbers
            self._restore()
        return findings, facts

    def _state(self) -> tuple[dict, dict]:
        optimizer = self.trainer._run.optimizer
        return copy.deepcopy(self.trainer.model.state_dict()), copy.deepcopy(optimizer.state_dict())

    def _restore(self) -> None:
        model, optimizer = copy.deepcopy(self._start)
        self.trainer.model.load_state_dict(model)
        self.trainer._run.optimizer.load_state_dict(optimizer)

    def _forward(self) -> Any:
        """Loss of the first batch."""
        self.trainer.model.train()
        self.trainer._last_batch_metrics = {}
        return self.trainer._forward_batch(self.batches[0])

    def _step(self, batch: Any) -> float:
        self.trainer.model.train()
        self.trainer._last_batch_metrics = {}
        return self.trainer._train_batch(batch)

    def _loss(self) -> Finding:
        loss, why = self._forward(), "the base trainer takes a step down this number"
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
            do = "return the mean over the batch; put other numbers into self._last_batch_metrics"
            return Finding("loss_scalar", "fault", f"the loss is {found}, not one number", why, do)
        if not loss.requires_grad:
            do = "compute it from self.model(...) without detach(), item() or no_grad()"
            return Finding("loss_detached", "fault", "the loss does not depend on the weights", why, do)
        if not math.isfinite(float(loss.detach())):
            what = f"the loss of the first batch is {float(loss.detach())}"
            return Finding("loss_finite", "fault", what, why, "look for a division, log or exp; check the batch")
        return Finding("loss", "ok", f"the loss of the first batch is {float(loss.detach()):.4g}, with a gradient", why)

    def _gradients(self) -> tuple[list[Finding], dict[str, Any]]:
        model, optimizer = self.trainer.model, self.trainer._run.optimizer
        optimizer.zero_grad(set_to_none=True)
        model.zero_grad(set_to_none=True)
        self._forward().backward()
        taken = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        reached = {name: p for name, p in model.named_parameters() if p.grad is not None and bool(p.grad.any())}
        forgotten = [name for name, p in reached.items() if id(p) not in taken]
        unused = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
        gradient, weight = norm_of(p.grad for p in reached.values()), norm_of(reached.values())
        findings = []
        if forgotten:
            what = f"{len(forgotten)} parameter(s) get a gradient, but no step: {', '.join(forgotten[:3])}"
            do = "give all of model.parameters() to the optimiser, or set requires_grad = False"
            findings.append(Finding("forgotten_parameter", "fault", what, "they stay as they were drawn", do))
        if unused:
            what = f"{len(unused)} parameter(s) got no gradient on the first batch: {', '.join(unused[:3])}"
            do = "check the forward pass"
            findings.append(Finding("unused_parameter", "advice", what, "they may not be used", do))
        ratio = gradient / max(weight, 1e-8)
        what, why = f"the gradient is {ratio:.1g} times the weights", "one step of an unclipped optimiser wrecks them"
        exploding = not ratio <= EXPLODING
        do = "take the mean, not the sum, over the batch; initialise smaller; normalise" if exploding else ""
        findings.append(Finding("exploding_gradient", "fault" if exploding else "ok", what, why, do))
        return findings, {"gradient_norm": gradient, "weight_norm": weight}

    def _zeroing(self) -> tuple[list[Finding], dict[str, Any]]:
        after = [self._after_step(left) for left in (0.0, 0.0, WRONG_GRADIENT)]
        findings = []
        why = "each step would mix in the batches before"
        if not same_bits(*after[:2]):  # nothing can be said of gradients then; the resume shows whether it matters
            what = "the same step from the same generators ends elsewhere"
            do = "draw from the global generators, and keep no count of batches"
            findings.append(Finding("step_not_repeatable", "advice", what, "a run cannot be repeated", do))
        elif not same_bits(after[0], after[2]):
            do = "call zero_grad at the start of each step"
            what = "gradients of the step before reach the next one"
            findings.append(Finding("gradients_not_zeroed", "fault", what, why, do))
        names = [name for name, parameter in self.trainer.model.named_parameters() if parameter.requires_grad]
        if all(torch.equal(after[0][name], self._start[0][name]) for name in names):
            what = "a step leaves all weights as they were"
            do = "call the optimiser's step, with a learning rate above 0"
            findings.append(Finding("no_step", "fault", what, "nothing is learned", do))
        if not self.trainer.model.training:
            findings.append(_mode("a train batch leaves the model in evaluation mode"))
        return findings or [Finding("gradients_not_zeroed", "ok", "each step starts from zero gradients", why)], {}

    def _after_step(self, left: float) -> dict[str, Tensor]:
        """Weights after a step from the start, with a number ``left`` over in all gradients."""
        self._restore()
        torch.manual_seed(0)
        for parameter in self.trainer.model.parameters():
            parameter.grad = torch.full_like(parameter, left) if parameter.requires_grad else None
        self._step(self.batches[0])
        return copy.deepcopy(self.trainer.model.state_dict())

    def _evaluation(self) -> tuple[list[Finding], dict[str, Any]]:
        before = copy.deepcopy(self.trainer.model.state_dict())
        self.trainer.model.eval()
        with torch.no_grad():
            self.trainer._forward_batch(self.batches[0])
        if self.trainer.model.training:
            return [_mode("a validation batch leaves the model in training mode")], {}
        losses = [self.trainer._run_epoch("validation", self.batches)["validation_loss"] for _ in range(2)]
        findings = []
        if not same_bits(before, self.trainer.model.state_dict()):
            what = "a validation pass changes the weights or the running statistics"
            do = "take no step, and keep the model in evaluation mode, while not self.model.training"
            findings.append(Finding("eval_trains", "fault", what, "the validation data are then trained on", do))
        elif losses[0] != losses[1]:
            what = f"the same weights and batches have losses {losses[0]:.6g} and {losses[1]:.6g} in evaluation"
            do = "draw noise, views and negatives only while self.model.training, or from a fixed seed"
            why = "the best checkpoint is then chosen by chance"
            findings.append(Finding("eval_not_repeatable", "fault", what, why, do))
        ok = Finding("eval_trains", "ok", "validation repeats and leaves the model as it was", "it must only look")
        return findings or [ok], {"validation_loss": losses[0]}

    def _metrics(self) -> tuple[list[Finding], dict[str, Any]]:
        keys = []
        for batch in (*self.batches, self.batches[0]):
            self._step(batch)
            keys.append(tuple(sorted(self.trainer._batch_metrics())))
        self.trainer.model.eval()
        with torch.no_grad():
            for batch in self.batches:
                self.trainer._last_batch_metrics = {}
                self.trainer._evaluate_batch(batch)
                keys.append(tuple(sorted(self.trainer._batch_metrics())))
        why = "a metric that some batches lack is a mean over the others"
        if len(set(keys)) > 1:
            changing = sorted(set().union(*keys) - set(keys[0]).intersection(*keys))
            what = f"not every batch has the metric(s) {', '.join(changing[:3])}"
            do = "set the same keys of self._last_batch_metrics for each batch"
            return [Finding("metric_keys", "fault", what, why, do)], {}
        named = ", ".join(keys[0]) or "none"
        return [Finding("metric_keys", "ok", f"metrics of each batch: {named}", why)], {"metrics": list(keys[0])}

    def _learning(self) -> tuple[list[Finding], dict[str, Any]]:
        self._restore()
        torch.manual_seed(0)
        began, losses = time.perf_counter(), []
        while len(losses) < STEPS and (len(losses) < 10 or time.perf_counter() - began < SECONDS):
            losses.append(self._step(self.batches[0]))
        first, last = losses[0], sum(losses[-3:]) / 3
        what = f"on one batch the loss goes from {first:.4g} to {last:.4g} in {len(losses)} steps"
        why = "what cannot learn one batch by heart learns nothing"
        facts = {"repeated_batch": losses}
        if last > first - FALL * abs(first):
            do = "check the sign of the loss and its targets, then the learning rate"
            return [Finding("does_not_learn", "fault", what, why, do)], facts
        return [Finding("does_not_learn", "ok", what, why)], facts


def _mode(what: str) -> Finding:
    do = "leave model.train() and model.eval() to the base trainer, or restore the mode"
    return Finding("train_mode", "fault", what, "dropout and batch statistics are then wrong from there on", do)


def _resume(example: TrainerExample, folder: Path) -> Finding:
    why = "a run that was stopped would end elsewhere than one that was not"
    try:
        whole = _fitted(lambda: example.make(folder / "whole", 2))
        _fitted(lambda: example.make(folder / "parts", 1))
        resumed = _fitted(lambda: example.make(folder / "parts", 2))
    except PtmrecError as error:
        return Finding("resume", "fault", f"two epochs fail: {error}", why, "mend that first")
    except Exception as error:  # a trainer runs whatever its author wrote
        return _broken(f"two epochs fail: {describe(error)}")
    if not same_bits(whole, resumed):
        what = "two epochs in one go and one epoch resumed for a second end with other weights"
        do = "draw from the global generators, and compute what changes from the epoch in on_epoch_start"
        return Finding("resume", "fault", what, why, do)
    return Finding("resume", "ok", "a resumed run ends with the same bits", why)


def _fitted(make: Callable[[], BaseTrainer]) -> dict[str, Tensor]:
    trainer = make()
    trainer.fit(resume=True)
    return copy.deepcopy(trainer.model.state_dict())


def same_bits(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether two states hold the same tensors; NaN is equal to NaN."""
    return first.keys() == second.keys() and all(
        torch.equal(torch.nan_to_num(value), torch.nan_to_num(second[name])) for name, value in first.items()
    )
