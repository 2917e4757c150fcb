"""The answer to a request, for the command line, scripts and notebooks alike."""

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.core.errors import ConfigError
from ptmrec.core.text import format_rows
from ptmrec.core.words import count_of, places, short_count, suggest
from ptmrec.hardware.limits import LIMITS, Costs, broken, relieved
from ptmrec.images.account import Account
from ptmrec.recommender.export import save, to_json
from ptmrec.recommender.measured import further_down, read_measured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from ptmrec.recommender.loading import Loaded
    from ptmrec.recommender.published import Records
    from ptmrec.recommender.ranking import Ranking
    from ptmrec.recommender.request import Request
    from ptmrec.recommender.tune import TunedModel
    from ptmrec.recommender.verify import Verification
    from ptmrec.relations.reasons import Reasons

COUNT = 5
"""Models shown by default."""
EXPLAINED = 3
"""Number of first models that ``reasons`` explains."""


@dataclass(frozen=True, repr=False)
class Recommendation:
    """Models ranked for images.

    Attributes:
        request: the question.
        ranking: the models in order, with all that is known about the order.
        costs: of each model by name, those that break a limit included; empty when costs are not known.
        device: of the costs, with its ``name``.
        unranked: models that cannot be ranked: ``model``, ``limit`` (the reason) and ``value``.
        seconds: time the answer took, later verification included.
    """

    request: "Request"
    ranking: "Ranking | Records"
    costs: "Mapping[str, Costs]" = field(default_factory=dict, compare=False)
    device: "Mapping[str, Any]" = field(default_factory=dict)
    unranked: tuple[dict[str, Any], ...] = ()
    seconds: float = 0.0

    @property
    def frame(self) -> "pd.DataFrame":
        """All models best first.

        ``rank`` (1 for all that tie with the best), ``model, source, family, parameters, licence, trained_on, score,
        expected_accuracy, low_80, high_80, low_95, high_95`` (intervals around it), ``tied_with_best``, and
        ``verified`` when candidates were run; accuracies from 0 to 1.
        """
        return self.ranking.frame

    @property
    def regime(self) -> str:
        """``low_data`` or ``fine_tuning``."""
        return self.request.regime

    @property
    def count(self) -> int:
        """Models that are shown."""
        return self.request.count

    @property
    def data(self) -> str:
        """Name of the images."""
        return self.request.data

    @property
    def images_there(self) -> int:
        """Images of the data set."""
        return self.request.images.total

    @property
    def images_used(self) -> int:
        """Images the ranking was made from."""
        return len(self.request.images.images)

    @property
    def num_classes(self) -> int:
        """Classes of the data set, 0 when unlabelled."""
        return self.request.images.num_classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, empty when unlabelled."""
        return self.request.images.class_names

    @property
    def account(self) -> Account:
        """Images that were left out, and contents that were read otherwise than they stand."""
        return self.request.images.account

    @property
    def ranked_by(self) -> Path:
        """Folder of the recommender, or table of published records."""
        return self.ranking.ranked_by

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about how far the answer can be trusted."""
        return self.ranking.notes

    @property
    def doubts(self) -> tuple[str, ...]:
        """Notes that warn against relying on the answer."""
        return self.ranking.doubts

    @property
    def nearest(self) -> dict[str, float]:
        """Known data sets whose measurements weigh most, with their share of the weight."""
        return self.ranking.nearest

    @property
    def verification(self) -> "Verification | None":
        """Results of candidates that were run on the images; None without any."""
        return self.ranking.verification

    @property
    def runnable(self) -> bool:
        """True when the models have weights, False for published records."""
        return self.ranking.runnable

    @property
    def rejected(self) -> tuple[dict[str, Any], ...]:
        """Models left out: ``model``, ``limit`` (that it breaks, or why it cannot be ranked), ``value``."""
        from ptmrec.recommender.costs import list_cut

        return (*self.unranked, *list_cut(self.costs, self.request.limits))

    @cached_property
    def relief(self) -> tuple[dict[str, Any], ...]:
        """Limits whose next step brings a better first model: ``limit, to, model, gain`` in expected accuracy."""
        steps, limits = [], self.request.limits
        for name in limits:
            wider = relieved(limits, name)
            within, more = ([own for own, cost in self.costs.items() if not broken(cost, b)] for b in (limits, wider))
            model, accuracy = self.ranking.best_of(more)
            gain = accuracy - self.ranking.best_of(within)[1]
            if gain > 0:
                steps.append({"limit": name, "to": LIMITS[name].format(wider.get(name)), "model": model, "gain": gain})
        return tuple(steps)

    @property
    def best(self) -> str:
        """Name of the model ranked first."""
        return str(self.frame["model"].iloc[0])

    @property
    def trusted(self) -> bool:
        """True when there are no warnings."""
        return not self.doubts

    @property
    def num_tied(self) -> int:
        """Models that are not told apart from the best, itself included."""
        return int(self.frame["tied_with_best"].sum())

    @property
    def reasons(self) -> "tuple[Reasons, ...]":
        """Reasons of the ranks of the first models."""
        return tuple(self.explain(name) for name in self.frame["model"].head(EXPLAINED))

    def __len__(self) -> int:
        return len(self.frame)

    def __str__(self) -> str:
        """The table as a terminal shows it, with its remarks."""
        rows = self.readable(self.count).to_dict("records")
        return "\n".join([format_rows(rows, "table"), *self.remarks()])

    __repr__ = __str__

    def leaderboard(
        self, all_models: bool = False, count: int | None = None, only_pareto: bool = False
    ) -> "pd.DataFrame":
        """The models best first: accuracies and intervals, costs, and ``why`` for each that is shown.

        Args:
            all_models: every ranked model, without the phrases.
            count: so many instead of :attr:`count`.
            only_pareto: only models of which none is expected to be as good at less latency (where none is known: with
                fewer parameters), all of them unless ``count`` is given.
        """
        first = ["rank", "model", "expected_accuracy", "low_80", "high_80"]
        board = self.frame[[*first, *(name for name in self.frame if name not in first)]]
        if self.costs:
            from ptmrec.recommender.costs import with_costs

            board = with_costs(board, [self.costs[name] for name in board["model"]])
        if only_pareto:
            board = board[board["on_pareto"]]
        shown = board.head((len(board) if only_pareto else self.count) if count is None else count)
        if all_models or not self.runnable:
            return (board if all_models else shown).copy()
        return shown.assign(why=[self.ranking.explain(name, by_class=False).phrase() for name in shown["model"]])

    def readable(self, count: int | None = None, only_pareto: bool = False) -> "pd.DataFrame":
        """The first ``count`` models in few enough columns for a terminal; ``1=`` marks a tie with the best."""
        frame = self.leaderboard(count=len(self) if count is None else count, only_pareto=only_pareto)
        worth = self.ranking.worth
        columns = {
            "rank": places(frame["rank"], self.num_tied),
            "model": frame["model"],
            "params": [short_count(value) if value else "unknown" for value in frame["parameters"]],
            worth.replace("expected_", "").replace("_", " "): _spans(frame, worth, "low_80", "high_80"),
        }
        if self.costs and (self.request.limits or only_pareto):
            from ptmrec.recommender.costs import readable_costs

            columns |= readable_costs(frame, self.request.limits)
        if "licence" in frame:
            columns |= {"licence": frame["licence"].str.partition(";")[0], "source": frame["source"]}
        if "why" in frame:
            columns["why"] = frame["why"]
        if "measured_accuracy" in frame:
            columns["measured"] = _spans(frame, "measured_accuracy", "measured_low_80", "measured_high_80")
        elif "verified" in frame:
            columns["run"] = frame["verified"].map({True: "yes", False: ""})
        return frame[[]].assign(**columns)

    def explain(self, model: str) -> "Reasons":
        """Reasons of a model's rank.

        Raises:
            ConfigError: it was not ranked; names the limit that cut it.
        """
        self._check_ranked(model, "explained")
        return self.ranking.explain(model)

    def verify(self, count: int | None = 3, time_limit: float | None = None, download=False) -> "Recommendation":
        """Run the first candidates that were not run yet on the images, and rank anew.

        Args:
            count: this many.
            time_limit: for as long as this, in seconds; together with ``count`` what ends first.
            download: download models of a published zoo that are not here.

        Raises:
            ConfigError: neither is positive.
            DataError: the images have no labels.
        """
        from ptmrec.recommender.request import check_budget

        started = time.perf_counter()
        check_budget(count, time_limit)
        request = replace(self.request, download=download or self.request.download)
        ranking = replace(self.ranking, request=request).verify(count, time_limit)
        return replace(self, request=request, ranking=ranking, seconds=self.seconds + time.perf_counter() - started)

    def measured(self, accuracies: "Mapping[str, Any] | Sequence[str] | Path | str") -> "Recommendation":
        """Rank anew with accuracies that you measured; those that were given before stay.

        Args:
            accuracies: of models on your images, in the regime of the answer, see
                :func:`~ptmrec.recommender.measured.read_measured`.

        Raises:
            ConfigError: a model that was not a candidate, or an accuracy that is none.
        """
        request = replace(self.request, measured={**self.request.measured, **read_measured(accuracies)})
        return replace(self, request=request, ranking=self.ranking.asked(request))

    def tune(self, folder: Path | str, time_limit: float = 600.0, force: bool = False) -> "TunedModel":
        """Run the first models shortly, fine-tune the best of them and write it, all within a time in seconds.

        A fifth of each class, or the test part of the folder, judges what is written. Stopped, the same call goes on.

        Raises:
            ConfigError: the folder is there and not to be written over by ``force``, or the time is too short.
            DataError: the images have no labels, or too few of each class.
        """
        from ptmrec.recommender.request import check_budget
        from ptmrec.recommender.tune import tune

        check_budget(None, time_limit)
        self._check_ranked(None, "fine-tuned")
        return tune(self, Path(folder), time_limit, force)

    def load(self, model: str | None = None) -> "Loaded":
        """A model to fine-tune: backbone, transform, and number of features; the best one without a name.

        Raises:
            ConfigError: it was not ranked; names the limit that cut it.
            ArtifactError: its weights are not there.
        """
        from ptmrec.recommender.loading import load_backbone

        self._check_ranked(model, "loaded")
        return load_backbone(self.ranking.find(model or self.best))

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Expected accuracies with their intervals."""
        from ptmrec.plots.recommendation import plot_recommendation

        return plot_recommendation(self.leaderboard(), ax, self.ranking.worth)

    def plot_pareto(self, ax: "Axes | None" = None) -> "Axes":
        """Expected accuracy against latency (or parameters), with the Pareto front."""
        from ptmrec.plots.pareto import plot_pareto
        from ptmrec.recommender.costs import machine_of

        return plot_pareto(self.leaderboard(all_models=True), ax, machine=machine_of(self.device))

    def describe_tie(self) -> str:
        """One sentence about the models tied with the best; empty when there are none."""
        tied = f"the first {self.num_tied} models are tied: they differ by less than their uncertainty"
        return tied if self.num_tied > 1 else ""

    def describe(self) -> str:
        """One line: images found and used, regime, number of models, recommender and seconds."""
        images = f"{self.images_used} of {self.images_there} images used"
        part = f" (training part {self.request.images.part}/)" if self.request.images.part else ""
        kind = count_of(self.num_classes, "class") if self.num_classes else "unlabelled images"
        took = f" in {self.seconds:.1f} s" if self.seconds else ""
        ranked = f"{count_of(len(self), 'model')} ranked by {self.ranked_by}"
        return f"{images}{part}, {kind}; regime {self.regime.replace('_', ' ')}; {ranked}{took}"

    def describe_nearest(self) -> str:
        """One line: the known data sets that weigh most; empty when none is named."""
        named = ", ".join(f"{name.replace('_', ' ')} ({share:.0%})" for name, share in self.nearest.items())
        return named and f"nearest known data sets: {named}"

    def describe_trust(self) -> str:
        """One line that trusts or doubts the answer; empty for published records, which no test judges."""
        fine = "trust it: nothing speaks against it" if self.num_classes > 1 else "no labels, by which to doubt it"
        return (fine if self.trusted else "do not trust it: see above") if self.runnable else ""

    def remarks(self) -> list[str]:
        """Everything to read beside the table, a sentence each."""
        run = (further_down(self.frame, self.count), *(self.verification.lines() if self.verification else ()))
        lines = (*self.notes, self.describe_tie(), self.describe_nearest(), self.describe_trust(), *run)
        read = (*self._left_out(), *self.account.lines(self.images_used), self.describe())
        return [line for line in (*lines, *read) if line]

    def _left_out(self) -> list[str]:
        """Models left out: by number where limits are set, otherwise by name."""
        from ptmrec.recommender.costs import describe_limits

        unranked = [f"left out: {one['model']} ({one['limit']})" for one in self.rejected]
        return describe_limits(self) if self.request.limits else unranked

    def _check_ranked(self, model: str | None, what: str) -> None:
        """Refuse to run, explain or load a model that was left out or has no weights."""
        if not self.runnable and (model is None or model in set(self.frame["model"])):
            raise ConfigError(f"this answer rests on only records, no weights, so no model can be {what} here")
        for row in self.rejected:
            if row["model"] == model:
                keeps = f"it does not keep {row['limit']} ({row['value']})" if row["value"] else row["limit"]
                raise ConfigError(f"{model} was left out: {keeps}")
        if not self.runnable:
            raise ConfigError(f"no model {model!r} was ranked{suggest(model, self.frame['model'], 'see --format ids')}")

    def to_json(self, count: int | None = None, only_pareto: bool = False) -> str:
        """The answer as JSON; an unknown number is null. Arguments as of :meth:`leaderboard`."""
        return to_json(self, count, only_pareto)

    def save(self, path: Path | str, only_pareto: bool = False, count: int | None = None) -> Path:
        """Write the answer in the layout of the path's ending.

        Args:
            path: the file: ``.json``, ``.csv``, ``.html`` or ``.png``.
            only_pareto: the models on the Pareto front; as PNG the figure of it.
            count: so many models instead of :attr:`count`; all of the front.

        Raises:
            ConfigError: another ending.
        """
        return save(self, Path(path), only_pareto, count)

    def _repr_html_(self) -> str:
        from ptmrec.recommender.page import block

        return block(self, None, False)


def _spans(frame: "pd.DataFrame", *columns: str) -> list[str]:
    """Accuracies with the ends of their intervals, where they are known; empty where there is no accuracy."""
    parts = zip(*(frame[name] for name in columns), strict=True)
    spans = [(f"{value:.2f} ({low:.2f}-{high:.2f})" if low == low else f"{value:.3f}") for value, low, high in parts]
    return ["" if span == "nan" else span for span in spans]
