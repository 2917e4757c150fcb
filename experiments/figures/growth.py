"""How model hubs grew: models on the Hugging Face Hub and users of Kaggle, each kind of count in its own mark."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import matplotlib.dates as mdates
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ptmrec.core.errors import ArtifactError
from ptmrec.plots.style import TEXT_WIDTH, thesis_style

COLUMNS = ("platform", "date", "metric", "value", "source")
"""Columns of the table. A source reads ``name: details``; its name tells who counted."""
COMMUNITY = "community article"
SECOND_HAND = "second-hand"
"""Names of sources that are not the hub's or the counting study's own words."""
_HUB, _KAGGLE = "huggingface", "kaggle"
_CURVE = "HFCommunity"
_DAYS_PER_YEAR = 365.25
_MIDDLES = {4: "-07-01", 7: "-15", 10: ""}
"""What makes a day of a date by its length: a year alone is its middle, a month alone too."""
_COLOURS = sns.color_palette("colorblind")


class _Mark(NamedTuple):
    """One kind of count: the label of its legend entry and how it is drawn."""

    label: str
    style: dict


_HOLLOW = {"ls": "", "mfc": "w", "mew": 0.9}
_STAR = {"ls": "", "marker": "*", "ms": 9, "color": _COLOURS[8], "mec": "0.15", "mew": 0.5, "zorder": 4}
_CROSS = {"ls": "", "marker": "x", "ms": 5, "mew": 1.2, "color": "0.35", "zorder": 6}
_HUB_MARKS = {
    "curve": _Mark("exact count, HFCommunity", {"marker": "o", "ms": 4, "lw": 1.2, "color": _COLOURS[0], "zorder": 3}),
    "exact": _Mark("exact count, other", {"ls": "", "marker": "o", "ms": 4, "color": _COLOURS[9], "zorder": 3}),
    "over": _Mark("announced: over N", {**_HOLLOW, "marker": "^", "ms": 4.5, "color": _COLOURS[2]}),
    "community": _Mark("community article", {**_HOLLOW, "marker": "D", "ms": 3.8, "color": _COLOURS[3]}),
    "milestone": _Mark("milestone", _STAR),
    "sample": _Mark("sample of a study,\nnot the hub's size", _CROSS),
}
_USER_MARKS = {
    "curve": _Mark("exact, end of quarter", {"marker": ".", "ms": 4, "lw": 1.2, "color": _COLOURS[0], "zorder": 3}),
    "milestone": _Mark("milestone", _STAR),
    "second-hand": _Mark("second-hand count", {**_HOLLOW, "marker": "s", "ms": 4, "color": _COLOURS[3], "zorder": 5}),
    "second-hand over": _Mark("second-hand: over N", {**_HOLLOW, "marker": "^", "ms": 4.5, "color": _COLOURS[3]}),
}
_NAMED_MILESTONES = ("users_milestone_1M", "users_milestone_10M")
_LABEL_OFFSETS = {
    "PTMTorrent": (7, 0, "left"),
    "PeaTMOSS": (12, -14, "left"),
    "Castaño et al.": (-14, 17, "right"),
    "PTMPicker": (7, 0, "left"),
    "Laufer et al.": (7, -16, "left"),
}
"""Where the name of a study stands from its cross, in points: where no count is. Others stand below."""


def read_growth(path: Path) -> pd.DataFrame:
    """Read the table of counts; a month alone becomes its 15th day, a year alone its first of July.

    Returns:
        One row per count: ``platform, date, metric, value, source``.

    Raises:
        ArtifactError: no such table, a column is missing, a date is no date or a value no whole number.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}: no table of counts there ({str(error).splitlines()[0]}); restore it") from None
    missing = [column for column in COLUMNS if column not in frame]
    if missing:
        raise ArtifactError(f"{path}: column {missing[0]!r} is missing; the columns are {', '.join(COLUMNS)}")
    days = frame["date"] + frame["date"].str.len().map(_MIDDLES).fillna("")
    dates = pd.to_datetime(days, format="%Y-%m-%d", errors="coerce")
    _refuse(path, frame["date"], dates.isna(), "date", "YYYY, YYYY-MM or YYYY-MM-DD")
    _refuse(path, frame["value"], ~frame["value"].str.fullmatch("[0-9]+"), "value", "a whole number")
    return frame[list(COLUMNS)].assign(date=dates, value=frame["value"].astype("int64"))


