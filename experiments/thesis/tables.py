"""Tables of the thesis, from the results of a run."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from experiments.evaluation.baselines.measured import ROWS
from experiments.evaluation.zoo_statistics import family_sizes
from experiments.report.latex import export_table, results_table
from experiments.studies.comparison import OURS
from experiments.studies.crossed import BLIND_DATA, BLIND_FAMILIES, DOUBLE_BLIND, KNOWN_DATA
from experiments.studies.quadrants import ALL_DRAWS as FEATURES
from experiments.studies.quadrants import ENCODER_ONLY, SHIPPED
from experiments.thesis.macros import camel
from experiments.thesis.numbers import GROUPS, SHOWN_PASSES
from experiments.thesis.published import CAPTION as PUBLISHED_CAPTION
from experiments.thesis.published import FILE, published_table
from experiments.thesis.results import Results
from ptmrec.plots.style import REGIME_LABELS
from ptmrec.zoo.card import Card

STATIC, WITH_PASSES = ("mean rank", "k-NN, data sets"), (*ROWS, FEATURES)
CEILING = "ceiling"
COLUMNS = {
    KNOWN_DATA: ("nothing", False),
    BLIND_DATA: ("data", True),
    BLIND_FAMILIES: ("families", False),
    DOUBLE_BLIND: ("both", True),
}
"""Groups of targets of the headline table: heads of their columns, and whether ours minus the row stands beside."""


def write_tables(results: Results, cards: Sequence[Card], folder: Path) -> list[Path]:
    """Write every table of the thesis.

    Args:
        results: results of a run.
        cards: cards of the measured models.
        folder: ``generated/`` of the thesis.
    """

    def export(file: str, name: str, make: Callable[[pd.DataFrame], pd.DataFrame], caption: str, group: str) -> Path:
        with results.content(f"{file}.csv"):
            return export_table(make(results.table(file)), name, folder, caption, results.origin(f"{file}.csv"), group)

    sizes = export_table(zoo_families(cards), "zoo_families", folder, ZOO_CAPTION, results.origin("zoo.json"))
    every = {
        f"all_{name}": (
            partial(results_table, group=group, ours=SHIPPED),
            rf"All methods: {group}. Intervals hold \SetLevel\,\% of the bootstrap over targets; "
            "differences are paired by target. Regret in accuracy points.",
        )
        for group, name in GROUPS.items()
    }
    return [
        sizes,
        export("quadrants_summary", "headline", headline_table, HEADLINE_CAPTION, "regime"),
        export("passes", "passes", passes_table, PASSES_CAPTION, ""),
        export("tune_summary", "tuning", tuning_table, TUNING_CAPTION, ""),
        export(FILE, "published", published_table, PUBLISHED_CAPTION, "benchmark"),
        *(export("quadrants_summary", name, *own, "regime") for name, own in every.items()),
        export("hardware_choice_summary", "hardware_choice", choice_table, CHOICE_CAPTION, "regime"),
        export("summary", "split_blind_data", partial(results_table, group="blind data"), SPLIT_CAPTION, "regime"),
    ]


ZOO_CAPTION = "Families of the zoo, with the number of their parameters."
HEADLINE_CAPTION = (
    r"The main result: mean $\tau_w$ over targets by what is blind, best of a column in bold, and Cross-Select minus "
    r"the row, paired by target, with its \SetLevel\,\% interval. The last row with passes is the best on blind data, "
    r"picked afterwards. On known data what was measured there is looked up. A method without a number cannot rank "
    r"models of which nothing was measured, or was not run there."
)
CHOICE_CAPTION = (
    r"Choosing under a hardware limit: accuracy points lost against the best model that keeps it, with the "
    r"\SetLevel\,\% interval over blind data sets; how much more that is than for filtering by Cross-Select, paired; "
    "and the share of picks that break the limit, which do not count as chosen. "
    "An asterisk marks what an earlier run measured."
)
SPLIT_CAPTION = "All methods on the blind data sets of the fixed split, for which the committed ranker was trained."
PASSES_CAPTION = (
    r"Accuracy points lost by the first model of the list, against the number of candidates run on the user's images."
)


TUNING_CAPTION = (
    r"Fine-tuning within a time of one core, each of \TunedDataSets{} data sets left out, \TunedSeeds{} seeds: "
    r"accuracy on untouched test images, its share of the best that a row reaches, and points of \texttt{ptmrec tune} "
    r"minus the row, paired by data set."
)


def tuning_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of fine-tuning within a time, and ours minus each other method."""
    rows = []
    for row in summary.itertuples():
        gain = f"{row.gain:+.1f} [{row.gain_low:+.1f}, {row.gain_high:+.1f}]"
        rows.append(
            {
                "method": row.method,
                "minutes": f"{row.budget / 60:.0f}" if row.budget else "--",
                "accuracy": f"{row.accuracy:.3f}",
                "of the best": f"{row.of_best:.3f}",
                "ours minus this": gain if row.gain_low != row.gain_high else "--",
                "seconds": f"{row.seconds:.0f}",
            }
        )
    return pd.DataFrame(rows)


