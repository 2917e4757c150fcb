import numpy as np
import pytest

from experiments.studies.shadow import copeland, shadow


@pytest.mark.parametrize("seed", range(5))
def test_copeland_counts_all_pairs(seed):
    scores = np.random.default_rng(seed).integers(0, 5, 12).astype(float)
    scores[:2] = np.nan
    known = np.where(np.isnan(scores), -1e9, scores)
    by_hand = [sum(np.sign(own - other) for other in known) / 11 for own in known]
    assert copeland(scores) == pytest.approx(by_hand)


def test_the_weight_goes_from_one_order_to_the_other():
    task, costs = np.array([3.0, 2.0, 1.0]), {"latency": np.array([9.0, 2.0, 1.0])}
    assert np.argsort(-shadow(task, costs, 0.0)).tolist() == [0, 1, 2]
    assert np.argsort(-shadow(task, costs, 1.0)).tolist() == [2, 1, 0]
    assert shadow(task, costs, 0.5) == pytest.approx([0, 0, 0])


def test_costs_share_their_weight():
    task = np.zeros(3)
    both = shadow(task, {"a": np.array([1.0, 2, 3]), "b": np.array([3.0, 2, 1])}, 0.4)
    assert both == pytest.approx([0, 0, 0])


@pytest.mark.parametrize(("costs", "weight"), [({}, 0.5), ({"a": np.ones(3)}, 1.5)])
def test_a_vote_without_sense_is_refused(costs, weight):
    with pytest.raises(ValueError, match="give at least one cost"):
        shadow(np.ones(3), costs, weight)
