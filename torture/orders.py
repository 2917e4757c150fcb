"""Other orders of the same: listings in any order give the same answer, and rows follow their names."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ptmrec.benchmark.ground_truth import read_ground_truth
from ptmrec.core.errors import PtmrecError
from ptmrec.core.files import tree_hash, write_json, write_npz
from ptmrec.dataloader.dataset_tokens import DatasetTokenDataset
from ptmrec.dataloader.relation_tables import read_relation_tables
from ptmrec.images.folders import list_images
from ptmrec.relations.scores import read_scores
from ptmrec.zoo.snapshot import read_zoo
from torture.outcome import Outcome
from torture.parsers import make_parsers

MODELS = tuple("dacbfe")
DATASETS = ("z", "y", "x")


class _Listing(list):
    """What ``os.scandir`` gives, in another order."""

    def __enter__(self) -> "_Listing":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def __next__(self) -> Any:
        if not self:
            raise StopIteration
        return self.pop(0)

    def __iter__(self) -> "_Listing":
        return self

    def close(self) -> None:
        """As the real one has it."""


@contextmanager
def shuffled(draw: np.random.Generator) -> Iterator[None]:
    """Let folders be listed in another order at each look."""
    listdir, scandir = os.listdir, os.scandir

    def any_order(function: Callable[..., Any]) -> Callable[..., _Listing]:
        def listed(*arguments: Any) -> _Listing:
            found = list(function(*arguments))
            return _Listing(found[place] for place in draw.permutation(len(found)))

        return listed

    os.listdir, os.scandir = any_order(listdir), any_order(scandir)
    try:
        yield
    finally:
        os.listdir, os.scandir = listdir, scandir


def _make_folders(folder: Path) -> dict[str, Callable[[], Any]]:
    """Folders of every kind that is listed, and what is read of each, as something to compare."""
    parsers = make_parsers(folder)
    for number in range(12):
        place = folder / "images" / "cba"[number % 3] / f"{number * 7 % 12}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), 20 * number, np.uint8)).save(place)
    (folder / "tokens" / "train").mkdir(parents=True)
    for name in DATASETS:
        (folder / "tokens" / "train" / f"{name}.npz").write_bytes(parsers["dataset tokens"].honest)
    card = json.loads(parsers["card"].honest)
    for name in MODELS:
        write_json(folder / "zoo" / f"m-{name}" / "config.json", card | {"name": f"m-{name}"})
        (folder / "zoo" / f"m-{name}" / "model.safetensors").write_bytes(parsers["safetensors"].honest)

    def images() -> Any:
        read = list_images(folder / "images")
        return [str(path) for path in read.files], read.classes, read.parts

    return {
        "hash of a tree": lambda: tree_hash([folder / "images", folder / "zoo"]),
        "images and labels": images,
        "dataset tokens": lambda: DatasetTokenDataset(folder / "tokens").names,
        "zoo": lambda: [snapshot.name for snapshot in read_zoo(folder / "zoo")],
    }


def shuffle_listings(count: int, seed: int, folder: Path) -> Outcome:
    """T22: list folders in any order; what is read of them is the same."""
    draw, outcome = np.random.default_rng(seed), Outcome("orders of a listing, T22")
    reads = _make_folders(folder)
    usual = {name: read() for name, read in reads.items()}
    for _ in range(count):
        with shuffled(draw):
            for name, read in reads.items():
                found = read()
                outcome.add(found == usual[name], f"{name}: {found} is not {usual[name]}")
    return outcome


def _record(model: str, accuracy: float) -> dict[str, Any]:
    record = {"model_name": model, "model_type": "vgg", "regime": "low_data", "accuracy": accuracy, "accuracy_std": 0.0}
    return record | {"trained_on_dataset": "toy", "recipe": {"shots": 10}, "source": "measured"}


def _write(folder: Path, models: list[str], datasets: list[str], values: dict[tuple[str, str], float]) -> None:
    table = np.array([[values[dataset, model] for model in models] for dataset in datasets])
    table[:, len(set(models)) :] += 1  # a name that is there twice has two values
    square = np.array([[values[one, MODELS[0]] - values[two, MODELS[0]] for two in datasets] for one in datasets])
    write_json(folder / "truth.json", {name: [_record(m, values[name, m]) for m in models] for name in datasets})
    names = {"models": np.array(models), "datasets": np.array(datasets)}
    write_npz(folder / "scores.npz", names | {"log/transport": table, "log/encoder": square})
    tables = {f"low/{dataset}": row[:, None] for dataset, row in zip(datasets, table, strict=True)}
    write_npz(folder / "relations.npz", {"models": np.array(models), "weights/low": np.ones(1), **tables})


def _reads(folder: Path) -> dict[str, Callable[[], np.ndarray]]:
    def truth() -> np.ndarray:
        read = read_ground_truth(folder / "truth.json", MODELS)
        return np.stack([read.row("low_data", dataset) for dataset in DATASETS])

    def relations() -> np.ndarray:
        read, _ = read_relation_tables(folder / "relations.npz", MODELS)
        return np.stack([read["low", dataset][:, 0] for dataset in DATASETS])

    def scores() -> np.ndarray:
        read = read_scores(folder / "scores.npz")["log"].only(DATASETS, MODELS)
        return np.concatenate([read.transport, read.encoder], axis=1)

    return {"ground truth": truth, "relations": relations, "scores": scores}


def permute_rows(count: int, seed: int, folder: Path) -> Outcome:
    """T23: permute models and data sets, drop one, or give two one name; each value follows its names or is missed."""
    draw, outcome = np.random.default_rng(seed), Outcome("orders of rows, T23")
    values = {(dataset, model): round(float(draw.random()), 6) for dataset in DATASETS for model in MODELS}
    _write(folder, list(MODELS), list(DATASETS), values)
    reads = _reads(folder)
    usual = {name: read() for name, read in reads.items()}
    for trial in range(count):
        models, datasets = [str(m) for m in draw.permutation(MODELS)], [str(d) for d in draw.permutation(DATASETS)]
        change = ("none", "drop", "twice")[trial % 3]
        models = models[1:] if change == "drop" else [*models, models[0]] if change == "twice" else models
        _write(folder, models, datasets, values)
        for name, read in reads.items():
            said = ""
            try:
                found = read()
            except PtmrecError as error:
                found, said = None, str(error)
            if found is None:
                right = change != "none" and "\n" not in said
            else:  # ground truth may miss a model, which is NaN then
                held = np.isfinite(found)
                right = (found == usual[name])[held].all() and (held.all() == (change == "none"))
            outcome.add(bool(right), f"trial {trial}, {name}, {change}: {said!r}, {found}", refused=bool(said))
    return outcome
