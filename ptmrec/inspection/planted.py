"""How many planted faults the three colleagues find, and how often they raise an alarm where there is none."""

import csv
import io
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import torch

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.sections import PathsConfig
from ptmrec.errors import ConfigError
from ptmrec.files import write_text
from ptmrec.inspection import planted_data, planted_models, planted_trainers
from ptmrec.inspection.data import inspect_data
from ptmrec.inspection.examples import read_example
from ptmrec.inspection.findings import Report
from ptmrec.inspection.model import inspect_model
from ptmrec.inspection.trainer import inspect_trainer
from ptmrec.inspection.trainers import PROJECT, read_trainer
from ptmrec.progress import progress

COLLEAGUES = ("data", "model", "trainer")
SEEDS = 3
EVERY = 17
"""Each so many-th model of the zoo is a control."""
Case = tuple[str, str, str, Callable[[int], Report]]
"""Colleague, what is planted (or the control's name), the checks that have to find it (empty for a control), and a
function from a seed to the report."""


def planted_table(
    paths: PathsConfig, seeds: int = SEEDS, colleagues: Collection[str] = COLLEAGUES
) -> list[dict[str, Any]]:
    """One row per planted fault and control.

    Args:
        paths: where battery and zoo lie.
        seeds: how often each fault is planted, each time elsewhere.
        colleagues: whom to try.

    Returns:
        Rows with ``colleague, kind`` (``fault`` or ``control``), ``fault`` (what is planted, or what the control is),
        ``seeds``, ``found`` (of the seeds; of faults only) and ``alarms`` (of the seeds; of controls only).
    """
    rows = []
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory(prefix="ptmrec-planted-") as name:
        chosen = [case for case in cases(paths, Path(name)) if case[0] in colleagues]
        for colleague, subject, checks, inspect in progress(chosen, "planted faults"):
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

    def data(plant: planted_data.Plant, subject: str) -> Callable[[int], Report]:
        def inspect(seed: int) -> Report:
            part = battery[names[seed % len(names)]]
            return planted_data.inspect_planted(part, plant, folder / f"{subject} {seed}", seed)

        return inspect

    for subject, (check, plant) in planted_data.FAULTS.items():
        yield "data", subject, check, data(plant, subject)
    yield "data", "slow loader", "slow_loader", planted_data.inspect_slow
    for name, part in battery.items():
        place = folder / f"clean {name}"
        yield (
            "data",
            name,
            "",
            lambda seed, part=part, place=place: inspect_data(planted_data.write_set(part, place, seed), timed=False),
        )
    yield "data", "fast loader", "", lambda seed: planted_data.inspect_slow(seed, 0.0)
    yield from _models(paths)
    yield from _trainers()


def _models(paths: PathsConfig) -> Iterator[Case]:
    def planted(plant: Callable[..., None]) -> Callable[[int], Report]:
        def inspect(seed: int) -> Report:
            example = read_example(planted_models.HOSTS[seed % len(planted_models.HOSTS)], paths)
            plant(example, seed)
            return inspect_model(example)

        return inspect

    for subject, (checks, plant) in planted_models.FAULTS.items():
        yield "model", subject, checks, planted(plant)
    for name in sorted(path.name for path in paths.zoo.iterdir() if path.is_dir())[::EVERY]:
        yield "model", name, "", lambda seed, name=name: inspect_model(read_example(name, paths))


def _trainers() -> Iterator[Case]:
    for subject, (checks, trainer) in planted_trainers.FAULTS.items():
        yield (
            "trainer",
            subject,
            checks,
            lambda seed, trainer=trainer: inspect_trainer(planted_trainers.planted_trainer(trainer, seed)),
        )
    for name in PROJECT:
        yield "trainer", name, "", lambda seed, name=name: inspect_trainer(read_trainer(name))
    sound = planted_trainers.Sound
    yield "trainer", "classifier", "", lambda seed: inspect_trainer(planted_trainers.planted_trainer(sound, seed))


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


def write_table(rows: list[dict[str, Any]], path: Path) -> Path:
    """Write the rows of a table as CSV, atomically.

    Raises:
        ConfigError: it cannot be written there.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: a folder; name a file to write the table to")
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    try:
        return write_text(path, text.getvalue())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); choose another place") from None
