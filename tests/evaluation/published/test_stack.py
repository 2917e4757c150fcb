import numpy as np
import pytest
from sklearn.linear_model import Ridge

from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.evaluation.published.stack import Cells, Pairs, fit_stack, penalty_of


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
