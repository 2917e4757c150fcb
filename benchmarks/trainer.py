"""What a trainer adds to a step, with checkpoints and history every epoch, against a bare loop and other trainers."""

import logging
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import lightning
import torch
import torch.nn.functional as F
import transformers
from accelerate import Accelerator
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.timing import Row, compare, take_turns
from ptmrec.config.sections import AutoEncoderConfig, TrainingOptions
from ptmrec.model.build import build_autoencoder
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer
from ptmrec.train.base_trainer import BaseTrainer

BATCH, EPOCHS, ROUNDS = 16, 2, 5
VALUES, SAMPLES = 1024, 4096
"""Of the autoencoder."""
LISTS, MODELS, CLASSES, WIDTH = 2048, 40, 8, 64
"""Of the ranker: lists, models and dataset tokens of each, and their features."""


class Task(NamedTuple):
    """Something to train: a model, the tensors of its samples, and the loss of a batch of them."""

    name: str
    model: Callable[[], nn.Module]
    data: Callable[[], tuple[Tensor, ...]]
    loss: Callable[..., Tensor]

    def fresh(self) -> nn.Module:
        """The same model each time."""
        torch.manual_seed(0)
        return self.model()

    def loader(self) -> DataLoader:
        """Batches in order."""
        return DataLoader(TensorDataset(*self.data()), BATCH)


def _drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


AUTOENCODER = Task(
    f"{EPOCHS * SAMPLES // BATCH} training steps of a small autoencoder",
    lambda: build_autoencoder(AutoEncoderConfig(hidden=[256], code_dim=64), VALUES),
    lambda: (_drawn(SAMPLES, VALUES),),
    lambda model, values: F.mse_loss(model(values)[1], values),
)
RANKER = Task(
    f"{EPOCHS * LISTS // BATCH} training steps of a small ranker",
    lambda: RankingCrossAttentionTransformer({"token": WIDTH}, WIDTH, dropout=0.0),
    lambda: (_drawn(LISTS, MODELS, WIDTH), _drawn(LISTS, CLASSES, WIDTH), _drawn(LISTS, MODELS)),
    lambda model, models, tokens, truth: F.mse_loss(model(models, tokens), truth),
)


class _Ours(BaseTrainer):
    name = "bench"
    task: Task

    def compute_loss(self, batch):
        return self.task.loss(self.model, *batch)


def ours(task: Task, folder: Path) -> None:
    """The project's trainer: history and resumable state every epoch, finite losses and gradients checked."""
    options = TrainingOptions(epochs=EPOCHS, device="cpu", gradient_clip=0, plots=False)
    trainer = _Ours(task.fresh(), options, folder / "ours", task.loader())
    trainer.task = task
    trainer.fit()


def bare(task: Task, folder: Path) -> None:
    """A loop with nothing around it, but the same weights saved each epoch."""
    model, loader = task.fresh(), task.loader()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        total = 0.0
        for batch in loader:
            optimizer.zero_grad()
            loss = task.loss(model, *batch)
            loss.backward()
            optimizer.step()
            total += loss.item()
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / "bare.pt")


def accelerated(task: Task, folder: Path) -> None:
    """The same loop under Accelerate, its state saved each epoch."""
    accelerator, model = Accelerator(cpu=True), task.fresh()
    parts = accelerator.prepare(model, torch.optim.AdamW(model.parameters(), lr=1e-3), task.loader())
    for _ in range(EPOCHS):
        for batch in parts[2]:
            parts[1].zero_grad()
            loss = task.loss(parts[0], *batch)
            accelerator.backward(loss)
            parts[1].step()
            loss.item()
        accelerator.save_state(str(folder / "accelerate"))


class _Module(lightning.LightningModule):
    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model, self.task = task.fresh(), task

    def training_step(self, batch, index):
        loss = self.task.loss(self.model, *batch)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.model.parameters(), lr=1e-3)


def by_lightning(task: Task, folder: Path) -> None:
    """Lightning with its checkpoint and a CSV log every epoch."""
    quiet = {"enable_progress_bar": False, "enable_model_summary": False}
    logger = lightning.pytorch.loggers.CSVLogger(folder / "lightning")
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", devices=1, logger=logger, default_root_dir=folder, **quiet
    )
    trainer.fit(_Module(task), task.loader())


class _Rows(torch.utils.data.Dataset):
    def __init__(self, task: Task) -> None:
        self.data = task.data()

    def __len__(self) -> int:
        return len(self.data[0])

    def __getitem__(self, index: int) -> dict:
        return {f"part{place}": part[index] for place, part in enumerate(self.data)}


class _Returning(nn.Module):
    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model, self.task = task.fresh(), task

    def forward(self, part0, part1=None, part2=None):
        parts = [part for part in (part0, part1, part2) if part is not None]
        return {"loss": self.task.loss(self.model, *parts)}


def by_transformers(task: Task, folder: Path) -> None:
    """Hugging Face's Trainer, saving and logging every epoch."""
    arguments = transformers.TrainingArguments(
        str(folder / "transformers"),
        **{"num_train_epochs": EPOCHS, "per_device_train_batch_size": BATCH, "use_cpu": True},
        **{"report_to": [], "save_strategy": "epoch", "logging_strategy": "epoch", "disable_tqdm": True},
    )
    trainer = transformers.Trainer(_Returning(task), arguments, train_dataset=_Rows(task))
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()


def run() -> list[Row]:
    """Time of two epochs of a small autoencoder and a small ranker by each."""
    warnings.simplefilter("ignore")
    for name in ("lightning.pytorch", "transformers", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)
    names = {"ours": ours, "bare loop": bare, "Accelerate": accelerated}
    names |= {"Lightning": by_lightning, "Hugging Face Trainer": by_transformers}
    reaches = {"bare loop": 1.05, "Accelerate": 1.0, "Lightning": 1.0, "Hugging Face Trainer": 1.0}
    rows = []
    for task in (AUTOENCODER, RANKER):
        with tempfile.TemporaryDirectory() as folder:
            ways = {
                name: lambda train=train, task=task, folder=folder: train(task, Path(folder))
                for name, train in names.items()
            }
            rows += compare(task.name, take_turns(ways, ROUNDS), "ours", reaches)
    return rows
