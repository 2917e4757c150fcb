import numpy as np
from conftest import DATASETS, assert_readable

from experiments.evaluation.zoo_statistics import tau_matrix
from experiments.figures import heat_maps

ROLES = dict(zip(DATASETS, ("train", "train", "validation", "blind"), strict=True))


def role_lines(ax):
    return sorted(line.get_xdata()[0] for line in ax.lines if line.get_xdata()[0] == line.get_xdata()[1])


def role_names(ax):
    return [text.get_text() for text in ax.texts]


def test_ground_truth_holds_every_model_and_data_set_standardised(truth_and_cards):
    figure = heat_maps.plot_ground_truth(*truth_and_cards, "low_data", ROLES)
    strip, ax = figure.axes[:2]
    shown = ax.images[0].get_array()
    assert shown.shape == (24, 4)
    np.testing.assert_allclose(shown.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(shown.std(axis=0), 1)
    names = [text.get_text() for text in ax.get_xticklabels()]
    assert set(names[:2]) == {"a", "b"} and names[2:] == ["c", "d"]
    assert role_lines(ax) == [1.5, 2.5] and role_names(ax) == ["training", "validation", "blind"]
    assert strip.images[0].get_array().shape[:2] == (24, 1)
    assert {text.get_text() for text in figure.legends[0].get_texts()} == {"vgg", "vit"}
    assert "standardised on each data set" in figure.get_suptitle()
    assert_readable(figure)


def test_both_regimes_share_one_scale(truth_and_cards):
    figures = [heat_maps.plot_ground_truth(*truth_and_cards, regime, ROLES) for regime in ("low_data", "fine_tuning")]
    assert {figure.axes[1].images[0].get_clim() for figure in figures} == {(-2.5, 2.5)}


def test_similar_vectors_lie_side_by_side():
    vectors = np.array([[0.0, 0], [9, 9], [0.1, 0], [9, 9.1], [0, 0.1]])
    order = heat_maps.cluster_order(vectors).tolist()
    assert set(order[:3]) in ({0, 2, 4}, {1, 3, *order[2:3]})
    assert abs(order.index(1) - order.index(3)) == 1
    roles = ["blind", "train", "train", "train", "validation"]
    assert heat_maps.role_order(vectors, roles).tolist()[-2:] == [4, 0]
    assert sorted(heat_maps.role_order(vectors, roles)) == list(range(5))


def test_tau_matrices_share_order_and_scale(truth_and_cards):
    truth, _ = truth_and_cards
    matrices = {regime: tau_matrix(truth, regime, DATASETS) for regime in truth.accuracy}
    figure = heat_maps.plot_tau_matrices(matrices, DATASETS, list(ROLES.values()))
    names = [text.get_text() for text in figure.axes[1].get_xticklabels()]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == names
    order = [DATASETS.index(name) for name in names]
    for ax, matrix in zip(figure.axes, matrices.values(), strict=False):
        np.testing.assert_allclose(ax.images[0].get_array(), matrix[order][:, order])
        assert ax.images[0].get_clim() == (-1, 1)
        assert role_lines(ax) == [1.5, 2.5]
    assert_readable(figure)


def test_similarity_of_tokens_is_their_cosine():
    tokens = np.array([[1.0, 0], [0, 2], [3, 3], [-1, 0]])
    figure = heat_maps.plot_dataset_similarity(tokens, ["cats_dogs", "b", "c", "d"], list(ROLES.values()))
    ax = figure.axes[0]
    half = np.sqrt(0.5)
    np.testing.assert_allclose(ax.images[0].get_array()[0], [1, 0, half, -1], atol=1e-12)
    assert ax.get_xticklabels()[0].get_text() == "cats dogs"
    assert "Cosine" in ax.get_title() and role_names(ax) == ["training", "validation", "blind"]
    assert_readable(figure)
