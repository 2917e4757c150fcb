from dataclasses import replace

import numpy as np
import pytest
from toy_relations import DATASETS, make_pairs, make_samples, make_transports

from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.relations.linear import COLUMNS, fit_linear_ranker
from ptmrec.relations.pairs import RELATIONS
from ptmrec.relations.scores import look_at

COUNT = 30
PAIRS = make_pairs(COUNT)
TRUTH = dict(zip(DATASETS, PAIRS.scores.transport, strict=True))
KNOWN = {name: TRUTH[name] for name in "abc"}


def test_the_ridge_finds_the_relation_that_decides_and_carries_it_to_a_new_data_set():
    ranker = fit_linear_ranker(PAIRS, KNOWN)
    weights = dict(zip(COLUMNS, ranker.weights, strict=True))
    assert max(RELATIONS, key=weights.get) == "transport"
    assert weighted_tau(TRUTH["d"], ranker.scores(PAIRS, "d")) > 0.7


def test_shuffled_truth_leaves_nothing():
    taus = []
    for seed in range(20):
        generator = np.random.default_rng(seed)
        known = {name: generator.permutation(TRUTH[name]) for name in "abc"}
        taus.append(weighted_tau(TRUTH["d"], fit_linear_ranker(PAIRS, known).scores(PAIRS, "d")))
    assert abs(np.mean(taus)) < 0.25


def test_models_that_have_seen_a_data_set_have_no_say():
    trained = PAIRS.trained_on("a")
    poisoned = {**KNOWN, "a": np.where(trained, 1e3, KNOWN["a"])}
    ranker = fit_linear_ranker(PAIRS, KNOWN)
    np.testing.assert_allclose(ranker.weights, fit_linear_ranker(PAIRS, poisoned).weights)
    assert np.isnan(ranker.skills["a"][trained]).all()


def test_only_the_base_teaches():
    base = np.arange(COUNT) < 20
    pairs = make_pairs(COUNT, base)
    hidden = {name: np.where(base, row, np.nan) for name, row in KNOWN.items()}
    ranker = fit_linear_ranker(pairs, hidden)
    np.testing.assert_array_equal(ranker.measured, base)
    shown = {name: np.where(base, row, row.mean()) for name, row in KNOWN.items()}
    half = len(RELATIONS)
    other = fit_linear_ranker(pairs, shown)
    assert other.measured.all() and np.isfinite(other.weights).all()
    inputs = ranker.inputs(pairs, "d")
    assert not inputs[~base, :half].any() and not inputs[base, half:].any() and inputs.shape[1] == len(COLUMNS)
    assert inputs[~base, half:].any() and inputs[base, :half].any()


def test_a_family_never_measured_is_ranked_by_what_its_features_say():
    """Measured accuracies follow few-shot scores; of one family nothing is measured."""
    families = np.array([card.family for card in PAIRS.cards.values()])
    pairs = make_pairs(COUNT, families != "vit")
    truth = dict(zip(DATASETS, pairs.scores.few_shot, strict=True))
    known = {name: np.where(families == "vit", np.nan, truth[name]) for name in "abc"}
    ranker = fit_linear_ranker(pairs, known)
    new = families == "vit"
    assert weighted_tau(truth["d"][new], ranker.scores(pairs, "d")[new]) > 0.6


def test_the_data_set_left_out_has_no_influence():
    changed = {t: getattr(PAIRS.scores, t).copy() for t in ("transport", "few_shot", "encoder", "reference")}
    for table in changed.values():
        table[3] = np.random.default_rng(0).random(table.shape[1])
    other = type(PAIRS)(PAIRS.cards, replace(PAIRS.scores, **changed))
    np.testing.assert_array_equal(fit_linear_ranker(other, KNOWN).weights, fit_linear_ranker(PAIRS, KNOWN).weights)


def test_a_known_data_set_is_recognised_and_its_measurements_come_back():
    samples, ranker = make_samples(), fit_linear_ranker(PAIRS, KNOWN)
    row = look_at(samples[0], [*samples, samples[0]], make_transports(COUNT))[0]
    pairs = type(PAIRS)(PAIRS.cards, PAIRS.scores.with_dataset("again", row))
    name, weight = pairs.recognise("again", ranker.skills)
    assert (name, weight) == ("a", 1.0)
    measured = ~np.isnan(ranker.skills["a"])
    np.testing.assert_allclose(ranker.scores(pairs, "again")[measured], ranker.skills["a"][measured])
    assert np.isfinite(ranker.scores(pairs, "again")).all()
    assert PAIRS.recognise("d", ranker.skills) == ("", 0.0)


def test_what_was_measured_counts_as_much_as_it_is_sure():
    ranker = fit_linear_ranker(PAIRS, KNOWN)
    plain, skills = ranker.inputs(PAIRS, "d") @ ranker.weights, ranker.skills["a"]
    blended = ranker.blend(plain, "a", 0.7)
    measured = ~np.isnan(skills)
    np.testing.assert_allclose(blended[measured], 0.3 * plain[measured] + 0.7 * skills[measured])
    np.testing.assert_array_equal(blended[~measured], plain[~measured])
    np.testing.assert_array_equal(ranker.blend(plain, "", 0.0), plain)


@pytest.mark.parametrize("count", [4, 6])
def test_few_models_are_enough_to_fit(count):
    pairs = make_pairs(count)
    ranker = fit_linear_ranker(pairs, dict(zip("abc", pairs.scores.transport, strict=False)))
    assert np.isfinite(ranker.scores(pairs, "d")).all()
