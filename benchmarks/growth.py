"""How cost grows: with the models to choose among, and with the known data sets."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from benchmarks.candidates import Demo, timed
from benchmarks.choosing import COUNTS, PUBLISHED
from benchmarks.timing import Row
from benchmarks.weights import RESNET50
from ptmrec.benchmark.ground_truth import read_ground_truth
from ptmrec.config.sections import REGIMES
from ptmrec.dataloader.model_datasets import KNOWLEDGE, MODEL_TOKENS
from ptmrec.pipeline.relations import FIRST
from ptmrec.recommender.knowledge import Knowledge, fit_knowledge
from ptmrec.recommender.knowledge_files import TRANSPORTS
from ptmrec.recommender.ranking import rank
from ptmrec.relations.expected import SEPARATIONS_NAME, read_separations

CHOSEN = COUNTS[-1]
MODELS, DATASETS = (25, 50, 100, 200), (3, 6, 9, 18)
WITH_MODELS, WITH_DATASETS = "models", "data sets"


class Point(NamedTuple):
    """Seconds of some work with so many models or data sets."""

    over: str
    what: str
    count: int
    seconds: float


def measure_growth(rows: list[Row]) -> dict[str, Any]:
    """Points of both figures, and what the arithmetic on very many models starts from.

    Args:
        rows: of all benchmarks; passes of published networks and very many models are taken from them.

    Returns:
        ``growth``: the points; ``facts``: seconds of one pass of one image through a mean published network, seconds of
        the weights view of a gigabyte, bytes kept of each model of the zoo, and the images of the question.
    """
    demo = Demo()
    facts = _facts(demo, rows)
    points = [*_with_models(demo, facts["pass_seconds"]), *_at_scale(rows), *_with_datasets(demo)]
    return {"growth": [point._asdict() for point in points], "facts": facts}


def _facts(demo: Demo, rows: list[Row]) -> dict[str, float]:
    own = demo.paths.recommender
    kept = sum(path.stat().st_size for path in (own / MODEL_TOKENS).glob("*.npz"))
    kept += (own / KNOWLEDGE / TRANSPORTS).stat().st_size
    passes = next(row.theirs for row in rows if row.peer == PUBLISHED and f" {CHOSEN} models" in row.work)
    view = next(row.ours for row in rows if row.work.startswith("weights view"))
    return {
        "pass_seconds": passes / CHOSEN / len(demo.images),
        "weights_seconds": view / RESNET50 * 1e9,
        "bytes_per_model": kept / len(demo.recommender.networks.model_names),
        "images": len(demo.images),
    }


def _with_models(demo: Demo, pass_seconds: float) -> Iterator[Point]:
    demo.ask(MODELS[0])
    for count in MODELS:
        yield Point(WITH_MODELS, "Cross-Select", count, timed(lambda count=count: demo.ask(count)))
        yield Point(WITH_MODELS, "LogME, small networks", count, timed(lambda n=count: demo.run_all(n, "logme"), 1))
        yield Point(WITH_MODELS, "passes of published networks", count, pass_seconds * len(demo.images) * count)


def _at_scale(rows: list[Row]) -> Iterator[Point]:
    for row in rows:
        if row.work.startswith("the best ") and row.peer == "full scoring of all":
            count = int(row.work.split()[-2].replace(",", ""))
            yield Point(WITH_MODELS, "two stages, synthetic models", count, row.ours)
            yield Point(WITH_MODELS, "full scoring, synthetic models", count, row.theirs)


def _with_datasets(demo: Demo) -> Iterator[Point]:
    whole = demo.recommender.knowledge
    for count in DATASETS:
        fitted = _fit(demo, whole, count)
        yield Point(WITH_DATASETS, "fitting the rankers", count, timed(lambda n=count: _fit(demo, whole, n), 1))
        yield Point(WITH_DATASETS, "answering", count, timed(lambda known=fitted: _answer(demo, known)))


def _fit(demo: Demo, whole: Knowledge, count: int) -> Knowledge:
    """All that is fitted, on the first data sets alone."""
    names, models = whole.scores.datasets[:count], list(whole.cards)
    truth = read_ground_truth(demo.paths.ground_truth).only(models)
    found = read_separations(demo.paths.reference / SEPARATIONS_NAME)[FIRST]
    accuracies = {regime: {name: truth.row(regime, name) for name in names} for regime in REGIMES}
    scores, separations = whole.scores.only(names, models), {name: found[name] for name in names}
    return fit_knowledge(
        whole.cards, whole.base, whole.samples[:count], scores, whole.transports, separations, accuracies
    )


def _answer(demo: Demo, known: Knowledge) -> None:
    recommender = replace(demo.recommender, knowledge=known)
    len(rank(demo.request, recommender, known, demo.references, demo.zoo).frame)
