"""Tables of the thesis, from the results of a run."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from experiments.evaluation.zoo_statistics import family_sizes
from experiments.report.latex import export_table, results_table
from experiments.studies.comparison import OURS
from experiments.studies.crossed import BLIND_DATA, BLIND_FAMILIES, BLIND_SOURCES, DOUBLE_BLIND
from experiments.studies.quadrants import FEATURES, SHIPPED, TRANSPORT
from experiments.thesis.macros import camel
from experiments.thesis.numbers import GROUPS, SHOWN_PASSES
from experiments.thesis.published import CAPTION as PUBLISHED_CAPTION
from experiments.thesis.published import FILE, published_table
from experiments.thesis.results import Results
from ptmrec.plots.style import REGIME_LABELS
from ptmrec.zoo.card import Card

HEADLINE = (
    *("parameter count", "source accuracy", "mean rank", "k-NN, data sets", "k-NN, features", "LogME"),
    *(FEATURES, TRANSPORT, SHIPPED),
)
"""Rows of the headline table; the appendix has all."""
COLUMNS = {
    BLIND_DATA: "blind data",
    BLIND_FAMILIES: "blind families",
    DOUBLE_BLIND: "both blind",
    BLIND_SOURCES: "sources blind too",
}
"""Groups of targets of the headline table, with the heads of their columns."""


def write_tables(results: Results, cards: Sequence[Card], folder: Path) -> list[Path]:
    """Write every table of the thesis.

    Args:
        results: results of a run.
        cards: cards of the measured models.
        folder: ``generated/`` of the thesis.
    """
    quadrants, origin = results.table("quadrants_summary"), results.origin("quadrants_summary.csv")
    written = [
        export_table(zoo_families(cards), "zoo_families", folder, ZOO_CAPTION, results.origin("zoo.json")),
        export_table(headline_table(quadrants), "headline", folder, HEADLINE_CAPTION, origin, group="regime"),
        export_table(
            passes_table(results.table("passes")), "passes", folder, PASSES_CAPTION, results.origin("passes.csv")
        ),
    ]
    published, caption = published_table(results.table(FILE)), PUBLISHED_CAPTION
    origin_published = results.origin(f"{FILE}.csv")
    written.append(export_table(published, "published", folder, caption, origin_published, group="benchmark"))
    for group, name in GROUPS.items():
        caption = (
            rf"All methods: {group}. Intervals hold \SetLevel\,\% of the bootstrap over targets; "
            "differences are paired by target. Regret in accuracy points."
        )
        table = results_table(quadrants, group, SHIPPED)
        written.append(export_table(table, f"all_{name}", folder, caption, origin, group="regime"))
    chosen, origin = results.table("hardware_choice_summary"), results.origin("hardware_choice_summary.csv")
    written.append(export_table(choice_table(chosen), "hardware_choice", folder, CHOICE_CAPTION, origin, "regime"))
    caption = r"All methods on the blind data sets of the fixed split, for which the committed ranker was trained."
    table = results_table(results.table("summary"), "blind data")
    written.append(export_table(table, "split_blind_data", folder, caption, results.origin("summary.csv"), "regime"))
    return written


ZOO_CAPTION = "Families of the zoo, with the number of their parameters."
HEADLINE_CAPTION = (
    r"Mean $\tau_w$ with the \SetLevel\,\% interval over targets. A method without a number cannot rank "
    r"models of which nothing was measured, or was not run there."
)
CHOICE_CAPTION = (
    r"Choosing under a hardware limit: accuracy points lost against the best model that keeps it, with the "
    r"\SetLevel\,\% interval over blind data sets; how much more that is than for filtering by Cross-Select, paired; "
    "and the share of picks that break the limit, which do not count as chosen. "
    "An asterisk marks what an earlier run measured."
)
PASSES_CAPTION = (
    r"Accuracy points lost by the first model of the list, against the number of candidates run on the user's images."
)


def zoo_families(cards: Sequence[Card]) -> pd.DataFrame:
    """Number and sizes of the models of each family."""
    return family_sizes(cards).reset_index()


def headline_table(summary: pd.DataFrame) -> pd.DataFrame:
    """tau_w of the main methods, one column per quadrant, one block per regime."""
    keys = zip(summary["regime"], summary["method"], summary["group"], strict=True)
    columns = zip(*(summary[name] for name in ("tau_w", "tau_w_low", "tau_w_high")), strict=True)
    cells = dict(zip(keys, (f"{mean:.2f} [{low:.2f}, {high:.2f}]" for mean, low, high in columns), strict=True))
    rows = [
        {
            "regime": label,
            "method": method,
            **{head: cells.get((regime, method, group), "--") for group, head in COLUMNS.items()},
        }
        for regime, label in REGIME_LABELS.items()
        for method in HEADLINE
    ]
    return pd.DataFrame(rows)


def choice_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Points lost and limits broken by each way to choose under a limit, one block per regime."""
    rows = []
    for row in summary.itertuples():
        points = [100 * value for value in (row.regret, row.regret_low, row.regret_high)]
        more = [100 * value for value in (row.gain, row.gain_low, row.gain_high)]
        rows.append(
            {
                "regime": REGIME_LABELS[row.regime],
                "method": row.method + "*" * getattr(row, "committed", False),
                "points lost": f"{points[0]:.1f} [{points[1]:.1f}, {points[2]:.1f}]",
                "more than filtering": f"{more[0]:+.1f} [{more[1]:+.1f}, {more[2]:+.1f}]" if any(more) else "--",
                "broken": f"{100 * row.violations:.0f}",
            }
        )
    return pd.DataFrame(rows)


def passes_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean points lost after some candidate passes."""
    means = frame.groupby(["regime", "method", "k"], sort=False)["regret1"].mean()
    rows = []
    for regime, label in REGIME_LABELS.items():
        for method in (OURS, "mean rank", "successive halving", "random order"):
            cells = {camel(count).lower(): f"{means[regime, method, count]:.1f}" for count in SHOWN_PASSES}
            rows.append({"": f"{label}, {method}", **cells})
    return pd.DataFrame(rows)
