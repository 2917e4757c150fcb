"""Stop a small training at each kind of instant and go on: with and without workers, in both precisions, repeatedly."""

import itertools
import random
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from ptmrec.config.sections import TrainingOptions
from torture.kills import NoisyTrainer, fingerprint, make_model
from torture.outcome import Outcome

EPOCHS, BATCHES, PATIENCE = 5, 3, 2
POSITIONS = {"first batch": 1, "middle": 2, "last batch": BATCHES, "between epochs": 0}
"""Where an epoch is stopped; 0: before its first batch is drawn."""
WORKERS, PRECISIONS, STOPS = (0, 2), ("no", "bf16"), (1, 2, 3)


class StoppingTrainer(NoisyTrainer):
    """Is interrupted once, at a batch of an epoch."""

    stop_at: tuple[int, int] | None = None

    def on_epoch_start(self, epoch: int) -> None:
        """Stop before the first batch."""
        self._stop((epoch, 0))

    def compute_loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """Stop at a batch, or the loss."""
        if self.model.training:
            self._stop((self._epoch, self._batch_index))
        return super().compute_loss(batch) if self.model.training else F.mse_loss(self.model(batch[0]), batch[1])

    def _stop(self, place: tuple[int, int]) -> None:
        if place == self.stop_at:
            self.stop_at = None
            raise KeyboardInterrupt


def resume_everywhere(folder: Path, most: int | None = None) -> Outcome:
    """T3: the grid of positions, workers, precisions, numbers of stops, and early stopping.

    Args:
        folder: where the trainings write.
        most: cells at most, drawn at random; all without it.
    """
    outcome = Outcome("resumes at each position, T3")
    cells = list(itertools.product(WORKERS, PRECISIONS, (0, PATIENCE), STOPS, POSITIONS))
    chosen = cells if most is None else random.Random(0).sample(cells, most)
    whole: dict[tuple, str] = {}
    for number, (workers, precision, patience, stops, position) in enumerate(chosen):
        settings = (workers, precision, patience)
        if settings not in whole:
            place = folder / f"whole{len(whole)}"
            _trainer(place, *settings).fit()
            whole[settings] = fingerprint(place)
        place = folder / f"run{number}"
        for stop in range(1, stops + 1):
            trainer = _trainer(place, *settings)
            trainer.stop_at = (stop, POSITIONS[position])
            try:
                trainer.fit(resume=True)
            except KeyboardInterrupt:
                continue
        _trainer(place, *settings).fit(resume=True)
        same = fingerprint(place) == whole[settings]
        outcome.add(same, f"{workers} workers, {precision}, patience {patience}, {stops} stops at the {position}")
    return outcome


def _trainer(folder: Path, workers: int, precision: str, patience: int) -> StoppingTrainer:
    inputs = torch.randn(8 * BATCHES, 3, generator=torch.Generator().manual_seed(0))
    data = TensorDataset(inputs, inputs.sum(1, keepdim=True))
    loader = DataLoader(data, 8, shuffle=True, generator=torch.Generator().manual_seed(5), num_workers=workers)
    options = TrainingOptions(
        plots=False,
        epochs=EPOCHS,
        batch_size=8,
        device="cpu",
        mixed_precision=precision,
        patience=patience,
        scheduler="cosine",
    )
    return StoppingTrainer(make_model(), options, folder, loader, DataLoader(data, 8))
