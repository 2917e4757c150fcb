"""What a training run consists of beside its loop: optimiser, standing, history, and the files it resumes from."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import DistributedType, set_seed
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from ptmrec.config.sections import TrainingOptions
from ptmrec.core.log import logger
from ptmrec.core.processes import broadcast, is_main, is_single_process, wait_for_all, world_size
from ptmrec.train.checkpoints import (
    CheckpointStore,
    Position,
    check_settings,
    load_into,
    loader_generators,
    restore_rng_state,
    rng_state,
    save_tensors,
    timestamp,
    try_lock,
)
from ptmrec.train.curves import Curves
from ptmrec.train.history import History
from ptmrec.train.setup import build_accelerator, build_scheduler, settings_of

PLAIN = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
"""Ways to run in which a step is torch's own."""


class RunState:
    """The state of one run, which :meth:`begin` starts or takes up again and :meth:`finish_epoch` saves.

    Args:
        name: the trainer's name, with which its files begin.
        options: the trainer's options.
        folder: where the files go.
    """

    def __init__(self, name: str, options: TrainingOptions, folder: Path) -> None:
        self.name, self.options = name, options
        self.history = History()
        self._files = CheckpointStore(folder, name)
        self._position = Position(timestamp())
        self._curves: Curves | None = None

    def prepare(
        self,
        model: nn.Module,
        build_optimizer: Callable[[], torch.optim.Optimizer],
        loaders: Sequence[Iterable[Any] | None],
    ) -> nn.Module:
        """Put model, optimiser and scheduler where accelerate wants them.

        Raises:
            TrainingError: an option cannot be used on this machine.
        """
        self.accelerator = build_accelerator(self.options)
        self._loaders = loaders
        self._model = self.accelerator.prepare_model(model, evaluation_mode=world_size() > 1)
        self._parallel = None if is_single_process() else self.accelerator.prepare_model(_AnyForward(self._model))
        optimizer = build_optimizer()
        self._scheduler = build_scheduler(self.options, optimizer)
        self.optimizer = self.accelerator.prepare_optimizer(optimizer)
        self._backward, self._autocast = self.accelerator.backward, self.accelerator.autocast
        if self.accelerator.mixed_precision == "no" and self.accelerator.distributed_type in PLAIN:
            # Accelerate's own do the same then, but look for packages on disk at every step.
            self._backward, self._autocast, self.optimizer = Tensor.backward, nullcontext, optimizer
        return self._model

    def forward(self, function: Callable[[Any], Any], batch: Any) -> Any:
        """What a function that uses the model makes of a batch; of several processes, each calls this as often."""
        with self._autocast():
            return function(batch) if self._parallel is None else self._parallel(function, batch)

    def backward(self, loss: Tensor, weight: float) -> None:
        """Gradients of the loss of a whole batch, given that of this process's rows and their share of the batch."""
        # The wrapper takes the mean over the processes, where the sum is wanted.
        self._backward(loss if self._parallel is None else loss * weight * world_size())

    def begin_epoch(self) -> None:
        """Let all processes draw the same numbers, whatever each has drawn so far."""
        if not is_single_process():
            states = broadcast((rng_state(self.accelerator.device), [own.get_state() for own in self._generators()]))
            self._set_random(*states)

    def lock_output(self) -> AbstractContextManager[None]:
        """Keep other processes from the same run, in each run's main process.

        Raises:
            TrainingError: another process is at it.
        """
        return try_lock(self.last_path) if self.accelerator.is_main_process else nullcontext()

    @contextmanager
    def drawing(self, live: bool) -> Iterator[None]:
        """Draw the curves of the epochs that are done within, as they come and when it ends."""
        if is_main():
            wanted = getattr(self.options, "plots", True)
            self._curves = Curves(self.name, self._files.folder if wanted else None, live)
        try:
            yield
        finally:
            if self._curves is not None:
                self._curves.finish(self.history)
                self._curves = None

    def begin(self, resume: bool) -> None:
        """Start afresh, or go on from the saved state when there is one and ``resume`` is asked for.

        Raises:
            TrainingError: the saved run had other options.
            ArtifactError: the saved state is damaged or does not fit the model.
        """
        if broadcast(resume and self.last_path.is_file()):
            self._resume()
        else:
            set_seed(self.options.seed)
            self.history, self._position = History(), Position(broadcast(timestamp()))
            self._save()  # so that a run stopped in its first epoch resumes this one and no earlier one

    def remaining_epochs(self) -> range:
        """Numbers of the epochs still to do, from 1."""
        return range(self._position.epoch + 1, self.options.epochs + 1)

    @property
    def out_of_patience(self) -> bool:
        """Whether the monitored loss has not improved for ``patience`` epochs."""
        return 0 < self.options.patience <= self._position.epochs_waited

    @property
    def learning_rate(self) -> float:
        """Of the first parameter group."""
        return self.optimizer.param_groups[0]["lr"]

    @property
    def last_path(self) -> Path:
        """File the run can be resumed from."""
        return self._files.last_path

    @property
    def best_checkpoint(self) -> Path | None:
        """Weights with the lowest monitored loss so far."""
        name = self._position.best_checkpoint
        return self._files.folder / name if name else None

    def finish_epoch(self, row: Mapping[str, float], monitored: float) -> None:
        """Take in the row of an epoch for the history and its monitored loss, and save."""
        improved = self._position.update(monitored, self.options.min_delta)
        if self._scheduler is not None:
            self._scheduler.step(*((monitored,) if isinstance(self._scheduler, ReduceLROnPlateau) else ()))
        self.history.append(row)
        epoch = self._position.epoch = int(row["epoch"])
        if is_main():
            self._write_epoch(monitored, improved)
        if self._curves is not None:
            self._curves.follow(self.history)
        self._position.best_checkpoint = broadcast(self._position.best_checkpoint)
        best = " (best)" * improved
        logger.debug("%s: epoch %d/%d, loss %.6f%s", self.name, epoch, self.options.epochs, monitored, best)

    def _write_epoch(self, monitored: float, improved: bool) -> None:
        weights, every, epoch = self._weights(), self.options.checkpoint_every, self._position.epoch
        if improved:
            self._position.best_checkpoint = self._files.save_weights(weights, monitored).name
        if every and epoch % every == 0:
            self._files.save_weights(weights, monitored, epoch)
        self._save()
        self._files.remove_superseded(self._position)

    def _resume(self) -> None:
        path, state = self.last_path, self._files.load_last()
        check_settings(path, state["settings"], self._settings())
        load_into(self.accelerator.unwrap_model(self._model), state["model"], path)
        for name, owner in self._stateful().items():
            owner.load_state_dict(state[name])
        self.history, self._position = History(state["history"]), Position(**state["standing"])
        self._set_random(state["random"]["global"], state["random"]["generators"])
        wait_for_all()  # nobody may write before all have read
        if is_main():
            self._files.remove_superseded(self._position)
        logger.debug("%s: resuming after epoch %d from %s", self.name, self._position.epoch, path)

    def _set_random(self, everywhere: dict[str, Any], own: Sequence[Tensor]) -> None:
        restore_rng_state(everywhere, self.accelerator.device)
        for generator, state in zip(self._generators(), own, strict=True):
            generator.set_state(state)

    def _save(self) -> None:
        if not is_main():
            return
        generators = [generator.get_state() for generator in self._generators()]
        state = {
            "settings": self._settings(),
            "standing": dataclasses.asdict(self._position),
            "history": self.history.epochs,
            "model": self._weights(),
            "random": {"global": rng_state(self.accelerator.device), "generators": generators},
            **{name: owner.state_dict() for name, owner in self._stateful().items()},
        }
        save_tensors(state, self.last_path)
        self.history.save(self._files.history_path)

    def _weights(self) -> dict[str, Any]:
        """State dict of the plain model, tensors on the CPU so that any machine can read them."""
        state = self.accelerator.unwrap_model(self._model).state_dict()
        return {name: value.cpu() if isinstance(value, Tensor) else value for name, value in state.items()}

    def _stateful(self) -> dict[str, Any]:
        """What besides the model has a state dict to resume from."""
        owners = {"optimizer": self.optimizer, "scheduler": self._scheduler, "scaler": self.accelerator.scaler}
        return {name: owner for name, owner in owners.items() if owner is not None}

    def _generators(self) -> list[torch.Generator]:
        return loader_generators(self._loaders)

    def _settings(self) -> dict[str, str]:
        """Options and surroundings that must be the same for a resumed run to be the same run."""
        return settings_of(self.options) | {"loader generators": str(len(self._generators()))}


class _AnyForward(nn.Module):
    """A model that is run by any function: torch's DDP sees ``model(...)`` alone, and trainers call any method."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, function: Callable[[Any], Any], batch: Any) -> Any:
        return function(batch)
