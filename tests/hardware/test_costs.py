import pytest
import torch
from torch import nn

from ptmrec.config.sections import CostConfig
from ptmrec.hardware.costs import count_flops, measure_costs, peak_memory, time_passes
from ptmrec.hardware.machine import describe_machine
from ptmrec.zoo.snapshot import read_zoo

pytestmark = pytest.mark.slow


class Doubling(nn.Module):
    """Keeps its input, a copy and their sum alive at once."""

    def forward(self, images):
        copy = images * 2
        return (copy + images).sum()


def test_flops_of_a_convolution_are_counted_by_hand():
    convolution = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    assert count_flops(convolution, torch.zeros(1, 3, 16, 16)) == 2 * 8 * 3 * 9 * 16 * 16


def test_peak_memory_is_input_weights_and_what_is_alive_at_once():
    images = torch.zeros(4, 3, 32, 32)
    peak = peak_memory(Doubling(), images)
    assert 3 * images.nbytes <= peak <= 3 * images.nbytes + 1024
    weights = nn.Linear(32, 1000)
    assert peak_memory(weights, torch.zeros(1, 3, 32, 32)) >= 4 * (32 * 1000 + 1000) + 4 * 3 * 32 * 1000


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
