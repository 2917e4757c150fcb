import numpy as np
from conftest import make_card

from ptmrec.extractors.card import CardExtractor
from ptmrec.zoo.snapshot import Snapshot


def test_numbers_stand_on_readable_scales_and_families_differ(tmp_path):
    extractor = CardExtractor()
    small = extractor.extract(Snapshot(tmp_path, make_card(num_params=10_000, source_accuracy=0.25)))
    large = extractor.extract(Snapshot(tmp_path, make_card(num_params=1_000_000, source_accuracy=0.25)))
    other = extractor.extract(Snapshot(tmp_path, make_card(family="vit", num_params=10_000, source_accuracy=0.25)))
    assert small.shape == (extractor.dim,)
    np.testing.assert_allclose(large[0] - small[0], 2.0, atol=1e-6)
    assert small[3] == np.float32(0.25)
    np.testing.assert_array_equal(small[:4], other[:4])
    assert small[4:].sum() == other[4:].sum() == 1.0
    assert (small[4:] != other[4:]).any()