def _refuse(path: Path, values: pd.Series, wrong: pd.Series, column: str, expected: str) -> None:
    if wrong.any():
        row = wrong.idxmax()
        raise ArtifactError(f"{path}: line {row + 2}: {column} {values[row]!r} is not {expected}; mend it")


def growth_facts(frame: pd.DataFrame) -> dict[str, int | float]:
    """The numbers that a text on the growth needs, by name.

    Doubling times suppose that growth was exponential between the two counts.

    Args:
        frame: result of :func:`read_growth`.

    Raises:
        ArtifactError: a count that is needed is not in the table.
    """
    early, late = _count(frame, _HUB, "models_exact", "2022-09-01"), _count(frame, _HUB, "models_exact", "2024-06-15")
    million, newest = _count(frame, _HUB, "models_milestone_1M"), _count(frame, _HUB, "models_exact", "2025-12-31")
    first, tenth = (_count(frame, _KAGGLE, f"users_milestone_{size}M") for size in (1, 10))
    samples = frame[frame["metric"] == "packages_in_study"].assign(study=_names)
    return {
        "hub_models_2020_10": int(_count(frame, _HUB, "models_exact", "2020-10-15")["value"]),
        "hub_models_2022_09": int(early["value"]),
        "hub_models_2024_06": int(late["value"]),
        "hub_models_2025_12": int(newest["value"]),
        "hub_datasets_2024_06": int(_count(frame, _HUB, "datasets_exact", "2024-06-15")["value"]),
        "hub_doubling_months_2022_2024": _doubling_months(early, late),
        "hub_doubling_months_2024_2025": _doubling_months(million, newest),
        **{f"sample_{name.lower()}": _sample(samples, name) for name in ("PTMTorrent", "PeaTMOSS", "PTMPicker")},
        "kaggle_users_2019_12": int(_count(frame, _KAGGLE, "users_registered", "2019-12-31")["value"]),
        "kaggle_users_2022_06": int(_count(frame, _KAGGLE, "users_registered", "2022-06-22")["value"]),
        "kaggle_years_1m_to_10m": (tenth["date"] - first["date"]).days / _DAYS_PER_YEAR,
    }


def _names(frame: pd.DataFrame) -> pd.Series:
    return frame["source"].str.split(":").str[0]


def _count(frame: pd.DataFrame, platform: str, metric: str, day: str | None = None) -> pd.Series:
    """The one row of a metric, on a day where it has several."""
    rows = frame[(frame["platform"] == platform) & (frame["metric"] == metric)]
    rows = rows if day is None else rows[rows["date"] == day]
    if len(rows) != 1:
        raise ArtifactError(f"table of counts: {len(rows)} rows of {platform} {metric} {day or ''}, expected one")
    return rows.iloc[0]


def _sample(samples: pd.DataFrame, study: str) -> int:
    values = samples.loc[samples["study"] == study, "value"]
    if len(values) != 1:
        raise ArtifactError(f"table of counts: {len(values)} samples of {study}, expected one")
    return int(values.iloc[0])


def _doubling_months(start: pd.Series, end: pd.Series) -> float:
    days = (end["date"] - start["date"]).days
    return days / (_DAYS_PER_YEAR / 12) / math.log2(end["value"] / start["value"])


