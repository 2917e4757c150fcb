import numpy as np
import pytest
from sklearn.linear_model import Ridge
from toy_relations import make_samples, make_transports

from ptmrec.core.errors import ArtifactError
from ptmrec.relations.expected import (
    COPIES,
    PENALTY,
    TERMS,
    ExpectedAccuracy,
    KnownSeparation,
    Separation,
    expect_left_out,
    fit_expected,
    known_separation,
    read_separations,
    separations,
    write_separations,
)
from ptmrec.relations.ridge import ridge_left_out
from ptmrec.relations.samples import DatasetSample

MODELS = 20


def make_known(count=12, seed=0):
    """Data sets whose skill is their separation, and models that differ by the ranker's score."""
    generator = np.random.default_rng(seed)
    known, scores, accuracies = {}, {}, {}
    for place in range(count):
        level, classes = generator.uniform(0.1, 0.9), int(generator.integers(2, 30))
        own = Separation(level, min(level + 0.1, 1.0), classes)
        shuffled = tuple(Separation(generator.uniform(0, 0.05), 0.0, classes) for _ in range(COPIES))
        name = f"d{place}"
        known[name], scores[name] = KnownSeparation(own, shuffled), generator.normal(size=MODELS)
        skill = np.clip(level + 0.05 * own.reference * scores[name], 0, 1)
        accuracies[name] = 1 / classes + (1 - 1 / classes) * skill
    return known, scores, accuracies


def toy_sample(separation=3.0, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(10), 10)
    coordinates = separation * generator.normal(size=(10, 12))[labels] + generator.normal(size=(100, 12))
    return DatasetSample("toy", np.ones(3), coordinates, labels)


def test_separable_classes_separate_and_shuffled_ones_do_not():
    sample = toy_sample()
    transports = [np.random.default_rng(seed).normal(size=(12, 8)) for seed in range(5)]
    found = known_separation(sample, transports)
    assert found.own.virtual > 0.8 and found.own.reference > 0.9 and found.own.classes == 10
    assert len(found.shuffled) == COPIES
    assert max(max(copy.virtual, copy.reference) for copy in found.shuffled) < 0.1


def test_separation_is_the_mean_of_the_models_corrected_for_chance():
    sample, transports = make_samples()[0], make_transports(4)
    shares = [ridge_left_out((sample.coordinates @ t)[None], sample.labels[None])[1].item() for t in transports]
    (found,) = separations(sample, transports)
    assert found.virtual == pytest.approx(np.mean([(share - 1 / 3) / (2 / 3) for share in shares]))


def test_shuffled_labels_of_a_separable_set_are_expected_near_chance():
    known, scores, accuracies = make_known()
    model = fit_expected(known, scores, accuracies)
    sample = toy_sample()
    transports = [np.random.default_rng(seed).normal(size=(12, 8)) for seed in range(5)]
    label_sets = np.stack([sample.labels, *(np.random.default_rng(s).permutation(sample.labels) for s in range(5))])
    own, *shuffled = separations(sample, transports, label_sets)
    score = np.linspace(-2, 2, MODELS)
    assert model.predict(own, score).mean() > 0.7
    for separation in shuffled:
        assert np.abs(model.predict(separation, score) - 0.1).max() < 0.06
    assert model.doubt(own) == ""
    assert "shuffled labels" in model.doubt(Separation(0.0, 0.0, 10))


def test_weights_are_those_of_a_weighted_ridge():
    known, scores, accuracies = make_known(6)
    accuracies["d0"][3:] = np.nan
    rows, targets, weights = [], [], []
    for name, dataset in known.items():
        chance = 1 / dataset.own.classes
        for kind, copies in (("own", [dataset.own]), ("shuffled", dataset.shuffled)):
            for copy in copies:
                for place in np.flatnonzero(~np.isnan(accuracies[name])):
                    own = [1, copy.virtual, copy.reference, np.log(copy.classes)]
                    rows.append([*own, scores[name][place] * copy.reference])
                    skill = (accuracies[name][place] - chance) / (1 - chance)
                    targets.append(skill if kind == "own" else 0.0)
                    weights.append(1 / np.sum(~np.isnan(accuracies[name])) / len(copies))
    rows, weights = np.array(rows), np.array(weights)
    scale = np.sqrt((weights[:, None] * rows**2).sum(axis=0) / weights.sum())
    expected = Ridge(PENALTY, fit_intercept=False).fit(rows / scale, targets, weights).coef_ / scale
    found = fit_expected(known, scores, accuracies)
    assert found.weights.shape == (len(TERMS),)
    np.testing.assert_allclose(found.weights, expected, rtol=1e-6)
    back = ExpectedAccuracy.from_arrays(found.to_arrays())
    np.testing.assert_array_equal(back.weights, found.weights)
    assert back.noise == found.noise


def test_order_is_the_rankers_and_answers_are_accuracies():
    model = fit_expected(*make_known())
    scores = np.random.default_rng(1).normal(size=50)
    expected = model.predict(Separation(0.5, 0.6, 10), scores)
    np.testing.assert_array_equal(np.argsort(expected), np.argsort(scores))
    extreme = model.predict(Separation(1.0, 1.0, 2), 100 * scores)
    assert extreme.min() >= 0.5 and extreme.max() <= 1.0


def test_a_data_set_is_left_out_of_its_own_answer():
    known, scores, accuracies = make_known()
    expected = expect_left_out(known, scores, accuracies)
    poisoned = {**accuracies, "d0": accuracies["d0"] - 0.4}
    again = expect_left_out(known, scores, poisoned)
    np.testing.assert_allclose(again["d0"], expected["d0"])
    assert np.abs(again["d1"] - expected["d1"]).max() > 1e-3
    assert np.mean([np.abs(accuracies[name] - row).mean() for name, row in expected.items()]) < 0.08


def test_separations_come_back_from_disk_and_damage_is_one_line(tmp_path):
    known = {"toy": known_separation(toy_sample(), [np.eye(12)])}
    path = write_separations(tmp_path / "separations.json", {"draw 0": known})
    assert read_separations(path) == {"draw 0": known}
    path.write_text('{"draw 0": {"toy": {"own": 3}}}')
    with pytest.raises(ArtifactError, match=r"separations\.json: its content does not fit"):
        read_separations(path)


def test_one_class_alone_does_not_separate():
    sample = toy_sample()
    alone = DatasetSample("alone", sample.token, sample.coordinates, np.zeros(len(sample.labels), int))
    assert separations(alone, [np.eye(12)]) == [Separation(0.0, 0.0, 2)]
