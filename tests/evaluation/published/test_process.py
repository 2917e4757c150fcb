import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

from ptmrec.evaluation.published.process import (
    NOISES,
    Spectra,
    gaussian_process,
    left_out_weights,
    squared_distances,
)

LENGTHS = (0.5, 1.0, 2.0)


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(15, 2))
    kernel = np.exp(-squared_distances(points, points) / 2)
    values = np.linalg.cholesky(kernel + 0.1 * np.eye(15)) @ rng.normal(size=(15, 200))
    return points, 1.7 * values


def spectra(points):
    return Spectra(np.stack([np.exp(-squared_distances(points, points) / (2 * length**2)) for length in LENGTHS]))


def test_distances_are_those_of_a_loop():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(3, 4)), rng.normal(size=(2, 4))
    expected = [[((a - b) ** 2).sum() for b in other] for a in one]
    np.testing.assert_allclose(squared_distances(one, other), expected)


def test_likelihoods_are_those_of_scikit_learn_at_the_best_scale(drawn):
    points, values = drawn
    found = spectra(points).likelihoods(values)
    constant = []
    for place, length in enumerate(LENGTHS):
        for noise, other in ((2, 3), (4, 5)):
            exact = []
            for chosen in (noise, other):
                kernel = np.exp(-squared_distances(points, points) / (2 * length**2)) + NOISES[chosen] * np.eye(15)
                scale = np.einsum("id,ij,jd->", values, np.linalg.inv(kernel), values) / values.size
                kernel = ConstantKernel(scale) * (RBF(length) + WhiteKernel(NOISES[chosen]))
                process = GaussianProcessRegressor(kernel, optimizer=None, alpha=0).fit(points, values)
                exact.append(process.log_marginal_likelihood_value_)
            constant += [exact[0] - found[place, noise], exact[1] - found[place, other]]
    np.testing.assert_allclose(constant, constant[0], rtol=1e-6)


def test_the_kernel_that_made_the_values_is_found(drawn):
    points, values = drawn
    place, inverse = spectra(points).fit(values)
    assert LENGTHS[place] == 1.0
    expected = np.linalg.inv(np.exp(-squared_distances(points, points) / 2) + 0.1 * np.eye(15))
    np.testing.assert_allclose(inverse, expected, atol=1e-8)


def test_groups_are_left_out_as_by_fitting_without_them(drawn):
    points, values = drawn
    kernel = np.exp(-squared_distances(points, points) / 2) + 0.1 * np.eye(15)
    groups = np.arange(15) // 4
    weights = left_out_weights(np.linalg.inv(kernel), groups)
    own, others = groups == 1, groups != 1
    expected = kernel[np.ix_(own, others)] @ np.linalg.inv(kernel[np.ix_(others, others)]) @ values[others]
    np.testing.assert_allclose((weights @ values)[own], expected, atol=1e-8)
    assert not weights[np.ix_(own, own)].any()


def test_bounds_are_no_warnings(recwarn):
    gaussian_process(RBF(1.0, (0.99, 1.01))).fit(np.arange(6.0)[:, None], np.arange(6.0))
    assert not recwarn
