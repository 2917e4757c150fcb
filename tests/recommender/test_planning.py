import numpy as np
import pytest

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError
from ptmrec.recommender.planning import RUNTIME_MIB, Needs, find_needs, plan

CONFIG = ConfigParser()
PATHS = CONFIG.get(PathsConfig)


def test_a_published_architecture_is_known_from_its_card():
    needs = find_needs("resnet50", CONFIG)
    assert needs.known_as.startswith("resnet50@") and needs.memory_basis == "weights alone"
    assert needs.memory_mib == pytest.approx(4 * 25.56e6 / 2**20, rel=1e-3)
    frame = plan(needs, PATHS, max_latency=20).set_index("device")
    assert frame.loc["i9-10940X", "basis"].startswith("table (") and frame.loc["i9-10940X", "keeps"] in ("yes", "no")
    assert frame["fits"].isin(["yes", "unknown"]).all(), "100 MiB fit everywhere"
    assert frame["watts"].dropna().is_monotonic_increasing


def test_an_embedded_model_is_counted():
    needs = find_needs("vgg-small-cifar10", CONFIG)
    assert needs.memory_basis == "counted" and np.isfinite(needs.counts).all() and needs.here_ms
    assert "keeps" not in plan(needs, PATHS)


def test_what_is_between_the_ends_is_perhaps_and_what_is_not_known_unknown():
    needs = Needs("x", "x@224", np.array([1.0, 5.0, 5e6]), 20.0, "counted")
    found = plan(needs, PATHS).set_index("device").loc["i9-10940X"]
    middle, low, high = found[["latency_ms", "latency_low_ms", "latency_high_ms"]]
    assert low < middle < high
    for limit, answer in ((high, "yes"), (middle, "perhaps"), (low / 2, "no")):
        assert plan(needs, PATHS, limit).set_index("device").loc["i9-10940X", "keeps"] == answer
    assert plan(needs, PATHS, 1.0).set_index("device").loc["T4", "keeps"] == "unknown"


def test_memory_counts_with_the_runtime_beside_it():
    four = Needs("x", "x@224", np.full(3, np.nan), 4096 - RUNTIME_MIB + 1, "counted")
    fits = plan(four, PATHS).set_index("device")["fits"]
    assert fits["Jetson Nano"] == "no" and fits["T4"] == "yes" and fits["i9-10940X"] == "unknown"


def test_a_model_nobody_knows():
    with pytest.raises(ConfigError, match="no model 'nobody'"):
        find_needs("nobody", CONFIG)
