"""Ranking ten thousand to a million models: two stages against judging each in full."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.memory import peak_growth
from benchmarks.shortlist import (
    Catalogue,
    Question,
    ask,
    make_catalogue,
    rank_two_stage,
    score_all,
    transport_codes,
)
from benchmarks.timing import Row, against_limit
from ptmrec.benchmark.battery import DEMO, read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.recommender.ensemble import Recommender
from ptmrec.recommender.knowledge import TARGET, Knowledge
from ptmrec.recommender.references import ENCODER, References
from ptmrec.relations.samples import DatasetSample

COUNTS = (10_000, 100_000, 1_000_000)
RANK, FEATURES, CODED = 32, 16, 8
"""Axes of the reference space that are kept, features of each synthetic model, and axes of its code."""
SHOTS, BEST = 10, 10
"""Images per class that are asked about, and models that should be found again."""
RECALL, SECONDS = 0.95, 2.0
"""Share of them that is wanted, and seconds for the most models."""
NOISE = 0.3
"""Deviation of what sets a synthetic model apart from the two it is made from, relative to theirs."""
PART = 10_000


def run() -> list[Row]:
    """Recall and seconds of two stages on synthetic models drawn between those of the zoo."""
    config = ConfigParser()
    knowledge = Recommender.load(config.get(PathsConfig).recommender).knowledge
    question, base = _base(knowledge, _asked(config))
    rows = []
    for count in COUNTS:
        with synthetic(base, count) as catalogue:
            rows += _compare(catalogue, question)
    return rows


def _asked(config: ConfigParser) -> DatasetSample:
    part, references = read_battery(config.get(PathsConfig).battery)[DEMO], References(config)
    rows = np.concatenate([np.flatnonzero(part.labels == label)[:SHOTS] for label in np.unique(part.labels)])
    features = references.features(part.images[rows])
    token = features[ENCODER].astype(np.float64).mean(axis=0)
    return DatasetSample(TARGET, token, references.space.encode(features), part.labels[rows])


def _base(knowledge: Knowledge, sample: DatasetSample) -> tuple[Question, Catalogue]:
    """The question, and the zoo as a catalogue whose maps are cut to one shape."""
    coordinates = np.concatenate([known.coordinates for known in knowledge.samples])
    axes = np.linalg.svd(coordinates - coordinates.mean(axis=0), full_matrices=False)[2][:RANK].T
    maps = []
    for transport in knowledge.transports:
        left, size, _ = np.linalg.svd(axes.T @ transport.astype(np.float64), full_matrices=False)
        maps.append((left * size)[:, :FEATURES])
    pairs, ranker = knowledge.look(sample)[0], knowledge.regimes["low_data"].ranker
    question = ask(ranker, pairs, TARGET, replace(sample, coordinates=sample.coordinates @ axes))
    return question, make_catalogue(ranker, pairs, np.stack(maps), np.eye(RANK)[:, :CODED])


@contextmanager
def synthetic(base: Catalogue, count: int, seed: int = 0) -> Iterator[Catalogue]:
    """Models each between two of the zoo, with something of its own; their maps lie on disk."""
    draw = np.random.default_rng(seed)
    first, second = draw.integers(len(base), size=(2, count))
    share = draw.random(count, np.float32)

    def mixed(values: np.ndarray, part: slice) -> np.ndarray:
        weight = share[part].reshape(-1, *[1] * (values.ndim - 1))
        own = draw.standard_normal((len(weight), *values.shape[1:]), np.float32) * NOISE * values.std(axis=0)
        return weight * values[first[part]] + (1 - weight) * values[second[part]] + own

    with tempfile.TemporaryDirectory() as folder:
        shape, parts = (count, *base.transports.shape[1:]), [slice(i, i + PART) for i in range(0, count, PART)]
        maps = np.lib.format.open_memmap(Path(folder) / "maps.npy", "w+", np.float16, shape)
        codes = np.empty((count, base.codes.shape[1]), np.float32)
        for part in parts:
            maps[part] = mixed(base.transports.astype(np.float32), part)
            codes[part] = transport_codes(maps[part], np.eye(RANK)[:, :CODED])
        maps.flush()
        whole = slice(None)
        numbers = (mixed(base.skills, whole), base.measured[first], mixed(base.facts, whole), base.groups[first])
        yield Catalogue(*numbers, base.source_sets, base.skill_sets, codes, maps)


def _compare(catalogue: Catalogue, question: Question) -> list[Row]:
    """Judging all once, and two stages five times."""
    started = time.perf_counter()
    scores = score_all(catalogue, question)
    full = time.perf_counter() - started
    best = set(np.argsort(-scores)[:BEST])
    seconds, work = [], f"the best {BEST} of {len(catalogue):,} models"
    for _ in range(5):
        started = time.perf_counter()
        places, _ = rank_two_stage(catalogue, question, BEST)
        seconds.append(time.perf_counter() - started)
    memory = peak_growth(lambda: rank_two_stage(catalogue, question, BEST))
    recall = len(best & set(places)) / BEST
    ratios = np.array(seconds) / full
    spread = np.quantile(ratios, [0.5, 0.25, 0.75]).tolist()
    index = sum(part.nbytes for part in (catalogue.skills, catalogue.facts, catalogue.groups, catalogue.codes))
    note = f"index of {index / 2**20:.0f} MiB in memory, {memory / 2**20:.0f} MiB more at the peak; maps on disk"
    rows = [
        Row(work, "full scoring of all", float(np.median(seconds)), full, *spread, None, note=note),
        Row(f"recall of {work}", "full scoring of all", recall, 1.0, *[recall] * 3, RECALL, "", larger=True),
    ]
    if len(catalogue) == max(COUNTS):
        rows.append(against_limit(work, np.array(seconds), SECONDS))
    return rows
