"""Numbers of the README: copied from a run once, then written into marked regions from the committed copy."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from ptmrec.errors import ArtifactError
from ptmrec.evaluation.published.goals import against_goals
from ptmrec.files import read_json, write_json, write_text
from ptmrec.plots.cost_growth import plot_cost_growth
from ptmrec.plots.figures import plot_method_bars
from ptmrec.plots.style import REGIME_LABELS, save_figure
from ptmrec.report.engineering import BENCH, PROFILE, bench_table, profile_notebooks, profile_table, torture_table

COPIED = (
    *("summary.csv", "quadrants_summary.csv", "hardware_choice_summary.csv", "published_summary.csv"),
    "zoo.json",
)
SHOWN = ("parameter count", "source accuracy", "mean rank", "k-NN, data sets", "k-NN, features", "LogME")
"""Rows beside ours in the README; the notebook shows all."""
RIDGE = "ridge on relations"
REGION = re.compile(r"(<!-- numbers:(\w+) -->).*?(<!-- /numbers -->)", re.DOTALL)


def copy_results(artifacts: Path, folder: Path) -> None:
    """Copy the small result files of a run, and the range of times its notebooks took, to where they are committed."""
    for name in COPIED:
        text = (artifacts / "results" / name).read_text(encoding="utf-8")
        if name.endswith(".json"):
            facts = json.loads(text)
            facts.pop("config", None)  # it holds the paths of the machine
            write_json(folder / name, facts)
        else:
            write_text(folder / name, text)
    evaluation = read_json(artifacts / "results" / "evaluation.json")
    write_json(folder / "coverage.json", evaluation["coverage"])
    write_json(folder / "passes.json", _passes_means(pd.read_csv(artifacts / "results" / "passes.csv")))
    runs = sorted((artifacts / "runs").glob("*/*.ipynb"))
    write_json(folder / PROFILE, profile_notebooks(runs))
    if (artifacts / "results" / BENCH).is_file():
        write_json(folder / BENCH, read_json(artifacts / "results" / BENCH))
    times: dict[str, list[float]] = {}
    for path in runs:
        seconds = nbformat.read(path, as_version=4).metadata.get("papermill", {}).get("duration")
        if seconds:
            times.setdefault(path.stem, []).append(round(seconds, 1))
    write_json(folder / "times.json", {name: [min(values), max(values)] for name, values in times.items()})


def fill_readme(text: str, folder: Path) -> str:
    """The README with every marked region written anew from the committed results.

    Raises:
        ArtifactError: a region asks for numbers nobody makes.
    """
    regions = {
        "results": _results,
        "quadrants": _quadrants,
        "passes": _passes,
        "hardware": _hardware,
        "coverage": _coverage,
        "zoo": _zoo,
        "times": _times,
        "published": _published,
        "demo": _demo,
        "bench": bench_table,
        "torture": torture_table,
        "profile": profile_table,
    }

    def fill(match: re.Match) -> str:
        if match[2] not in regions:
            raise ArtifactError(f"README: no numbers called {match[2]!r}; there are {', '.join(regions)}")
        return f"{match[1]}\n{regions[match[2]](folder)}\n{match[3]}"

    return REGION.sub(fill, text)


def draw_figures(folder: Path, figures: Path) -> list[Path]:
    """Draw the README's figures from the committed results: methods on data sets left out, and how cost grows."""
    summary = pd.read_csv(folder / "quadrants_summary.csv")
    summary = summary[summary["method"].isin([*SHOWN, RIDGE])]
    alt = "Bars: how well each method ranks models for data sets left out, and what the ridge on relations gains."
    figure = plot_method_bars(summary, ["known models, blind data"], RIDGE)
    written = save_figure(figure, "readme_methods", figures, alt)
    points = pd.DataFrame(read_json(folder / BENCH)["growth"])
    alt = "Two log-log plots: seconds against the number of models to choose among, and of known data sets."
    return [*written, *save_figure(plot_cost_growth(points), "readme_growth", figures, alt)]


