from dataclasses import replace

import pytest
import torch

from ptmrec.config.sections import HardwareConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.hardware import measurement
from ptmrec.hardware.machine import describe_machine
from ptmrec.hardware.measurement import measure_models
from ptmrec.zoo.snapshot import read_zoo

pytestmark = pytest.mark.slow
BRIEF = HardwareConfig(
    **{"warm_up": 1, "queries": 30, "seconds": 0.0, "batch_sizes": [1, 4], "batch_seconds": 0.01},
    **{"reference_queries": 1, "wait": 0.0, "quiet": 1.0},
)


@pytest.fixture
def settled(monkeypatch):
    """A machine whose reference network always takes as long, and a fresh process that needs no start."""
    monkeypatch.setattr(measurement, "_median", lambda ask, config: 0.01)
    monkeypatch.setattr(measurement, "fresh_process_memory", lambda snapshot, size: 3 * 2**20)


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


def test_what_cannot_be_relied_on_is_marked(toy_zoo, settled, monkeypatch):
    drifting = iter((0.01, 0.02, 0.02))
    monkeypatch.setattr(measurement, "_median", lambda ask, config: next(drifting))
    monkeypatch.setattr(measurement, "wait_until_quiet", lambda share, patience: 0.8)
    first, second = measure_models(read_zoo(toy_zoo), replace(BRIEF, quiet=0.25, queries=5))
    assert first.marks == (
        "the machine was loaded (80% busy)",
        "5 queries are too few for an upper bound",
        "a reference network drifted by +100 %",
    )
    assert first.threads["1"]["latency_high_ms"] is None
    assert "drifted" not in str(second.marks), "it is compared with the reference just before"


def test_a_card_without_input_size_is_refused(toy_zoo, settled):
    snapshot = read_zoo(toy_zoo)[0]
    with pytest.raises(ArtifactError, match="does not state the input size"):
        list(measure_models([replace(snapshot, card=replace(snapshot.card, input_size=None))], BRIEF))
