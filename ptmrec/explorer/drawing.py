"""The models of a table as the panel draws them: a plot, and a table in HTML."""

import pandas as pd
from matplotlib.figure import Figure

from ptmrec.core.words import html_text
from ptmrec.plots.recommendation import plot_recommendation
from ptmrec.plots.style import TEXT_WIDTH, thesis_style

ALT = "Dots with intervals: the expected accuracy of each model that is shown, best on top."
_CELL = "padding:4px 7px;text-align:{align};white-space:nowrap;"
_MARKED = "background:rgba(33,113,181,0.15);font-weight:600;"


def draw(shown: pd.DataFrame, width: float = TEXT_WIDTH) -> Figure:
    """A figure of the models that are shown.

    Args:
        shown: rows of the table.
        width: of the figure, in inches.
    """
    with thesis_style():
        figure = Figure(figsize=(width, 0.7 + 0.26 * max(len(shown), 3)), layout="constrained")
        plot_recommendation(shown, figure.subplots())
    return figure


def short_count(count: float) -> str:
    """A number of parameters with a letter: 4.7 M, 35 k."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return f"{count:.0f}"


def readable(shown: pd.DataFrame) -> pd.DataFrame:
    """The columns a person compares, in words; ``1=`` marks a tie with the best."""
    tied = shown["tied_with_best"] & (shown["tied_with_best"].sum() > 1)
    intervals = zip(*(100 * shown[name] for name in ("expected_accuracy", "low_80", "high_80")), strict=True)
    columns = {
        "#": ["1=" if equal else str(rank) for rank, equal in zip(shown["rank"], tied, strict=True)],
        "model": shown["model"].tolist(),
        "parameters": [short_count(count) for count in shown["parameters"]],
        "trained on": [name.replace("_", " ") for name in shown["trained_on"]],
        "accuracy (80 %)": [f"{value:.0f} % ({low:.0f}–{high:.0f})" for value, low, high in intervals],
    }
    if "licence" in shown:
        columns["licence"] = shown["licence"].str.partition(";")[0].tolist()
    if "verified" in shown:
        columns["run"] = ["yes" if run else "" for run in shown["verified"]]
    return pd.DataFrame(columns)


def table_html(frame: pd.DataFrame, marked: str) -> str:
    """A readable table in HTML with the row of one model marked."""
    right = {"parameters", "accuracy (80 %)"}
    styles = {name: _CELL.format(align="right" if name in right else "left") for name in frame}
    head = "".join(f'<th style="{styles[name]}">{html_text(name)}</th>' for name in frame)
    rows = []
    for row in frame.to_dict("records"):
        cells = "".join(f'<td style="{styles[name]}">{html_text(text)}</td>' for name, text in row.items())
        look = f' style="{_MARKED}"' if row["model"] == marked else ""
        rows.append(f"<tr{look}>{cells}</tr>")
    whole = "border-collapse:collapse;font-size:13px;line-height:1.45;"
    line = "border-bottom:1px solid var(--jp-border-color1,#bdbdbd);"
    return f'<table style="{whole}"><thead style="{line}"><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
