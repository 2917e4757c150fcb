import csv
from pathlib import Path

import pytest

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.sections import PathsConfig
from ptmrec.inspection.examples import read_example
from ptmrec.inspection.model import inspect_model
from ptmrec.inspection.scan import scan_folder
from ptmrec.inspection.trainer import inspect_trainer
from torture import colleague_data, colleague_models, colleague_trainers
from torture.colleagues import cases, summary

ROOT = Path(__file__).resolve().parents[1]
PATHS = PathsConfig(zoo=ROOT / "constants/zoo", real=ROOT / "constants/real", battery=ROOT / "constants/battery.npz")
MISSED = ("targets drawn anew",)
"""The loss falls to that of the classes' shares, which is a fall all the same; the table says so."""
ROWS = [
    {"colleague": "data", "kind": "fault", "fault": "leak", "seeds": 3, "found": 2, "alarms": ""},
    {"colleague": "data", "kind": "control", "fault": "mnist", "seeds": 1, "found": "", "alarms": 1},
    {"colleague": "model", "kind": "fault", "fault": "NaN", "seeds": 3, "found": 3, "alarms": ""},
]


def test_the_committed_table_is_of_all_cases_and_keeps_the_promise(tmp_path):
    with (ROOT / "constants" / "results" / "planted_faults.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["colleague"], row["fault"]) for row in rows] == [case[:2] for case in cases(PATHS, tmp_path)]
    faults = [row for row in rows if row["kind"] == "fault"]
    assert len(faults) >= 20 and all(int(row["seeds"]) >= 3 for row in faults)
    for colleague in ("data", "model", "trainer"):
        own = [row for row in faults if row["colleague"] == colleague]
        assert sum(int(row["found"]) for row in own) >= 0.9 * sum(int(row["seeds"]) for row in own)
    controls = [row for row in rows if row["kind"] == "control"]
    assert sum(int(row["alarms"]) for row in controls) == 0
    assert sum(row["colleague"] == "model" for row in controls) >= 12


def test_rows_are_counted_by_colleague():
    assert summary(ROWS) == [
        "data: 2 of 3 planted faults of 1 kinds found, 1 false alarm(s) on 1 controls",
        "model: 3 of 3 planted faults of 1 kinds found, 0 false alarm(s) on 0 controls",
    ]


@pytest.fixture(scope="module")
def part():
    return read_battery(PATHS.battery)["blood_cells"]


def test_a_set_is_written_whole_in_two_parts(part, tmp_path):
    scan = scan_folder(colleague_data.write_set(part, tmp_path, seed=0))
    assert len(scan.paths) == len(part.labels) and scan.parts.count("test") == len(part.labels) // 4
    assert len(set(scan.labels)) == len(part.class_names)


@pytest.mark.parametrize("fault", colleague_data.FAULTS)
def test_each_fault_of_data_is_found(part, tmp_path, fault):
    check, plant = colleague_data.FAULTS[fault]
    report = colleague_data.inspect_planted(part, plant, tmp_path, seed=5)
    assert report.found(check), report.lines()


def test_nothing_is_found_where_nothing_is_planted(part, tmp_path):
    report = colleague_data.inspect_planted(part, lambda folder, generator: None, tmp_path, seed=5)
    assert report.status == 0, report.lines()


def test_a_slow_set_and_a_fast_one():
    assert colleague_data.inspect_slow(0).found("slow_loader") and colleague_data.inspect_slow(0, 0.0).status == 0


@pytest.mark.slow
@pytest.mark.parametrize("fault", colleague_models.FAULTS)
def test_each_fault_of_models_is_found(fault):
    checks, plant = colleague_models.FAULTS[fault]
    example = read_example(colleague_models.HOSTS[1], PATHS)
    plant(example, 1)
    report = inspect_model(example)
    assert any(report.found(check) for check in checks.split("|")), report.lines()


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault for fault in colleague_trainers.FAULTS if fault not in MISSED])
def test_each_fault_of_trainers_is_found(fault):
    checks, trainer = colleague_trainers.FAULTS[fault]
    report = inspect_trainer(colleague_trainers.planted_trainer(trainer, 4))
    assert any(report.found(check) for check in checks.split("|")), report.lines()


@pytest.mark.slow
def test_the_trainer_they_are_planted_into_is_sound():
    report = inspect_trainer(colleague_trainers.planted_trainer(colleague_trainers.Sound, 4))
    assert report.status == 0, report.lines()
