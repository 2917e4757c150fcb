"""Regions of the pages about what came out: tables with their intervals, and the sentences that compare."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from experiments.evaluation.baselines.measured import ROWS
from experiments.evaluation.published.goals import LESS_IS_BETTER, against_goals
from experiments.report.records import MEND, Record, Table, read_lines, read_record
from experiments.studies.tune import HALVING, SINGLE
from experiments.studies.tune import OURS as TUNED
from ptmrec.core.errors import ArtifactError, reading
from ptmrec.plots.style import REGIME_LABELS

QUADRANTS, PUBLISHED = "quadrants_summary.csv", "published_summary.csv"
BLIND_DATA = "known models, blind data"
"""The quadrant of README's table: models are known, each data set is left out in turn."""
SHOWN = (
    *("parameter count", "source accuracy", "mean rank", "k-NN, data sets", "k-NN, features", "LogME", "H-score"),
    *("N-LEEP", "TransRate", "ridge, features", "ridge, features, four draws"),
    *("Cross-Select, one draw", "Cross-Select, encoder only"),
)
"""Rows beside ours in the tables; the notebook shows all."""
OURS, STATIC, FEATURES = "Cross-Select", "mean rank", "ridge, features, four draws"
PASSES = (0, 1, 3, 8, 16)
HEADLINE = {STATIC: "a list that never looks at the data", "LogME": "runs every model on the images"}
HEADLINE |= {FEATURES: "runs every model on the images"}
"""Rows of README's table and what they do; those that a run has not made are left out."""
LEFT_OUT, COVERED = "left-out data", ("coverage", "half", "worst")
DOUBTED = ("sets", "missed", "doubted", "both")
GAIN = ("gain", "gain_low", "gain_high")


def read_quadrants(folder: Path) -> Table:
    """Means of every method on data sets and families left out."""
    numbers = ("tau_w", "tau_w_low", "tau_w_high", "of_ceiling", *GAIN, "regret1", "regret1_low", "regret1_high")
    return Table(folder / QUADRANTS, ("group", "regime", "method"), numbers, ("targets",))


def headline(folder: Path) -> str:
    """README's table, and what may be read from it."""
    table = read_quadrants(folder)
    there = set(table.frame.loc[table.frame["group"] == BLIND_DATA, "method"])
    methods = [method for method in HEADLINE if method in there]
    rows = {
        (method, regime): table.row(group=BLIND_DATA, regime=regime, method=method)
        for method in (OURS, *methods)
        for regime in REGIME_LABELS
    }
    count = rows[OURS, "low_data"].number("targets")
    heads = (f"mean tau_w, {count:.0f} data sets left out in turn", *(f"{label} | gain" for label in _labels()))
    lines = [
        _line(heads),
        "|---" * 5 + "|",
        _line((f"**ours**: {OURS}", *(f"{_tau(rows[OURS, r])} | " for r in _regimes()))),
    ]
    for method in methods:
        cells = (f"{_tau(rows[method, regime])} | {_gain(rows[method, regime])}" for regime in _regimes())
        lines.append(_line((f"{method}: {HEADLINE[method]}", *cells)))
    reached = [
        f"{_tau(rows[STATIC, regime])} in {label} (ours {_tau(rows[OURS, regime])})"
        for regime, label in REGIME_LABELS.items()
    ]
    static = f"A static list that never looks at the data (*{STATIC}*) reaches {' and '.join(reached)}."
    beside = {f"{m} ({REGIME_LABELS[r]})": rows[m, r] for m in methods for r in _regimes()}
    return "\n".join([*lines, "", f"{static} {_differences(beside)}"])


def _differences(beside: dict[str, Record]) -> str:
    """Which paired intervals show no difference, and which show that ours is worse."""
    ties = [name for name, row in beside.items() if row.number("gain_low") <= 0 <= row.number("gain_high")]
    worse = [name for name, row in beside.items() if row.number("gain_high") < 0]
    text = f"An interval that holds zero shows no difference: here {_listed(ties) or 'none does'}."
    return text + (f" Ours is worse than {_listed(worse)}." if worse else "")


