"""The crossed evaluation: each data set is left out in turn, and models are ranked for it from all the others."""

import numpy as np
import pandas as pd

from ptmrec.config.sections import REGIMES, EvaluationConfig, RelationConfig
from ptmrec.evaluation.baselines import Evidence, build_baselines
from ptmrec.evaluation.compare import Method, Target, evaluate_methods
from ptmrec.progress import progress
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
        self.tokens = {name: tokens.features for name, tokens in project.dataset_tokens("train").by_name().items()}
        self.tokens |= {name: t.features for name, t in project.dataset_tokens("validation").by_name().items()}
        blind = project.dataset_tokens("test").by_name()
        self.tokens |= {name: blind[name].features for name in project.splits.blind}

    def run(self) -> pd.DataFrame:
        """One row per data set, regime and method, see :func:`~ptmrec.evaluation.compare.evaluate_methods`.

        ``candidate_passes`` and ``reference_passes`` say how many models ran on the data set's images.
        """
        parts = []
        for name in progress(self.project.splits.all, "leaving out each data set"):
            for regime in REGIMES:
                target = Target(LEFT_OUT, name, regime, self.tokens[name])
                frame = evaluate_methods([target], self._truth_for(name), self._methods(name, regime))
                parts.append(frame)
        frame = pd.concat(parts, ignore_index=True)
        passes = {"LogME": len(self.cards), "k-NN, features": len(self.cards)}
        references = len(self.project.config.get(RelationConfig).references) + 1
        frame["candidate_passes"] = frame["method"].map(passes).fillna(0).astype(int)
        frame["reference_passes"] = frame["method"].isin([TRANSPORT, LINEAR]) * references
        return frame

    def _truth_for(self, name: str):
        """The truth without the models that were trained on the data set."""
        trained = np.array([name in card.datasets for card in self.cards.values()])
        return self.truth.without(name, trained)

    def _methods(self, name: str, regime: str) -> list[Method]:
        others = [other for other in self.project.splits.all if other != name]
        ranker = fit_linear_ranker(
            self.pairs,
            {other: self.truth.row(regime, other) for other in others},
            np.ones(len(self.cards), dtype=bool),
        )
        tokens = {other: self.tokens[other] for other in others}
        settings = self.project.config.get(EvaluationConfig)
        evidence = Evidence(self.cards, self.truth, tokens, self.project.estimators, settings.neighbours)
        return [
            *build_baselines(settings.baselines, evidence),
            Method(TRANSPORT, lambda target: self.pairs.transported(target.dataset)),
            Method(LINEAR, lambda target: ranker.scores(self.pairs, target.dataset)),
        ]
