import numpy as np
import pytest
from toy_relations import DATASETS, make_pairs

from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.relations.linear import fit_linear_ranker
from ptmrec.relations.pairs import RELATIONS

PAIRS = make_pairs(30)
COUNTED = np.ones(30, dtype=bool)


def transported_truth(noise=0.0):
    """Accuracies that follow how well a model separates the classes."""
    generator = np.random.default_rng(0)
    return {name: PAIRS.transported(name) + noise * generator.normal(size=30) for name in DATASETS}


def test_the_ridge_finds_the_relation_that_decides_and_carries_it_to_a_new_data_set():
    truth = transported_truth()
    known = {name: truth[name] for name in "abc"}
    ranker = fit_linear_ranker(PAIRS, known, COUNTED)
    weights = dict(zip(RELATIONS, ranker.weights, strict=True))
    assert max(weights, key=weights.get) == "transport"
    assert weighted_tau(truth["d"], ranker.scores(PAIRS, "d")) > 0.7


def test_shuffled_truth_leaves_nothing():
    truth, taus = transported_truth(), []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        known = {name: generator.permutation(truth[name]) for name in "abc"}
        taus.append(weighted_tau(truth["d"], fit_linear_ranker(PAIRS, known, COUNTED).scores(PAIRS, "d")))
    assert abs(np.mean(taus)) < 0.25


def test_models_that_have_seen_a_data_set_and_references_have_no_say():
    truth = transported_truth()
    known = {name: truth[name] for name in "abc"}
    trained = np.array(["a" in candidate.datasets for candidate in PAIRS.candidates])
    poisoned = {**known, "a": np.where(trained, 1e3, known["a"])}
    np.testing.assert_allclose(
        fit_linear_ranker(PAIRS, known, COUNTED).weights, fit_linear_ranker(PAIRS, poisoned, COUNTED).weights
    )
    ranker = fit_linear_ranker(PAIRS, known, COUNTED)
    assert np.isnan(ranker.skills["a"][trained]).all()
    some = COUNTED.copy()
    some[:10] = False
    assert not np.allclose(fit_linear_ranker(PAIRS, known, some).weights, ranker.weights)


def test_the_data_set_asked_for_does_not_change_the_weights():
    truth = transported_truth()
    known = {name: truth[name] for name in "abc"}
    first = fit_linear_ranker(PAIRS, known, COUNTED)
    first.scores(PAIRS, "d")
    assert fit_linear_ranker(PAIRS, known, COUNTED).weights == pytest.approx(first.weights)
