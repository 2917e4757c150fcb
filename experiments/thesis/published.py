"""The published benchmarks in the thesis: ours beside the best rule, the ceiling and the goal."""

import pandas as pd

from experiments.evaluation.published.goals import against_goals
from experiments.thesis.macros import Macros, camel, number
from experiments.thesis.results import Results

FILE = "published_summary"
BENCHMARKS = {
    "transfergraph": "TransferGraph",
    "modelspider42": "Model Spider, sources",
    "modelspider10": "Model Spider, networks",
    "openclip": "OpenCLIP",
    "lovm": "LOVM",
}
"""Names of the benchmarks as the thesis says them; its numbers are results, so names have none."""
METRICS = {
    **{"tau_w": r"$\tau_w$", "tau_w_default": r"$\tau_w$", "r5": "top-five recall", "kendall": r"Kendall's $\tau$"},
    **{"regret1": "loss", "regret1_caps": "loss under caps", "mae": "error of accuracy"},
}
CAPTION = (
    r"Published benchmarks: our mean over targets with its \SetLevel\,\% interval, the rule that proved best of those "
    r"that do not look at the target, ours minus that, what hindsight reaches, and the goal set before. "
    r"Of losses and errors less is better."
)


def add_published(macros: Macros, results: Results) -> None:
    r"""Numbers of each goal: ``\Published<Benchmark><Protocol><Metric>``, with ``Rule``, ``Gain`` and ``Goal``."""
    origin = results.origin(f"{FILE}.csv")
    table = against_goals(results.table(FILE))
    for row in table.itertuples():
        name = f"Published{camel(BENCHMARKS[row.benchmark], row.protocol, row.metric)}"
        macros.interval(name, (row.value, row.low, row.high), origin)
        macros.add(f"{name}Rule", number(row.rule_value), origin)
        macros.interval(f"{name}Gain", (row.gain, row.gain_low, row.gain_high), origin, signed=True)
        macros.add(f"{name}Goal", number(row.goal), origin)
        for kind in ("ceiling", "pooled"):
            value = getattr(row, kind)
            if pd.notna(value):
                macros.add(f"{name}{camel(kind)}", number(value), origin)
    macros.add("PublishedGoals", number(len(table), 0), origin)
    macros.add("PublishedGoalsMet", number(table["met"].sum(), 0), origin)


def published_table(summary: pd.DataFrame) -> pd.DataFrame:
    """A row per goal, in blocks by benchmark."""
    rows = []
    for row in against_goals(summary).itertuples():
        ceiling = f"{row.ceiling:.2f}" if pd.notna(row.ceiling) else "--"
        rows.append(
            {
                "benchmark": BENCHMARKS[row.benchmark],
                "held out": f"{row.protocol}, {METRICS[row.metric]}",
                "ours": f"{row.value:.2f} [{row.low:.2f}, {row.high:.2f}]",
                "best rule": f"{row.rule_value:.2f}",
                "ours minus this": f"{row.gain:+.2f} [{row.gain_low:+.2f}, {row.gain_high:+.2f}]",
                "hindsight": ceiling,
                "goal": f"{row.goal:.2f}",
            }
        )
    return pd.DataFrame(rows)
