import json

import numpy as np
import pytest
import torch
from conftest import make_card
from scipy.stats import rankdata

from ptmrec.benchmark.splits import read_splits
from ptmrec.dataloader.combined_similarity_dataloader import (
    TokenSources,
    build_combined_similarity_loader,
    true_ranks,
)
from ptmrec.dataloader.dataset_tokens import DatasetTokenDataset, DatasetTokens, class_tokens, cluster_tokens
from ptmrec.dataloader.model_datasets import ModelEmbeddingDataset, ModelParameterDataset, write_model_tokens
from ptmrec.errors import ArtifactError

MODELS = ("a", "b", "c", "d")
GENERATOR = np.random.default_rng(0)


def write_tokens(folder, split, name, classes, dim=8, encoder="e:1"):
    features = GENERATOR.normal(size=(2, classes, dim)).astype(np.float32)
    tokens = DatasetTokens(name, features, tuple(map(str, range(classes))), encoder, "train")
    tokens.save(folder / split / f"{name}.npz")
    return tokens


def record(model, accuracy, regime):
    return {
        "model_name": model,
        "model_type": "vgg",
        "accuracy": accuracy,
        "trained_on_dataset": "x",
        "accuracy_std": 0.0,
        "regime": regime,
        "recipe": {},
        "source": "test",
    }


@pytest.fixture
def sources(tmp_path):
    write_tokens(tmp_path / "tokens", "train", "first", 3)
    write_tokens(tmp_path / "tokens", "train", "second", 5)
    write_tokens(tmp_path / "tokens", "test", "third", 2)
    for index, name in enumerate(MODELS):
        views = {"parameters": np.full(16, index), "embedding": np.full(4, index), "card": np.full(2, -index)}
        write_model_tokens(tmp_path / "models", name, views)
    truth = {
        dataset: [record(m, 0.1 * i, r) for r in ("low_data", "fine_tuning") for i, m in enumerate("dab")]
        for dataset in ("first", "second", "third")
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    return TokenSources(
        tmp_path / "tokens", tmp_path / "models", tmp_path / "truth.json", MODELS, ("embedding", "card")
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


def test_model_datasets(sources, tmp_path):
    parameters = ModelParameterDataset(sources.model_tokens, ["c", "a"])
    assert parameters[0]["name"] == "c"
    assert parameters[0]["parameters"].tolist() == [2.0] * 16
    embeddings = ModelEmbeddingDataset(sources.model_tokens)
    assert embeddings.names == list(MODELS)
    assert embeddings[3]["tokens"].tolist() == [3.0] * 4
    with pytest.raises(ArtifactError, match="file not found"):
        ModelEmbeddingDataset(sources.model_tokens, ["nobody"])
    with pytest.raises(ArtifactError, match="view 'colour' is missing"):
        ModelEmbeddingDataset(sources.model_tokens, views=("colour",))
    with pytest.raises(ArtifactError, match="listed twice"):
        ModelEmbeddingDataset(sources.model_tokens, ["a", "a"])
    write_model_tokens(tmp_path / "models", "e", {"embedding": np.zeros(5)})
    with pytest.raises(ArtifactError, match="others have"):
        ModelEmbeddingDataset(sources.model_tokens)


def test_some_of_the_models_keep_their_measurements(sources):
    everything = build_combined_similarity_loader(sources, batch_size=8)
    some = build_combined_similarity_loader(TokenSources(**vars(sources) | {"models": ("d", "b")}), batch_size=8)
    for batch, part in zip(everything, some, strict=True):
        assert part["model_names"][0] == ["d", "b"]
        torch.testing.assert_close(part["true_scores"], batch["true_scores"][:, [3, 1]], equal_nan=True)
        torch.testing.assert_close(part["model_tokens"], batch["model_tokens"][:, [3, 1]], equal_nan=True)


def write_splits(path, datasets, **groups):
    path.write_text(json.dumps({"datasets": datasets, "families": {}, "sources": {}} | groups))
    return path


def entries(**roles):
    return {name: {"role": role, "reason": "r"} for name, role in roles.items()}


def test_splits(tmp_path):
    path = write_splits(tmp_path / "splits.json", entries(a="train", b="blind"))
    splits = read_splits(path)
    assert splits.known == ("a",)
    assert splits.all == ("a", "b")
    for entry, words in (({"role": "x"}, "needs a role"), ({"role": "train"}, "reason"), (None, "needs a role")):
        with pytest.raises(ArtifactError, match=words):
            read_splits(write_splits(path, {"a": entry}))
    with pytest.raises(ArtifactError, match="no data set has the role 'train'"):
        read_splits(write_splits(path, entries(a="blind")))
    path.write_text(json.dumps({"datasets": entries(a="train"), "families": {}}))
    with pytest.raises(ArtifactError, match="sources is missing"):
        read_splits(path)


@pytest.mark.parametrize(
    ("family", "datasets", "role"),
    [
        ("vgg", ["mnist"], "train"),
        ("vgg", [], "train"),
        ("vgg", ["mnist", "cats"], "validation"),
        ("vgg", ["cats", "plankton"], "blind"),
        ("mixer", ["mnist"], "blind"),
        ("regnet", ["plankton"], "blind"),
        ("unheard", ["of"], "train"),
    ],
)
def test_a_model_is_as_blind_as_its_family_and_its_sources(tmp_path, family, datasets, role):
    families = entries(vgg="train", regnet="validation", mixer="blind")
    sources = entries(mnist="train", cats="validation", plankton="blind")
    path = write_splits(tmp_path / "splits.json", entries(a="train"), families=families, sources=sources)
    assert read_splits(path).model_role(make_card(family=family, datasets=datasets)) == role


def test_no_token_folder_needed_to_read_nothing(tmp_path):
    assert len(DatasetTokenDataset(tmp_path, ())) == 0
