"""The training loop that every trainer shares."""

import dataclasses
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from accelerate.utils import broadcast_object_list, gather_object, set_seed
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ptmrec.errors import TrainingError
from ptmrec.log import logger
from ptmrec.plots.training_curves import write_training_curves
from ptmrec.progress import progress
from ptmrec.train.batches import batch_size, set_epoch, to_device
from ptmrec.train.checkpoints import (
    CheckpointStore,
    Standing,
    check_settings,
    load_into,
    load_tensors,
    loader_generators,
    restore_rng_state,
    rng_state,
    timestamp,
)
from ptmrec.train.history import History
from ptmrec.train.setup import (
    TrainingOptions,
    build_accelerator,
    build_scheduler,
    scheduler_arguments,
    settings_of,
)


class BaseTrainer:
    """Trains a model; a subclass says what the loss of a batch is.

    A subclass needs a ``name`` and :meth:`compute_loss`, which may set ``self._last_batch_metrics`` to
    numbers that are averaged like the loss. Batches may be tensors or tuples, lists, dicts and
    dataclasses of tensors; they arrive on the training device. ``self.model`` is in training mode for
    train batches and in evaluation mode, without gradients, for validation batches::

        class Classifier(BaseTrainer):
            name = "classifier"

            def compute_loss(self, batch):
                images, labels = batch
                return F.cross_entropy(self.model(images), labels)

    Files in ``output_dir``: ``<name>_history.json``, ``<name>_last.pt`` (resumable),
    ``<name>_weights.loss_<loss>.<time>.pt`` (the best, weights only), periodic
    ``<name>_weights.epoch_<epoch>.loss_<loss>.<time>.pt``, and curves as PNG.

    Args:
        model: the model, trained in place; it stays on the training device.
        options: see :class:`~ptmrec.train.setup.TrainingOptions`.
        output_dir: folder for everything that is written.
        train_loader: batches for training, the same number each epoch; iterated once per epoch.
        validation_loader: batches whose loss is monitored; without it the train loss is.
    """

    name: ClassVar[str]

    def __init__(
        self,
        model: nn.Module,
        options: TrainingOptions,
        output_dir: Path,
        train_loader: Iterable[Any],
        validation_loader: Iterable[Any] | None = None,
    ) -> None:
        self.model, self.options, self.output_dir = model, options, Path(output_dir)
        self.train_loader, self.validation_loader = train_loader, validation_loader
        self.history = History()
        self._files = CheckpointStore(self.output_dir, self.name)
        self._standing = Standing(timestamp())
        self._epoch = self._batch_index = 0
        self._last_batch_metrics: dict[str, float | Tensor] = {}

    def fit(self, resume: bool = False) -> History:
        """Train until ``options.epochs`` epochs are done or patience runs out.

        A resumed run ends with the same bits as an uninterrupted one on a CPU, as long as all randomness
        comes from the global generators or the torch generators of the loaders and their samplers.

        Args:
            resume: continue from ``<name>_last.pt`` when there is one.

        Returns:
            The history, also of the epochs before a resume.

        Raises:
            TrainingError: a loss or gradient is not finite, a loader is empty, an option cannot be used,
                or a run is resumed under other options (``epochs`` may differ).
            ArtifactError: the state to resume from is damaged or does not fit the model.
        """
        self._prepare()
        try:
            if resume and self._files.last_path.is_file():
                self._resume()
            else:
                self._start()
            remaining = range(self._standing.epoch + 1, self.options.epochs + 1)
            for epoch in progress(remaining, f"{self.name} training") if self._writes else remaining:
                if 0 < self.options.patience <= self._standing.epochs_waited:
                    self._log(f"no improvement for {self.options.patience} epochs, stopping early")
                    break
                self._fit_epoch(epoch)
        finally:
            self.model = self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False).eval()
        if self._writes and len(self.history):
            write_training_curves(self.history.to_frame(), self.output_dir)
        return self.history

    def compute_loss(self, batch: Any) -> Tensor:
        """Loss of a batch: a scalar, the mean over the batch. For subclasses to define."""
        raise NotImplementedError(f"{type(self).__name__} must define compute_loss(batch) -> scalar tensor")

    def build_optimizer(self) -> torch.optim.Optimizer:
        """AdamW over all parameters of the model that require gradients."""
        parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(parameters, lr=self.options.learning_rate, weight_decay=self.options.weight_decay)

    def on_epoch_start(self, epoch: int) -> None:
        """Called before each epoch (from 1); does nothing unless a subclass says so."""

    @property
    def best_checkpoint(self) -> Path | None:
        """Weights with the lowest monitored loss; None before the first epoch of :meth:`fit` is done."""
        name = self._standing.best_checkpoint
        return self.output_dir / name if name else None

    def load_best(self) -> None:
        """Load the best checkpoint into the model.

        Raises:
            TrainingError: there is none yet.
            ArtifactError: the file is missing or damaged.
        """
        if self.best_checkpoint is None:
            raise TrainingError(f"{self.name}: no best checkpoint in {self.output_dir} yet; call fit first")
        load_into(self.model, load_tensors(self.best_checkpoint), self.best_checkpoint)

    def _fit_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self.on_epoch_start(epoch)
        began, rate = time.perf_counter(), self._optimizer.param_groups[0]["lr"]
        averages = self._run_epoch("train", self._train_batches)
        if self._validation_batches is not None:
            averages |= self._run_epoch("validation", self._validation_batches)
        monitored = averages.get("validation_loss", averages["train_loss"])
        improved = self._standing.update(monitored, self.options.min_delta)
        if self._scheduler is not None:
            self._scheduler.step(*scheduler_arguments(self._scheduler, monitored))
        seconds = time.perf_counter() - began
        self.history.append({"epoch": epoch, **averages, "learning_rate": rate, "seconds": seconds})
        self._save_epoch(epoch, monitored, improved)

    def _run_epoch(self, part: str, batches: Iterable[Any]) -> dict[str, float]:
        """One pass over ``batches``: ``<part>_loss`` and ``<part>_<metric>``, means weighted by size."""
        training = part == "train"
        run_batch = self._train_batch if training else self._evaluate_batch
        set_epoch(batches, self._epoch)
        self.model.train(training)
        sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        with torch.set_grad_enabled(training):
            for self._batch_index, batch in enumerate(batches, start=1):
                self._last_batch_metrics = {}
                batch = to_device(batch, self.accelerator.device)
                loss, size = run_batch(batch), batch_size(batch)
                for name, value in {**self._collect_batch_metrics(), "loss": loss}.items():
                    number = float(value.detach() if isinstance(value, Tensor) else value)
                    sums[name][0] += number * size
                    sums[name][1] += size
        return {f"{part}_{name}": value for name, value in self._average(part, sums).items()}

    def _average(self, part: str, sums: Mapping[str, list[float]]) -> dict[str, float]:
        """Weighted means over all processes from ``[sum, weight]`` of each."""
        totals: dict[str, list[float]] = {}
        for name, (value, weight) in (item for one in gather_object([dict(sums)]) for item in one.items()):
            total = totals.setdefault(name, [0.0, 0.0])
            total[0], total[1] = total[0] + value, total[1] + weight
        if "loss" not in totals:
            raise TrainingError(f"{self.name}: the {part} loader gave no batch; add data or lower the batch size")
        return {name: value / weight for name, (value, weight) in totals.items()}

    def _train_batch(self, batch: Any) -> float:
        self._optimizer.zero_grad(set_to_none=True)
        with self.accelerator.autocast():
            loss = self._forward_batch(batch)
        value = self._require_finite("loss", loss, batch)
        self.accelerator.backward(loss)
        parameters = [parameter for group in self._optimizer.param_groups for parameter in group["params"]]
        norm = self.accelerator.clip_grad_norm_(parameters, self.options.gradient_clip or math.inf)
        if self.accelerator.scaler is None:  # the scaler of fp16 skips steps with infinite gradients itself
            self._require_finite("gradient norm", norm, batch)
        self._optimizer.step()
        return value

    def _evaluate_batch(self, batch: Any) -> float:
        with self.accelerator.autocast():
            loss = self._forward_batch(batch)
        return self._require_finite("loss", loss, batch)

    def _forward_batch(self, batch: Any) -> Tensor:
        """The loss of a train or validation batch; a trainer that needs more than the loss overrides this."""
        return self.compute_loss(batch)

    def _collect_batch_metrics(self) -> dict[str, float | Tensor]:
        """Metrics of the batch just seen, each a number or a tensor with one element."""
        return self._last_batch_metrics

    def _describe_batch(self, batch: Any, index: int) -> str:
        """What an error message calls a batch; ``index`` counts from 1 within the epoch."""
        return f"batch {index} ({batch_size(batch)} samples)"

    def _require_finite(self, what: str, value: Tensor, batch: Any) -> float:
        number = float(value.detach())
        if not math.isfinite(number):
            where = f"epoch {self._epoch}, {self._describe_batch(batch, self._batch_index)}"
            raise TrainingError(
                f"{self.name}: {what} is {number} in {where}; check that batch or lower learning_rate"
                f" ({self.options.learning_rate}); {self._files.last_path} holds the state before this epoch"
            )
        return number

    def _prepare(self) -> None:
        """Put model, optimiser, scheduler and loaders where accelerate wants them."""
        self.accelerator = build_accelerator(self.options)
        self._writes = self.accelerator.is_main_process
        self.model = self.accelerator.prepare_model(self.model)
        optimizer = self.build_optimizer()
        self._scheduler = build_scheduler(self.options, optimizer)
        self._optimizer = self.accelerator.prepare_optimizer(optimizer)
        self._train_batches = self._prepare_loader(self.train_loader)
        self._validation_batches = self._prepare_loader(self.validation_loader)

    def _prepare_loader(self, loader: Iterable[Any] | None) -> Iterable[Any] | None:
        # One process iterates the loader as it is, so that its random draws are the caller's own.
        several = self.accelerator.num_processes > 1 and isinstance(loader, DataLoader)
        return self.accelerator.prepare_data_loader(loader, device_placement=False) if several else loader

    def _start(self) -> None:
        set_seed(self.options.seed, device_specific=True)
        self.history, self._standing = History(), Standing(timestamp())
        self._save_state()  # so that a run stopped in its first epoch resumes this one and no earlier one

    def _resume(self) -> None:
        path, state = self._files.last_path, self._files.load_last()
        check_settings(path, state["settings"], self._settings())
        load_into(self.accelerator.unwrap_model(self.model), state["model"], path)
        for name, owner in self._stateful().items():
            owner.load_state_dict(state[name])
        self.history, self._standing = History(state["history"]), Standing(**state["standing"])
        own = state["random"][self.accelerator.process_index]
        restore_rng_state(own["global"], self.accelerator.device)
        for generator, generator_state in zip(self._generators(), own["generators"], strict=True):
            generator.set_state(generator_state)
        if self._writes:
            self._files.remove_superseded(self._standing)
        self._log(f"resuming after epoch {self._standing.epoch} from {path}")

    def _save_epoch(self, epoch: int, loss: float, improved: bool) -> None:
        self._standing.epoch = epoch
        weights = self._weights()
        if improved:
            name = [self._files.save_weights(weights, loss).name if self._writes else None]
            self._standing.best_checkpoint = broadcast_object_list(name)[0]
        every = self.options.checkpoint_every
        if every and epoch % every == 0 and self._writes:
            self._files.save_weights(weights, loss, epoch)
        self._save_state()
        if self._writes:
            self._files.remove_superseded(self._standing)
        self._log(f"epoch {epoch}/{self.options.epochs}, loss {loss:.6f}{' (best)' * improved}")

    def _save_state(self) -> None:
        generators = [generator.get_state() for generator in self._generators()]
        random = {"global": rng_state(self.accelerator.device), "generators": generators}
        state = {
            "settings": self._settings(),
            "standing": dataclasses.asdict(self._standing),
            "history": self.history.epochs,
            "model": self._weights(),
            "random": gather_object([random]),
            **{name: owner.state_dict() for name, owner in self._stateful().items()},
        }
        if self._writes:
            self._files.save_last(state)
            self.history.save(self._files.history_path)
        self.accelerator.wait_for_everyone()

    def _log(self, message: str) -> None:
        if self._writes:
            logger.debug("%s: %s", self.name, message)

    def _weights(self) -> dict[str, Any]:
        """State dict of the plain model, tensors on the CPU so that any machine can read them."""
        state = self.accelerator.unwrap_model(self.model).state_dict()
        return {name: value.cpu() if isinstance(value, Tensor) else value for name, value in state.items()}

    def _stateful(self) -> dict[str, Any]:
        """What besides the model has a state dict to resume from."""
        owners = {
            "optimizer": self._optimizer,
            "scheduler": self._scheduler,
            "scaler": self.accelerator.scaler,
        }
        return {name: owner for name, owner in owners.items() if owner is not None}

    def _generators(self) -> list[torch.Generator]:
        return loader_generators((self._train_batches, self._validation_batches))

    def _settings(self) -> dict[str, str]:
        """Options and surroundings that must be the same for a resumed run to be the same run."""
        counts = {"processes": self.accelerator.num_processes, "loader generators": len(self._generators())}
        return settings_of(self.options) | {name: str(count) for name, count in counts.items()}
