import numpy as np
import pytest
from sklearn.cluster import KMeans

from ptmrec.extractors.kmeans import BINS, bin_values, sorted_centres


def inertia(values, centres):
    return float(((values[:, None] - centres) ** 2).min(axis=1).sum())


@pytest.mark.parametrize(
    ("draw", "factor"),
    # A Cauchy draw has no variance: a handful of outliers are all of its inertia, and restarts pay there.
    [("normal", 1.05), ("laplace", 1.05), ("uniform", 1.05), ("standard_cauchy", 1.5)],
)
def test_not_worse_than_scikit_learn(draw, factor):
    values = getattr(np.random.default_rng(0), draw)(size=3000)
    reference = KMeans(10, n_init=3, random_state=0).fit(values[:, None]).inertia_
    assert inertia(values, sorted_centres(values, 10)) <= factor * reference


def test_close_to_the_best_split_found_by_brute_force():
    values = np.sort(np.random.default_rng(1).normal(size=60))
    best = min(
        sum(((part - part.mean()) ** 2).sum() for part in np.split(values, [i, j]))
        for i in range(1, 59)
        for j in range(i + 1, 60)
    )
    assert inertia(values, sorted_centres(values, 3)) <= 1.05 * best


def test_large_tensors_are_binned_and_sorted():
    values = np.random.default_rng(2).normal(size=(400, 300))
    centres = sorted_centres(values, 50)
    assert centres.shape == (50,)
    assert (np.diff(centres) > 0).all()


@pytest.mark.parametrize(("values", "expected"), [([2.0, 1.0, 2.0], [1.0, 2.0]), ([3.0], [3.0]), ([0.0] * 9, [0.0])])
def test_few_distinct_values_are_their_own_centres(values, expected):
    assert sorted_centres(np.array(values), 5).tolist() == expected


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_bins_are_those_of_numpy(kind):
    values = np.random.default_rng(3).standard_t(3, 200_000).astype(kind)
    values[:3] = values.max()
    if kind is np.float16:  # all values are multiples of a power of two, as the edges are
        values = np.round(np.random.default_rng(3).uniform(-4, 4, 200_000) * 512).astype(np.float32) / 512
        values[:2] = -4, 4
    edges = np.linspace(float(values.min()), float(values.max()), BINS + 1)
    counts, sums = bin_values(values)
    assert np.array_equal(counts, np.histogram(values.astype(np.float64), edges)[0])
    np.testing.assert_allclose(sums, np.histogram(values, edges, weights=values.astype(np.float64))[0], atol=1e-9)
