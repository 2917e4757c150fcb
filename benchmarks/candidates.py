"""What choosing costs: ours, and a pass of every candidate, for our small networks and for published ones."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import timm
import torch

from experiments.evaluation.baselines.estimators import ESTIMATORS, TargetSample
from ptmrec.benchmark.battery import DEMO, read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.files import read_json
from ptmrec.images.user_images import read_user_images
from ptmrec.recommender.ensemble import Recommender
from ptmrec.recommender.knowledge import Knowledge
from ptmrec.recommender.ranking import rank
from ptmrec.recommender.references import References
from ptmrec.recommender.request import Request
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.snapshot import read_zoo

LARGEST, PICTURE = 90.0, 240
"""Millions of parameters and pixels that published networks have at most here, to bound time and memory."""
SHOWN = {"LogME": "logme", "H-score": "hscore", "k-NN on features": "knn"}


class Demo:
    """The demo's images as a question, with the recommender and its references loaded, as in a second question."""

    def __init__(self) -> None:
        self.config = ConfigParser()
        self.paths = self.config.get(PathsConfig)
        part = read_battery(self.paths.battery)[DEMO]
        self.images, self.labels = part.images, part.labels
        read = read_user_images(part.images, [part.class_names[label] for label in part.labels])
        self.request = Request(read, "low_data", self.config)
        self.recommender, self.references = Recommender.load(self.paths.recommender), References(self.config)
        self.zoo = [s for s in read_zoo(self.paths.zoo) if s.name in self.recommender.knowledge.cards]

    def ask(self, count: int) -> None:
        """Rank the first models of the zoo, when no others are known."""
        listed = self.zoo[:count]
        knowledge = narrow(self.recommender.knowledge, [snapshot.name for snapshot in listed])
        len(rank(self.request, self.recommender, knowledge, self.references, listed).frame)

    def run_all(self, count: int, estimator: str) -> None:
        """Run the first models of the zoo on the images, and judge their features."""
        for snapshot in self.zoo[:count]:
            features = extract_features(snapshot.load(), self.images).astype(np.float64)
            ESTIMATORS[estimator](TargetSample(features, features, self.labels))


def narrow(knowledge: Knowledge, names: Sequence[str]) -> Knowledge:
    """Knowledge of some models alone."""
    rows = [list(knowledge.cards).index(name) for name in names]

    def fewer(skills: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: values[rows] for name, values in skills.items()}

    regimes = {
        regime: replace(
            known, ranker=replace(known.ranker, skills=fewer(known.ranker.skills), measured=known.ranker.measured[rows])
        )
        for regime, known in knowledge.regimes.items()
    }
    return replace(
        knowledge,
        cards={name: knowledge.cards[name] for name in names},
        base=knowledge.base[rows],
        scores=knowledge.scores.only(knowledge.scores.datasets, names),
        transports=tuple(knowledge.transports[row] for row in rows),
        regimes=regimes,
    )


def published_names(count: int) -> list[str]:
    """Architectures of timm's published results, evenly spaced by parameters, of at most :data:`LARGEST` million."""
    records = read_json(ConfigParser().get(PathsConfig).published / "timm.json")["models"]
    known, sizes = set(timm.list_models()), {}
    for name, record in records.items():
        architecture = name.split(".")[0].split("@")[0]
        small = record["num_params"] <= LARGEST * 1e6 and record["input_size"] <= PICTURE
        if small and architecture in known:
            sizes[architecture] = record["num_params"]
    ordered = sorted(sizes, key=lambda name: (sizes[name], name))
    return [ordered[place] for place in np.linspace(0, len(ordered) - 1, count).round().astype(int)]


@torch.inference_mode()
def seconds_per_image(name: str, images: int = 2) -> float:
    """Seconds of one pass of an architecture with random weights, which costs what one with trained weights does."""
    model = timm.create_model(name, pretrained=False).eval()
    batch = torch.zeros(images, *model.pretrained_cfg["input_size"])
    model(batch[:1])
    started = time.perf_counter()
    model(batch)
    return (time.perf_counter() - started) / images


def timed(work: Callable[[], object], rounds: int = 3) -> float:
    """Median seconds."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))
