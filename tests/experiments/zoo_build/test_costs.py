import pytest
import torch
from torch import nn

from experiments.zoo_build.costs import measure_costs, time_passes
from ptmrec.config.sections import CostConfig
from ptmrec.hardware.machine import describe_machine
from ptmrec.zoo.snapshot import read_zoo

pytestmark = pytest.mark.slow


def test_only_passes_after_the_warm_up_are_timed():
    calls = []

    class Counting(nn.Module):
        def forward(self, images):
            calls.append(len(images))
            return images

    seconds = time_passes(Counting(), torch.zeros(2, 3, 4, 4), warm_up=2, repeats=5)
    assert len(seconds) == 5
    assert min(seconds) > 0
    assert calls == [2] * 7


def test_costs_of_a_zoo(toy_zoo):
    before = torch.get_num_threads()
    config = CostConfig(threads=[1, 2], rounds=2, warm_up=1, passes=3, batch_size=4, batch_passes=2)
    costs = measure_costs(read_zoo(toy_zoo), config)
    assert torch.get_num_threads() == before
    assert costs["settings"]["batch_size"] == 4
    assert costs["machine"] == describe_machine()
    assert set(costs["models"]) == {"vgg-small-toy", "vit-small-toy"}
    for snapshot in read_zoo(toy_zoo):
        model = costs["models"][snapshot.name]
        assert model["num_params"] == sum(p.numel() for p in snapshot.load().parameters())
        assert model["peak_memory_batch_mib"] > model["peak_memory_mib"] > 4 * model["num_params"] / 2**20
        assert set(model["threads"]) == {"1", "2"}
        for timing in model["threads"].values():
            assert 0 < timing["latency_p50_ms"] <= timing["latency_p90_ms"]
            assert timing["throughput"] > 0