def strongest(folder: Path) -> str:
    """The best of the methods that run every candidate on the images, known afterwards, beside ours."""
    table, parts = read_quadrants(folder), []
    for regime, label in REGIME_LABELS.items():
        frame = table.frame
        chosen = frame[(frame["group"] == BLIND_DATA) & (frame["regime"] == regime)]
        method = chosen[chosen["method"].isin([*ROWS, FEATURES])].sort_values("tau_w")["method"].tail(1)
        name = method.iloc[0] if len(method) else "LogME"
        row = table.row(group=BLIND_DATA, regime=regime, method=name)
        parts.append(f"{name} in {label} ({_tau(row)}; ours minus it {_gain(row)})")
    return (
        "Of the methods that run every candidate on the images, the best on blind data, picked afterwards, is "
        f"{' and '.join(parts)}."
    )


def quadrants(folder: Path) -> str:
    """A table for each combination of known and blind models and data sets."""
    table, lines = read_quadrants(folder), []
    frame = table.frame
    for group, part in frame[frame["method"].isin([*SHOWN, OURS])].groupby("group", sort=False):
        columns = ("low data", "ours minus this", "points lost", "fine-tuning", "ours minus this", "points lost")
        heads = (f"*{group}*", *columns)
        lines += ([""] if lines else []) + [_line(heads), "|---" * len(heads) + "|"]
        for method in part["method"].unique():
            rows = [table.row(group=group, regime=regime, method=method) for regime in _regimes()]
            cells = [c for row in rows for c in (_tau(row), "" if method == OURS else _gain(row), _lost(row))]
            lines.append(_line((method, *cells)))
    return "\n".join(lines)


def split(folder: Path) -> str:
    """Blind data of the fixed split."""
    numbers = ("tau_w", "tau_w_low", "tau_w_high", *GAIN)
    table = Table(folder / "summary.csv", ("group", "regime", "method"), numbers)
    lines = [
        "| blind data | Cross-Select | mean rank | LogME | ours minus mean rank | ours minus LogME |",
        "|---|---|---|---|---|---|",
    ]
    for regime, label in REGIME_LABELS.items():
        names = ("Cross-Select", STATIC, "LogME")
        methods = [table.row(group="blind data", regime=regime, method=method) for method in names]
        cells = [f"{_tau(row)} [{row.number('tau_w_low'):.2f}, {row.number('tau_w_high'):.2f}]" for row in methods]
        lines.append(_line((label, *cells, *map(_gain, methods[1:]))))
    return "\n".join(lines)


def passes(folder: Path) -> str:
    """Points lost by the first model after so many candidates have run on the images."""
    numbers = ("regret1", "regret1_low", "regret1_high", "more", "more_low", "more_high")
    table = Table(folder / "passes_summary.csv", ("regime", "method"), numbers, ("k",))
    heads = ("points lost by the first model, candidates run on the images", *PASSES)
    lines = [_line(heads), "|---" * len(heads) + "|"]

    def blank(regime: str) -> list[str]:
        return [""] * (len(PASSES) - len(_ran(table, regime)))

    for regime, label in REGIME_LABELS.items():
        for method in (OURS, STATIC):
            rows = [table.row(regime=regime, method=method, k=count) for count in _ran(table, regime)]
            lines.append(_line((f"{label}, {method}", *map(_lost, rows), *blank(regime))))
        more = [table.row(regime=regime, method=STATIC, k=count) for count in _ran(table, regime)]
        cells = [
            f"{row.number('more'):+.1f} [{row.number('more_low'):+.1f}, {row.number('more_high'):+.1f}]" for row in more
        ]
        lines.append(_line((f"{label}, {STATIC} minus ours, paired", *cells, *blank(regime))))
    return "\n".join(lines)


