"""Real models by published records: no weights are here, so no model can look at the images.

How models are ordered says :mod:`ptmrec.recommender.orders`; of the user's images only classes and pixels may have a
part in it. What the user measured has: expected accuracies, intervals and, where that gains, the order move with it.
"""

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ptmrec.benchmark.dataset_cards import PLACE, like_groups, read_dataset_cards
from ptmrec.benchmark.model_names import PLACE as NAMES
from ptmrec.benchmark.model_names import places_of, read_aliases
from ptmrec.benchmark.published import COSTS_ONLY, PublishedZoo, read_published
from ptmrec.benchmark.records import read_records
from ptmrec.config.sections import PROBED
from ptmrec.core.errors import NothingLeftError
from ptmrec.recommender.costs import CostBook, keep_limits
from ptmrec.recommender.measured import (
    FITTED,
    NO_EVIDENCE,
    OTHER_SCALE,
    SCALES,
    Measurements,
    measured_columns,
    place_measured,
)
from ptmrec.recommender.orders import RANKER, choose_order, judge_rules
from ptmrec.recommender.ranking import ranked
from ptmrec.recommender.recommendation import Recommendation
from ptmrec.recommender.request import PUBLISHED, ZERO_SHOT, Request
from ptmrec.recommender.verify import Verification, check_labels
from ptmrec.relations.conformal import LEVELS
from ptmrec.relations.odds import OLD, Moved, fit_records
from ptmrec.relations.records import HEAD, choose_next

MEASURED = "records and what you measured"
"""How the order is called that measured accuracies moved."""
ELSEWHERE = {"low_data": "mieb", "fine_tuning": "vtab1k"}
"""Regime -> the published zoo whose records are of it, for answers on models that are here."""
WIELDY = 300_000_000
"""Parameters of the largest published model that is named to somebody who set no limit on size."""
FEWEST_GROUPS = 3
"""Data sets that are not alike, below which nothing can be said of another one."""


@dataclass(frozen=True)
class Records:
    """A ranking of published records: a table without weights to run.

    Attributes:
        frame: the models best first, see :class:`~ptmrec.recommender.recommendation.Recommendation`.
        ranked_by: the published table.
        notes: sentences about the order.
        doubts: notes that warn against relying on it.
        whole: the models of every limit, best first; ``frame`` without it.
        nearest: known data sets that weigh most.
        verification: results of candidates that were run.
        worth: column of what models are chosen by.
        following: models to measure next, best first, and why these.
        request: the question.
    """

    frame: pd.DataFrame
    ranked_by: Path
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    whole: pd.DataFrame | None = None
    nearest: Mapping[str, float] = field(default_factory=dict)
    verification: Verification | None = None
    worth: str = "expected_accuracy"
    following: Mapping[str, Any] = field(default_factory=dict)

    request: Request | None = None

    runnable = False

    def best_of(self, names: Collection[str]) -> tuple[str, float]:
        """The first of the models of these names and its expected accuracy."""
        frame = self.frame if self.whole is None else self.whole
        first = frame[frame["model"].isin(names)].iloc[0]
        return str(first["model"]), float(first[self.worth])

    def asked(self, request: Request) -> "Records":
        """The ranking for a request that says more of what was measured.

        Raises:
            ConfigError: of a model that the table does not list.
        """
        return recommend_published(replace(request, verify=None, time_limit=None), run=self.verification).ranking

    def verify(self, count: int | None = None, time_limit: float | None = None) -> "Records":
        """Run models that were not run yet on the images, those worth measuring first, and rank anew.

        Args:
            count: this many; as many as are shown without it.
            time_limit: for as long as this, in seconds, downloads not counted.

        Raises:
            DataError: the images have no labels.
        """
        from ptmrec.recommender.finalists import run_finalists

        check_labels(self.request.images)
        table, before, count = read_table(self.request), self.verification, count or self.request.count
        frame = self.frame if before is None else self.frame[~self.frame["verified"]]
        sources = dict(zip(frame["model"], frame["source"], strict=True))
        order = [*self.following.get("models", ()), *frame.drop_duplicates("source")["model"]]
        first = [name for name in dict.fromkeys(order) if name in sources][:count]
        found = run_finalists(self.request, {name: sources[name] for name in first}, table.zoo.models, time_limit)
        run = found if before is None else before.joined(found)
        return recommend_published(replace(self.request, verify=None, time_limit=None), run=run).ranking


