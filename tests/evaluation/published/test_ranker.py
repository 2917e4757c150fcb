from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import Ridge

from ptmrec.benchmark.dataset_cards import DatasetCard
from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.evaluation.published import ranker
from ptmrec.evaluation.published.cards import dataset_features, log_size, model_features
from ptmrec.evaluation.published.process import NOISES
from ptmrec.evaluation.published.ranker import (
    CARD,
    CARD_MEAN,
    LENGTHS,
    SHARES,
    SKILL,
    Problem,
    grouped_trees,
    learn_likeness,
    mean_weights,
    normal_scores,
    rank_models,
    rank_unknown,
    relate,
    skills_by_card,
    static_names,
)
from ptmrec.evaluation.published.stack import Cells, Pairs, fit_stack, penalty_of


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
    size = np.tile(cards[:, 1], (datasets + 1, 1, 1))
    labels = (np.arange(datasets), np.arange(models))
    return Problem(truth[1:], places[1:], places[0], cards, ("parameters",), size[1:], size[0], *labels), truth[0]


def test_normal_scores_are_quantiles_of_ranks_and_leave_gaps():
    scores = normal_scores(np.array([[0.1, 0.9, np.nan, 0.5]]))
    np.testing.assert_allclose(scores[0, [0, 1, 3]], norm.ppf([0.25, 0.75, 0.5]), atol=1e-12)
    assert np.isnan(scores[0, 2])


def test_records_where_the_data_look_alike_count():
    problem, true = make_problem()
    assert weighted_tau(true, problem.accuracy.mean(axis=0)) < 0.5
    assert weighted_tau(true, rank_models(problem, weighted_tau)) > 0.7


