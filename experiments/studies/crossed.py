"""The crossed evaluation: data sets and families are left out in turn, and models are ranked from all that is left."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ptmrec.benchmark.ground_truth import GroundTruth, read_short_runs
from ptmrec.config.sections import PROBED, REGIMES, EvaluationConfig, RelationConfig
from ptmrec.pipeline.project import Project
from ptmrec.relations.distance import fit_surroundings
from ptmrec.relations.expected import (
    SEPARATIONS_NAME,
    ExpectedAccuracy,
    KnownSeparation,
    expect_left_out,
    fit_expected,
    read_separations,
)
from ptmrec.relations.linear import LinearRanker, fit_linear_ranker
from ptmrec.relations.pairs import PairTable
from ptmrec.relations.posterior import KnownErrors, fit_errors
from ptmrec.relations.samples import DatasetSample, read_samples
from ptmrec.relations.scores import FIRST, SCORES_NAME, TARGET, PairScores, read_scores

KNOWN_DATA, BLIND_DATA, BLIND_FAMILIES, DOUBLE_BLIND, BLIND_SOURCES = QUADRANTS = (
    *("known models, known data", "known models, blind data", "blind families, known data"),
    *("blind families, blind data", "blind families and sources, blind data"),
)
"""The last one lists models of one family and of the blind sources of the fixed split, for its blind data sets."""


@dataclass(frozen=True)
class Case:
    """One list to rank.

    Attributes:
        quadrant: which of :data:`QUADRANTS`.
        dataset: the data set it is for.
        regime: ``low_data`` or ``fine_tuning``.
        draw: number of the draw of its images, 1 and up.
        family: the family left out, empty for none.
        known: data sets of which measurements are known.
    """

    quadrant: str
    dataset: str
    regime: str
    draw: int
    family: str
    known: tuple[str, ...]


class Shipped(NamedTuple):
    """What is known of a target and of all N models.

    Attributes:
        scores: ``(N,)``.
        accuracy: from scores to expected accuracies.
        errors: of the expected accuracies on the known data sets.
        brought: how far the target's classes separate, by draw.
    """

    scores: np.ndarray
    accuracy: ExpectedAccuracy
    errors: KnownErrors
    brought: list[KnownSeparation]

    def expected(self) -> np.ndarray:
        """Expected accuracy ``(N,)`` of the models on the target."""
        return np.mean([self.accuracy.predict(one.own, self.scores) for one in self.brought], axis=0)


class CrossedEvaluation:
    """What is left out, and what is known then.

    Candidates are all embedded models but the references; where a data set is a source, the models trained on it are no
    candidates there, for they have seen it. Of a data set left out nothing measured is used, and none of its images but
    the draw that is ranked for; of a family left out nothing measured is used, and none of its models is a reference.

    Args:
        project: the project.
        draws: which draws of the data sets' images judge, by number; all but the first without it.
    """

    def __init__(self, project: Project, draws: tuple[int, ...] | None = None) -> None:
        self.project = project
        settings = project.config.get(RelationConfig)
        self.draws = draws or tuple(range(1, settings.draws))
        self.cards = {name: project.cards[name] for name in project.embedded if name not in settings.references}
        self.families = np.array([card.family for card in self.cards.values()])
        blind = project.splits.sources.blind
        self.blind_sources = np.array([bool({*card.datasets} & {*blind}) for card in self.cards.values()])
        self.truth: GroundTruth = project.truth.only(list(self.cards))
        self.datasets = tuple(project.splits.all)
        self.every = project.config.get(EvaluationConfig).every
        self._rankers: dict[tuple, LinearRanker] = {}
        self._truths: dict[str, GroundTruth] = {}

    @cached_property
    def separations(self) -> dict[str, dict[str, KnownSeparation]]:
        """How far the classes of each data set separate, by the name of the draw."""
        return read_separations(self.project.paths.reference / SEPARATIONS_NAME)

    @cached_property
    def scores(self) -> dict[str, PairScores]:
        """Pair scores of the candidates by variant."""
        found = read_scores(self.project.paths.reference / SCORES_NAME)
        return {name: scores.only(self.datasets, list(self.cards)) for name, scores in found.items()}

    @cached_property
    def samples(self) -> dict[str, DatasetSample]:
        """What is looked at of each data set: one draw of its images."""
        return {name: read_samples(self.project.paths.reference, name)[0] for name in self.datasets}

    def doubted(self, case: Case, shipped: "Shipped") -> bool:
        """Whether ``ptmrec recommend`` would say not to trust its answer."""
        warning = fit_surroundings({name: self.samples[name] for name in case.known}).warning(
            self.samples[case.dataset]
        )
        return bool(warning or shipped.accuracy.doubt(shipped.brought[0].own))

    def cases(self, quadrants: tuple[str, ...] = QUADRANTS) -> Iterator[Case]:
        """Every list of the quadrants asked for."""
        splits = self.project.splits
        for quadrant in quadrants:
            families = [""] if quadrant in (KNOWN_DATA, BLIND_DATA) else sorted(set(self.families))
            for family in families:
                for name in (splits.blind if quadrant == BLIND_SOURCES else self.datasets)[:: self.every]:
                    known = splits.known if quadrant == BLIND_SOURCES else self.datasets
                    if quadrant in (BLIND_DATA, DOUBLE_BLIND):
                        known = tuple(other for other in known if other != name)
                    for regime in REGIMES:
                        yield from (Case(quadrant, name, regime, draw, family, known) for draw in self.draws)

    def judge(self, case: Case) -> np.ndarray:
        """True accuracies ``(N,)`` of a case's candidates, NaN for all other models."""
        trained = np.array([case.dataset in card.datasets for card in self.cards.values()])
        counted = ~trained & (self.families == case.family) if case.family else ~trained
        if case.quadrant == BLIND_SOURCES:
            counted &= self.blind_sources
        return np.where(counted, self.truth.row(case.regime, case.dataset), np.nan)

    def hidden(self, case: Case) -> np.ndarray:
        """Models ``(N,)`` bool of which nothing measured is known."""
        hidden = self.families == case.family
        return hidden | self.blind_sources if case.quadrant == BLIND_SOURCES else hidden

    def accuracies(self, case: Case) -> dict[str, np.ndarray]:
        """What is known: data set -> measured accuracy ``(N,)``, NaN for the family left out."""
        return {name: np.where(self.hidden(case), np.nan, self.truth.row(case.regime, name)) for name in case.known}

    def pairs(self, case: Case, variant: str | None = None, known_by: str | None = None) -> PairTable:
        """Relations of the models to the known data sets and to the target.

        Args:
            case: the list.
            variant: pair scores of the target; those of the case's draw without it.
            known_by: pair scores of the known data sets; those of draw 0 without it.
        """
        prefix = f"without {case.family}, " if f"without {case.family}, {FIRST}" in self.scores else ""
        row = self.scores[variant or f"{prefix}draw {case.draw}"]
        known = self.scores[known_by or f"{prefix}{FIRST}"].only(case.known, list(self.cards))
        known, target = known.few_shot_only_on(self.project.battery_sets), row.as_new_dataset(case.dataset, case.known)
        return PairTable(self.cards, known.with_dataset(TARGET, target), ~self.hidden(case))

    def ranker(self, case: Case, pairs: PairTable) -> LinearRanker:
        """The linear ranker fitted on what is known; the target's images have no part in it."""
        key = (case.quadrant, case.regime, case.family, case.known, pairs.scores.transport[:-1].tobytes())
        if key not in self._rankers:
            self._rankers[key] = fit_linear_ranker(pairs, self.accuracies(case))
        return self._rankers[key]

    def shipped(self, case: Case) -> "Shipped":
        """What ``ptmrec recommend`` would answer: the mean over the draws that judge; ``case.draw`` does not count."""
        draws = [replace(case, draw=draw) for draw in self.draws]
        tables = [self.pairs(one) for one in draws]
        answers = [self.ranker(one, pairs).scores(pairs, TARGET) for one, pairs in zip(draws, tables, strict=True)]
        pairs, known = tables[0], {name: self.separations[FIRST][name] for name in case.known}
        ranker, rows = self.ranker(case, pairs), self.accuracies(case)
        own = {name: ranker.scores(pairs, name) for name in known}
        counted = {name: np.where(pairs.trained_on(name), np.nan, rows[name]) for name in known}
        left_out, accuracy = expect_left_out(known, own, counted), fit_expected(known, own, counted)
        probes = self.scores[FIRST].only(case.known, list(self.cards)).probe
        probes = probes if case.regime == PROBED else self.short_runs(case.known)
        probes = np.where(self.hidden(case), np.nan, probes)
        errors = fit_errors(np.stack([*left_out.values()]), np.stack([*counted.values()]), probes)
        brought = [self.separations[f"draw {one.draw}"][case.dataset] for one in draws]
        return Shipped(np.mean(answers, axis=0), accuracy, errors, brought)

    def short_runs(self, datasets: Sequence[str], column: str = "accuracy") -> np.ndarray:
        """Accuracies ``(K, N)`` of short fine-tunings, or another column of theirs; NaN = not run."""
        return read_short_runs(self.project.paths.short_runs, datasets, list(self.cards), column)

    def known_truth(self, family: str) -> GroundTruth:
        """The measurements without those of a family."""
        if family not in self._truths:
            truth = self.truth
            for name in self.datasets if family else ():
                truth = truth.without(name, self.families == family)
            self._truths[family] = truth
        return self._truths[family]

    def few_shot(self, case: Case, every: bool = False) -> np.ndarray:
        """Score ``(N,)`` of the candidates when all of them run on the case's draw, or the mean over every draw."""
        draws = range(self.project.config.get(RelationConfig).draws) if every else (case.draw,)
        scores = [self.scores[f"draw {draw}"] for draw in draws]
        return np.mean([own.few_shot[own.datasets.index(case.dataset)] for own in scores], axis=0)

    def seconds(self, case: Case, estimator: str | None, models: Iterable[str]) -> float:
        """Measured seconds of running models on the target, and of an estimator on each."""
        costs = [self.project.estimators[case.dataset][name]["seconds"] for name in models]
        return sum(cost["forward"] + cost.get(estimator, 0.0) for cost in costs)
