import os

import psutil
import pytest
import torch

from ptmrec.hardware import machine as machine_module
from ptmrec.hardware.machine import (
    describe_machine,
    fresh_process_memory,
    hottest,
    read_counters,
    start_meter,
    wait_until_quiet,
)


def test_machine_is_described():
    machine = describe_machine()
    assert machine["processor"] not in ("", "unknown")
    assert machine["cores"] >= 1
    assert machine["memory_gib"] > 0.1
    assert machine["torch"] == torch.__version__


def write_counters(folder, *values, full=1000):
    for place, value in enumerate(values):
        for name in (f"intel-rapl:{place}", f"intel-rapl:{place}:0"):
            (folder / name).mkdir(parents=True, exist_ok=True)
            (folder / name / "energy_uj").write_text(f"{value}\n")
            (folder / name / "max_energy_range_uj").write_text(f"{full}\n")


def test_packages_are_read_and_their_parts_not_counted_twice(tmp_path):
    write_counters(tmp_path, 100, 900)
    assert read_counters(tmp_path) == {"intel-rapl:0": (100, 1000), "intel-rapl:1": (900, 1000)}
    assert read_counters(tmp_path / "none") == {}


def test_counters_that_begin_anew_are_followed(tmp_path):
    write_counters(tmp_path, 100, 900)
    stop = start_meter(7.0, tmp_path)
    write_counters(tmp_path, 300, 50)
    joule, basis = stop()
    assert joule == pytest.approx((200 + 150) / 1e6) and basis.startswith("measured (RAPL")


def test_without_counters_it_is_estimated_and_says_so(tmp_path):
    joule, basis = start_meter(14.0, tmp_path)()
    assert 0 < joule < 14 and basis == "estimated (14 W while it runs)"


def test_counters_nobody_may_read_are_none(tmp_path):
    write_counters(tmp_path, 100)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("")
    assert read_counters(tmp_path) == {}


@pytest.fixture
def machine(monkeypatch):
    """A machine with the load and heat of the test."""
    said = {"busy": [90.0, 40.0, 5.0], "heat": {}}
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: said["busy"].pop(0) if said["busy"] else 5.0)
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: said["heat"], raising=False)
    return said


def test_it_waits_until_others_are_done(machine):
    assert wait_until_quiet(0.25, patience=60) == pytest.approx(0.05)
    assert machine["busy"] == []


def test_patience_ends(machine):
    assert wait_until_quiet(0.25, patience=0) == pytest.approx(0.9), "the load is said all the same"


def test_heat_counts_where_it_can_be_read(machine):
    assert hottest() is None
    sensor = type("Sensor", (), {"current": 91.0})
    machine["heat"], machine["busy"] = {"chip": [sensor]}, [5.0]
    assert hottest() == 91.0
    assert wait_until_quiet(0.25, patience=0) == pytest.approx(0.05), "patience ends for heat, too"


class Greedy:
    """Stands for a snapshot whose model holds so many MiB."""

    def __init__(self, size: int) -> None:
        self.size = size

    def load(self):
        import torch

        held = torch.ones(self.size * 2**18)
        return lambda images: held.sum() + images.sum()


def die(snapshot, size):
    os._exit(9)


@pytest.mark.slow
def test_a_fresh_process_grows_by_what_the_model_holds():
    assert 200 <= fresh_process_memory(Greedy(200), 32) / 2**20 <= 260


@pytest.mark.slow
def test_a_killed_process_is_no_number(monkeypatch):
    monkeypatch.setattr(machine_module, "_growth", die)
    assert fresh_process_memory(Greedy(0), 32) is None
