"""What a million models cost in time, disk and money: arithmetic on what the benchmarks measured."""

from pathlib import Path
from typing import Any

import pandas as pd

from experiments.figures.cost_growth import OVER, fit_slopes
from experiments.thesis.macros import Macros, number
from ptmrec.benchmark.battery import read_battery
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, RelationConfig
from ptmrec.core.errors import reading
from ptmrec.core.files import read_json

MILLION, HOUR = 1_000_000, 3600
MEGABYTES, DOLLARS, CORES = 350, 0.05, 1000
"""Assumptions: size of the weights of a mean model, price of an hour of one core, and cores at work together."""
LINES = {
    "Ours": (OVER[0], "Cross-Select"),
    "Passes": (OVER[0], "LogME, small networks"),
    "TwoStages": (OVER[0], "two stages, synthetic models"),
    "Full": (OVER[0], "full scoring, synthetic models"),
    "Fitting": (OVER[1], "fitting the rankers"),
    "Answering": (OVER[1], "answering"),
}
"""Macros of slopes, by panel and name of the line."""


def add_scale(macros: Macros, config: ConfigParser) -> None:
    """Slopes of all lines, what is assumed, and the costs of a million models."""
    path = config.get(PathsConfig).bench
    found, origin = read_json(path), f"constants/results/{path.name}"
    with reading(path):
        points = pd.DataFrame(found["growth"])
        slopes = fit_slopes(points)
        for name, line in LINES.items():
            macros.add(f"Slope{name}", number(slopes[line]), origin)
        values = costs(found["facts"], _largest(points), _count_probes(config))
    for name, (value, decimals) in values.items():
        macros.add(f"Scale{name}", number(value, decimals), origin)
    for name, value in {"Megabytes": MEGABYTES, "Cents": 100 * DOLLARS, "Cores": CORES}.items():
        macros.add(f"Assumed{name}", number(value, 0), f"{Path(__file__).stem}.py")


def _count_probes(config: ConfigParser) -> int:
    """Images that every model answers to: those made by code, and the battery's of known data sets."""
    paths = config.get(PathsConfig)
    known = read_splits(paths.splits).known
    battery = read_battery(paths.battery).items()
    return config.get(RelationConfig).probes + sum(len(part.labels) for name, part in battery if name in known)


def costs(facts: dict[str, Any], seconds: dict[str, float], probes: int) -> dict[str, tuple[float, int]]:
    """Costs by name, with the decimals to show.

    Args:
        facts: of the benchmarks: ``pass_seconds`` of one image, ``weights_seconds`` of one gigabyte of weights,
            ``bytes_per_model`` of what is kept of a model, and ``images`` of the question.
        seconds: of ranking a million synthetic models, ``two stages`` and ``full scoring``.
        probes: images that each model answers to, once in its life.
    """
    weights = MILLION * MEGABYTES / 1000 * facts["weights_seconds"] / HOUR
    responses = MILLION * probes * facts["pass_seconds"] / HOUR
    asked = MILLION * facts["images"] * facts["pass_seconds"] / HOUR
    return {
        "Probes": (probes, 0),
        "WeightsHours": (weights, 0),
        "ResponsesHours": (responses, 0),
        "Days": ((weights + responses) / CORES / 24, 1),
        "Dollars": ((weights + responses) * DOLLARS, 0),
        "Terabytes": (MILLION * MEGABYTES / 1e6, 0),
        "Gigabytes": (MILLION * facts["bytes_per_model"] / 1e9, 0),
        "RankSeconds": (seconds["two stages"], 2),
        "FullSeconds": (seconds["full scoring"], 0),
        "PassesHours": (asked, 0),
        "PassesDollars": (asked * DOLLARS, 0),
        "PassMilliseconds": (1000 * facts["pass_seconds"], 0),
        "Images": (facts["images"], 0),
    }


def _largest(points: pd.DataFrame) -> dict[str, float]:
    """Seconds of both ways to rank the most synthetic models, brought to a million by proportion."""
    found = {}
    for way in ("two stages", "full scoring"):
        part = points[points["what"] == f"{way}, synthetic models"].sort_values("count")
        last = part.iloc[-1]
        found[way] = float(last["seconds"]) * MILLION / float(last["count"])
    return found
