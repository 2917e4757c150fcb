"""Making the reference space, the samples of the data sets in it, and the pair scores; needs the image sets."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from experiments.zoo_build.image_sets import load_image_npz
from experiments.zoo_build.measure import draw_shots
from experiments.zoo_build.pair_scores import BATTERY, PROBE, Features, Layout, PairScorer
from experiments.zoo_build.variants import list_variants
from ptmrec.benchmark.battery import read_battery
from ptmrec.benchmark.splits import Splits, read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, RelationConfig
from ptmrec.core.files import write_folder
from ptmrec.core.progress import progress
from ptmrec.extractors.explanation import INPUT_SIZE
from ptmrec.extractors.probes import make_probes
from ptmrec.images.datasets import images_per_class, spread
from ptmrec.recommender.references import ENCODER, References, one_thread
from ptmrec.relations.expected import SEPARATIONS_NAME, write_separations
from ptmrec.relations.reference import fit_reference_space
from ptmrec.relations.ridge import draw_splits, split_probe
from ptmrec.relations.samples import DatasetSample, write_samples, write_space
from ptmrec.relations.scores import FIRST, SCORES_NAME, write_scores
from ptmrec.zoo.architectures import SmallModel
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.real import is_real, read_models


def build_reference(config: ConfigParser, images: Path | None = None) -> Path:
    """Write the reference space, a sample of every data set, and the scores of every model on every data set.

    The space is made from the probes and the battery's images of known data sets; no blind image shapes it.

    Args:
        config: the configuration.
        images: folder of image sets; the configured one without it.

    Returns:
        The folder of the space, replaced as a whole.

    Raises:
        ConfigError: a reference that is not in the zoo, or of a blind family or source.
    """
    with one_thread():
        return _build(config, images)


def _build(config: ConfigParser, images: Path | None) -> Path:
    paths, settings = config.get(PathsConfig), config.get(RelationConfig)
    splits, references = read_splits(paths.splits), References(config)
    pictures, layout = gather_images(settings, paths.battery, images or paths.images, splits)
    models = read_models(paths)
    features: Features = {ENCODER: references.encoder.encode(pictures)}
    probed = {name: images_used(images or paths.images, name) for name in splits.all}
    probes = np.full((len(probed), len(models)), np.nan)
    for place, snapshot in enumerate(progress(models, "running models")):
        # Real models take their time, and are no candidates of the crossed evaluation: what is known is enough.
        rows = np.flatnonzero(layout.draw <= 0) if is_real(snapshot) else np.arange(len(pictures))
        model = snapshot.load()
        found = extract_features(model, pictures[rows])
        if not is_real(snapshot):
            probes[:, place] = [probe(model, *part) for part in probed.values()]
        features = {**features, snapshot.name: np.full((len(pictures), found.shape[1]), np.nan, np.float32)}
        features[snapshot.name][rows] = found
    names = [snapshot.name for snapshot in models]
    cards = {snapshot.name: snapshot.card for snapshot in models}
    scorer = PairScorer(features, layout, list(splits.all), names, settings)
    scores = scorer.run(list_variants(settings, cards))
    scores[FIRST] = replace(scores[FIRST], probe=probes)
    separations = scorer.separate(tuple(settings.references), tuple(range(settings.draws)))

    def write(folder: Path) -> None:
        _write(folder, features, layout, splits, settings)
        write_scores(folder / SCORES_NAME, scores)
        write_separations(folder / SEPARATIONS_NAME, separations)

    return write_folder(paths.reference, write)


def images_used(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Training images ``(n, 32, 32, 3)`` and labels ``(n,)`` of a data set that ``ptmrec recommend`` would use."""
    data = load_image_npz(folder / f"{name}.npz")
    kept = spread(data.train_labels, images_per_class(data.num_classes))
    return data.train_images[kept], data.train_labels[kept]


def probe(model: SmallModel, images: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy of a split probe on a model's features, as ``ptmrec recommend --verify`` measures it."""
    return split_probe(extract_features(model, images), labels, draw_splits(labels))


def gather_images(settings: RelationConfig, battery: Path, images: Path, splits: Splits) -> tuple[np.ndarray, Layout]:
    """Every image models run on ``(n, 32, 32, 3)`` uint8, and what each is: probes, battery, draws of data sets."""
    probes = make_probes(settings.probes, INPUT_SIZE, settings.seed)
    parts = [("", PROBE, probes, np.zeros(len(probes), np.int64))]
    for name, part in read_battery(battery).items():
        if name in splits.known:
            parts.append((name, BATTERY, part.images, part.labels))
    for name in splits.all:
        data = load_image_npz(images / f"{name}.npz")
        for draw, rows in enumerate(draw_shots(data.train_labels, settings.shots, settings.draws, name)):
            parts.append((name, draw, data.train_images[rows], data.train_labels[rows]))
    sizes = [len(part[2]) for part in parts]
    origin, draw = (np.repeat([part[place] for part in parts], sizes) for place in (0, 1))
    position = np.concatenate([_position(part[3]) for part in parts])
    labels = np.concatenate([part[3] for part in parts])
    return np.concatenate([part[2] for part in parts]), Layout(origin, draw, labels, position)


def _position(labels: np.ndarray) -> np.ndarray:
    """How manieth of its class each image is."""
    found = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        found[labels == label] = np.arange((labels == label).sum())
    return found


def _write(folder: Path, features: Features, layout: Layout, splits: Splits, settings: RelationConfig) -> None:
    rows = layout.probes((PROBE, BATTERY))
    space = fit_reference_space({name: features[name][rows] for name in (ENCODER, *settings.references)}, settings.rank)
    write_space(folder, space)
    for name in splits.all:
        rows = layout.sample(name, 0, settings.shots)
        token = features[ENCODER][rows].astype(np.float64).mean(axis=0)
        coordinates = space.encode({reference: features[reference][rows] for reference in space.names})
        write_samples(folder, [DatasetSample(name, token, coordinates, layout.labels[rows])])
