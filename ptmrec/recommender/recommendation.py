"""The answer to somebody's images, for the command line, scripts and notebooks alike."""

import time
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.core.errors import ConfigError
from ptmrec.images.account import Account
from ptmrec.recommender.export import Exports

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from ptmrec.recommender.limiting import Limiting
    from ptmrec.recommender.loading import Loaded
    from ptmrec.recommender.session import Session
    from ptmrec.recommender.verify import Verification
    from ptmrec.relations.reasons import Reasons

COUNT = 5
"""Models shown unless somebody asks for more."""
EXPLAINED = 3
"""How many of the first models ``reasons`` explains."""


@dataclass(frozen=True, repr=False)
class Recommendation(Exports):
    """Models ranked for images.

    Attributes:
        frame: all models best first: ``rank`` (1 for all that tie with the best), ``model, source, family, parameters,
            licence, trained_on, score, expected_accuracy, low_80, high_80, low_95, high_95`` (intervals around it),
            ``tied_with_best``, and ``verified`` when candidates were run; accuracies from 0 to 1.
        regime: ``low_data`` or ``fine_tuning``.
        images_there: images of the data set.
        images_used: images the ranking was made from.
        num_classes: classes of the data set, 0 when unlabelled.
        part: folder of the training part that was used, empty when the data set has no parts.
        ranked_by: folder of the recommender.
        notes: sentences about how far the answer can be trusted.
        verification: what running candidates on the images gave and cost; None when none was run.
        doubts: those of the notes that say not to rely on it.
        nearest: the known data sets whose measurements weigh most, with their share of the weight.
        rejected: models left out: ``model``, ``limit`` (what it broke, or why it cannot be ranked), ``value``.
        count: models that are shown.
        seconds: time the answer took, with what was verified since.
        data: what was brought, in words.
        limiting: limits that were asked for, what models cost, and what relief would gain.
        session: what the ranking can be gone on with.
        account: what of the images was left out, and what was read otherwise than it stands.
    """

    frame: "pd.DataFrame"
    regime: str
    images_there: int
    images_used: int
    num_classes: int
    part: str
    ranked_by: Path
    notes: tuple[str, ...] = ()
    verification: "Verification | None" = None
    doubts: tuple[str, ...] = ()
    nearest: dict[str, float] = field(default_factory=dict)
    rejected: tuple[dict[str, Any], ...] = ()
    count: int = COUNT
    seconds: float = 0.0
    data: str = "images"
    limiting: "Limiting | None" = field(default=None, repr=False, compare=False)
    session: "Session | None" = field(default=None, repr=False, compare=False)
    account: Account = field(default_factory=Account)

    @property
    def best(self) -> str:
        """Name of the model ranked first."""
        return str(self.frame["model"].iloc[0])

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against relying on the answer."""
        return not self.doubts

    @property
    def num_tied(self) -> int:
        """Models that are not told apart from the best, itself included."""
        return int(self.frame["tied_with_best"].sum())

    @property
    def reasons(self) -> "tuple[Reasons, ...]":
        """Why the first models rank where they do."""
        return tuple(self.explain(name) for name in self.frame["model"].head(EXPLAINED))

    def __len__(self) -> int:
        return len(self.frame)

    def __str__(self) -> str:
        """The table as a terminal shows it, with what to read beside it."""
        from ptmrec.core.text import format_rows

        rows = self.readable(self.count).to_dict("records")
        return "\n".join([format_rows(rows, "table"), *self.remarks()])

    __repr__ = __str__

    def leaderboard(
        self, all_models: bool = False, count: int | None = None, only_pareto: bool = False
    ) -> "pd.DataFrame":
        """The models best first: accuracies and intervals, what each costs, and ``why`` for each that is shown.

        Args:
            all_models: every ranked model, without the phrases.
            count: so many instead of :attr:`count`.
            only_pareto: only models of which none is expected to be as good at less latency (where none is known: with
                fewer parameters), all of them unless ``count`` is given.
        """
        first = ["rank", "model", "expected_accuracy", "low_80", "high_80"]
        board = self._with_costs(self.frame[[*first, *(name for name in self.frame if name not in first)]])
        if only_pareto:
            board = board[board["on_pareto"]]
        if all_models:
            return board
        shown = board.head((len(board) if only_pareto else self.count) if count is None else count)
        if self.session is None:
            return shown.copy()
        return shown.assign(why=[self.session.phrase(name) for name in shown["model"]])

    def _with_costs(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """The frame with what each model costs, and what that rests on."""
        if self.limiting is None:
            return frame.copy()
        from ptmrec.recommender.cost_columns import with_costs

        return with_costs(frame, [self.limiting.costs[name] for name in frame["model"]])

    def plot_pareto(self, ax: "Axes | None" = None) -> "Axes":
        """Expected accuracy against latency (or parameters), with the front of models nobody should pass over."""
        from ptmrec.plots.pareto import plot_pareto

        return plot_pareto(self.leaderboard(all_models=True), ax)

    def readable(self, count: int | None = None, only_pareto: bool = False) -> "pd.DataFrame":
        """The first ``count`` models in few enough columns for a terminal; ``1=`` marks a tie with the best."""
        frame = self.leaderboard(count=len(self) if count is None else count, only_pareto=only_pareto)
        tied = frame["tied_with_best"] & (self.num_tied > 1)
        rank = ["1=" if equal else str(rank) for rank, equal in zip(frame["rank"], tied, strict=True)]
        parts = zip(*(frame[name] for name in ("expected_accuracy", "low_80", "high_80")), strict=True)
        kept = frame[["rank", "model", "parameters"]]
        kept = kept.assign(rank=rank, accuracy=[f"{value:.2f} ({low:.2f}-{high:.2f})" for value, low, high in parts])
        kept = kept.rename(columns={"parameters": "params"})
        kept = kept.assign(params=[_short(value) for value in kept["params"]])
        if self.limiting is not None and (self.limiting.limits or only_pareto):
            from ptmrec.recommender.cost_columns import readable_costs

            kept = kept.assign(**readable_costs(frame, self.limiting.limits))
        if "licence" in frame:
            kept = kept.assign(licence=frame["licence"].str.partition(";")[0], source=frame["source"])
        kept = kept.assign(why=frame["why"]) if "why" in frame else kept
        return kept.assign(run=frame["verified"].map({True: "yes", False: ""})) if "verified" in frame else kept

    def explain(self, model: str) -> "Reasons":
        """Why a model ranks where it does.

        Raises:
            ConfigError: it was not ranked.
        """
        return self._going_on("explained").explain(model)

    def verify(self, count: int | None = 3, time_limit: float | None = None) -> "Recommendation":
        """Run the first candidates that were not run yet on the images, and rank anew.

        Args:
            count: this many.
            time_limit: for as long as this, in seconds; together with ``count`` what ends first.

        Raises:
            ConfigError: neither is positive.
            DataError: the images have no labels.
        """
        from ptmrec.recommender.threads import one_thread

        session, started = self._going_on("verified"), time.perf_counter()
        check_limits(count, time_limit)
        with one_thread(session.config):
            session = session.verify(count, time_limit)
            took = self.seconds + time.perf_counter() - started
            return replace(self, frame=session.frame, verification=session.verification, session=session, seconds=took)

    def load(self, model: str | None = None) -> "Loaded":
        """A model to fine-tune: backbone, transform, and number of features; the best one without a name.

        Raises:
            ConfigError: it was not ranked.
            ArtifactError: its weights are not there.
        """
        from ptmrec.recommender.loading import load_backbone

        return load_backbone(self._going_on("loaded").find(model or self.best))

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Expected accuracies with their intervals."""
        from ptmrec.plots.recommendation import plot_recommendation

        return plot_recommendation(self.leaderboard(), ax)

    def describe_tie(self) -> str:
        """One sentence about the models tied with the best; empty when there are none."""
        if self.num_tied < 2:
            return ""
        return f"the first {self.num_tied} models are tied: they differ by less than their uncertainty"

    def describe(self) -> str:
        """One line: how many images there are and were used, the regime, and what ranked how many models."""
        images = f"{self.images_used} of {self.images_there} images used"
        part = f" (training part {self.part}/)" if self.part else ""
        kind = count_of(self.num_classes, "class") if self.num_classes else "unlabelled images"
        regime = self.regime.replace("_", " ")
        took = f" in {self.seconds:.1f} s" if self.seconds else ""
        ranked = f"{count_of(len(self), 'model')} ranked by {self.ranked_by}"
        return f"{images}{part}, {kind}; regime {regime}; {ranked}{took}"

    def describe_nearest(self) -> str:
        """One line: the known data sets that weigh most; empty when none is named."""
        named = ", ".join(f"{name.replace('_', ' ')} ({share:.0%})" for name, share in self.nearest.items())
        return f"nearest known data sets: {named}" if named else ""

    def describe_trust(self) -> str:
        """One line: whether to rely on the answer; empty when nobody could tell."""
        if self.session is None:
            return ""
        return "trust it: nothing speaks against it" if self.trusted else "do not trust it: see above"

    def remarks(self) -> list[str]:
        """What to read beside the table, a sentence each."""
        verified = "" if self.verification is None else self.verification.describe()
        lines = (*self.notes, self.describe_tie(), self.describe_nearest(), self.describe_trust(), verified)
        read = self.account.lines(self.images_used)
        return [line for line in (*lines, *self._left_out(), *read, self.describe()) if line]

    def _left_out(self) -> list[str]:
        """Models left out by name, and by number those that break a limit."""
        if self.limiting is not None and self.limiting.limits:
            bases = dict.fromkeys(self.limiting.costs[name].basis for name in self.frame["model"].head(self.count))
            return [*self.limiting.sentences(), f"costs: {'; '.join(bases)}"]
        return [f"left out: {one['model']} ({one['limit']})" for one in self.rejected]

    def _going_on(self, what: str) -> "Session":
        if self.session is None:
            raise ConfigError(f"this answer rests on only records, no weights, so no model can be {what} here")
        return self.session

    def _repr_html_(self) -> str:
        from html import escape

        lines = "<br>".join(escape(line) for line in self.remarks())
        return f"{self.readable(self.count).to_html(index=False)}<p>{lines}</p>"


def check_limits(verify: int | None, time_limit: float | None) -> None:
    """Refuse numbers of candidates and times that are none.

    Raises:
        ConfigError: one of them is no number, or not positive.
    """
    if verify is not None and (not isinstance(verify, Integral) or verify < 1):
        raise ConfigError(f"verify = {verify!r}: run at least one candidate, or leave it away")
    if time_limit is not None and (not isinstance(time_limit, Real) or not time_limit > 0):
        raise ConfigError(f"time_limit = {time_limit!r}: give a positive number of seconds, or leave it away")


def count_of(count: int, what: str) -> str:
    """A number of things in words: 1 model, 2 models, 3 classes."""
    return f"{count} {what}{'' if count == 1 else 'es' if what.endswith('s') else 's'}"


def _short(count: int) -> str:
    """A number of parameters as people say it: 4.7M, 35k."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{letter}"
    return str(count)
