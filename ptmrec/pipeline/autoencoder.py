"""Training the autoencoder, and making the model tokens with it."""

from pathlib import Path

from ptmrec.benchmark.splits import KNOWN
from ptmrec.dataloader.model_datasets import ModelParameterDataset, read_model_tokens, write_model_tokens
from ptmrec.model.build import build_autoencoder, encode_parameters
from ptmrec.model.model_encoder import AutoEncoder
from ptmrec.pipeline.committed import ProjectFiles
from ptmrec.train.autoencoder_trainer import make_autoencoder_trainer
from ptmrec.train.checkpoints import load_tensors


def train_on_known(files: ProjectFiles, views: Path, folder: Path) -> None:
    """Train the autoencoder on the weights vectors of the known models."""
    vectors = ModelParameterDataset(views, list(files.models(*KNOWN)))
    trainer = make_autoencoder_trainer(vectors, files.autoencoder_config, folder)
    trainer.fit(resume=True)


def read_autoencoder(files: ProjectFiles, trained: Path) -> AutoEncoder:
    """The trained autoencoder, best weights."""
    model = build_autoencoder(files.autoencoder_config, files.extract_config.vector_length)
    (best,) = trained.glob("autoencoder_weights.loss_*.pt")
    model.load_state_dict(load_tensors(best))
    return model.eval()


def embed_zoo(files: ProjectFiles, views: Path, trained: Path, folder: Path) -> None:
    """Write the views of every model into a folder, with the autoencoder's code as ``embedding``."""
    names = list(files.cards)
    codes = encode_parameters(read_autoencoder(files, trained), ModelParameterDataset(views, names).vectors)
    for name, code in zip(names, codes, strict=True):
        write_model_tokens(folder, name, {**read_model_tokens(views, name), "embedding": code})
