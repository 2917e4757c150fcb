"""Every reader of files of unknown origin, with an honest file for it."""

import io
import json
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save

from experiments.zoo_build.image_sets import load_image_npz
from ptmrec.benchmark.battery import read_battery
from ptmrec.benchmark.ground_truth import read_ground_truth
from ptmrec.config.parser import ConfigParser
from ptmrec.core.errors import PtmrecError
from ptmrec.core.files import read_json, read_npz
from ptmrec.dataloader.dataset_tokens import DatasetTokens
from ptmrec.dataloader.relation_tables import read_relation_tables
from ptmrec.images.account import Account
from ptmrec.images.arrays import read_labelled_npz
from ptmrec.images.files import open_image
from ptmrec.relations.samples import read_samples, read_space
from ptmrec.relations.scores import read_scores
from ptmrec.train.checkpoints import load_tensors, save_tensors
from ptmrec.train.history import History
from ptmrec.zoo.card import Card, read_card
from ptmrec.zoo.snapshot import read_tensors, weight_files
from torture.mutants import Draw, mutate_bytes, mutate_json, mutate_npz


@dataclass(frozen=True)
class Parser:
    """A reader and an honest file for it.

    Attributes:
        file: name of the file within a folder.
        honest: bytes it reads.
        read: reads the file.
        mutators: ways to damage the file.
    """

    file: str
    honest: bytes
    read: Callable[[Path], Any]
    mutators: tuple[Callable[[bytes, Draw], bytes], ...]


def _npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _picture() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(768, dtype=np.uint8).reshape(16, 16, 3) % 251).save(buffer, "PNG")
    return buffer.getvalue()


def _checkpoint(folder: Path) -> bytes:
    state = {"standing": {"epoch": 1}, "model": {"a": torch.arange(6.0)}, "history": [{"epoch": 1}]}
    return save_tensors(state, folder / "seed.pt").read_bytes()


def _truth() -> bytes:
    record = {
        **{"model_name": "a", "model_type": "vgg", "accuracy": 0.5, "accuracy_std": 0.1, "accuracies": [0.4, 0.6]},
        **{"trained_on_dataset": "toy", "regime": "low_data", "recipe": {"shots": 10}, "source": "measured"},
        "by_shots": {"1": [0.2, 0.1]},
    }
    return _json({"toy": [record, record | {"model_name": "b"}], "other": [record]})


def _card() -> bytes:
    words = {"name": "a-b", "family": "vgg", "source_dataset": "toy", "licence": "MIT"}
    numbers = {"num_params": 9, "input_size": 32, "source_accuracy": 0.5, "seed": 0, "gmacs": 0.1, "num_features": 4}
    card = Card(architecture={"library": "ptmrec"}, recipe={}, datasets=["toy"], **words, **numbers)
    return _json(asdict(card))


