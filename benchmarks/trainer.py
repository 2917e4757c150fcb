"""What a trainer adds to a step, with checkpoints and history every epoch, against a bare loop and other trainers."""

import logging
import tempfile
import warnings
from pathlib import Path

import lightning
import torch
import torch.nn.functional as F
import transformers
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.timing import Row, compare, take_turns
from ptmrec.config.sections import AutoEncoderConfig, TrainingOptions
from ptmrec.model.build import build_autoencoder
from ptmrec.train.base_trainer import BaseTrainer

VALUES, SAMPLES, BATCH, EPOCHS = 1024, 2048, 16, 2
ROUNDS = 5


def _model() -> nn.Module:
    torch.manual_seed(0)
    return build_autoencoder(AutoEncoderConfig(hidden=[256], code_dim=64), VALUES)


def _loader() -> DataLoader:
    data = torch.randn(SAMPLES, VALUES, generator=torch.Generator().manual_seed(0))
    return DataLoader(TensorDataset(data), BATCH)


def _loss(model: nn.Module, values: torch.Tensor) -> torch.Tensor:
    return F.mse_loss(model(values)[1], values)


class _Ours(BaseTrainer):
    name = "bench"

    def compute_loss(self, batch):
        return _loss(self.model, batch[0])


def ours(folder: Path) -> None:
    """The project's trainer: history and resumable state every epoch, finite losses and gradients checked."""
    _Ours(_model(), TrainingOptions(epochs=EPOCHS, device="cpu", gradient_clip=0), folder / "ours", _loader()).fit()


def bare(folder: Path) -> None:
    """A loop with nothing around it, but the same weights saved each epoch."""
    model, loader = _model(), _loader()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        total = 0.0
        for (values,) in loader:
            optimizer.zero_grad()
            loss = _loss(model, values)
            loss.backward()
            optimizer.step()
            total += loss.item()
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder / "bare.pt")


def accelerated(folder: Path) -> None:
    """The same loop under Accelerate, its state saved each epoch."""
    accelerator, model = Accelerator(cpu=True), _model()
    parts = accelerator.prepare(model, torch.optim.AdamW(model.parameters(), lr=1e-3), _loader())
    for _ in range(EPOCHS):
        for (values,) in parts[2]:
            parts[1].zero_grad()
            loss = _loss(parts[0], values)
            accelerator.backward(loss)
            parts[1].step()
            loss.item()
        accelerator.save_state(str(folder / "accelerate"))


class _Module(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.model = _model()

    def training_step(self, batch, index):
        loss = _loss(self.model, batch[0])
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.model.parameters(), lr=1e-3)


def by_lightning(folder: Path) -> None:
    """Lightning with its checkpoint and a CSV log every epoch."""
    quiet = {"enable_progress_bar": False, "enable_model_summary": False}
    logger = lightning.pytorch.loggers.CSVLogger(folder / "lightning")
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", devices=1, logger=logger, default_root_dir=folder, **quiet
    )
    trainer.fit(_Module(), _loader())


class _Rows(torch.utils.data.Dataset):
    def __init__(self) -> None:
        self.data = _loader().dataset.tensors[0]

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> dict:
        return {"values": self.data[index]}


class _Returning(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = _model()

    def forward(self, values):
        return {"loss": _loss(self.model, values)}


def by_transformers(folder: Path) -> None:
    """Hugging Face's Trainer, saving and logging every epoch."""
    arguments = transformers.TrainingArguments(
        str(folder / "transformers"),
        **{"num_train_epochs": EPOCHS, "per_device_train_batch_size": BATCH, "use_cpu": True},
        **{"report_to": [], "save_strategy": "epoch", "logging_strategy": "epoch", "disable_tqdm": True},
    )
    trainer = transformers.Trainer(_Returning(), arguments, train_dataset=_Rows())
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()


def run() -> list[Row]:
    """Time of two epochs of a small autoencoder by each."""
    warnings.simplefilter("ignore")
    for name in ("lightning.pytorch", "transformers", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)
    names = {"ours": ours, "bare loop": bare, "Accelerate": accelerated}
    names |= {"Lightning": by_lightning, "Hugging Face Trainer": by_transformers}
    with tempfile.TemporaryDirectory() as folder:
        ways = {name: lambda train=train: train(Path(folder)) for name, train in names.items()}
        seconds = take_turns(ways, ROUNDS)
    reaches = {"bare loop": 1.05, "Accelerate": 1.0, "Lightning": 1.0, "Hugging Face Trainer": 1.0}
    return compare(f"{EPOCHS * SAMPLES // BATCH} training steps of a small autoencoder", seconds, "ours", reaches)