def plot_growth(frame: pd.DataFrame) -> Figure:
    """Models on the Hugging Face Hub and registered users of Kaggle against time, both on log axes.

    On a log axis equal slopes are equal rates of growth, so that the panels can be compared. A line joins only counts
    made in one way: those of HFCommunity, and those of Kaggle's table of users.

    Args:
        frame: result of :func:`read_growth`.
    """
    with thesis_style():
        figure = Figure(figsize=(TEXT_WIDTH, 3.7), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
        _draw(left, frame.assign(kind=frame.apply(_hub_kind, axis=1)), _HUB_MARKS)
        _name_samples(left, frame[frame["metric"] == "packages_in_study"])
        left.set(title="Hugging Face Hub", ylabel="public models", ylim=(1e3, 6e6))
        _draw(right, frame.assign(kind=frame.apply(_user_kind, axis=1)), _USER_MARKS)
        _name_milestones(right, frame[frame["metric"].isin(_NAMED_MILESTONES)])
        right.set(title="Kaggle", ylabel="registered users", ylim=(3e1, 1e8))
        for ax, years in ((left, 1), (right, 5)):
            ax.set_yscale("log")
            ax.margins(x=0.08)
            ax.grid(axis="y", color="0.9", lw=0.6)
            ax.set_axisbelow(True)
            ax.xaxis.set_major_locator(mdates.YearLocator(years))
            ax.xaxis.set_major_formatter(mdates.DateFormatter("%Y"))
            ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.1), ncols=2, columnspacing=1, handletextpad=0.4)
    return figure


def _hub_kind(row: pd.Series) -> str:
    """Kind of count of a row in the Hub's panel; empty where it has no place there."""
    if row["metric"] == "packages_in_study":
        return "sample"
    if row["platform"] != _HUB or not row["metric"].startswith("models_"):
        return ""
    if row["metric"].startswith("models_milestone"):
        return "milestone"
    name = row["source"].split(":")[0]
    if name == COMMUNITY:
        return "community"
    if row["metric"] == "models_over":
        return "over"
    return "curve" if name == _CURVE else "exact"


def _user_kind(row: pd.Series) -> str:
    """Kind of count of a row in Kaggle's panel; empty where it has no place there."""
    if row["platform"] != _KAGGLE or not row["metric"].startswith("users_"):
        return ""
    if row["metric"].startswith("users_milestone"):
        # Those between hide the curve they lie on.
        return "milestone" if row["metric"] in _NAMED_MILESTONES else ""
    over = " over" if row["metric"] == "users_over" else ""
    return SECOND_HAND + over if row["source"].split(":")[0] == SECOND_HAND else "curve"


def _draw(ax: Axes, frame: pd.DataFrame, marks: Mapping[str, _Mark]) -> None:
    for kind, mark in marks.items():
        rows = frame[frame["kind"] == kind].sort_values("date")
        if len(rows):
            ax.plot(rows["date"], rows["value"], label=mark.label, **mark.style)


def _name_samples(ax: Axes, samples: pd.DataFrame) -> None:
    for name, day, value in zip(_names(samples), samples["date"], samples["value"], strict=True):
        x, y, side = _LABEL_OFFSETS.get(name, (0, -10, "center"))
        style = {"fontsize": 7, "color": "0.3", "ha": side, "va": "center"}
        line = {"arrowstyle": "-", "color": "0.5", "lw": 0.5, "shrinkA": 0, "shrinkB": 2} if x and y else None
        ax.annotate(name, (mdates.date2num(day), value), (x, y), textcoords="offset points", arrowprops=line, **style)


def _name_milestones(ax: Axes, milestones: pd.DataFrame) -> None:
    for metric, day, value in zip(milestones["metric"], milestones["date"], milestones["value"], strict=True):
        text = f"{metric.rsplit('_', 1)[1].removesuffix('M')} million\n{day:%B %Y}"
        style = {"fontsize": 7, "color": "0.3", "ha": "right", "va": "bottom"}
        ax.annotate(text, (mdates.date2num(day), value), (-4, 4), textcoords="offset points", **style)
