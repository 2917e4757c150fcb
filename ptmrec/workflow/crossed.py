"""The crossed evaluation: each data set is left out in turn, and models are ranked for it from all the others."""

import numpy as np
import pandas as pd

from ptmrec.benchmark.ground_truth import GroundTruth
from ptmrec.config.sections import REGIMES, EvaluationConfig, RelationConfig
from ptmrec.evaluation.baselines import Evidence, build_baselines
from ptmrec.evaluation.baselines.measured import ROWS
from ptmrec.evaluation.compare import Method, Target, evaluate_methods
from ptmrec.relations.candidates import read_candidates
from ptmrec.relations.linear import fit_linear_ranker
from ptmrec.relations.pairs import PairTable
from ptmrec.relations.samples import read_samples
from ptmrec.workflow.project import Project

LEFT_OUT = "left-out data"
TRANSPORT, LINEAR = "transport", "ridge on relations"


class CrossedEvaluation:
    """Leave one data set out: what is compared, and on what.

    Candidates are all embedded models but the references; where a data set is a source, the models trained on it are no
    candidates there, for they have seen it. Nothing measured on the data set left out is used.

    Args:
        project: the project; its models are explained first.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        references = set(project.config.get(RelationConfig).references)
        self.cards = {name: project.cards[name] for name in project.embedded if name not in references}
        self.truth = project.truth.only(list(self.cards))
        folder = project.paths.reference
        samples = {name: read_samples(folder, name)[0] for name in project.splits.all}
        self.pairs = PairTable(read_candidates(project.explain(), self.cards), samples)
        tokens = project.dataset_tokens("train", "validation", "test").by_name()
        self.tokens = {name: tokens[name].features for name in project.splits.all}

    def run(self) -> pd.DataFrame:
        """One row per data set, regime and method, see :func:`~ptmrec.evaluation.compare.evaluate_methods`.

        ``candidate_passes`` and ``reference_passes`` say how many models ran on the data set's images.
        """
        names = self.project.splits.all
        targets = [Target(LEFT_OUT, name, regime, self.tokens[name]) for name in names for regime in REGIMES]
        frame = evaluate_methods(targets, self.judged_by(), self.methods())
        references = len(self.project.config.get(RelationConfig).references) + 1
        frame["candidate_passes"] = frame["method"].isin(ROWS) * len(self.cards)
        frame["reference_passes"] = frame["method"].isin([TRANSPORT, LINEAR]) * references
        return frame

    def judged_by(self) -> GroundTruth:
        """The truth without the accuracies of models on data sets they were trained on."""
        truth = self.truth
        for name in self.project.splits.all:
            trained = np.array([name in card.datasets for card in self.cards.values()])
            truth = truth.without(name, trained)
        return truth

    def methods(self) -> list[Method]:
        """The baselines, transport alone, and the ridge; each leaves the target's own measurements out."""
        settings = self.project.config.get(EvaluationConfig)
        evidence = Evidence(self.cards, self.truth, self.tokens, self.project.estimators, settings.neighbours)
        return [
            *build_baselines(settings.baselines, evidence),
            Method(TRANSPORT, lambda target: self.pairs.transported(target.dataset)),
            Method(LINEAR, self._linear_scores),
        ]

    def _linear_scores(self, target: Target) -> np.ndarray:
        others = [name for name in self.project.splits.all if name != target.dataset]
        accuracies = {name: self.truth.row(target.regime, name) for name in others}
        ranker = fit_linear_ranker(self.pairs, accuracies, np.ones(len(self.cards), dtype=bool))
        return ranker.scores(self.pairs, target.dataset)
