import pytest
import torch
from timm.layers import Mlp
from timm.models._efficientnet_blocks import InvertedResidual
from timm.models.convnext import ConvNeXtBlock
from timm.models.densenet import DenseBlock, DenseTransition
from timm.models.metaformer import MetaFormerBlock
from timm.models.mlp_mixer import MixerBlock
from timm.models.regnet import Bottleneck
from timm.models.resnet import BasicBlock
from timm.models.vision_transformer import Block
from torch import nn

from ptmrec.zoo import blocks

MAPS, TOKENS = (2, 12, 8, 8), (2, 16, 32)


def _basic_block():
    shortcut = nn.Sequential(nn.Conv2d(12, 24, 1, 2, bias=False), nn.BatchNorm2d(24))
    return BasicBlock(12, 24, 2, downsample=shortcut)


PAIRS = {
    "resnet": (lambda: blocks.BasicBlock(12, 24, 2), _basic_block, MAPS),
    "regnet": (
        lambda: blocks.RegNetBlock(12, 36, 2, 6, 0.25),
        lambda: Bottleneck(12, 36, 2, group_size=6, se_ratio=0.25),
        MAPS,
    ),
    "densenet": (lambda: blocks.DenseBlock(4, 12, 6, 2), lambda: DenseBlock(4, 12, bn_size=2, growth_rate=6), MAPS),
    "transition": (lambda: blocks.dense_transition(12, 6), lambda: DenseTransition(12, 6), MAPS),
    "mobilenet": (
        lambda: blocks.InvertedResidual(12, 24, 3, stride=2),
        lambda: InvertedResidual(12, 24, stride=2, exp_ratio=3),
        MAPS,
    ),
    "mobilenet with a skip": (
        lambda: blocks.InvertedResidual(12, 12, 3),
        lambda: InvertedResidual(12, 12, exp_ratio=3),
        MAPS,
    ),
    "convnext": (lambda: blocks.ConvNeXtBlock(12, kernel=3), lambda: ConvNeXtBlock(12, kernel_size=3), MAPS),
    "poolformer": (lambda: blocks.PoolFormerBlock(12), lambda: MetaFormerBlock(12), MAPS),
    "vit": (lambda: blocks.ViTBlock(32, 2, 2.0), lambda: Block(32, num_heads=2, mlp_ratio=2.0), TOKENS),
    "mixer": (
        lambda: blocks.MixerBlock(32, 16, (0.5, 2.0)),
        lambda: MixerBlock(32, 16, mlp_ratio=(0.5, 2.0), mlp_layer=Mlp),
        TOKENS,
    ),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_a_block_is_timms_with_the_same_names_draws_outputs_and_gradients(name, training):
    ours, timms, shape = PAIRS[name]
    torch.manual_seed(3)
    ours = ours().train(training)
    torch.manual_seed(3)
    timms = timms().train(training)
    state, expected = ours.state_dict(), timms.state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(state[key], expected[key]) for key in state)
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    found, wanted = ours(inputs.clone()), timms(inputs.clone())
    torch.testing.assert_close(found, wanted)
    for output in (found, wanted):
        (output**2).sum().backward()
    for (key, mine), theirs in zip(ours.named_parameters(), timms.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-4, msg=key)


@pytest.mark.parametrize("width", [8, 12, 36, 44, 66, 100])
def test_hidden_widths_are_divisible(width):
    from timm.layers import make_divisible

    assert blocks._divisible(width) == make_divisible(width)
