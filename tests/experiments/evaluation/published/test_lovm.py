import numpy as np
import pytest
from scipy.special import logit
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LinearRegression

from experiments.evaluation.published.lovm import (
    IMAGENET,
    LOVM_METRICS,
    absolute_error,
    best_models,
    model_gpt,
    recall_of_best,
    signed_error_of_best,
    tau_of_best,
)
from experiments.evaluation.published.prediction import (
    at_true_level,
    gaussian_process,
    mean_accuracies,
    predict_accuracies,
)
from ptmrec.benchmark.published import read_published
from ptmrec.benchmark.published_scores import FOLDER, read_scores
from ptmrec.config.sections import PathsConfig
from ptmrec.evaluation.published.benchmarks import load_benchmark


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
    np.testing.assert_array_equal(best_models(np.array([1, 2, 2])), [1, 2, 0])
    assert recall_of_best(true, scores) == 0.6
    assert tau_of_best(true, scores) == pytest.approx(1.0)
    assert tau_of_best(true, -true) == pytest.approx(-1.0), "they share three models, in reverse"
    assert tau_of_best(np.arange(9.0), -np.arange(9.0)) == 0.0, "they share one"
    best = [1, 2, 5, 6, 4]
    assert signed_error_of_best(true, scores) == pytest.approx(abs(scores[best].mean() - true[best].mean()))
    assert absolute_error(true, scores) == pytest.approx(np.abs(true - scores).mean())


@pytest.fixture(scope="module")
def lovm():
    folder = PathsConfig().published
    benchmark = load_benchmark(folder, "lovm")
    scores = read_scores(folder / FOLDER / "lovm.json").aligned(benchmark.targets, benchmark.models)
    return benchmark, scores[1:].mean(axis=2)


def test_the_static_row_is_the_known_bar(lovm):
    benchmark, _ = lovm
    predicted = mean_accuracies(benchmark)
    accuracy = benchmark.accuracy[:23]
    np.testing.assert_allclose(predicted[4], np.delete(accuracy, 4, axis=0).mean(axis=0))
    assert round(np.abs(predicted - accuracy).mean(), 3) == 0.207


def test_with_the_level_known_the_mean_logit_is_right(lovm):
    benchmark, _ = lovm
    known = at_true_level(benchmark)
    true = np.clip(benchmark.accuracy[:23], 0.005, 0.995)
    others = logit(np.delete(true, 4, axis=0))
    distances = (others - others.mean(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(logit(known[4]), logit(true[4]).mean() + distances)


@pytest.mark.parametrize("pooled", [False, True])
def test_predictions_are_accuracies_and_beat_the_static_row(lovm, pooled):
    benchmark, texts = lovm
    predicted = predict_accuracies(benchmark, texts, pooled)
    assert predicted.shape == (23, 35)
    assert 0 < predicted.min() < predicted.max() < 1
    assert np.abs(predicted - benchmark.accuracy[:23]).mean() < 0.18


def test_a_targets_own_records_have_no_part(lovm):
    benchmark, texts = lovm
    before = predict_accuracies(benchmark, texts)[7]
    benchmark.accuracy[7] = 0.5
    np.testing.assert_array_equal(predict_accuracies(benchmark, texts)[7], before)


def test_bounds_are_no_warnings(recwarn):
    gaussian_process(RBF(1.0, (0.99, 1.01))).fit(np.arange(6.0)[:, None], np.arange(6.0))
    assert not recwarn
