"""A ranking that can be gone on with: explained, verified further, and its models loaded."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd

from ptmrec.config.parser import ConfigParser
from ptmrec.core.errors import ConfigError, DataError
from ptmrec.core.words import suggest
from ptmrec.images.user_images import UserImages
from ptmrec.recommender.knowledge import TARGET, Knowledge
from ptmrec.recommender.ties import ranked, tied_with_best
from ptmrec.recommender.verify import Verification, verify_candidates
from ptmrec.relations.conformal import LEVELS
from ptmrec.relations.distance import fit_surroundings
from ptmrec.relations.expected import Separation
from ptmrec.relations.pairs import PairTable, skill_logits
from ptmrec.relations.reasons import Reasons, explain_score
from ptmrec.relations.samples import DatasetSample
from ptmrec.zoo.snapshot import Snapshot


@dataclass(frozen=True)
class Looked:
    """What was made of the images.

    Attributes:
        images: ``(n, H, W, 3)`` uint8, small.
        labels: ``(n,)``; clusters where there are no labels.
        tokens: ``(S, M, E)`` tokens of S draws.
        samples: the draws in the reference space.
        first: images of the first draw, on which candidates are run.
    """

    images: np.ndarray
    labels: np.ndarray
    tokens: np.ndarray
    samples: list[DatasetSample]
    first: np.ndarray


@dataclass(frozen=True)
class Session:
    """A ranking and all it was made from.

    Attributes:
        knowledge: of N models.
        regime: ``low_data`` or ``fine_tuning``.
        snapshots: the candidates.
        chosen: the user's images.
        looked: what was made of them.
        tables: relations of the models, one table for each draw.
        prior: ``(N,)`` scores before any candidate was run.
        pseudo: ``(K, S, N)`` jackknife pseudo-values of the scores.
        separations: how far the classes separate, for each draw.
        config: the configuration.
        verification: what candidates that were run gave; None when none was.
        lenders: for each model that is known by its card only the one it is ranked as; it cannot be run.
    """

    knowledge: Knowledge
    regime: str
    snapshots: Sequence[Snapshot]
    chosen: UserImages
    looked: Looked
    tables: list[PairTable]
    prior: np.ndarray
    pseudo: np.ndarray
    separations: list[Separation]
    config: ConfigParser
    verification: Verification | None = None
    lenders: dict[str, str] = field(default_factory=dict)

    @cached_property
    def listed(self) -> np.ndarray:
        """Places ``(C,)`` of the candidates among the models."""
        names = {name: place for place, name in enumerate(self.knowledge.cards)}
        return np.array([names[snapshot.name] for snapshot in self.snapshots])

    @cached_property
    def scores(self) -> np.ndarray:
        """Scores ``(N,)`` of the models, with what candidates that were run showed."""
        if self.verification is None:
            return self.prior
        revealed = np.full(len(self.prior), np.nan)
        revealed[self.listed] = self.verification.revealed
        pairs = self.tables[0]
        transported = pairs.scores.transport[pairs.scores.datasets.index(TARGET)]
        return self.knowledge.posterior(self.regime).update(self.prior, transported, revealed)[0]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The candidates best first, see :class:`~ptmrec.recommender.recommendation.Recommendation`."""
        known, listed = self.knowledge.regimes[self.regime], self.listed
        predictions = [known.expected.predict(separation, self.scores) for separation in self.separations]
        expected = np.mean(predictions, axis=0)[listed]
        cards = [snapshot.card for snapshot in self.snapshots]
        columns = {
            "model": [card.name for card in cards],
            "source": [snapshot.source for snapshot in self.snapshots],
            "family": [card.family for card in cards],
            "parameters": [card.num_params for card in cards],
            "licence": [card.licence for card in cards],
            "trained_on": [card.source_dataset for card in cards],
            "score": self.scores[listed],
            "expected_accuracy": expected,
        }
        for level in LEVELS:
            low, high = known.conformal.interval(expected, level)
            columns |= {f"low_{level * 100:.0f}": low, f"high_{level * 100:.0f}": high}
        spread = self.pseudo[..., listed] - self.pseudo[..., listed].mean(axis=(0, 1)) + self.scores[listed]
        columns["tied_with_best"] = tied_with_best(spread)
        if self.verification is not None:
            columns["verified"] = ~np.isnan(self.verification.seconds)
        return ranked(pd.DataFrame(columns))

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What to tell people beside the order, a sentence each."""
        same, weight = self.tables[0].recognise(TARGET, self.knowledge.regimes[self.regime].ranker.skills)
        known = (
            f"Class by class these images look like {same}, which is known: what was measured there counts for "
            f"{weight:.0%} of the order."
        )
        bare = [f"{name} (as {lender})" for name, lender in self.lenders.items()]
        cards = f"Ranked by their cards only, as the nearest known model: {', '.join(bare)}." if bare else ""
        return tuple(note for note in (known if same else "", cards, *self.doubts) if note)

    @cached_property
    def doubts(self) -> tuple[str, ...]:
        """Why the answer should not be trusted; empty when nothing speaks against it."""
        known, sample = self.knowledge.regimes[self.regime], self.looked.samples[0]
        surroundings = fit_surroundings({other.name: other for other in self.knowledge.samples})
        doubts = (
            known.expected.doubt(self.separations[0]) if self.chosen.num_classes > 1 else "",
            surroundings.warning(sample),
        )
        return tuple(doubt for doubt in doubts if doubt)

    def nearest(self, count: int = 3) -> dict[str, float]:
        """The known data sets whose measurements weigh most, with the share of the weight each has."""
        names = list(self.knowledge.regimes[self.regime].ranker.skills)
        parts = [np.exp(logits - logits.max()) for logits in skill_logits(self.tables[0].likeness(TARGET, names))[:3]]
        weights = np.mean([part / part.sum() for part in parts], axis=0)
        return {names[place]: float(weights[place]) for place in np.argsort(-weights, kind="stable")[:count]}

    def find(self, model: str) -> Snapshot:
        """A candidate by name.

        Raises:
            ConfigError: there is none of this name.
        """
        for snapshot in self.snapshots:
            if model in (snapshot.name, snapshot.source):
                return snapshot
        hint = suggest(model, [snapshot.name for snapshot in self.snapshots])
        raise ConfigError(f"no model {model!r} was ranked{hint}")

    def explain(self, model: str) -> Reasons:
        """Why a candidate ranks where it does.

        Raises:
            ConfigError: there is none of this name.
        """
        return self._explain(model, self.looked.samples[0])

    def phrase(self, model: str) -> str:
        """The same in a few words, without a look at single classes.

        Raises:
            ConfigError: there is none of this name.
        """
        return self._explain(model, None).phrase()

    def _explain(self, model: str, sample: DatasetSample | None) -> Reasons:
        place = list(self.knowledge.cards).index(self.find(model).name)
        ranker, transport = self.knowledge.regimes[self.regime].ranker, self.knowledge.transports[place]
        return explain_score(ranker, self.tables[0], TARGET, place, sample, transport)

    def verify(self, count: int | None = None, time_limit: float | None = None) -> "Session":
        """Run candidates that were not run yet, best first, and rank anew.

        Args:
            count: this many; all without a time limit.
            time_limit: for as long as this, in seconds.

        Raises:
            DataError: the images have no labels.
        """
        if self.chosen.num_classes < 2:
            raise DataError("candidates can be verified on labelled images of two classes or more; give labels")
        before, scores = self.verification, self.scores[self.listed].copy()
        if before is not None:
            scores[~np.isnan(before.seconds)] = np.nan
        first, looked = self.looked.first, self.looked
        scores[[snapshot.name in self.lenders for snapshot in self.snapshots]] = np.nan
        loaders = [snapshot.load for snapshot in self.snapshots]
        found = verify_candidates(scores, loaders, looked.images[first], looked.labels[first], count, time_limit)
        return replace(self, verification=found if before is None else before.joined(found))
