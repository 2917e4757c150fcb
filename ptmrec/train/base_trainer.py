"""The training loop that every trainer shares."""

import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ptmrec.config.sections import TrainingOptions
from ptmrec.core.errors import TrainingError, one_line
from ptmrec.core.processes import gather, wait_for_all
from ptmrec.core.progress import progress
from ptmrec.train.batches import batch_size, divide, end_workers, set_epoch, to_device
from ptmrec.train.checkpoints import load_into, load_tensors
from ptmrec.train.history import History
from ptmrec.train.run_state import RunState


class BaseTrainer:
    """Trains a model; a subclass says what the loss of a batch is.

    A subclass needs a ``name`` and :meth:`compute_loss`, or :meth:`_forward_batch` where it is to compute more
    than the loss. Either may set ``self._last_batch_metrics`` to numbers that are averaged like the loss.
    Batches may be tensors or tuples, lists, dicts and dataclasses of tensors; they arrive on the training
    device. ``self.model`` is in training mode for train batches and in evaluation mode, without gradients, for
    validation batches::

        class Classifier(BaseTrainer):
            name = "classifier"

            def compute_loss(self, batch):
                images, labels = batch
                return F.cross_entropy(self.model(images), labels)

    Files in ``output_dir``: ``<name>_history.json``, ``<name>_curves.png`` and ``.pdf`` (drawn every few minutes and
    at the end, unless ``options.plots`` is off), ``<name>_last.pt`` (resumable),
    ``<name>_weights.loss_<loss>.<time>.pt`` (the best, weights only) and periodic
    ``<name>_weights.epoch_<epoch>.loss_<loss>.<time>.pt``.

    Args:
        model: the model, trained in place; it stays on the training device.
        options: see :class:`~ptmrec.config.sections.TrainingOptions`; any object with its fields will do.
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
        self.model, self.options, self.output_dir = model, options, Path(output_dir).absolute()
        self.train_loader, self.validation_loader = train_loader, validation_loader
        self._run = RunState(self.name, options, self.output_dir)
        self._epoch = self._batch_index = 0
        self._weight = 1.0
        self._reading: tuple[str, Iterable[Any], Iterator[Any] | None] = ("train", train_loader, None)
        self._last_batch_metrics: dict[str, float | Tensor] = {}

    def fit(self, resume: bool = False, live: bool = False) -> History:
        """Train until ``options.epochs`` epochs are done or patience runs out.

        A resumed run ends with the same bits as an uninterrupted one on a CPU, as long as all randomness
        comes from the global generators or the torch generators of the loaders and their samplers.

        Args:
            resume: continue from ``<name>_last.pt`` when there is one.
            live: show the curves below a notebook's cell while it runs.

        Returns:
            The history, also of the epochs before a resume.

        Raises:
            TrainingError: a loss, gradient or weight is not finite, a loader is empty or one of its workers died, an
                option cannot be used, a run is resumed under other options (``epochs`` may differ), or another
                process is at the same run.
            ArtifactError: the state to resume from is damaged or does not fit the model.
        """
        self.model = self._run.prepare(self.model, self.build_optimizer, [self.train_loader, self.validation_loader])
        try:
            # A second dead worker may be reported while the first is handled.
            with self._run.lock_output(), self._run.drawing(live), self._naming_dead_workers():
                self._run.begin(resume)
                for epoch in progress(self._run.remaining_epochs(), f"{self.name} training"):
                    if self.is_done():
                        break
                    self._fit_epoch(epoch)
            wait_for_all()  # the main process alone has written, and the others may read
        finally:
            self._reading = (*self._reading[:2], None)
            self.model = self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False).eval()
        return self.history

    def _fit_epoch(self, epoch: int) -> None:
        self._epoch = epoch
        self.on_epoch_start(epoch)
        began, rate = time.perf_counter(), self._run.learning_rate
        averages = self._run_epoch("train", self.train_loader)
        self._require_finite_weights()
        if self.validation_loader is not None:
            averages |= self._run_epoch("validation", self.validation_loader)
        monitored = averages.get("validation_loss", averages["train_loss"])
        seconds = time.perf_counter() - began
        self._run.finish_epoch({"epoch": epoch, **averages, "learning_rate": rate, "seconds": seconds}, monitored)

    def _run_epoch(self, part: str, batches: Iterable[Any]) -> dict[str, float]:
        """One pass over ``batches``: ``<part>_loss`` and ``<part>_<metric>``, means weighted by size."""
        training, self._reading = part == "train", (part, batches, None)
        run_batch = self._train_batch if training else self._evaluate_batch
        set_epoch(batches, self._epoch)
        self._run.begin_epoch()
        self.model.train(training)
        sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        with torch.set_grad_enabled(training), self._naming_dead_workers():
            iterator = iter(batches)
            self._reading = (part, batches, iterator)
            for self._batch_index, batch in enumerate(iterator, start=1):
                self._last_batch_metrics = {}
                batch, size, self._weight = divide(batch)
                loss = run_batch(to_device(batch, self.accelerator.device))
                for name, value in {**self._batch_metrics(), "loss": loss}.items() if size else ():
                    sums[name][0] += value * size
                    sums[name][1] += size
        return self._averages(part, gather(dict(sums)))

    def _averages(self, part: str, gathered: list[dict[str, list[float]]]) -> dict[str, float]:
        """Means over the samples that all processes have seen."""
        if not any(gathered):
            raise TrainingError(f"{self.name}: the {part} loader gave no batch; add data or lower the batch size")
        names = dict.fromkeys(name for sums in gathered for name in sums)
        totals = {
            name: [sum(column) for column in zip(*(sums[name] for sums in gathered if name in sums), strict=True)]
            for name in names
        }
        return {f"{part}_{name}": value / weight for name, (value, weight) in totals.items()}

    def _train_batch(self, batch: Any) -> float:
        self._run.optimizer.zero_grad(set_to_none=True)
        value, loss = self._checked_loss(batch)
        self._run.backward(loss, self._weight)
        norm = self._clip()
        if self.accelerator.scaler is None:  # the scaler of fp16 skips steps with infinite gradients itself
            self._require_finite("gradient norm", norm, batch)
        self._run.optimizer.step()
        return value

    def _clip(self) -> Tensor:
        """Norm of all gradients, which are clipped to what the options allow."""
        parameters = [parameter for group in self._run.optimizer.param_groups for parameter in group["params"]]
        if self.options.gradient_clip:
            return self.accelerator.clip_grad_norm_(parameters, self.options.gradient_clip)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        return torch.nn.utils.get_total_norm(gradients)  # clipping to infinity would rewrite every gradient

    def _evaluate_batch(self, batch: Any) -> float:
        return self._checked_loss(batch)[0]

    # For subclasses to define or override.

    def compute_loss(self, batch: Any) -> Tensor:
        """Loss of a batch: a scalar, the mean over the batch. For subclasses to define."""
        raise NotImplementedError(f"{type(self).__name__} must define compute_loss(batch) -> scalar tensor")

    def _forward_batch(self, batch: Any) -> Tensor:
        """The loss of a train or validation batch; a trainer that needs more than the loss overrides this."""
        return self.compute_loss(batch)

    def _collect_batch_metrics(self) -> Mapping[str, float | Tensor]:
        """Metrics of the batch just seen, each a number or a tensor with one element."""
        return self._last_batch_metrics

    def build_optimizer(self) -> torch.optim.Optimizer:
        """AdamW over all parameters of the model that require gradients."""
        parameters = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(parameters, lr=self.options.learning_rate, weight_decay=self.options.weight_decay)

    def on_epoch_start(self, epoch: int) -> None:
        """Called before each epoch (from 1); does nothing unless a subclass says so."""

    def is_done(self) -> bool:
        """Whether to stop before the next epoch: when patience runs out, unless a subclass knows more."""
        return self._run.out_of_patience

    def _describe_batch(self, batch: Any, index: int) -> str:
        """What an error message calls a batch; ``index`` counts from 1 within the epoch."""
        return f"batch {index} ({batch_size(batch)} samples)"

    # What a run has come to.

    @property
    def accelerator(self):
        """Accelerate's :class:`~accelerate.Accelerator` of the run; made by :meth:`fit`."""
        return self._run.accelerator

    @property
    def history(self) -> History:
        """What was measured so far, epoch by epoch."""
        return self._run.history

    @property
    def best_checkpoint(self) -> Path | None:
        """Weights with the lowest monitored loss; None before the first epoch of :meth:`fit` is done."""
        return self._run.best_checkpoint

    def load_best(self) -> None:
        """Load the best checkpoint into the model.

        Raises:
            TrainingError: there is none yet.
            ArtifactError: the file is missing or damaged.
        """
        if self.best_checkpoint is None:
            raise TrainingError(f"{self.name}: no best checkpoint in {self.output_dir} yet; call fit first")
        load_into(self.model, load_tensors(self.best_checkpoint), self.best_checkpoint)

    # Checks.

    @contextmanager
    def _naming_dead_workers(self) -> Iterator[None]:
        """Say in one line that a worker of a loader died, which torch may say at any instruction.

        It says so itself, or what a worker had promised cannot be fetched from it any more.
        """
        try:
            yield
        except (RuntimeError, ConnectionError, EOFError) as error:
            part, loader, batches = self._reading
            unfetched = getattr(loader, "num_workers", 0) and not isinstance(error, RuntimeError)
            passed_on = "in DataLoader worker process" in str(error)  # by a worker that lives
            if passed_on or not (unfetched or str(error).startswith("DataLoader worker (pid")):
                raise
            end_workers(batches)  # or torch says it again with each worker that ends, wherever we are then
            raise TrainingError(
                f"{self.name}: a worker of the {part} loader died in epoch {self._epoch} ({one_line(error)}); "
                "memory or /dev/shm may be full: use fewer workers, or num_workers=0 to see what it met; "
                f"{self._run.last_path} holds the state before this epoch"
            ) from error

    def _checked_loss(self, batch: Any) -> tuple[float, Tensor]:
        loss = self._run.forward(self._forward_batch, batch)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
            raise TrainingError(
                f"{self.name}: compute_loss (or _forward_batch) must return the loss as a tensor with one element, "
                f"got {found}; put other numbers into self._last_batch_metrics"
            )
        if self.model.training and not loss.requires_grad:
            raise TrainingError(
                f"{self.name}: the loss of a train batch does not depend on the model's parameters; compute it "
                "from self.model(...) without detach() or item()"
            )
        return self._require_finite("loss", loss, batch), loss

    def _batch_metrics(self) -> dict[str, float]:
        metrics = self._collect_batch_metrics()
        if not isinstance(metrics, Mapping):
            raise TrainingError(
                f"{self.name}: _collect_batch_metrics must return a dict of name -> number, got "
                f"{type(metrics).__name__}; set self._last_batch_metrics to such a dict"
            )
        return {name: self._metric(name, value) for name, value in metrics.items()}

    def _metric(self, name: str, value: Any) -> float:
        try:
            return float(value.detach() if isinstance(value, Tensor) else value)
        except (TypeError, ValueError, RuntimeError):
            shape = f" of shape {tuple(value.shape)}" if isinstance(value, Tensor) else ""
            raise TrainingError(
                f"{self.name}: metric {name!r} must be a number or a tensor with one element, "
                f"got {type(value).__name__}{shape}"
            ) from None

    def _require_finite(self, what: str, value: Tensor, batch: Any) -> float:
        number = float(value.detach())
        if not math.isfinite(number):
            where = f"epoch {self._epoch}, {self._describe_batch(batch, self._batch_index)}"
            raise TrainingError(
                f"{self.name}: {what} is {number} in {where}; check that batch or lower learning_rate"
                f" ({self.options.learning_rate}); {self._run.last_path} holds the state before this epoch"
            )
        return number

    def _require_finite_weights(self) -> None:
        """An epoch's last step can ruin the weights, and no loss of that epoch would show it before they are saved."""
        named = ((name, weights.detach()) for name, weights in self.model.named_parameters() if weights.requires_grad)
        wrong = next((name for name, weights in named if not weights.isfinite().all()), None)
        if wrong is not None:
            raise TrainingError(
                f"{self.name}: weights {wrong!r} are not finite after epoch {self._epoch}, batch {self._batch_index}; "
                f"lower learning_rate ({self.options.learning_rate}); {self._run.last_path} holds the state before "
                "this epoch"
            )
