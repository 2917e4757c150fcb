import numpy as np
import pytest

from ptmrec.benchmark.dataset_cards import DatasetCard
from ptmrec.evaluation.published.cards import dataset_features, log_size, model_features


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