def tuning(folder: Path) -> str:
    """What fine-tuning within a time reaches, beside simpler choices."""
    numbers = (
        "budget",
        "accuracy",
        "of_best",
        "gain",
        "gain_low",
        "gain_high",
        "worst",
        "seconds",
        "data_sets",
        "seeds",
    )
    table = Table(folder / "tune_summary.csv", ("method",), numbers)
    lines = [
        "| method | time | accuracy | share of the best | ours minus it, points | on the worst data set | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for method, budget in table.frame[["method", "budget"]].itertuples(index=False):
        row = table.row(method=method, budget=budget)
        gain = f"{row.number('gain'):+.1f} [{row.number('gain_low'):+.1f}, {row.number('gain_high'):+.1f}]"
        cells = (
            f"{budget / 60:.0f} min" if budget else "",
            f"{row.number('accuracy'):.3f}",
            f"{row.number('of_best'):.3f}",
        )
        lines.append(_line((method, *cells, gain, f"{row.number('worst'):+.1f}", f"{row.number('seconds'):.0f}")))
    first = table.frame.iloc[0]
    note = f"Means over {first['data_sets']:.0f} data sets and {first['seeds']:.0f} seeds, each data set left out."
    return "\n".join([*lines, "", note])


def tuned(folder: Path) -> str:
    """One sentence: accuracies of fine-tuning within the shortest time, and of simpler choices."""
    table = Table(folder / "tune_summary.csv", ("method",), ("budget", "accuracy", "data_sets"))
    budget = table.frame[table.frame["budget"] > 0]["budget"].min()
    ours, halving = (table.row(method=method, budget=budget) for method in (TUNED, HALVING))
    single = [table.row(method=method, budget=0.0).number("accuracy") for method in SINGLE[:2]]
    return (
        f"On {ours.number('data_sets'):.0f} image sets left out, `tune` ends in {budget:.0f} s of one core with an "
        f"accuracy of {ours.number('accuracy'):.2f}; its first recommendation fine-tuned once has {single[0]:.2f}, the "
        f"largest model {single[1]:.2f}, the same search from random candidates {halving.number('accuracy'):.2f}."
    )


def _ran(table: Table, regime: str) -> list[int]:
    """Numbers of candidates that were run: in fine-tuning fewer."""
    there = set(table.frame[table.frame["regime"] == regime]["k"].astype(int))
    return [count for count in PASSES if count in there]


def hardware(folder: Path) -> str:
    """Points lost by the first model under a limit, and limits broken."""
    numbers = ("regret", "regret_low", "regret_high", "violations")
    table = Table(folder / "hardware_choice_summary.csv", ("regime", "method"), numbers)
    heads = ("points lost by the first model under a limit", *(f"{label} | limits broken" for label in _labels()))
    lines = [_line(heads), "|---|---|---|---|---|"]
    frame = table.frame  # methods that this run did not train again are marked
    kept = set(frame[frame["committed"].astype(bool)]["method"]) if "committed" in frame else set()
    for method in frame["method"].unique():
        cells = []
        for regime in _regimes():
            row = table.row(regime=regime, method=method)
            value, low, high, broken = (100 * row.number(name) for name in numbers)
            cells += [f"{value:.1f} [{low:.1f}, {high:.1f}]", f"{broken:.0f} %"]
        lines.append(_line((f"{method}{' (committed)' * (method in kept)}", *cells)))
    return "\n".join(lines)


def coverage(folder: Path) -> str:
    """How many measured accuracies the intervals hold, and what one measured model changes."""
    table = Table(folder / "coverage_summary.csv", ("group", "regime", "dataset"), (*COVERED, *DOUBTED), ("k", "level"))
    heads = ("data sets left out, 80 % intervals", "hold of all", "of the worst data set", "half width", "95 % hold")
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for regime, label in REGIME_LABELS.items():
        counts = table.frame.loc[(table.frame["group"] == LEFT_OUT) & (table.frame["regime"] == regime), "k"]
        for k in sorted({int(count) for count in counts}):
            row, wide = (table.row(group=LEFT_OUT, regime=regime, k=k, level=level) for level in (0.8, 0.95))
            held, half, worst = (100 * row.number(name) for name in COVERED)
            after = f", {k} measured on the images" if k else ""
            cells = (f"{held:.0f} %", f"{worst:.0f} % ({row.text('dataset').replace('_', ' ')})", f"{half:.1f} points")
            lines.append(_line((f"{label}{after}", *cells, f"{100 * wide.number('coverage'):.0f} %")))
    parts = []
    for regime in _regimes():
        row = table.row(group=LEFT_OUT, regime=regime, k=0, level=0.8)
        sets, missed, doubted, both = (f"{row.number(name):.0f}" for name in DOUBTED)
        parts.append(f"{REGIME_LABELS[regime]}: {missed} of {sets} data sets, {both} of them, and {doubted} in all")
    told = "Held by less than half, of these told *do not trust it*, and told so in all"
    return "\n".join([*lines, "", f"{told}: {'; '.join(parts)}."])


def published(folder: Path) -> str:
    """Each goal on published benchmarks beside what came out, and how often the best rule was beaten."""
    path = folder / PUBLISHED
    table = Table(path, ("benchmark", "protocol", "metric", "method"), ("targets", "value", "low", "high", *GAIN))
    with reading(path, MEND):
        found = against_goals(table.frame)
    if found.empty:
        raise ArtifactError(f"{path}: no row of a benchmark, protocol and metric that has a goal; {MEND}")
    heads = ("benchmark, held out", "metric", "ours", "best rule", "ours minus this", "hindsight", "goal")
    lines = [_line(heads), "|---" * len(heads) + "|"]
    sides = {"better": 0, "worse": 0, "no difference": 0}
    for values in found.to_dict("records"):
        name = f"{values['benchmark']}, {values['protocol']}"
        row = Record(path, values, f"{name}, {values['metric']}: ")
        ceiling = f"{row.number('ceiling'):.2f}" if pd.notna(values["ceiling"]) else ""
        gain, low, high = (row.number(field) for field in GAIN)
        cells = [f"{row.number('value'):.3f} [{row.number('low'):.2f}, {row.number('high'):.2f}]"]
        cells += [f"{values['rule']} {row.number('rule_value'):.3f}", f"{gain:+.3f} [{low:+.2f}, {high:+.2f}]", ceiling]
        lines.append(
            _line((name, values["metric"], *cells, f"{values['goal']:.2f} {'met' if values['met'] else 'missed'}"))
        )
        sides[_side(values["metric"], low, high)] += 1
    counts = f"better than the best rule in {sides['better']} rows and worse in {sides['worse']}"
    ties = f"{sides['no difference']} show no difference"
    text = f"{int(found['met'].sum())} of {len(found)} goals are met. Ours is {counts}; {ties}."
    return "\n".join([*lines, "", text])


def _side(metric: str, low: float, high: float) -> str:
    if low <= 0 <= high:
        return "no difference"
    return "better" if (high < 0) == metric.startswith(LESS_IS_BETTER) else "worse"


def zoo(folder: Path) -> str:
    """What was measured, and how well the measurement agrees with itself."""
    facts = read_record(folder / "zoo.json")
    models, families, sources, sets, blind = (
        f"{facts.number(name):.0f}" for name in ("models", "families", "sources", "data_sets", "blind_data_sets")
    )
    least, most = (f"{facts.number(name):.0f}" for name in ("parameters_min", "parameters_max"))
    low, high = (facts.part("ceiling_tau_w").part(regime).number("mean") for regime in _regimes())
    return (
        f"{models} models ({families} families, {sources} sources; {least} to {most} parameters) were measured on "
        f"{sets} data sets, {int(sets) - int(blind)} known and {blind} blind. The measurement agrees with itself at "
        f"tau_w {low:.3f} in low data and {high:.3f} in fine-tuning (mean over data sets)."
    )


def networks(folder: Path) -> str:
    """What the zoo is; the images' sizes and the real models are those of the committed cards beside the results."""
    facts = read_record(folder / "zoo.json")
    least, most = (facts.number(name) / 1000 for name in ("parameters_min", "parameters_max"))
    own, real = (_cards(folder.parent / name) for name in ("zoo", "real"))
    sizes = [card.number("num_params") / 1e6 for card in real]
    return (
        f"Its zoo holds {facts.number('models'):.0f} networks of {least:.0f} to {most:.0f} thousand weights at "
        f"{_span(own, 'input_size')} pixels, and {len(real)} real ones of {min(sizes):.1f} to {max(sizes):.1f} million "
        f"weights at {_span(real, 'input_size')} pixels."
    )


def _cards(folder: Path) -> list[Record]:
    found = [read_record(path) for path in sorted(folder.glob("*/config.json"))]
    return found or [read_record(folder / "config.json")]  # which is not there, and the error says so


def _span(cards: list[Record], field: str) -> str:
    values = [card.number(field) for card in cards]
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def demo(folder: Path) -> str:
    """The demo's answer."""
    return f"```\n{read_lines(folder / 'demo.txt')}\n```"


def _tau(row: Record) -> str:
    return f"{row.number('tau_w'):.2f}"


def _lost(row: Record) -> str:
    regret, low, high = (row.number(f"regret1{end}") for end in ("", "_low", "_high"))
    return f"{regret:.1f} [{low:.1f}, {high:.1f}]"


def _gain(row: Record) -> str:
    gain, low, high = (row.number(name) for name in GAIN)
    return f"{gain:+.2f} [{low:+.2f}, {high:+.2f}]"


def _regimes() -> list[str]:
    return list(REGIME_LABELS)


def _labels() -> list[str]:
    return list(REGIME_LABELS.values())


def _listed(names: Iterable[str]) -> str:
    *first, last = [*names] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _line(cells: Iterable[object]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"
