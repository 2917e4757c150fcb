import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from ptmrec.benchmark.published import read_published
from ptmrec.benchmark.published_scores import FOLDER, read_scores
from ptmrec.config.sections import PathsConfig
from ptmrec.evaluation.published.lovm import (
    IMAGENET,
    LOVM_METRICS,
    absolute_error,
    best_models,
    model_gpt,
    recall_of_best,
    signed_error_of_best,
    tau_of_best,
)


@pytest.fixture(scope="module")
def files():
    folder = PathsConfig().published
    return read_published(folder / "lovm.json"), read_scores(folder / FOLDER / "lovm.json")


def lovm_means(accuracy, scores):
    pairs = list(zip(accuracy, scores, strict=True))
    return {name: np.mean([metric(*pair) for pair in pairs]) for name, metric in LOVM_METRICS.items()}


def test_imagenet_baseline_as_published(files):
    zoo, _ = files
    means = lovm_means(zoo.accuracy, np.tile(zoo.row(IMAGENET), (len(zoo.datasets), 1)))
    assert {name: round(value, 3) for name, value in means.items()} == {
        **{"r5": 0.452, "tau5": 0.177, "l1": 0.220},
        "mae": 0.220,
    }


def test_model_gpt_without_search_as_in_the_released_code(files):
    zoo, scores = files
    features = scores.aligned(zoo.datasets, zoo.models)
    ranking = lovm_means(zoo.accuracy, model_gpt(zoo.accuracy, features, centred=True))
    assert (round(ranking["r5"], 3), round(ranking["tau5"], 3)) == (0.426, 0.046)
    predicted = model_gpt(zoo.accuracy, features, centred=False)
    assert round(lovm_means(zoo.accuracy, predicted)["l1"], 3) == 0.168


def test_model_gpt_never_sees_the_data_set_left_out():
    rng = np.random.default_rng(0)
    accuracy, features = rng.random((4, 6)), rng.random((2, 4, 6))
    predicted = model_gpt(accuracy, features, centred=False)
    model = LinearRegression().fit(features[:, 1:].reshape(2, -1).T, accuracy[1:].ravel())
    np.testing.assert_allclose(predicted[0], model.predict(features[:, 0].T))
    changed = accuracy.copy()
    changed[2] = 0
    np.testing.assert_array_equal(model_gpt(changed, features, centred=False)[2], predicted[2])


def test_metrics_by_hand():
    true = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3])
    scores = np.array([0.1, 0.9, 0.8, 0.2, 0.3, 0.7, 0.6])
    np.testing.assert_array_equal(best_models(scores), [1, 2, 5, 6, 4])
    np.testing.assert_array_equal(best_models(np.array([1, 2, 2]), 2), [1, 2])
    assert recall_of_best(true, scores) == 0.6
    assert tau_of_best(true, scores) == pytest.approx(1.0)
    assert tau_of_best(true, -true) == pytest.approx(-1.0), "they share three models, in reverse"
    assert tau_of_best(np.arange(9.0), -np.arange(9.0)) == 0.0, "they share one"
    best = [1, 2, 5, 6, 4]
    assert signed_error_of_best(true, scores) == pytest.approx(abs(scores[best].mean() - true[best].mean()))
    assert absolute_error(true, scores) == pytest.approx(np.abs(true - scores).mean())
