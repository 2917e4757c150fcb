import pytest

from experiments.studies.latency import NEW_DEVICE, latency_findings
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig


@pytest.fixture(scope="module")
def findings():
    return latency_findings(ConfigParser().get(PathsConfig)).set_index(["finding", "device"]).sort_index()


def test_published_spread_and_correlations_come_out(findings):
    gmac = findings.loc[[("about 1 GMAC", "i9-10940X")]].iloc[0]
    assert (gmac["low"], gmac["high"]) == (pytest.approx(4.6, abs=0.05), pytest.approx(30.7, abs=0.05))
    phones = findings.loc[[("rank correlation of two devices", "10 of AI Hub")]].iloc[0]
    assert phones["high"] == pytest.approx(0.96, abs=0.03) and phones["low"] < 0.9


def test_more_inputs_foretell_better_and_none_without_error(findings):
    """The published errors are .28 from operations and .17 with activations and parameters, on the i9-10940X."""
    for device in ("i9-10940X", "i7-12700H"):
        errors = findings.loc[("families held out", device)].set_index("inputs")["median_error"]
        assert errors["operations"] > errors["operations, activations, parameters"] > errors.iloc[2] > 0.03
    i9 = findings.loc[("families held out", "i9-10940X")].set_index("inputs")
    assert i9.loc["operations", "median_error"] == pytest.approx(0.26, abs=0.04)
    assert i9.loc["operations, activations, parameters", "median_error"] == pytest.approx(0.18, abs=0.03)
    assert 0.05 < i9.loc["operations, activations, parameters", "wrong_side"] < 0.18


def test_measuring_more_on_a_new_device_helps(findings):
    new = findings.loc[("new device", "i9-10940X")]
    assert len(new) == len(NEW_DEVICE)
    errors = [new[new["inputs"].str.contains(f"and {count} models")]["median_error"].item() for count in NEW_DEVICE]
    assert errors[0] > errors[1] > errors[2] == pytest.approx(errors[3], abs=0.02), "twenty are enough for a line"