def zoo_families(cards: Sequence[Card]) -> pd.DataFrame:
    """Number and sizes of the models of each family."""
    return family_sizes(cards).reset_index()


def headline_rows(summary: pd.DataFrame, regime: str) -> tuple[str, ...]:
    """Rows of the headline table in a regime: static ones, LogME, the best with passes, and ours."""
    blind = summary[(summary["group"] == BLIND_DATA) & (summary["regime"] == regime)].set_index("method")["tau_w"]
    passes = blind[blind.index.isin(WITH_PASSES)]
    best = (str(passes.idxmax()),) if len(passes) else ()
    return tuple(dict.fromkeys((*STATIC, "LogME", *best, ENCODER_ONLY, SHIPPED)))


def headline_table(summary: pd.DataFrame) -> pd.DataFrame:
    """tau_w of the main methods and ours minus theirs, one block per regime, below it the ceiling."""
    found = summary.set_index(["group", "regime", "method"]).sort_index()
    rows = []
    for regime, label in REGIME_LABELS.items():
        methods = headline_rows(summary, regime)
        blocks = {group: found.loc[(group, regime)] for group in COLUMNS if (group, regime) in found.index}
        shown = {group: block[block.index.isin(methods)]["tau_w"].max() for group, block in blocks.items()}
        for method in (*methods, CEILING):
            row = {"regime": label, "method": method}
            for group, (head, beside) in COLUMNS.items():
                row |= _headline_cells(blocks.get(group), method, head, shown.get(group), beside)
            rows.append(row)
    return pd.DataFrame(rows)


def _headline_cells(block: pd.DataFrame | None, method: str, head: str, best: float, beside: bool) -> dict[str, str]:
    again = " " if head == "both" else ""  # a frame's columns need names of their own
    cells = {head: "--"} | ({f"ours minus this{again}": ""} if beside else {})
    if block is None or method not in (*block.index, CEILING):
        return cells
    if method == CEILING:
        return cells | {head: f"{(block['tau_w'] / block['of_ceiling']).median():.2f}"}
    row = block.loc[method]
    cells[head] = rf"$\mathbf{{{row.tau_w:.2f}}}$" if row.tau_w == best else f"{row.tau_w:.2f}"
    if beside and method != SHIPPED:
        cells[list(cells)[1]] = f"{row.gain:+.2f} [{row.gain_low:+.2f}, {row.gain_high:+.2f}]"
    return cells


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
            if (regime, method, 0) not in means:  # in fine-tuning nobody runs a part of the images
                continue
            cells = {camel(count).lower(): f"{means[regime, method, count]:.1f}" for count in SHOWN_PASSES}
            rows.append({"": f"{label}, {method}", **cells})
    return pd.DataFrame(rows)
