import numpy as np
import pytest
import torch
from scipy.stats import rankdata

from experiments.studies.hardware_lists import COST_VIEW, HardwareLists, hardware_loader, ranks_under

COSTS = np.array([[1.0, 10.0], [2.0, 5.0], [4.0, 2.0]])


class Lists:
    """Two lists of three models without limits."""

    class model_embeddings:
        names, view_dims = ["a", "b", "c"], {"card": 2}
        vectors = np.arange(6, dtype=np.float32).reshape(3, 2)

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {
            "dataset_tokens": np.ones((4, 16), np.float32) * (index + 1),
            "true_scores": np.array([0.5, 0.9, 0.7]),
            "true_ranks": np.array([3.0, 1.0, 2.0]),
        }

    def collate(self, items):
        return {key: torch.from_numpy(np.stack([item[key] for item in items])) for key in items[0]}


def test_what_keeps_the_limit_comes_first_and_the_nearest_miss_next():
    scores, cost = np.array([0.5, 0.9, 0.7, np.nan, 0.95]), np.log([1.0, 2.0, 4.0, 1.0, 3.0])
    assert ranks_under(scores, cost, np.log(2.0)).tolist() == [2, 1, 4, 0, 3]
    assert ranks_under(scores, cost, np.log(9.0)).tolist() == [*rankdata(-scores[:3]).astype(int) + 1, 0, 1]


def test_a_hardware_token_stands_beside_the_others_and_costs_beside_the_views():
    lists = HardwareLists(Lists(), COSTS, limit=(0, 2.0))
    item = lists[1]
    assert item["dataset_tokens"].shape == (5, 16) and item["dataset_tokens"].dtype == np.float32
    np.testing.assert_allclose(item["dataset_tokens"][-1], 2 * lists.token(0, 2.0), rtol=1e-6)
    assert item["true_ranks"].tolist() == [2, 1, 3]
    fused = lists.model_embeddings
    assert fused.view_dims == {"card": 2, COST_VIEW: 2} and fused.vectors.shape == (3, 4)
    np.testing.assert_allclose(fused.vectors[:, 2:].mean(axis=0), 0, atol=1e-6)


def test_tokens_tell_kind_and_tightness_apart():
    lists = HardwareLists(Lists(), COSTS)
    tokens = [lists.token(0, 2.0), lists.token(0, 3.0), lists.token(1, 5.0)]
    assert all(not np.allclose(a, b) for a, b in ((tokens[0], tokens[1]), (tokens[1], tokens[2])))
    assert HardwareLists(Lists(), COSTS, seed=5).token(0, 2.0) == pytest.approx(tokens[0]), "the same for every seed"


def test_limits_are_drawn_anew_by_seed():
    first, same, other = (HardwareLists(Lists(), COSTS, seed=seed) for seed in (1, 1, 2))
    drawn = [[one[0]["dataset_tokens"][-1] for _ in range(4)] for one in (first, same, other)]
    assert np.allclose(drawn[0], drawn[1]) and not np.allclose(drawn[0], drawn[2])
    assert not np.allclose(drawn[0][0], drawn[0][1])


def test_a_batch_has_the_fused_models():
    (batch,) = hardware_loader(HardwareLists(Lists(), COSTS), batch_size=2)
    assert batch["model_tokens"].shape == (2, 3, 4) and batch["dataset_tokens"].shape == (2, 5, 16)
