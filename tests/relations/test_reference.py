import numpy as np
import pytest

from ptmrec.relations.reference import fit_reference_space

GENERATOR = np.random.default_rng(0)
PROBES = {"first": 100 * GENERATOR.normal(size=(50, 4)) + 7, "second": GENERATOR.normal(size=(50, 16))}


def test_codes_keep_the_products_of_references_of_equal_weight():
    space = fit_reference_space(PROBES, rank=20)
    coordinates = space.encode(PROBES)
    blocks = [(f - f.mean(axis=0)) / f.std(axis=0) / np.sqrt(f.shape[1]) for f in PROBES.values()]
    joined = np.concatenate(blocks, axis=1)
    np.testing.assert_allclose(coordinates @ coordinates.T, joined @ joined.T, atol=1e-8)
    np.testing.assert_allclose([(block**2).sum() for block in blocks], 50, rtol=1e-6)


def test_lower_rank_keeps_the_leading_directions():
    whole, part = (fit_reference_space(PROBES, rank).encode(PROBES) for rank in (20, 5))
    np.testing.assert_allclose(np.abs(whole[:, :5]), np.abs(part), atol=1e-8)
    assert part.var(axis=0).tolist() == sorted(part.var(axis=0), reverse=True)


def test_a_missing_reference_is_named():
    space = fit_reference_space(PROBES, rank=3)
    with pytest.raises(ValueError, match="reference 'second'"):
        space.encode({"first": PROBES["first"]})
    with pytest.raises(ValueError, match="reference 'first'"):
        space.encode({**PROBES, "first": np.ones((2, 3))})
