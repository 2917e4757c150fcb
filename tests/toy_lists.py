"""Toy tokens and records."""

import json

import numpy as np

from ptmrec.config.sections import RankerConfig
from ptmrec.dataloader.combined_similarity_dataloader import TokenSources, build_combined_similarity_loader
from ptmrec.dataloader.dataset_tokens import DatasetTokens
from ptmrec.dataloader.model_datasets import write_model_tokens
from ptmrec.train.ranker_trainer import make_ranker_trainer

MODELS = ("a", "b", "c", "d")


GENERATOR = np.random.default_rng(0)


def write_tokens(folder, split, name, classes, dim=8, encoder="e:1"):
    features = GENERATOR.normal(size=(2, classes, dim)).astype(np.float32)
    tokens = DatasetTokens(name, features, tuple(map(str, range(classes))), encoder, "train")
    tokens.save(folder / split / f"{name}.npz")
    return tokens


def record(model, accuracy, regime):
    return {
        "model_name": model,
        "model_type": "vgg",
        "accuracy": accuracy,
        "trained_on_dataset": "x",
        "accuracy_std": 0.0,
        "regime": regime,
        "recipe": {},
        "source": "test",
    }


def make_sources(tmp_path):
    """Three data sets and four models, one of which was not measured."""
    write_tokens(tmp_path / "tokens", "train", "first", 3)
    write_tokens(tmp_path / "tokens", "train", "second", 5)
    write_tokens(tmp_path / "tokens", "test", "third", 2)
    for index, name in enumerate(MODELS):
        views = {"parameters": np.full(16, index), "embedding": np.full(4, index), "card": np.full(2, -index)}
        write_model_tokens(tmp_path / "models", name, views)
    truth = {
        dataset: [record(m, 0.1 * i, r) for r in ("low_data", "fine_tuning") for i, m in enumerate("dab")]
        for dataset in ("first", "second", "third")
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    return TokenSources(
        tmp_path / "tokens", tmp_path / "models", tmp_path / "truth.json", MODELS, ("embedding", "card")
    )


ON_CIRCLE = tuple("abcdefgh")


def make_circle(tmp_path):
    """Data sets on a circle; a model is good where its own direction points."""
    generator = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, len(ON_CIRCLE), endpoint=False)
    for name, angle in zip(ON_CIRCLE, angles, strict=True):
        views = {
            "parameters": generator.normal(size=32) + 5 * np.cos(angle),
            "embedding": generator.normal(size=4),
            "source": np.pad([np.cos(angle), np.sin(angle)], (0, 6)),
        }
        write_model_tokens(tmp_path / "models", name, views)
    truth = {}
    for index in range(6):
        angle, name = index * np.pi / 3 + 0.3, f"set{index}"
        centre = np.pad([np.cos(angle), np.sin(angle)], (0, 6))
        features = centre + 0.05 * generator.normal(size=(3, 4, 8))
        tokens = DatasetTokens(name, features.astype(np.float32), tuple("wxyz"), "e:1", "train")
        tokens.save(tmp_path / "tokens" / "train" / f"{name}.npz")
        truth[name] = [
            record(model, 0.5 + 0.4 * float(np.cos(own - angle)), "low_data")
            for model, own in zip(ON_CIRCLE, angles, strict=True)
        ]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    return TokenSources(
        tmp_path / "tokens", tmp_path / "models", tmp_path / "truth.json", ON_CIRCLE, ("embedding", "source")
    )


SMALL = {"width": 16, "heads": 2, "layers": 1, "device": "cpu"}


def train_ranker(sources, folder, **options):
    config = RankerConfig(**(SMALL | {"epochs": 60, "learning_rate": 5e-3, "regimes": ["low_data"]} | options))
    loader = build_combined_similarity_loader(sources, regimes=("low_data",), batch_size=6, shuffle=True)
    trainer = make_ranker_trainer(loader, config, folder)
    return trainer, trainer.fit()
