import pytest

from ptmrec.config.sections import ZooConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.zoo.architectures import build_model


def test_sizes_differ_by_three_and_families_by_kind():
    for family in ZooConfig().families:
        small, large = (
            sum(p.numel() for p in build_model(family, size, 10).body.parameters()) for size in ("small", "large")
        )
        assert large >= 3 * small, family


def test_unknown_architectures():
    with pytest.raises(ArtifactError, match="unknown model family 'gan'"):
        build_model("gan", "small", 3)
    with pytest.raises(ArtifactError, match="unknown size 'huge'"):
        build_model("vgg", "huge", 3)
