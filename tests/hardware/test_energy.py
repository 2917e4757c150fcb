import pytest

from ptmrec.hardware.energy import EnergyMeter, read_counters


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
    meter = EnergyMeter(1, 7.0, tmp_path)
    write_counters(tmp_path, 300, 50)
    joule, basis = meter.stop()
    assert joule == pytest.approx((200 + 150) / 1e6) and basis.startswith("measured (RAPL")


def test_without_counters_it_is_estimated_and_says_so(tmp_path):
    joule, basis = EnergyMeter(2, 7.0, tmp_path).stop()
    assert 0 < joule < 14 and basis == "estimated (14 W while it runs)"


def test_counters_nobody_may_read_are_none(tmp_path):
    write_counters(tmp_path, 100)
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("")
    assert read_counters(tmp_path) == {}
