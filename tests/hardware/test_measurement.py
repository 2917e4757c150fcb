from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import binom

from ptmrec.config.sections import HardwareConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.hardware import measurement
from ptmrec.hardware.machine import describe_machine
from ptmrec.hardware.measurement import measure_models, summarise_queries, time_queries, upper_rank
from ptmrec.zoo.snapshot import read_zoo

BRIEF = HardwareConfig(
    **{"warm_up": 1, "queries": 30, "seconds": 0.0, "batch_sizes": [1, 4], "batch_seconds": 0.01},
    **{"reference_queries": 1, "wait": 0.0, "quiet": 1.0},
)


@pytest.fixture
def settled(monkeypatch):
    """A machine whose reference network always takes as long, and a fresh process that needs no start."""
    monkeypatch.setattr(measurement, "_median", lambda ask, config: 0.01)
    monkeypatch.setattr(measurement, "fresh_process_memory", lambda snapshot, size: 3 * 2**20)


@pytest.mark.slow
def test_everything_is_measured(toy_zoo, settled):
    before = torch.get_num_threads()
    found = list(measure_models(read_zoo(toy_zoo), BRIEF))
    assert [one.model for one in found] == ["vgg-small-toy", "vit-small-toy"]
    assert torch.get_num_threads() == before
    for one, snapshot in zip(found, read_zoo(toy_zoo), strict=True):
        part = one.threads["1"]
        assert part["latency_p50_ms"] <= part["latency_p90_ms"] <= part["latency_high_ms"] and part["queries"] == 30
        assert set(part["batches"]) == {"1", "4"} and part["throughput"] == max(part["batches"].values())
        assert one.num_params == sum(p.numel() for p in snapshot.load().parameters())
        assert one.process_memory_mib == 3 and one.peak_memory_mib > one.file_mib > 0
        assert one.gmacs > 0 and one.macts > 0 and one.energy_j > 0
        assert one.machine == describe_machine() and one.marks == ()


@pytest.mark.slow
def test_what_cannot_be_relied_on_is_marked(toy_zoo, settled, monkeypatch):
    drifting = iter((0.01, 0.02, 0.0208))
    monkeypatch.setattr(measurement, "_median", lambda ask, config: next(drifting))
    monkeypatch.setattr(measurement, "wait_until_quiet", lambda share, patience: 0.8)
    first, second = measure_models(read_zoo(toy_zoo), replace(BRIEF, quiet=0.25, queries=5))
    assert first.marks == (
        "the machine was loaded (80% busy)",
        "5 queries are too few for an upper bound",
        "a reference network drifted by +100 %",
    )
    assert first.threads["1"]["latency_high_ms"] is None
    assert "drifted" not in str(second.marks), "4 % are no drift, and it is compared with the reference just before"


@pytest.mark.slow
def test_a_card_without_input_size_is_refused(toy_zoo, settled):
    snapshot = read_zoo(toy_zoo)[0]
    with pytest.raises(ArtifactError, match="does not state the input size"):
        list(measure_models([replace(snapshot, card=replace(snapshot.card, input_size=None))], BRIEF))


@pytest.mark.parametrize(("count", "rank"), [(100, 96), (200, 188), (500, 462)])
def test_ranks_of_the_upper_bound_are_the_published_ones(count, rank):
    assert upper_rank(count) == rank
    assert binom.cdf(rank - 1, count, 0.9) >= 0.95 > binom.cdf(rank - 2, count, 0.9)


def test_too_few_queries_have_no_upper_bound():
    assert upper_rank(28) is None and upper_rank(29) == 29
    assert summarise_queries(np.ones(28))["latency_high_ms"] is None


def test_the_bound_holds_as_often_as_it_says():
    draws = np.random.default_rng(0).exponential(size=(2000, 200))
    bounds = [summarise_queries(row)["latency_high_ms"] / 1e3 for row in draws]
    exact = binom.cdf(upper_rank(200) - 1, 200, 0.9)
    assert exact >= 0.95 and np.mean(np.array(bounds) >= -np.log(0.1)) == pytest.approx(exact, abs=0.015)


def test_queries_go_on_until_count_and_seconds_are_reached():
    calls = []
    times = time_queries(lambda: calls.append(1), warm_up=3, queries=7, seconds=0.0, most=10.0)
    assert len(times) == 7 and len(calls) == 10
    assert time_queries(lambda: None, 0, 1, 0.005, 10.0).sum() >= 0.005
    assert len(time_queries(lambda: None, 0, 10**9, 0, most=0.002)) < 10**6


def test_percentiles_are_numpys():
    times = np.arange(1, 201) / 1e3
    found = summarise_queries(times)
    assert found == {
        "latency_p50_ms": pytest.approx(100.5),
        "latency_p90_ms": pytest.approx(180.1),
        "latency_high_ms": 188.0,
        "queries": 200,
    }