def make_parsers(folder: Path) -> dict[str, Parser]:
    """The parsers by name.

    Args:
        folder: for what has to be made on disk.
    """
    images = np.arange(4 * 4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 4, 3)
    labels = np.array([0, 1, 0, 1])
    tokens = {"features": np.ones((2, 3, 4), np.float16), "class_names": np.array(["a", "b", "c"])}
    tokens |= {"encoder": np.array("e"), "image_part": np.array("train"), "name": np.array("toy")}
    said = json.dumps({"toy": {"class_names": ["a", "b"], "attribution": "me"}})
    sample = {"tokens": np.ones((1, 3)), "coordinates": np.ones((4, 2)), "labels": labels, "draws": np.zeros(4, int)}
    scores = {"datasets": np.array(["d"]), "models": np.array(["a", "b"]), "log/within": np.ones((1, 2))}
    relations = {"models": np.array(["a", "b"]), "low/x": np.ones((2, 2)), "weights/low": np.ones(2)}
    space = {"names": np.array(["a"]), "dims": np.array([2]), "mean": np.ones(2), "basis": np.ones((2, 2))}
    history = [{"epoch": 1, "train_loss": 0.5, "validation_loss": None, "seconds": 1.0}, {"epoch": 2, "train_loss": 1}]
    battery = {"images": images, "labels": labels, "sets": np.zeros(4, np.int8), "attribution": np.array(said)}
    image_set = {"train_images": images, "train_labels": labels, "test_images": images, "test_labels": labels}
    image_set["class_names"] = np.array(["a", "b"])
    labelled = {"images": images, "labels": np.array(["x", "y", "x", "y"])}
    weights = save({"a": torch.arange(6.0), "b": torch.ones(2, 3).half()})
    ini = b"[ranker]\nepochs = 9\nwidth = 32\n[paths]\nzoo = constants/zoo\n[ranker:smoke]\nepochs = 1\n"

    def packed(read: Callable[[Path], Any], arrays: dict[str, Any]) -> Parser:
        return Parser("a.npz", _npz(**arrays), read, (mutate_bytes, mutate_npz))

    def plain(name: str, read: Callable[[Path], Any], honest: bytes) -> Parser:
        return Parser(name, honest, read, (mutate_bytes, mutate_json))

    def index(path: Path) -> Any:
        (path.parent / "one.safetensors").touch()
        return weight_files(path.parent)

    return {
        "JSON": plain("a.json", read_json, _json({"a": [1, 2.5, "x", {"b": None}]})),
        "card": plain("config.json", lambda path: read_card(path.parent), _card()),
        "ground truth": plain("a.json", lambda path: read_ground_truth(path), _truth()),
        "history": plain("a.json", lambda path: History.load(path).to_frame(), _json(history)),
        "shard index": plain(
            "model.safetensors.index.json", index, _json({"weight_map": {"a": "one.safetensors"}, "metadata": {}})
        ),
        "NPZ": packed(read_npz, {"a": np.arange(5), "b": np.array(["x", "yy"]), "c": np.ones((2, 3), order="F")}),
        "dataset tokens": packed(DatasetTokens.load, tokens),
        "image set": packed(load_image_npz, image_set),
        "labelled images": packed(lambda path: read_labelled_npz(path, Account()), labelled),
        "battery": packed(read_battery, battery),
        "samples": packed(lambda path: read_samples(path.parent, path.stem), sample),
        "scores": packed(read_scores, scores),
        "space": Parser("space.npz", _npz(**space), lambda path: read_space(path.parent), (mutate_bytes, mutate_npz)),
        "relations": packed(lambda path: read_relation_tables(path, ["b", "a"]), relations),
        "safetensors": Parser("a.safetensors", weights, lambda path: list(read_tensors(path)), (mutate_bytes,)),
        "checkpoint": Parser("a.pt", _checkpoint(folder), load_tensors, (mutate_bytes,)),
        "image": Parser("a.png", _picture(), open_image, (mutate_bytes,)),
        "INI": Parser("a.ini", ini, lambda path: ConfigParser(path).rows(), (mutate_bytes,)),
    }


def feed(parser: Parser, count: int, seed: int, folder: Path) -> tuple[Counter, list[str]]:
    """Give a parser mutants of its honest file.

    Args:
        parser: the parser; its honest file has to be read.
        count: number of mutants.
        seed: seed of the mutants.
        folder: where they lie while they are read.

    Returns:
        How many were ``refused`` (with one line of ours), ``read`` or ``escaped`` (anything else), and what escaped.
    """
    path, draw = folder / parser.file, np.random.default_rng(seed)
    path.write_bytes(parser.honest)
    parser.read(path)
    counts, escaped = Counter(), []
    for place in range(count):
        path.write_bytes(parser.mutators[place % len(parser.mutators)](parser.honest, draw))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                parser.read(path)
        except PtmrecError as error:
            line = str(error)
            counts["refused" if line and "\n" not in line else "escaped"] += 1
            escaped += [] if line and "\n" not in line else [f"mutant {place}: {line!r}"]
        except Exception as error:  # what escapes is what is looked for
            counts["escaped"] += 1
            escaped.append(f"mutant {place}: {type(error).__name__}: {error}")
        else:
            counts["read"] += 1
    return counts, escaped
