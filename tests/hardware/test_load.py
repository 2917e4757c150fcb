import psutil
import pytest

from ptmrec.hardware import load


@pytest.fixture
def machine(monkeypatch):
    """A machine that says what the test wants to hear."""
    said = {"busy": [90.0, 40.0, 5.0], "heat": {}}
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: said["busy"].pop(0) if said["busy"] else 5.0)
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: said["heat"], raising=False)
    return said


def test_it_waits_until_others_are_done(machine):
    assert load.wait_until_quiet(0.25, patience=60) == pytest.approx(0.05)
    assert machine["busy"] == []


def test_patience_ends(machine):
    assert load.wait_until_quiet(0.25, patience=0) == pytest.approx(0.9), "the load is said all the same"


def test_heat_counts_where_it_can_be_read(machine):
    assert load.hottest() is None
    sensor = type("Sensor", (), {"current": 91.0})
    machine["heat"], machine["busy"] = {"chip": [sensor]}, [5.0]
    assert load.hottest() == 91.0
    assert load.wait_until_quiet(0.25, patience=0) == pytest.approx(0.05), "patience ends for heat, too"