@dataclass(frozen=True)
class Table:
    """The rows of a table that answer a request.

    Attributes:
        path: of the table; zoo: its rows; groups: ``(T,)`` labels of like data sets.
        request: the question, in the regime that is answered.
        told: what was measured of the models.
        scale: regime of these.
        run: what running models here showed.
    """

    path: Path
    zoo: PublishedZoo
    groups: np.ndarray
    request: Request
    told: Measurements
    scale: str
    run: Verification | None = None

    @property
    def evidence(self) -> bool:
        """Its data sets differ enough to say something of another one."""
        return len(set(self.groups.tolist())) >= FEWEST_GROUPS

    @property
    def same_scale(self) -> bool:
        """What was measured is of the regime of the rows."""
        return self.scale == self.zoo.about.regime

    def joined(self, run: Verification | None) -> "Table":
        """With what running models here showed, accuracies of a probe; what the user measured on another scale stays.

        Measurements on two scales cannot be put together.
        """
        if run is None or (self.scale != PROBED and self.told.count):
            return replace(self, run=run)
        told = self.told.joined(run.accuracies, run.judged)
        return replace(self, told=told, scale=PROBED if run.passes else self.scale, run=run)

    def used(self, images: str) -> str:
        """One sentence: what the order is from, and what of the images can change it."""
        if self.run is not None and self.run.passes:
            return f"Published records ({self.zoo.about.origin}), and {self.run.passes} models run on your images."
        return f"Published records only ({self.zoo.about.origin}): your images were read, {images} change this order."

    def known(self, kept: np.ndarray) -> list[int]:
        """Places of the measured ones among the models ``kept (N,)`` bool that may be chosen."""
        return np.flatnonzero(~np.isnan(self.told.accuracies) & kept).tolist()


def recommend_published(request: Request, fixed: bool = True, run: Verification | None = None) -> Recommendation:
    """Rank published models for images they have never seen.

    Args:
        request: the question; of the images only classes and pixels have a part in the order.
        fixed: its regime was asked for; else the table's own stands where the table has no rows of it.
        run: what running some of them on the images showed.

    Raises:
        NothingLeftError: nothing was measured there, or no model keeps the limits.
        ArtifactError: a damaged table.
        ConfigError: a measured model that the table does not list.
    """
    table = read_table(request, fixed).joined(run)
    zoo, request = table.zoo, table.request
    book = CostBook(request.paths, request.device)
    costs = {name: book.published(name, zoo.cards[name]) for name in zoo.models}
    names = keep_limits(costs, request.limits)
    kept = np.array([name in names for name in zoo.models])
    whole, notes, worth, moved = _by_records(table, kept) if table.evidence else _as_listed(table)
    frame = whole[whole["model"].isin(names)]
    frame = ranked(frame.assign(tied_with_best=frame["tied_with_best"] | (frame["score"] == frame["score"].max())))
    following = _following(table, frame)
    notes = (*notes, *_scales(table, moved), *([following["why"]] if following else []))
    ranking = Records(frame, table.path, notes, notes[:1], whole, {}, run, worth, following, request)
    if request.verify or request.time_limit:
        ranking = ranking.verify(request.verify, request.time_limit)
    shown = {name: costs[name] for name in whole["model"]}
    return Recommendation(request, ranking, shown, book.device_info, seconds=time.perf_counter() - request.started)


def worth_fetching(request: Request) -> tuple[str, list[str]]:
    """The table that says most of a question, and the three models to fetch first, none where limits are unknown.

    Only what the cards state is held against the limits: nothing of them was measured here. Without a limit on size
    none is named that is larger than :data:`WIELDY`.
    """
    table = read_table(replace(request, zoo=ELSEWHERE[request.regime], measured={}))
    book = CostBook(request.paths, request.device)
    costs = {name: book.published(name, table.zoo.cards[name]) for name in table.zoo.models}
    try:
        kept = keep_limits(costs, {"max_params": WIELDY, **request.limits})
    except NothingLeftError:
        return ELSEWHERE[request.regime], []
    listed = np.array([name in kept for name in table.zoo.models])
    choice = choose_next(table.zoo.accuracy, table.groups, listed, 3, [])
    return ELSEWHERE[request.regime], [table.zoo.models[place] for place in choice.models]


