from pathlib import Path

import pytest

from ptmrec.benchmark.battery import read_battery
from ptmrec.inspection.planted_data import FAULTS, inspect_planted, inspect_slow, write_set
from ptmrec.inspection.scan import scan_folder

BATTERY = Path(__file__).resolve().parents[2] / "constants" / "battery.npz"


@pytest.fixture(scope="module")
def part():
    return read_battery(BATTERY)["blood_cells"]


def test_a_set_is_written_whole_in_two_parts(part, tmp_path):
    scan = scan_folder(write_set(part, tmp_path, seed=0))
    assert len(scan.paths) == len(part.labels) and scan.parts.count("test") == len(part.labels) // 4
    assert len(set(scan.labels)) == len(part.class_names)


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(part, tmp_path, fault):
    check, plant = FAULTS[fault]
    report = inspect_planted(part, plant, tmp_path, seed=5)
    assert report.found(check), report.lines()


def test_nothing_is_found_where_nothing_is_planted(part, tmp_path):
    report = inspect_planted(part, lambda folder, generator: None, tmp_path, seed=5)
    assert report.status == 0, report.lines()


def test_a_slow_set_and_a_fast_one():
    assert inspect_slow(0).found("slow_loader") and inspect_slow(0, 0.0).status == 0
