import numpy as np
import pytest
from toy_lists import write_tokens

from ptmrec.core.errors import ArtifactError
from ptmrec.dataloader.dataset_tokens import (
    DatasetTokenDataset,
    DatasetTokens,
    class_tokens,
    cluster_labels,
    cluster_tokens,
    pad_tokens,
)

GENERATOR = np.random.default_rng(0)


def test_tokens_survive_a_round_trip_in_half_precision(tmp_path):
    tokens = write_tokens(tmp_path, "train", "x", 4)
    again = DatasetTokens.load(tmp_path / "train" / "x.npz")
    np.testing.assert_allclose(again.features, tokens.features, rtol=1e-3, atol=1e-3)
    assert (again.name, again.class_names, again.encoder) == (tokens.name, tokens.class_names, tokens.encoder)


@pytest.mark.parametrize(
    ("features", "words"),
    [
        (np.zeros((2, 3)), "expected float"),
        (np.full((1, 2, 4), np.nan), "not finite"),
        (np.zeros((1, 3, 4)), "2 class"),
    ],
)
def test_damaged_tokens(tmp_path, features, words):
    arrays = {"class_names": np.array(["a", "b"]), "encoder": "e", "image_part": "train", "name": "x"}
    np.savez(tmp_path / "x.npz", features=features, **arrays)
    with pytest.raises(ArtifactError, match=words):
        DatasetTokens.load(tmp_path / "x.npz")


def test_class_tokens_are_normalised_means_of_few_images():
    features, labels = GENERATOR.normal(size=(30, 6)), np.repeat([0, 1, 2], 10)
    tokens = class_tokens(features, labels, shots=10, draws=3, seed=0)
    means = np.stack([features[labels == c].mean(axis=0) for c in range(3)])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(tokens, np.broadcast_to(expected, (3, 3, 6)), rtol=1e-5)
    few = class_tokens(features, labels, shots=2, draws=2, seed=0)
    assert not np.allclose(few[0], few[1])


def test_clusters_take_the_place_of_classes():
    features = np.concatenate([GENERATOR.normal(size=(10, 4)) * 0.01 + centre for centre in 5 * np.eye(4)])
    tokens = cluster_tokens(features, clusters=4, shots=5, draws=1, seed=0)[0]
    np.testing.assert_allclose(np.sort(tokens.argmax(axis=1)), range(4))
    assert cluster_tokens(features[:1], 4, 5, 2, 0).shape == (2, 1, 4)


def test_no_token_folder_needed_to_read_nothing(tmp_path):
    assert len(DatasetTokenDataset(tmp_path, ())) == 0


def test_clusters_are_groups_of_like_images_and_never_more_than_there_are():
    features = np.repeat(np.eye(3), 6, axis=0) + GENERATOR.normal(size=(18, 3)) * 0.01
    labels = cluster_labels(features, 3, seed=0)
    assert len(np.unique(labels)) == 3
    assert (labels.reshape(3, 6) == labels.reshape(3, 6)[:, :1]).all()
    assert len(np.unique(cluster_labels(np.ones((8, 4)), 5, seed=0))) == 1


def test_the_mask_says_which_tokens_are_real():
    padded, mask = pad_tokens([np.ones((2, 4)), np.full((3, 4), 2.0)])
    assert mask.tolist() == [[True, True, False], [True, True, True]]
    np.testing.assert_array_equal(padded.sum(dim=2), [[4, 4, 0], [8, 8, 8]])