def _scales(table: Table, moved: Moved | None) -> list[str]:
    """Of what the accuracies are, and what those do that were measured."""
    zoo, asked, told = table.zoo, table.request.regime, table.told
    lines = [f"Accuracies are of {SCALES[zoo.about.regime]}."]
    if asked != zoo.about.regime:
        lines = [f"{lines[0]} The table has none of {SCALES[asked]}: on that scale the numbers are others."]
    effect = NO_EVIDENCE if moved is None else FITTED if table.same_scale else OTHER_SCALE
    lines.append(told.describe(SCALES[table.scale], moved if table.same_scale else None, effect))
    if table.run is not None:
        lines.append(told.differing(zoo.models, table.run.accuracies))
    return [line for line in lines if line]


def read_table(request: Request, fixed: bool = True) -> Table:
    """The rows that answer a request: of its regime, or else the table's own; zero shot only where it is asked for.

    Raises:
        NothingLeftError: nothing was measured there.
        ArtifactError: a damaged table.
        ConfigError: a measured model that the table does not list.
    """
    folder = request.paths.published
    path = folder / f"{PUBLISHED[request.zoo]}.json" if request.zoo in PUBLISHED else Path(str(request.zoo))
    zoo = read_published(path) if path.suffix == ".json" else read_records(path)
    if zoo.about.regime == COSTS_ONLY:
        raise NothingLeftError(f"{path}: the table holds no accuracies to rank by")
    usual = next((regime for regime in zoo.own_regimes if regime != ZERO_SHOT), zoo.own_regimes[0])
    rows = request.regime if request.regime in zoo.own_regimes else usual
    zoo, request = zoo.select(rows), request if fixed else replace(request, regime=rows)
    places = places_of(zoo.models, [_source(*item) for item in zoo.cards.items()], read_aliases(folder / NAMES))
    told = place_measured(request.measured, places, len(zoo.models), request.images.total)
    groups = like_groups(zoo.datasets, read_dataset_cards(folder / PLACE))
    return Table(path, zoo, groups, request, told, request.regime)


def _by_records(table: Table, kept: np.ndarray) -> tuple[pd.DataFrame, tuple[str, ...], str, Moved]:
    """All models in order, notes, the column of their worth, and what measuring did.

    Intervals and ties are of the models that keep the limits and those that were measured; of others they are unknown.
    """
    zoo, told = table.zoo, table.told
    rule, scores, why = choose_order(zoo, judge_rules(zoo, table.groups), table.path, table.request.images)
    rows = np.flatnonzero(kept | ~np.isnan(told.accuracies))
    every, near = (fit_records(zoo.accuracy[:, own], table.groups) for own in (np.arange(len(kept)), rows))
    moved = near.answer(told.accuracies[rows], told.images[rows], table.same_scale)
    shown = moved if table.same_scale else near.answer()
    mean = every.answer(*((told.accuracies, told.images) if table.same_scale else ())).mean
    mean[rows] = shown.mean
    columns: dict[str, Any] = {
        "score": scores,
        "expected_accuracy": mean,
        "tied_with_best": np.zeros(len(kept), dtype=bool),
    }
    columns["tied_with_best"][rows] = shown.tied
    for level in LEVELS:
        for end, values in zip(("low", "high"), shown.interval(level), strict=True):
            columns[f"{end}_{level * 100:.0f}"] = np.full(len(kept), np.nan)
            columns[f"{end}_{level * 100:.0f}"][rows] = values
    used = "but beyond their classes and pixels cannot" if rule == RANKER else "but cannot"
    if told.count:
        order = np.where(np.isnan(scores), -np.inf, scores)
        columns |= measured_columns(told)
        columns["score"] = mean.copy()
        columns["score"][rows] = moved.scores(order[rows])
        columns["score"][np.isnan(scores) & np.isnan(told.accuracies)] = np.nan
        rule = rule if moved.order == OLD else MEASURED
    return _frame(table, columns, rule), (table.used(used), *why), "expected_accuracy", moved


