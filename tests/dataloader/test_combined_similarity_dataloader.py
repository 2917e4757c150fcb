import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from toy_lists import MODELS, write_tokens

from ptmrec.core.errors import ArtifactError
from ptmrec.dataloader.combined_similarity_dataloader import (
    build_combined_similarity_loader,
    true_ranks,
)


def test_batches_align_names_indices_tokens_and_measurements(sources):
    loader = build_combined_similarity_loader(sources, splits=("train",), batch_size=8)
    (batch,) = loader
    assert batch["batch_size"] == 8
    assert batch["dataset_tokens"].shape == (8, 5, 8)
    assert batch["model_tokens"].shape == (8, 4, 6)
    counts = {"first": 3, "second": 5}
    for row in range(8):
        assert batch["dataset_mask"][row].sum() == counts[batch["dataset_names"][row]]
        assert (batch["dataset_tokens"][row][~batch["dataset_mask"][row]] == 0).all()
        assert batch["model_names"][row] == list(MODELS)
        assert batch["dataset_splits"][row] == "train"
        for column, name in enumerate(MODELS):
            index = batch["model_indices"][row, column]
            assert MODELS[index] == name
            assert batch["model_tokens"][row, column].tolist() == [float(index)] * 4 + [-float(index)] * 2
    expected = torch.tensor([0.1, 0.2, float("nan"), 0.0])
    torch.testing.assert_close(batch["true_scores"][0], expected, equal_nan=True)
    assert batch["true_ranks"][0].tolist() == [2, 1, 0, 3]
    assert sorted(set(batch["regime"])) == ["fine_tuning", "low_data"]


def test_shuffling_follows_its_seed_and_regimes_can_be_chosen(sources):
    orders = [
        [b["dataset_names"][0] for b in build_combined_similarity_loader(sources, batch_size=1, shuffle=True, seed=s)]
        for s in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]
    loader = build_combined_similarity_loader(sources, regimes=("low_data",), datasets=("first",))
    assert len(loader.dataset) == 2


def test_true_ranks_share_ties():
    scores = np.array([0.5, 0.9, np.nan, 0.5, 0.1])
    measured = ~np.isnan(scores)
    assert true_ranks(scores).tolist() == [2.5, 1, 0, 2.5, 4]
    np.testing.assert_array_equal(true_ranks(scores)[measured], rankdata(-scores[measured]))


def test_unknown_models_data_sets_and_splits(sources, tmp_path):
    with pytest.raises(ArtifactError, match="unknown split 'trial'"):
        build_combined_similarity_loader(sources, splits=("trial",))
    write_tokens(tmp_path / "tokens", "train", "fourth", 3)
    with pytest.raises(ArtifactError, match="'fourth' has tokens but no ground truth"):
        build_combined_similarity_loader(sources)
    write_tokens(tmp_path / "tokens", "train", "fourth", 3, encoder="f:2")
    with pytest.raises(ArtifactError, match="different encoders"):
        build_combined_similarity_loader(sources)
    with pytest.raises(ArtifactError, match="no list to rank"):
        build_combined_similarity_loader(sources, splits=("validation",))
