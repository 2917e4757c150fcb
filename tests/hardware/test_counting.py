import pytest
import timm
import torch
from torch import nn

from ptmrec.hardware.counting import count_activations, count_flops, peak_memory


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


def test_activations_of_a_convolution_and_a_product_are_counted_by_hand():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16 * 16, 10))
    assert count_activations(net, torch.zeros(1, 3, 16, 16)) == 8 * 16 * 16 + 10


@pytest.mark.parametrize(("name", "gmacs", "macts"), [("resnet50", 4.11, 11.11), ("mobilenetv2_100", 0.31, 6.68)])
def test_counts_agree_with_timms_table(name, gmacs, macts):
    """Counted without weights or memory; figures from timm's results/benchmark-infer-*.csv."""
    with torch.device("meta"):
        model, images = timm.create_model(name).eval(), torch.zeros(1, 3, 224, 224)
    assert count_flops(model, images) / 2e9 == pytest.approx(gmacs, abs=0.03)
    assert count_activations(model, images) / 1e6 == pytest.approx(macts, rel=0.02)
