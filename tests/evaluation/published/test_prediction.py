import numpy as np
import pytest
from scipy.special import logit

from ptmrec.benchmark.published_scores import FOLDER, read_scores
from ptmrec.config.sections import PathsConfig
from ptmrec.evaluation.published.benchmarks import load_benchmark
from ptmrec.evaluation.published.prediction import at_true_level, mean_accuracies, predict_accuracies


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
