import torch
from torch import nn
from toy_models import perceptron

from ptmrec.inspection.blocks import OWN, parameters_by_block, split_blocks, watch
from ptmrec.zoo.architectures import build_model


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(8))
        self.body = perceptron()

    def forward(self, inputs):
        return self.body(inputs + self.positions)


def test_every_parameter_is_in_one_block():
    for model in (build_model("resnet", "small", 3), build_model("vit", "small", 3), Positions()):
        blocks = parameters_by_block(model, split_blocks(model))
        names = [name for block in blocks.values() for name in block]
        assert sorted(names) == sorted(name for name, _ in model.named_parameters())
        assert len(blocks) > 2
    assert list(parameters_by_block(Positions(), split_blocks(Positions()))[OWN]) == ["positions"]


def test_dead_units_and_sizes_are_those_planted():
    model = perceptron(depth=2, width=16)
    with torch.no_grad():
        model[0].bias[:4] = -1e3
    with watch(model, split_blocks(model)) as passage, torch.no_grad():
        model(torch.randn(32, 8))
        model(torch.randn(32, 8))
    shares = passage.dead_units()
    assert shares["1"] == 0.25 and shares["3"] < 0.25
    assert passage.bytes == 2 * 32 * (4 * 16 + 3) * 4
    assert not any(passage.constant.values())
    assert not model[0]._forward_hooks, "hooks are taken off"


def test_channels_of_maps_are_counted_not_pixels():
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU())
    with torch.no_grad():
        model[0].bias[0] = -1e3
    with watch(model, {}) as passage, torch.no_grad():
        model(torch.randn(4, 3, 8, 8))
    assert passage.low["1"].shape == (6,) and abs(passage.dead_units()["1"] - 1 / 6) < 1e-6
