"""How many planted faults the three colleagues find, and how often they raise an alarm where there is none."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.files import write_text
from ptmrec.inspection.data import inspect_data
from ptmrec.inspection.examples import read_example
from ptmrec.inspection.findings import Report
from ptmrec.inspection.model import inspect_model
from ptmrec.inspection.trainer import inspect_trainer
from ptmrec.inspection.trainers import PROJECT, read_trainer
from torture import colleague_data, colleague_models, colleague_trainers

RESULT = Path("constants/results/planted_faults.csv")
SEEDS = 3
EVERY = 17
"""Each so many-th model of the zoo is a control."""
Case = tuple[str, str, str, Callable[[int], Report]]
"""Colleague, what is planted (or the control's name), the checks that have to find it (empty for a control), and a
function from a seed to the report."""


def planted_table(paths: PathsConfig, seeds: int = SEEDS) -> list[dict[str, Any]]:
    """One row per planted fault and control.

    Args:
        paths: where battery and zoo lie.
        seeds: how often each fault is planted, each time elsewhere.

    Returns:
        Rows with ``colleague, kind`` (``fault`` or ``control``), ``fault`` (what is planted, or what the control is),
        ``seeds``, ``found`` (of the seeds; of faults only) and ``alarms`` (of the seeds; of controls only).
    """
    rows = []
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory(prefix="colleagues-") as name:
        for colleague, subject, checks, inspect in cases(paths, Path(name)):
            reports = [inspect(seed) for seed in range(seeds if checks else 1)]
            found = sum(any(report.found(check) for check in checks.split("|")) for report in reports)
            row = {"colleague": colleague, "kind": "fault" if checks else "control", "fault": subject}
            alarms = sum(report.status for report in reports)
            counts = {"found": found, "alarms": ""} if checks else {"found": "", "alarms": alarms}
            rows.append({**row, "seeds": len(reports), **counts})
    return rows


def cases(paths: PathsConfig, folder: Path) -> Iterator[Case]:
    """Every fault and control.

    Args:
        paths: where battery and zoo lie.
        folder: an empty one for image files.
    """
    battery = read_battery(paths.battery)
    names = list(battery)

    def data(plant: colleague_data.Plant, subject: str) -> Callable[[int], Report]:
        def inspect(seed: int) -> Report:
            part = battery[names[seed % len(names)]]
            return colleague_data.inspect_planted(part, plant, folder / f"{subject} {seed}", seed)

        return inspect

    for subject, (check, plant) in colleague_data.FAULTS.items():
        yield "data", subject, check, data(plant, subject)
    yield "data", "slow loader", "slow_loader", colleague_data.inspect_slow
    for name, part in battery.items():
        place = folder / f"clean {name}"
        yield (
            "data",
            name,
            "",
            lambda seed, part=part, place=place: inspect_data(colleague_data.write_set(part, place, seed), timed=False),
        )
    yield "data", "fast loader", "", lambda seed: colleague_data.inspect_slow(seed, 0.0)
    yield from _models(paths)
    yield from _trainers()


def _models(paths: PathsConfig) -> Iterator[Case]:
    def planted(plant: Callable[..., None]) -> Callable[[int], Report]:
        def inspect(seed: int) -> Report:
            example = read_example(colleague_models.HOSTS[seed % len(colleague_models.HOSTS)], paths)
            plant(example, seed)
            return inspect_model(example)

        return inspect

    for subject, (checks, plant) in colleague_models.FAULTS.items():
        yield "model", subject, checks, planted(plant)
    for name in sorted(path.name for path in paths.zoo.iterdir() if path.is_dir())[::EVERY]:
        yield "model", name, "", lambda seed, name=name: inspect_model(read_example(name, paths))


def _trainers() -> Iterator[Case]:
    for subject, (checks, trainer) in colleague_trainers.FAULTS.items():
        yield (
            "trainer",
            subject,
            checks,
            lambda seed, trainer=trainer: inspect_trainer(colleague_trainers.planted_trainer(trainer, seed)),
        )
    for name in PROJECT:
        yield "trainer", name, "", lambda seed, name=name: inspect_trainer(read_trainer(name))
    sound = colleague_trainers.Sound
    yield "trainer", "classifier", "", lambda seed: inspect_trainer(colleague_trainers.planted_trainer(sound, seed))


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """Sentences on how many faults were found and how many controls raised an alarm, by colleague."""
    lines = []
    for colleague in dict.fromkeys(row["colleague"] for row in rows):
        own = [row for row in rows if row["colleague"] == colleague]
        faults = [row for row in own if row["kind"] == "fault"]
        controls = [row for row in own if row["kind"] == "control"]
        found, planted = sum(row["found"] for row in faults), sum(row["seeds"] for row in faults)
        alarms = sum(row["alarms"] for row in controls)
        lines.append(
            f"{colleague}: {found} of {planted} planted faults of {len(faults)} kinds found, "
            f"{alarms} false alarm(s) on {len(controls)} controls"
        )
    return lines


def try_all(root: Path) -> int:
    """Try every colleague, write the table and print the summary; 1 when a control raised an alarm."""
    rows = planted_table(ConfigParser(root / "config.ini").get(PathsConfig))
    write_text(root / RESULT, pd.DataFrame(rows).to_csv(index=False))
    sys.stderr.write("".join(f"{line}\n" for line in summary(rows)))
    return int(any(row["alarms"] for row in rows))
