import numpy as np
import pytest
from scipy.stats import norm
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import Ridge

from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.evaluation.published import ranker
from ptmrec.evaluation.published.ranker import (
    ALPHAS,
    Likeness,
    Problem,
    fit_ridge,
    gaussian_process,
    normal_scores,
    rank_models,
    skills_by_card,
)


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    monkeypatch.setattr(ranker, "TREES", 30)


def make_problem(seed=0, datasets=8, models=30):
    """Two kinds of data sets with opposite favourites; a model's card says which kind it is good at, in part."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(datasets + 1) % 2
    taste = rng.normal(size=models)
    truth = np.where(kinds[:, None] == 1, taste, -taste) + 0.3 * rng.normal(size=(datasets + 1, models))
    places = np.column_stack([kinds * 1.0, rng.normal(size=datasets + 1) * 0.1])
    cards = np.column_stack([taste + 0.5 * rng.normal(size=models), rng.normal(size=models)])
    skills, none = normal_scores(truth[1:]), np.zeros((datasets, 0, models))
    return Problem(skills, places[1:], places[0], cards, none, np.zeros((0, models))), truth[0]


def test_normal_scores_are_quantiles_of_ranks_and_leave_gaps():
    scores = normal_scores(np.array([[0.1, 0.9, np.nan, 0.5]]))
    np.testing.assert_allclose(scores[0, [0, 1, 3]], norm.ppf([0.25, 0.75, 0.5]), atol=1e-12)
    assert np.isnan(scores[0, 2])


def test_records_where_the_data_look_alike_count():
    problem, true = make_problem()
    assert weighted_tau(true, problem.skills.mean(axis=0)) < 0.5
    assert weighted_tau(true, rank_models(problem)) > 0.7


def test_models_without_records_are_ranked_by_their_cards():
    problem, true = make_problem(models=60)
    skills = problem.skills.copy()
    skills[:, 40:] = np.nan
    scores = rank_models(Problem(skills, *list(vars(problem).values())[1:]))
    assert np.isfinite(scores).all()
    assert weighted_tau(true[40:], scores[40:]) > 0.3


def test_likeness_is_the_posterior_mean_of_a_gaussian_process():
    problem, _ = make_problem()
    likeness = Likeness(problem.skills, problem.places, problem.target)
    kernel = (
        ConstantKernel(0.5, (1e-2, 1e1))
        + ConstantKernel(0.5, (1e-2, 1e1)) * RBF(1.0, (0.3, 3.0))
        + WhiteKernel(0.5, (1e-2, 1e1))
    )
    process = gaussian_process(kernel).fit(problem.places, problem.skills)
    train, new = likeness.relations(problem.skills)
    np.testing.assert_allclose(new[0], process.predict(problem.target[None])[0], atol=1e-6)
    left = gaussian_process(process.kernel_).set_params(optimizer=None)
    others = np.arange(len(problem.skills)) != 2
    left.fit(problem.places[others], problem.skills[others])
    np.testing.assert_allclose(train[2, 0], left.predict(problem.places[2:3])[0], atol=1e-6)
    np.testing.assert_allclose(train[2, 1], problem.skills[others].mean(axis=0))
    np.testing.assert_allclose(new[1], problem.skills.mean(axis=0))


def test_what_cards_say_of_a_model_does_not_use_its_own_records():
    problem, _ = make_problem()
    skills = problem.skills.copy()
    skills[:, 0] = 1.5
    answers = [skills_by_card(problem.cards, values)[:, 0] for values in (problem.skills, skills)]
    # Its records reach the answer through the fitted kernel and the split points only.
    assert np.abs(answers[0] - answers[1]).max() < 0.5
    trees = ExtraTreesRegressor(
        30, min_samples_leaf=2, max_features=0.3, bootstrap=True, oob_score=True, random_state=0
    ).fit(problem.cards, problem.skills.T)
    assert np.corrcoef(trees.oob_prediction_[:, 0], skills_by_card(problem.cards, problem.skills)[0])[0, 1] > 0.8


def test_penalty_is_chosen_on_data_sets_left_out():
    rng = np.random.default_rng(1)
    train, new = rng.normal(size=(6, 2, 20)), rng.normal(size=(2, 5))
    skills = train[:, 0] + 0.01 * rng.normal(size=(6, 20))
    scores = fit_ridge(train, skills, new)
    spread = train.transpose(1, 0, 2).reshape(2, -1).std(axis=1)
    pairs = (train / spread[None, :, None]).transpose(0, 2, 1).reshape(-1, 2)
    expected = Ridge(ALPHAS[0]).fit(pairs, skills.ravel()).predict((new / spread[:, None]).T)
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    noise = fit_ridge(train, rng.normal(size=(6, 20)), new)
    assert np.abs(noise).max() < 0.3