def _as_listed(table: Table) -> tuple[pd.DataFrame, tuple[str, ...], str, None]:
    """Models by their accuracy on the first data set, for a table that is no evidence for any other."""
    zoo, nothing = table.zoo, np.full(len(table.zoo.models), np.nan)
    name = "ImageNet" if "imagenet" in zoo.datasets[0].lower() else zoo.datasets[0]
    column = f"{re.sub('[^a-z0-9]+', '_', name.lower())}_accuracy"
    columns: dict[str, Any] = {"score": zoo.accuracy[0], "expected_accuracy": nothing}
    columns |= {f"{end}_{level * 100:.0f}": nothing for level in LEVELS for end in ("low", "high")}
    columns |= {"tied_with_best": zoo.accuracy[0] == np.nanmax(zoo.accuracy[0]), column: zoo.accuracy[0]}
    if table.told.count:
        columns |= measured_columns(table.told)
        own = np.flatnonzero(~np.isnan(table.told.accuracies) & ~np.isnan(zoo.accuracy[0]))
        score = zoo.accuracy[0].copy()
        score[own[np.argsort(-table.told.accuracies[own], kind="stable")]] = -np.sort(-score[own])
        columns |= {"score": score, "tied_with_best": score == np.nanmax(score)}
    count = len(zoo.datasets)
    sets = f"{count} data {'sets are variants' if count > 1 else 'set is one'}"
    placed = ", in which measured models stand as they were measured" if table.told.count > 1 else ""
    note = (
        f"{table.used('but cannot')} Its {sets} of {name}: no evidence for your images, so no accuracy is expected; "
        f"the order is that of {name} accuracy{placed}."
    )
    return _frame(table, columns, f"{name} accuracy"), (note,), column, None


def _following(table: Table, frame: pd.DataFrame) -> dict[str, Any]:
    """Models to measure next, of those in the frame, and a sentence about them."""
    zoo = table.zoo
    listed = np.isin(zoo.models, frame["model"])
    if not table.evidence:
        return {}
    count = table.request.verify or table.request.count
    choice = choose_next(zoo.accuracy, table.groups, listed, count, table.known(listed))
    if not len(choice.models):
        return {}
    names = [zoo.models[place] for place in choice.models]
    if choice.rule == HEAD:
        told = {zoo.models[place] for place in table.known(listed)}
        names = [name for name in frame["model"] if name not in told][: len(names)]
    gain = f"{100 * choice.gain:+.1f} points (standard error {100 * choice.error:.1f})"
    why = (
        f"Worth measuring next: {', '.join(names)} ({choice.rule}). On data sets left out the best of as many loses "
        f"{100 * choice.loss:.1f} points; a complementary set gains {gain} over the head of the list there."
    )
    own = {"loss": choice.loss, "gain": choice.gain, "error": choice.error}
    return {"models": names, "rule": choice.rule, **own, "why": why}


def _frame(table: Table, columns: dict[str, Any], rule: str) -> pd.DataFrame:
    zoo = table.zoo
    if table.run is not None:
        columns["verified"] = ~np.isnan(table.run.seconds)
    cards = [zoo.cards[name] for name in zoo.models]
    own = {
        "model": zoo.models,
        "source": [_source(name, card) for name, card in zip(zoo.models, cards, strict=True)],
        "family": [card["family"] for card in cards],
        "parameters": pd.Series([card.get("num_params") or None for card in cards], dtype=object),
        "licence": [str(card.get("licence") or "unknown") for card in cards],
        "trained_on": [str(card.get("source_dataset") or "unknown") for card in cards],
    }
    return ranked(pd.DataFrame(own | dict(columns)).dropna(subset=["score"])).assign(why=rule)


def _source(name: str, card: Mapping[str, Any]) -> str:
    """Source of the model for ``ptmrec zoo add``."""
    if "weights" in card:
        return f"timm:{card['weights']}"
    return f"open_clip:{card['architecture']}/{card['pretrained']}" if "pretrained" in card else name
