import json

import numpy as np
import pytest

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.hardware.devices import Devices, read_profiles

PATHS = ConfigParser().get(PathsConfig)
HEAD = "model,infer_img_size,infer_step_time,infer_gmacs,infer_macts,param_count,device\n"
RESNET = np.array([4.11, 11.11, 25.56e6])


@pytest.fixture
def devices(tmp_path):
    """Profiles of the project, timm's tables, and a machine three times as slow as the i9-10940X."""
    (tmp_path / "profiles.json").write_bytes((PATHS.devices / "profiles.json").read_bytes())
    rows = Devices(PATHS.published, PATHS.devices, "").timings["i9-10940X"].by_model
    lines = [f"{model.replace('@', ',')},{3 * ms},1,1,1,slow\n" for model, ms in list(rows.items())[:40]]
    (tmp_path / "slow.csv").write_text(HEAD + "".join(lines))
    return Devices(PATHS.published, tmp_path, "slow")


def test_names_are_found_however_they_are_written(devices):
    assert devices.find("raspberry-pi 5").name == "Raspberry Pi 5"
    assert devices.find("RTX4090").name == "RTX 4090"
    with pytest.raises(ConfigError, match="no device 'raspbery pi' is known; did you mean Raspberry Pi"):
        devices.find("raspbery pi")
    with pytest.raises(ConfigError, match="see ptmrec plan --devices"):
        devices.find("zzz")


def test_what_was_timed_comes_from_the_table(devices):
    found, basis = devices.find("i9-10940X").latency(RESNET, known_as="resnet50@224")
    assert found.low == found.value == found.high and basis.startswith("table (i9-10940X: timm (")


def test_others_are_estimated_from_their_counts(devices):
    known = devices.find("i9-10940X").latency(RESNET, known_as="resnet50@224")[0].value
    found, basis = devices.find("i9-10940X").latency(RESNET)
    assert found.low < known < found.high and basis.startswith("estimated (i9-10940X: from operations")


def test_a_tiny_model_is_scaled_from_its_time_here(devices):
    found, basis = devices.find("i9-10940X").latency(np.array([1e-3, 1e-2, 1e4]), here_ms=3.0)
    assert found.value == pytest.approx(1.0) and "by models timed on both" in basis


def test_a_profile_alone_gives_a_wide_interval(devices):
    """Peaks say 19 times the i9's time; the i7 says how far peaks can be wrong."""
    there = devices.find("i9-10940X").latency(RESNET)[0]
    found, basis = devices.find("Raspberry Pi 5").latency(RESNET)
    assert found.value == pytest.approx(there.value * 2957 / 153.6)
    assert found.low < there.low * 2957 / 153.6 and found.high / found.low > 4
    assert "peak operations of the data sheets" in basis


def test_what_nothing_connects_is_not_known(devices):
    found, basis = devices.find("T4").latency(RESNET, here_ms=30.0)
    assert np.isnan(found.value) and basis == "not known for T4"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("fast", "expected an object"),
        ({"kind": "CPU"}, "'memory_gib' should be"),
        ({"kind": "CPU", "memory_gib": "8"}, "memory_gib"),
    ],
)
def test_damaged_profiles_are_named(tmp_path, entry, words):
    (tmp_path / "profiles.json").write_text(json.dumps({"Toaster": entry}))
    with pytest.raises(ArtifactError, match=f"'Toaster': .*{words}|'Toaster': {words}"):
        read_profiles(tmp_path / "profiles.json")
    assert read_profiles(tmp_path / "none.json") == {}


def test_every_profile_names_its_source():
    assert all(len(profile.source) > 30 for profile in read_profiles(PATHS.devices / "profiles.json").values())
