import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF

from ptmrec.relations import posterior
from ptmrec.relations.posterior import condition, fit_posterior

GENERATOR = np.random.default_rng(0)
KNOWN, MODELS = 12, 20


def make_known(coupling=1.0):
    """Skill is prior plus a surprise that models of one half share; the revealed score shows the surprise."""
    prior, transported = GENERATOR.normal(size=(2, KNOWN, MODELS))
    halves = np.repeat(GENERATOR.normal(size=(KNOWN, 2)), MODELS // 2, axis=1)
    surprise = 0.9 * halves + 0.4 * GENERATOR.normal(size=(KNOWN, MODELS))
    revealed = 3 + prior + surprise + GENERATOR.normal(size=(KNOWN, 1))
    return prior, transported, revealed, prior + coupling * surprise


def some(values, places):
    revealed = np.full(len(values), np.nan)
    revealed[places] = values[places]
    return revealed


@pytest.mark.parametrize("seen", [[2], [0, 3, 7, 8]])
def test_conditioning_equals_the_gaussian_process_of_scikit_learn(seen):
    points, values = GENERATOR.normal(size=(9, 2)), GENERATOR.normal(size=9)
    kernel = RBF(1.3, "fixed")
    process = GaussianProcessRegressor(kernel, alpha=0.2, optimizer=None).fit(points[seen], values[seen])
    expected, deviation = process.predict(points, return_std=True)
    mean, ours = condition(kernel(points), some(values, seen), offset=0, noise=0.2)
    np.testing.assert_allclose(mean, expected)
    np.testing.assert_allclose(ours, deviation)


def test_the_common_offset_is_one_more_variable():
    root = GENERATOR.normal(size=(5, 5))
    covariance, values, seen = root @ root.T, GENERATOR.normal(size=5), [0, 2, 4]
    joint = np.zeros((6, 6))
    joint[:5, :5], joint[5, 5] = covariance, 1.5**2
    observe = np.eye(6)[seen] + np.eye(6)[5]
    gain = joint @ observe.T @ np.linalg.inv(observe @ joint @ observe.T + 0.3 * np.eye(3))
    mean, deviation = condition(covariance, some(values, seen), 1.5, 0.3)
    np.testing.assert_allclose(mean, (gain @ values[seen])[:5])
    np.testing.assert_allclose(deviation**2, np.diag(joint - gain @ observe @ joint)[:5])


def test_everything_seen_without_noise_is_what_was_seen():
    values = GENERATOR.normal(size=6)
    mean, deviation = condition(np.eye(6) + 0.5, values, offset=0, noise=0)
    np.testing.assert_allclose(mean, values)
    np.testing.assert_allclose(deviation, 0, atol=1e-6)


def test_without_a_revealed_score_the_ranking_is_the_prior():
    prior, transported, revealed, skills = make_known()
    posterior = fit_posterior(prior, transported, revealed, skills)
    mean, deviation = posterior.update(prior[0], transported[0], np.full(MODELS, np.nan))
    np.testing.assert_array_equal(mean, prior[0])
    assert (deviation > 0).all()


def test_a_surprise_moves_the_models_that_share_it_and_what_was_run_is_surer():
    prior, transported, revealed, skills = make_known()
    posterior = fit_posterior(prior, transported, revealed, skills)
    flat, seen = np.linspace(-1, 1, MODELS), [0, 1, 10, 11]
    expected = _expectation(posterior, flat, transported[0])
    shown = some(expected + np.repeat([2.0, -2.0], MODELS // 2) * posterior.scale * np.std(transported[0]), seen)
    mean, deviation = posterior.update(flat, transported[0], shown)
    moved = mean - flat
    assert moved[2:10].mean() > 0.1 and moved[12:].mean() < -0.1
    assert moved[:2].min() > moved[2:10].max()
    assert deviation[seen].max() < np.delete(deviation, seen).min()


def _expectation(posterior, prior, transported):
    terms = [np.ones(len(prior)), *((values - values.mean()) / values.std() for values in (prior, transported))]
    return posterior.coefficients @ terms * transported.std() + transported.mean()


def test_running_all_beats_the_prior_on_a_data_set_left_out():
    tables = make_known()
    posterior = fit_posterior(*(table[1:] for table in tables))
    prior, transported, revealed, skill = (table[0] for table in tables)
    mean, _ = posterior.update(prior, transported, revealed)
    assert np.corrcoef(mean, skill)[0, 1] > np.corrcoef(prior, skill)[0, 1] + 0.05


def test_scores_that_say_nothing_get_no_weight():
    prior, transported, revealed, skills = make_known(coupling=0.0)
    skills = skills + 0.1 * GENERATOR.normal(size=skills.shape)
    assert abs(fit_posterior(prior, transported, revealed, skills).weight) < 0.05


def test_the_order_of_models_does_not_matter():
    tables, order = make_known(), GENERATOR.permutation(MODELS)
    shown = some(tables[2][0], [3, 4, 15])
    direct = fit_posterior(*tables).update(tables[0][0], tables[1][0], shown)
    moved = [table[:, order] for table in tables]
    again = fit_posterior(*moved).update(moved[0][0], moved[1][0], shown[order])
    for one, other in zip(direct, again, strict=True):
        np.testing.assert_allclose(one[order], other, atol=1e-9)


def test_who_is_no_candidate_or_was_never_run_is_left_out():
    prior, transported, revealed, skills = make_known()
    prior[0, 3], revealed[:, 7] = np.nan, np.nan
    posterior = fit_posterior(prior, transported, revealed, skills)
    np.testing.assert_array_equal(np.delete(posterior.covariance[7], 7), 0)
    mean, deviation = posterior.update(prior[0], transported[0], revealed[0])
    assert np.isnan(mean).nonzero()[0].tolist() == np.isnan(deviation).nonzero()[0].tolist() == [3]
    assert mean[7] == prior[0, 7]


def test_shared_surprises_are_told_from_lonely_ones():
    prior, transported, _, skills = make_known()
    lonely = prior + GENERATOR.normal(size=prior.shape)
    np.testing.assert_array_equal(fit_posterior(prior, transported, lonely, skills).covariance, np.eye(MODELS))
    shared = fit_posterior(*make_known()).covariance
    assert shared[:10, :10].mean() > shared[:10, 10:].mean() + 0.2
    assert np.linalg.eigvalsh(shared).min() > 0


def test_the_likelihood_is_that_of_scipys_normal_distribution():
    surprises = np.random.default_rng(0).normal(size=(5, 7))
    surprises[1, 3] = np.nan
    expected = []
    for place, row in enumerate(surprises):
        seen = ~np.isnan(row)
        covariance = posterior._covariance(np.delete(surprises, place, axis=0), 0.5)[np.ix_(seen, seen)]
        normal = multivariate_normal(np.zeros(seen.sum()), covariance + posterior.NOISE * np.eye(seen.sum()))
        expected.append(normal.logpdf(row[seen]) / seen.sum())
    assert posterior._likelihood(surprises, 0.5) == pytest.approx(np.mean(expected))


def test_a_surprise_counts_in_its_own_scale():
    """One model run, surprises that go with nobody: by hand."""
    prior, transported = np.array([-1.0, 0.0, 1.0]), np.array([2.0, 4.0, 6.0])
    known = posterior.Posterior(np.array([0.5, 1.0, 0.25]), np.eye(3), scale=2.0, offset=0.0, weight=0.3)
    revealed = np.array([np.nan, 7.0, np.nan])
    expected = 0.5  # prior and transport score of the second model are average: the constant is all
    surprise = (7.0 - 4.0) / transported.std() - expected
    moved = 0.3 * prior.std() * (surprise / 2.0) / (1 + posterior.NOISE)
    np.testing.assert_allclose(known.update(prior, transported, revealed)[0], prior + [0, moved, 0])
