"""Checking that the committed zoo is whole: hashes, weights, cards, names, measurements, tokens, costs, size."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from experiments.zoo_build.image_sets import read_image_sets
from experiments.zoo_build.manifest import current_hashes, read_manifest, zoo_bytes
from experiments.zoo_build.plan import MIXTURE, NOTHING
from ptmrec.benchmark.battery import read_battery
from ptmrec.benchmark.ground_truth import read_ground_truth
from ptmrec.benchmark.published import COSTS_ONLY, list_published
from ptmrec.benchmark.published_scores import FOLDER, read_scores
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.sections import REGIMES, PathsConfig
from ptmrec.core.errors import ArtifactError, PtmrecError
from ptmrec.core.files import read_json
from ptmrec.core.progress import progress
from ptmrec.dataloader.dataset_tokens import SPLITS, DatasetTokenDataset
from ptmrec.zoo.real import LIBRARY, is_real, read_models, read_real
from ptmrec.zoo.snapshot import Snapshot, read_zoo

SIZE_LIMIT = 60 * 2**20
"""Most bytes the committed zoo may have in all."""


@dataclass(frozen=True)
class Check:
    """Outcome of one check.

    Attributes:
        name: what was checked.
        found: what is there, in words.
        problems: one line each; empty when all is well.
    """

    name: str
    found: str
    problems: tuple[str, ...]


def verify_zoo(paths: PathsConfig) -> list[Check]:
    """Run every check; a check that cannot read its files reports that as its problem."""
    checks: dict[str, Callable[[PathsConfig], tuple[str, Iterator[str]]]] = {
        "hashes": _hashes,
        "models": _models,
        "names": _names,
        "ground truth": _ground_truth,
        "dataset tokens": _dataset_tokens,
        "costs": _costs,
        "published": _published,
        "battery": _battery,
        "size": _size,
    }
    return [_run(name, check, paths) for name, check in progress(checks.items(), "verifying")]


def _run(name: str, check: Callable, paths: PathsConfig) -> Check:
    try:
        found, problems = check(paths)
        return Check(name, found, tuple(problems))
    except PtmrecError as error:
        return Check(name, "not readable", (str(error),))


def _hashes(paths: PathsConfig) -> tuple[str, Iterator[str]]:
    expected, present = read_manifest(paths.manifest), current_hashes(paths)

    def problems() -> Iterator[str]:
        for name in sorted(expected.keys() | present.keys()):
            if name not in present:
                yield f"{name}: in the manifest but not there"
            elif name not in expected:
                yield f"{name}: there but not in the manifest"
            elif present[name] != expected[name]:
                yield f"{name}: another hash than in the manifest; restore it, or accept it with zoo verify --accept"

    return f"{len(expected)} files", problems()


def _models(paths: PathsConfig) -> tuple[str, Iterator[str]]:
    zoo, real = read_zoo(paths.zoo), read_real(paths.real)
    families = {snapshot.card.family for snapshot in zoo}
    found = f"{len(zoo)} models of {len(families)} families, {len(real)} real ones installed"
    return found, (line for snapshot in [*zoo, *real] for line in _model_problems(snapshot))


def _model_problems(snapshot: Snapshot) -> Iterator[str]:
    card, place = snapshot.card, snapshot.folder
    if place.name != card.name:
        yield f"{place}: the card is of {card.name!r}"
    try:
        model = snapshot.load()
    except ArtifactError as error:
        yield str(error)
        return
    for name, tensor in snapshot.tensors():
        if tensor.is_floating_point() and tensor.dtype != torch.float16 and not is_real(snapshot):
            yield f"{place}: {name} is stored as {tensor.dtype}, not in half precision"
        if not torch.isfinite(tensor).all():
            yield f"{place}: {name} holds values that are not finite"
    params = sum(parameter.numel() for parameter in model.parameters())
    if (params, model.num_features) != (card.num_params, card.num_features):
        yield (
            f"{place}: {params} parameters and {model.num_features} features,"
            f" the card says {card.num_params} and {card.num_features}"
        )


def _names(paths: PathsConfig) -> tuple[str, Iterator[str]]:
    cards = [snapshot.card for snapshot in read_models(paths, installed_only=False)]
    splits, image_sets = read_splits(paths.splits), read_image_sets(paths.image_sets)

    def problems() -> Iterator[str]:
        for name in sorted(set(splits.all) - set(image_sets)):
            yield f"{paths.image_sets}: no row for data set {name!r}"
        for card in cards:
            if card.family not in splits.families.all:
                yield f"{paths.splits}: family {card.family!r} of {card.name} has no role"
            for name in card.datasets:
                if name not in splits.sources.all:
                    yield f"{paths.splits}: source {name!r} of {card.name} has no role"
                elif card.architecture.get("library") != LIBRARY and not image_sets[name].shareable:
                    yield f"{card.name}: trained on {name}, whose licence is {image_sets[name].licence!r}"
            expected = MIXTURE if len(card.datasets) > 1 else card.datasets[0] if card.datasets else NOTHING
            if card.source_dataset != expected:
                yield f"{card.name}: source_dataset is {card.source_dataset!r}, its datasets say {expected!r}"

    return f"{len(splits.all)} data sets, {len(splits.sources.all)} sources", problems()


def _ground_truth(paths: PathsConfig) -> tuple[str, Iterator[str]]:
    cards = {snapshot.name: snapshot.card for snapshot in read_models(paths, installed_only=False)}
    truth, splits = read_ground_truth(paths.ground_truth, cards), read_splits(paths.splits)
    estimates = read_json(paths.estimators)
    real = {snapshot.name for snapshot in read_real(paths.real, installed_only=False)}

    def problems() -> Iterator[str]:
        for name in sorted(set(splits.all) ^ set(truth.datasets)):
            yield f"{name}: a data set of {paths.splits.name} or {paths.ground_truth.name}, not of both"
        for regime in REGIMES:
            for row, column in np.argwhere(np.isnan(truth.accuracy[regime])):
                if regime == "low_data" or truth.models[column] not in real:
                    yield f"{truth.datasets[row]}: {truth.models[column]} is not measured in {regime}"
        for dataset, records in read_json(paths.ground_truth).items():
            for record in records:
                if record["trained_on_dataset"] != cards[record["model_name"]].source_dataset:
                    yield f"{dataset}: record of {record['model_name']} names another source than its card"
            missing = sorted(set(cards) - set(estimates.get(dataset, {})))
            if missing:
                yield f"{paths.estimators.name}: {dataset}: no estimates for {missing[0]}"

    cells = sum(int(np.isfinite(values).sum()) for values in truth.accuracy.values())
    return f"{cells} cells in {len(REGIMES)} regimes", problems()


def _dataset_tokens(paths: PathsConfig) -> tuple[str, Iterator[str]]:
    splits = read_splits(paths.splits)
    kinds = sorted(path.name for path in paths.dataset_tokens.iterdir() if path.is_dir())
    expected = {"train": set(splits.train), "validation": set(splits.validation), "test": set(splits.all)}
    image_sets = read_image_sets(paths.image_sets)

    def problems() -> Iterator[str]:
        for kind in kinds:
            for split in SPLITS:
                tokens = DatasetTokenDataset(paths.dataset_tokens / kind, (split,)).by_name()
                for name in sorted(expected[split] ^ set(tokens)):
                    yield f"{kind}/{split}: {name} is missing or does not belong there"
                for name in sorted(expected[split] & set(tokens)):
                    classes = tokens[name].features.shape[1]
                    if kind.startswith("shots") and classes != int(image_sets[name].classes):
                        yield f"{kind}/{split}/{name}: tokens of {classes} classes, not {image_sets[name].classes}"

    return f"{len(kinds)} kinds", problems()


def _costs(paths: PathsConfig) -> tuple[str, Iterator[str]]:
    cards = {snapshot.name: snapshot.card for snapshot in read_models(paths, installed_only=False)}
    costs = read_json(paths.costs)

    def problems() -> Iterator[str]:
        for name in sorted(set(cards) ^ set(costs["models"])):
            yield f"{paths.costs.name}: {name} is missing or not in the zoo"
        for name in sorted(set(cards) & set(costs["models"])):
            if costs["models"][name]["num_params"] != cards[name].num_params:
                yield f"{paths.costs.name}: {name} has another number of parameters than its card"

    return f"measured on {costs['machine']['processor']}, {costs['machine']['cores']} cores", problems()


def _published(paths: PathsConfig) -> tuple[str, Iterator[str]]:
    zoos = list_published(paths.published)
    scored = [read_scores(path) for path in sorted((paths.published / FOLDER).glob("*.json"))]

    def problems() -> Iterator[str]:
        for zoo in zoos:
            if zoo.about.regime == COSTS_ONLY:
                if not all(card.get("latencies") for card in zoo.cards.values()):
                    yield f"{zoo.name}: a model without any latency"
            elif not np.isfinite(zoo.accuracy).any(axis=0).all():
                yield f"{zoo.name}: a model without any accuracy"
        known = {zoo.name: {*zoo.datasets, *zoo.models} for zoo in zoos}
        for scores in scored:
            if not {*scores.datasets, *scores.models} <= known.get(scores.about.name, set()):
                yield f"{FOLDER}/{scores.about.name}: a data set or model that the table of that name lacks"

    return f"{len(zoos)} tables, {sum(int(np.isfinite(zoo.accuracy).sum()) for zoo in zoos)} accuracies", problems()


def _battery(paths: PathsConfig) -> tuple[str, Iterator[str]]:
    parts = read_battery(paths.battery)
    known = set(read_splits(paths.splits).all)

    def problems() -> Iterator[str]:
        for name, part in parts.items():
            if name not in known:
                yield f"{name}: not in the splits"
            if len(np.unique(part.labels)) != len(part.class_names):
                yield f"{name}: a class without an image"
            if not part.attribution:
                yield f"{name}: no attribution"

    return f"{sum(len(part.labels) for part in parts.values())} images of {len(parts)} image sets", problems()


def _size(paths: PathsConfig) -> tuple[str, Iterator[str]]:
    size = zoo_bytes(paths)
    problem = [f"{size / 2**20:.1f} MiB are committed, more than {SIZE_LIMIT / 2**20:.0f}"]
    return f"{size / 2**20:.1f} MiB", iter(problem if size > SIZE_LIMIT else [])