def test_relations_to_a_data_set_do_not_know_its_group():
    problem, _ = make_problem()
    problem = replace(problem, groups=np.arange(8) // 2)
    pairs, new = relate(problem)
    assert pairs.names == (CARD, CARD_MEAN, SKILL, "mean rank", "mean accuracy", "parameters")
    assert static_names(pairs.names) == ["mean rank", "mean accuracy", "parameters"]
    others = problem.accuracy[[0, 1, 4, 5, 6, 7]].mean(axis=0)
    np.testing.assert_allclose(pairs.values[2, pairs.names.index("mean accuracy")], others)
    np.testing.assert_allclose(new[pairs.names.index("mean accuracy")], problem.accuracy.mean(axis=0))
    np.testing.assert_allclose(mean_weights(np.array([0, 0, 1]))[0], [0, 0, 1])
    assert static_names(["x"]) == [CARD_MEAN]


def test_models_without_records_are_ranked_by_their_cards():
    problem, true = make_problem(models=60)
    known = replace(problem, accuracy=np.where(np.arange(60) < 40, problem.accuracy, np.nan))
    scores = rank_models(known, weighted_tau)
    assert np.isfinite(scores).all()
    assert weighted_tau(true[40:], scores[40:]) > 0.3
    alone = rank_unknown(known, weighted_tau)
    assert np.mean([weighted_tau(row[40:], said[40:]) for row, said in zip(problem.accuracy, alone, strict=True)]) > 0.3


def test_likeness_is_the_posterior_mean_of_a_gaussian_process():
    problem, _ = make_problem()
    skills = normal_scores(problem.accuracy)
    alike, within = learn_likeness(skills, problem.places, problem.target, problem.groups)
    processes = [
        GaussianProcessRegressor(
            ConstantKernel(max(share, 1e-9)) + ConstantKernel(1 - share) * RBF(length) + WhiteKernel(noise),
            optimizer=None,
            alpha=1e-12,
        ).fit(problem.places, skills)
        for share in SHARES
        for length in LENGTHS
        for noise in NOISES
    ]
    answers = [process.predict(problem.target[None])[0] for process in processes]
    errors = [np.abs(alike @ skills - answer).max() for answer in answers]
    assert min(errors) < 1e-6
    kernel = processes[int(np.argmin(errors))].kernel_
    others = np.arange(len(skills)) != 2
    left = GaussianProcessRegressor(kernel, optimizer=None, alpha=1e-12).fit(problem.places[others], skills[others])
    np.testing.assert_allclose((within @ skills)[2], left.predict(problem.places[2:3])[0], atol=1e-6)


def test_what_cards_say_of_a_model_does_not_use_its_own_records():
    problem, _ = make_problem()
    skills = normal_scores(problem.accuracy)
    changed = skills.copy()
    changed[:, 0] = 1.5
    answers = [skills_by_card(problem.cards, values, problem.kin)[:, 0] for values in (skills, changed)]
    # Its records reach the answer through the fitted kernel and the split points only.
    assert np.abs(answers[0] - answers[1]).max() < 0.5


def test_no_tree_that_answers_for_a_model_has_seen_its_kin():
    rng = np.random.default_rng(0)
    kin = np.arange(20) // 5
    values = np.where(kin == 1, 100.0, 0.0)[:, None] * np.ones(3)
    left, ahead = grouped_trees(kin[:, None] + 0.1 * rng.normal(size=(20, 1)), values, kin, np.array([[1.0]]))
    np.testing.assert_allclose(left[kin == 1], 0)
    assert (ahead > 30).all()


def card(name, classes=10, domain="photo", kind="objects", subject="general", side=100):
    return DatasetCard(name, classes, domain, kind, subject, 1000, side, name)


def test_distances_of_data_sets_count_words_and_factors():
    features = dataset_features(
        [card("a"), card("b", subject="birds"), card("c", classes=100), card("d", side=1000), card("e", domain="art")]
    )
    squares = ((features - features[0]) ** 2).sum(axis=1)
    np.testing.assert_allclose(squares, [0, 1, 0.25, 1, 1])


def test_models_of_one_family_are_nearer_and_unknown_sizes_are_average():
    names = ["a/vit-base", "a/vit-large", "b/swin-base", "b/swin-large", "c/vit-tiny", "c/swin-tiny"]
    cards = [{"family": name.split("/")[1].split("-")[0], "num_params": 10**place} for place, name in enumerate(names)]
    features = model_features(names, cards)
    assert np.isfinite(features).all()
    np.testing.assert_allclose(features[:, 0].mean(), 0, atol=1e-12)
    words = features[:, 1:]
    assert ((words[0] - words[1]) ** 2).sum() < ((words[0] - words[3]) ** 2).sum()
    del cards[2]["num_params"]
    assert model_features(names, cards)[2, 0] == 0


def test_sizes_are_logarithms_and_absent_where_no_card_states_them():
    np.testing.assert_allclose(
        log_size([{"num_params": 10}, {}, {"num_params": 1000}, {"num_params": 100}])[:3], [1, 2, 3]
    )
    assert log_size([{}, {}]) is None
    assert log_size([{"gflops": 0.1}], "gflops") == pytest.approx([-1])


def make_pairs(signal, seed=0, rows=True, columns=False):
    """Relations ``size`` and ``taste``; ``signal`` says how much of the truth is taste, the rest is size."""
    rng = np.random.default_rng(seed)
    size, taste = np.tile(rng.normal(size=40), (8, 1)), rng.normal(size=(8, 40))
    accuracy = (1 - signal) * size + signal * taste + 0.3 * rng.normal(size=(8, 40))
    labels = (np.arange(8) // 2 if rows else None, np.arange(40) % 5 if columns else None)
    return Pairs(("size", "taste"), np.stack([size, taste], axis=1), accuracy, accuracy, *labels)


@pytest.mark.parametrize(("rows", "columns"), [(True, False), (False, True), (True, True)])
def test_what_is_left_out_has_no_part(rows, columns):
    pairs = make_pairs(0.5, rows=rows, columns=columns)
    points = np.concatenate([pairs.values.transpose(0, 2, 1), np.ones((8, 40, 1))], axis=2)
    cells = Cells(points, pairs.wanted, pairs.rows, pairs.columns)
    predicted = cells.left_out(np.array([0.0, 0.1, 0.0]))
    row = (np.arange(8) // 2 == 1) if rows else np.zeros(8, bool)
    column = (np.arange(40) % 5 == 2) if columns else np.zeros(40, bool)
    kept = ~row[:, None] & ~column[None]
    left, wanted = points[kept], pairs.wanted[kept]
    weights = np.linalg.solve(left.T @ left + np.diag([0, 0.1 * len(left), 0]), left.T @ wanted)
    block = np.ix_(row if rows else np.ones(8, bool), column if columns else np.ones(40, bool))
    np.testing.assert_allclose(predicted[block], (points @ weights)[block])


def test_weights_of_all_pairs_are_those_of_a_ridge():
    pairs = make_pairs(0.5)
    points = pairs.values.transpose(0, 2, 1)
    cells = Cells(np.concatenate([points, np.ones((8, 40, 1))], axis=2), pairs.wanted, None, None)
    weights = cells.fit(np.array([0.3, 0.3, 0.0]))
    expected = Ridge(0.3 * 320).fit(points.reshape(-1, 2), pairs.wanted.ravel())
    np.testing.assert_allclose(weights, [*expected.coef_, expected.intercept_])
    more = cells.fit(np.zeros(3), (np.eye(3) * 1e9, np.array([1e9, 0, 0]), 0.0))
    np.testing.assert_allclose(more, [1, 0, 0], atol=1e-5)


def test_where_nothing_else_tells_the_static_rule_is_the_answer():
    pairs = make_pairs(0.0)
    noise = Pairs(pairs.names, pairs.values, pairs.values[:, 0], pairs.values[:, 0], pairs.rows, None)
    stack = fit_stack(noise, ["size"], weighted_tau)
    assert (stack.base, stack.penalty) == ("size", np.inf)
    new = np.random.default_rng(1).normal(size=(2, 9))
    assert np.corrcoef(stack.scores(new), new[0])[0, 1] == pytest.approx(1)


def test_what_tells_more_is_used_and_the_better_rule_is_the_base():
    pairs = make_pairs(0.7)
    stack = fit_stack(pairs, ["size", "taste"], weighted_tau)
    assert stack.base == "taste" and np.isfinite(stack.penalty)
    assert weighted_tau(pairs.accuracy[0], stack.scores(pairs.values[0])) > 0.6
    np.testing.assert_allclose(penalty_of(3, 1, 0.5), [0.5, 1e-6, 1e-6])
