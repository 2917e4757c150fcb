from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from ptmrec.relations import posterior
from ptmrec.relations.posterior import KnownErrors, condition, fit_errors, fit_posterior, gap_to_best

KNOWN, MODELS = 200, 20


def make_known(seed=0, common=0.05, shared=0.06, own=0.03, noise=0.01):
    """Accuracies of data sets: what all models have in common, what those of one half share, and each one's own."""
    generator = np.random.default_rng(seed)
    expected = np.sort(generator.uniform(0.3, 0.7, size=(KNOWN, MODELS)), axis=1)
    halves = np.repeat(generator.normal(size=(KNOWN, 2)), MODELS // 2, axis=1)
    measured = expected + common * generator.normal(size=(KNOWN, 1)) + shared * halves
    measured = measured + own * generator.normal(size=expected.shape)
    return KnownErrors(expected, measured, measured + noise * generator.normal(size=expected.shape))


def some(values, places):
    shown = np.full(len(values), np.nan)
    shown[places] = values[places]
    return shown


@pytest.mark.parametrize("seen", [[2], [0, 3, 7, 8]])
def test_conditioning_equals_the_gaussian_process_of_scikit_learn(seen):
    generator = np.random.default_rng(0)
    points, values = generator.normal(size=(9, 2)), generator.normal(size=9)
    kernel = RBF(1.3, "fixed")
    process = GaussianProcessRegressor(kernel, alpha=0.2, optimizer=None).fit(points[seen], values[seen])
    expected, deviation = process.predict(points, return_std=True)
    mean, covariance = condition(kernel(points), some(values, seen), 0.2 * np.eye(9))
    np.testing.assert_allclose(mean, expected)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), deviation)


def test_the_noise_that_measurements_share_is_one_more_variable():
    generator = np.random.default_rng(1)
    root, values, seen = generator.normal(size=(5, 5)), generator.normal(size=5), [0, 2, 4]
    joint = np.zeros((6, 6))
    joint[:5, :5], joint[5, 5] = root @ root.T, 1.5**2
    observe = np.eye(6)[seen] + np.eye(6)[5]
    gain = joint @ observe.T @ np.linalg.inv(observe @ joint @ observe.T + 0.3 * np.eye(3))
    mean, covariance = condition(root @ root.T, some(values, seen), 0.3 * np.eye(5) + 1.5**2)
    np.testing.assert_allclose(mean, (gain @ values[seen])[:5])
    np.testing.assert_allclose(covariance, (joint - gain @ observe @ joint)[:5, :5])


def test_without_a_measurement_accuracies_are_what_is_expected():
    fitted = fit_posterior(make_known())
    expected = np.linspace(0.3, 0.6, MODELS)
    for shown in (None, np.full(MODELS, np.nan)):
        mean, covariance = fitted.update(expected, shown)
        np.testing.assert_array_equal(mean, expected)
        np.testing.assert_array_equal(covariance, fitted.covariance)


def test_all_measured_on_many_images_are_what_was_measured():
    fitted = fit_posterior(make_known(noise=1e-6))
    measured = np.linspace(0.5, 0.9, MODELS)
    mean, covariance = fitted.update(np.full(MODELS, 0.6), measured)
    np.testing.assert_allclose(mean, measured, atol=1e-4)
    assert np.sqrt(np.diag(covariance)).max() < 1e-4


def test_measurements_on_few_images_count_for_less():
    fitted, expected = fit_posterior(make_known()), np.full(MODELS, 0.5)
    moved = [fitted.update(expected, some(np.full(MODELS, 0.8), [4]), images)[0][5] for images in (5, 50, np.inf)]
    assert 0.5 < moved[0] < moved[1] < moved[2] < 0.8


def test_one_measured_model_moves_all_and_those_that_go_with_it_most():
    fitted, expected = fit_posterior(fit_errors(**tables(make_known()))), np.full(MODELS, 0.5)
    mean, covariance = fitted.update(expected, some(np.full(MODELS, 0.7), [1]))
    assert mean[1] > 0.69 > mean[2:10].mean() > mean[10:].mean() > 0.5
    assert (
        covariance[1, 1] < np.diag(covariance)[2:].min() and np.diag(covariance).max() < fitted.covariance.max() + 1e-12
    )


def tables(known):
    return {name: getattr(known, name) for name in ("expected", "measured", "probes")}


def test_the_bias_of_probes_is_taken_off():
    known = make_known(noise=1e-6)
    fitted = fit_posterior(KnownErrors(known.expected, known.measured, known.probes - 0.1))
    assert fitted.bias == pytest.approx(-0.1, abs=1e-3)
    mean, _ = fitted.update(np.full(MODELS, 0.5), np.full(MODELS, 0.5))
    np.testing.assert_allclose(mean, 0.6, atol=2e-3)


def test_of_few_data_sets_errors_are_shared_only_where_they_go_together():
    known = [make_known(shared=size) for size in (0.0, 0.06)]
    few = [fit_errors(*(table[:12] for table in (own.expected, own.measured, own.probes))) for own in known]
    assert [own.share for own in few] == [0.0, 0.6]


def test_shared_errors_are_told_from_lonely_ones():
    lonely, shared = (fit_errors(**tables(make_known(shared=size))) for size in (0.0, 0.06))
    apart = [fit_posterior(known).covariance for known in (lonely, shared)]
    others = ~np.eye(10, dtype=bool)
    within, across = zip(*((own[:10, :10][others].mean(), own[:10, 10:].mean()) for own in apart), strict=True)
    assert within[1] > across[1] + 1e-3 and within[0] == pytest.approx(across[0], abs=1e-4)
    covariance = apart[1]
    assert np.linalg.eigvalsh(covariance).min() > 0


