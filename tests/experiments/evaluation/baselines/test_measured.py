import numpy as np
from conftest import make_ground_truth

from experiments.evaluation.baselines import Evidence
from experiments.evaluation.baselines.estimators import ESTIMATORS
from experiments.evaluation.baselines.measured import ROWS, measured_scores
from experiments.evaluation.compare import Target


def test_scores_follow_the_order_of_the_candidates():
    truth, cards = make_ground_truth(np.ones((4, 12)))
    estimates = {"a": {name: {"logme": float(place), "knn": -place} for place, name in enumerate(reversed(cards))}}
    evidence = Evidence(cards, truth, {}, estimates)
    target = Target("blind", "a", "low_data", np.zeros((1, 1, 1)))
    assert measured_scores(target, evidence, "logme").tolist() == list(range(11, -1, -1))


def test_every_estimator_has_its_row():
    assert set(ROWS.values()) == set(ESTIMATORS)