def _results(folder: Path) -> str:
    rows = pd.read_csv(folder / "summary.csv").set_index(["group", "regime", "method"]).loc["blind data"]
    lines = [
        "| blind data | Cross-Select | mean rank | LogME | ours minus mean rank | ours minus LogME |",
        "|---|---|---|---|---|---|",
    ]
    for regime, label in REGIME_LABELS.items():
        methods = [rows.loc[(regime, method)] for method in ("Cross-Select", "mean rank", "LogME")]
        cells = [f"{row.tau_w:.2f} [{row.tau_w_low:.2f}, {row.tau_w_high:.2f}]" for row in methods]
        cells += [f"{row.gain:+.2f} [{row.gain_low:+.2f}, {row.gain_high:+.2f}]" for row in methods[1:]]
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _quadrants(folder: Path) -> str:
    frame = pd.read_csv(folder / "quadrants_summary.csv")
    lines = []
    for group, part in frame[frame["method"].isin([*SHOWN, RIDGE])].groupby("group", sort=False):
        heads = (f"*{group}*", *("low data", "ridge minus this", "fine-tuning", "ridge minus this"))
        lines += ([""] if lines else []) + [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for method, own in part.groupby("method", sort=False):
            rows = own.set_index("regime").loc[list(REGIME_LABELS)]
            cells = [cell for row in rows.itertuples() for cell in (f"{row.tau_w:.2f}", _gain(row, method))]
            lines.append(f"| {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _gain(row: Any, method: str) -> str:
    return "" if method == RIDGE else f"{row.gain:+.2f} [{row.gain_low:+.2f}, {row.gain_high:+.2f}]"


def _passes_means(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Points lost by the first recommendation after some candidate passes, by regime, method and number."""
    means = frame.groupby(["regime", "method", "k"])["regret1"].mean()
    shown = means[means.index.get_level_values("k") <= 8]
    return {f"{regime}, {method}, {k}": float(value) for (regime, method, k), value in shown.items()}


def _passes(folder: Path) -> str:
    means = read_json(folder / "passes.json")
    lines = ["| points lost by the first model, candidates run on the images | 0 | 3 | 8 |", "|---|---|---|---|"]
    for regime, label in REGIME_LABELS.items():
        for method in ("Cross-Select", "mean rank"):
            cells = [f"{means[f'{regime}, {method}, {count}']:.1f}" for count in (0, 3, 8)]
            lines.append(f"| {label}, {method} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _hardware(folder: Path) -> str:
    frame = pd.read_csv(folder / "hardware_choice_summary.csv").set_index(["regime", "method"])
    heads = [f"{label} | limits broken" for label in REGIME_LABELS.values()]
    lines = [f"| points lost by the first model under a limit | {' | '.join(heads)} |", "|---|---|---|---|---|"]
    for method in frame.index.get_level_values("method").unique():
        cells = []
        for regime in REGIME_LABELS:
            row = 100 * frame.loc[(regime, method)]
            span = f"[{row['regret_low']:.1f}, {row['regret_high']:.1f}]"
            cells += [f"{row['regret']:.1f} {span}", f"{row['violations']:.0f} %"]
        lines.append(f"| {method}{' (committed)' * bool(row.get('committed'))} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _coverage(folder: Path) -> str:
    shares = read_json(folder / "coverage.json")
    parts = []
    for regime, label in REGIME_LABELS.items():
        narrow, wide = (shares[f"left-out data, {regime}, {level}"] for level in ("0.80", "0.95"))
        parts.append(f"{narrow:.0%} and {wide:.0%} ({label})")
    return f"On data sets left out its 80 % and 95 % intervals hold {' and '.join(parts)} of the measured accuracies."


def _zoo(folder: Path) -> str:
    zoo = read_json(folder / "zoo.json")
    low, high = (zoo["ceiling_tau_w"][regime]["mean"] for regime in REGIME_LABELS)
    known = zoo["data_sets"] - zoo["blind_data_sets"]
    return (
        f"{zoo['models']} models ({zoo['families']} families, {zoo['sources']} sources; {zoo['parameters_min']} to "
        f"{zoo['parameters_max']} parameters) were measured on {zoo['data_sets']} data sets, {known} known and "
        f"{zoo['blind_data_sets']} blind. The measurement agrees with itself at tau_w {low:.3f} in low data and "
        f"{high:.3f} in fine-tuning (mean over data sets)."
    )


def _published(folder: Path) -> str:
    table = against_goals(pd.read_csv(folder / "published_summary.csv"))
    heads = ("benchmark, held out", "metric", "ours", "best rule", "ours minus this", "hindsight", "goal")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in table.itertuples():
        ceiling = f"{row.ceiling:.2f}" if pd.notna(row.ceiling) else ""
        cells = [f"{row.benchmark}, {row.protocol}", row.metric, f"{row.value:.3f} [{row.low:.2f}, {row.high:.2f}]"]
        cells += [f"{row.rule} {row.rule_value:.3f}", f"{row.gain:+.3f} [{row.gain_low:+.2f}, {row.gain_high:+.2f}]"]
        cells += [ceiling, f"{row.goal:.2f} {'met' if row.met else 'missed'}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _demo(folder: Path) -> str:
    return f"```\n{(folder / 'demo.txt').read_text(encoding='utf-8').rstrip()}\n```"


def _times(folder: Path) -> str:
    times = read_json(folder / "times.json")
    parts = [f"{name[:2]} {_range(low, high, 's')}" for name, (low, high) in times.items()]
    total = [sum(pair[end] for pair in times.values()) / 60 for end in (0, 1)]
    return f"Measured on two cores: {_range(*total, 'minutes')} in all; by notebook {', '.join(parts)}."


def _range(low: float, high: float, unit: str) -> str:
    return f"{low:.0f} {unit}" if round(low) == round(high) else f"{low:.0f} to {high:.0f} {unit}"