@pytest.mark.parametrize("count", [0, 1, 5])
def test_intervals_hold_what_they_say_on_new_data_sets(count):
    known, new = make_known(0), make_known(9)
    fitted = fit_posterior(fit_errors(**tables(known)))
    inside, widths, tied = [], [], []
    for expected, measured, probes in zip(new.expected, new.measured, new.probes, strict=True):
        shown = some(probes, np.argsort(-expected)[:count])
        found = fitted.answer(expected, shown)
        low, high = found.interval(0.8)
        inside.append(((measured >= low) & (measured <= high))[np.isnan(shown)].mean())
        widths.append((high - low)[np.isnan(shown)].mean())
        tied.append(found.tied[measured.argmax()])
    assert np.mean(inside) == pytest.approx(0.8, abs=0.06)
    assert np.mean(tied) == pytest.approx(posterior.HOLDS, abs=0.1)
    assert np.mean(widths) < {0: 0.3, 1: 0.26, 5: 0.24}[count]


def test_a_measured_model_has_the_interval_of_its_measurement():
    known, expected = make_known(), np.full(MODELS, 0.5)
    fitted = fit_posterior(known)
    found = fitted.answer(expected, some(np.full(MODELS, 0.8), [3]), 100)
    assert found.mean[3] == pytest.approx(0.8 - fitted.bias) and np.isfinite(found.deviations).sum() == 1
    half = 1.2816 * np.sqrt(fitted.common + fitted.noise + 0.8 * 0.2 / 100)
    np.testing.assert_allclose(
        [end[3] for end in found.interval(0.8)], [found.mean[3] - half, found.mean[3] + half], atol=1e-4
    )
    many = fitted.answer(expected, some(np.full(MODELS, 0.8), [3]), np.full(MODELS, 10**9))
    certain = fitted.answer(expected, some(np.full(MODELS, 0.8), [3]))
    for found in (many, certain):
        assert found.deviations[3] == pytest.approx(np.sqrt(fitted.common + fitted.noise))


def test_measured_models_have_no_part_in_the_errors_that_are_left():
    known = make_known()
    first = np.argsort(-known.expected, axis=1)[:, :1]
    measured = known.measured.copy()
    np.put_along_axis(measured, first, 5.0, axis=1)
    probes = known.probes.copy()
    np.put_along_axis(probes, first, 5.0, axis=1)
    wrong = KnownErrors(known.expected, measured, probes)
    assert len(fit_posterior(wrong).calibrate(1).conformal.errors) == KNOWN * (MODELS - 1)
    whole = fit_posterior(known)
    left = replace(whole, known=replace(known, measured=measured)).calibrate(1).conformal.errors
    np.testing.assert_allclose(left, whole.calibrate(1).conformal.errors, err_msg="the first of each data set")
    assert len(fit_posterior(wrong).calibrate(MODELS).conformal.errors) == KNOWN * MODELS, "nothing else would be left"


def test_the_order_of_models_does_not_matter():
    known, order = make_known(), np.random.default_rng(2).permutation(MODELS)
    expected = np.linspace(0.2, 0.8, MODELS)
    shown = some(expected + 0.1, [3, 4, 15])
    direct, moved = fit_posterior(known), fit_posterior(known.only(order))
    mean, covariance = direct.update(expected, shown)
    again = moved.update(expected[order], shown[order])
    np.testing.assert_allclose(mean[order], again[0])
    np.testing.assert_allclose(covariance[np.ix_(order, order)], again[1])
    assert direct.calibrate(2).tie == pytest.approx(moved.calibrate(2).tie)


def test_a_model_that_was_never_measured_shares_what_is_common_alone():
    known = make_known().only(np.array([*range(MODELS), -1]))
    fitted = fit_posterior(known)
    common = np.nanmean(known.measured - known.expected, axis=1)
    np.testing.assert_allclose(fitted.covariance[-1, :-1], np.mean(common**2))
    mean, _ = fitted.update(np.full(MODELS + 1, 0.5), some(np.full(MODELS + 1, 0.7), [0]))
    assert 0.5 < mean[-1] < mean[0]
    assert np.isfinite(fitted.calibrate(3).tie)


def test_nothing_measured_is_refused():
    blank = np.full((2, 3), np.nan)
    with pytest.raises(ValueError, match="nothing was measured"):
        fit_posterior(KnownErrors(np.zeros((2, 3)), blank, blank))


def test_the_gap_is_in_deviations_of_the_difference():
    covariance = np.array([[0.04, 0.02, 0.0], [0.02, 0.04, 0.0], [0.0, 0.0, 0.01]])
    gaps = gap_to_best(np.array([0.5, 0.7, 0.6]), covariance)
    np.testing.assert_allclose(gaps, [0.2 / 0.2, 0, 0.1 / np.sqrt(0.05)])


def test_the_likelihood_is_that_of_scipys_normal_distribution():
    errors = np.random.default_rng(0).normal(size=(5, 7))
    errors[1, 3] = np.nan
    expected = []
    for place, row in enumerate(errors):
        seen = ~np.isnan(row)
        covariance = posterior._covariance(np.delete(errors, place, axis=0), 0.5)[np.ix_(seen, seen)]
        normal = multivariate_normal(np.zeros(seen.sum()), covariance + posterior.NOISE * np.eye(seen.sum()))
        expected.append(normal.logpdf(row[seen]) / seen.sum())
    assert posterior._likelihood(errors, 0.5) == pytest.approx(np.mean(expected))
