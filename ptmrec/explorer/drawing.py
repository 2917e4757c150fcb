"""The models of a table as the panel draws them: a plot, and columns in words."""

import pandas as pd
from matplotlib.figure import Figure

from ptmrec.core.words import places, short_count
from ptmrec.plots.recommendation import plot_recommendation
from ptmrec.plots.style import TEXT_WIDTH, thesis_style

ALT = "Dots with intervals: the expected accuracy of each model that is shown, best on top."


def draw(shown: pd.DataFrame, width: float = TEXT_WIDTH) -> Figure:
    """A figure, so many inches wide, of the rows of the table that are shown."""
    with thesis_style():
        figure = Figure(figsize=(width, 0.7 + 0.26 * max(len(shown), 3)), layout="constrained")
        plot_recommendation(shown, figure.subplots())
    return figure


def readable(shown: pd.DataFrame, tied: int | None = None) -> pd.DataFrame:
    """The columns a person compares, in words; ``1=`` marks a tie with the best.

    Args:
        shown: rows of the table.
        tied: models that tie with the best, of which not all may be shown; those that are without it.
    """
    tied = int(shown["tied_with_best"].sum()) if tied is None else tied
    intervals = zip(*(100 * shown[name] for name in ("expected_accuracy", "low_80", "high_80")), strict=True)
    columns = {
        "#": places(shown["rank"], tied),
        "model": shown["model"].tolist(),
        "parameters": [short_count(count, " ") for count in shown["parameters"]],
        "trained on": [name.replace("_", " ") for name in shown["trained_on"]],
        "accuracy (80 %)": [f"{value:.0f} % ({low:.0f}–{high:.0f})" for value, low, high in intervals],
    }
    if "licence" in shown:
        columns["licence"] = shown["licence"].str.partition(";")[0].tolist()
    if "verified" in shown:
        columns["run"] = ["yes" if run else "" for run in shown["verified"]]
    return pd.DataFrame(columns)
