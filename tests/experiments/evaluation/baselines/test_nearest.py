import numpy as np
from conftest import DATASETS, make_ground_truth

from experiments.evaluation.baselines import Evidence
from experiments.evaluation.baselines.nearest import nearest_datasets
from experiments.evaluation.baselines.static import mean_rank
from experiments.evaluation.compare import Target


def test_the_nearest_data_sets_without_the_target_are_averaged():
    truth, cards = make_ground_truth(np.random.default_rng(2).random((4, 12)))
    directions = dict(zip(DATASETS, ([1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [1.0, 0.3]), strict=True))
    tokens = {name: np.tile(vector, (2, 3, 1)) for name, vector in directions.items()}
    target = Target("known", "a", "low_data", tokens["a"])
    for neighbours, expected in ((1, ["b"]), (2, ["b", "d"])):
        evidence = Evidence(cards, truth, tokens, {}, neighbours)
        np.testing.assert_array_equal(nearest_datasets(target, evidence), mean_rank(truth, "low_data", expected))
