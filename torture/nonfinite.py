"""NaN and infinity at a drawn step: the run stops in one line that names it, and what was saved before stays."""

import itertools
from pathlib import Path
from typing import Any

import torch

from ptmrec.core.errors import PtmrecError
from ptmrec.train.checkpoints import load_tensors
from torture.kills import NoisyTrainer, train
from torture.outcome import Outcome

EPOCHS = 2
BATCHES = 5


class Poisoned(NoisyTrainer):
    """A trainer in which something is not finite at one step."""

    kind, value, epoch, batch = "", 0.0, 0, 0

    @property
    def due(self) -> bool:
        """Whether it is this step."""
        return (self._epoch, self._batch_index) == (self.epoch, self.batch)

    def compute_loss(self, batch: Any) -> torch.Tensor:
        """The loss, spoilt where that is due."""
        loss = super().compute_loss(batch)
        if not self.due:
            return loss
        if self.kind == ("loss" if self.model.training else "validation"):
            return loss + self.value
        if self.kind == "gradient" and self.model.training:
            loss.register_hook(lambda gradient: gradient * self.value)
        return loss

    def _train_batch(self, batch: Any) -> float:
        loss = super()._train_batch(batch)
        if self.due and self.kind == "weights":
            with torch.no_grad():
                self.model[0].bias[0] = self.value  # infinity here makes no loss infinite: it goes through tanh
        return loss


def poison_trainings(count: int, folder: Path) -> Outcome:
    """T9: NaN, infinity and its negative in loss, gradient, weights and validation loss at each step of two epochs."""
    outcome = Outcome("NaN and infinity, T9")
    steps = itertools.product(range(1, EPOCHS + 1), range(1, BATCHES + 1))
    kinds = ("loss", "gradient", "weights", "validation")
    cases = list(itertools.product(steps, kinds, (float("nan"), float("inf"), float("-inf"))))
    for number in range(count):
        (epoch, batch), kind, value = cases[number * len(cases) // count]
        place, said = folder / f"run{number}", ""
        changes = {"kind": kind, "value": value, "epoch": epoch, "batch": batch}
        try:
            train(place, EPOCHS, kind=type("Poisoned", (Poisoned,), changes))
        except PtmrecError as error:
            said = str(error)
        state = load_tensors(place / "noisy_last.pt")
        best = [load_tensors(path) for path in place.glob("noisy_weights*.pt")]
        tensors = [tensor for weights in (state["model"], *best) for tensor in weights.values()]
        whole = state["standing"]["epoch"] == epoch - 1 and all(tensor.isfinite().all() for tensor in tensors)
        named = f"epoch {epoch}, batch" in said and "\n" not in said
        outcome.add(whole and named, f"{changes}: {said!r}, {state['standing']}", refused=True)
    return outcome
