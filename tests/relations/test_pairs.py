from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from toy_relations import make_pairs, make_samples, make_transports, transport_score

from ptmrec.relations.pairs import (
    ENCODER_SHARPNESS,
    RELATIONS,
    SIBLINGS,
    TRANSPORT_SHARPNESS,
    PairTable,
    shares,
    skill_logits,
    skill_of,
    standard,
    weighted_mean,
)
from ptmrec.relations.transport import TransportMaps

GENERATOR = np.random.default_rng(0)


@pytest.fixture(scope="module")
def pairs() -> PairTable:
    return make_pairs()


def skills_for(pairs, names):
    return {name: skill_of(np.random.default_rng(place).random(len(pairs.cards))) for place, name in enumerate(names)}


def table_of(pairs, target, skills):
    return dict(zip(RELATIONS, pairs.relations(target, skills).T, strict=True))


def test_columns_are_what_they_are_called(pairs):
    skills = skills_for(pairs, ["a", "b", "c"])
    table, sample = table_of(pairs, "d", skills), make_samples()[3]
    transported = [transport_score(sample.coordinates, sample.labels, t) for t in make_transports()]
    np.testing.assert_allclose(table["transport"], standard(np.array(transported), pairs.base))
    alike = pairs.likeness("d", ["a", "b", "c"])
    stacked = np.stack(list(skills.values()))
    np.testing.assert_allclose(table["skill_encoder"], softmax(ENCODER_SHARPNESS * alike[0]) @ stacked)
    np.testing.assert_allclose(table["skill_transport"], softmax(TRANSPORT_SHARPNESS * alike[2]) @ stacked)
    np.testing.assert_allclose(table["mean_skill"], stacked.mean(axis=0))
    np.testing.assert_allclose(
        table["size"], standard(np.log([c.num_params for c in pairs.cards.values()]), pairs.base)
    )


def test_a_known_data_set_finds_itself(pairs):
    """Nothing is as like a data set as itself, by any of the three likenesses."""
    for name in "abcd":
        alike = pairs.likeness(name, ["a", "b", "c", "d"])
        np.testing.assert_allclose(alike[:, "abcd".index(name)], [1.0, 2.0, 1.0])
        assert (alike.argmax(axis=1) == "abcd".index(name)).all()


def test_a_model_that_is_its_reference_transports_exactly():
    """Features that are the reference's coordinates score as themselves."""
    probes, sample = GENERATOR.normal(size=(200, 12)), make_samples()[0]
    transport, share = TransportMaps(probes).fit(probes * np.arange(1, 13))
    assert share > 0.99
    exact = transport_score(sample.coordinates, sample.labels, np.eye(12))
    assert transport_score(sample.coordinates, sample.labels, transport) == pytest.approx(exact, rel=1e-2)


def test_the_targets_own_skill_is_never_used(pairs):
    skills = skills_for(pairs, ["a", "b", "c"])
    poisoned = {**skills, "a": -skills["a"]}
    np.testing.assert_array_equal(pairs.relations("a", skills), pairs.relations("a", poisoned))


def test_relations_do_not_change_with_other_models_that_are_listed():
    base = np.arange(16) < 12
    pairs, skills = make_pairs(16, base), skills_for(make_pairs(), ["a", "b", "c"])
    names = [name for name in pairs.cards if name != "m14"]
    kept = np.array([name != "m14" for name in pairs.cards])
    fewer = PairTable({n: pairs.cards[n] for n in names}, pairs.scores.only(pairs.scores.datasets, names), base[kept])
    less = {name: values[kept] for name, values in skills.items()}
    np.testing.assert_allclose(fewer.relations("d", less), pairs.relations("d", skills)[kept])


def test_a_model_is_most_at_home_where_it_was_trained(pairs):
    table = table_of(pairs, "d", skills_for(pairs, ["a", "b", "c"]))
    trained_on = [card.datasets[0] for card in pairs.cards.values()]
    likest = "abc"[pairs.likeness("d", ["a", "b", "c"])[0].argmax()]
    at_home = {place for place, name in enumerate(trained_on) if name == likest}
    assert set(np.flatnonzero(table["source_encoder"] == table["source_encoder"].max())) == at_home
    np.testing.assert_array_equal(pairs.trained_on("a"), [name == "a" for name in trained_on])


def test_cards_and_scores_must_list_the_same_models(pairs):
    with pytest.raises(ValueError, match="different models"):
        PairTable(pairs.cards, replace(pairs.scores, models=tuple(reversed(pairs.scores.models))))


def test_ranks_become_standard_and_gaps_stay():
    skill = skill_of(np.array([0.1, np.nan, 0.9, 0.5]))
    assert np.isnan(skill[1])
    assert skill[2] > skill[3] > skill[0]
    assert np.nanmean(skill) == pytest.approx(0.0)
    assert skill_of(GENERATOR.random(10_000)).std() == pytest.approx(1.0, abs=1e-3)


def test_a_scale_is_fixed_by_the_base_alone():
    values, base = np.array([1.0, 3.0, 100.0, np.nan]), np.array([True, True, False, False])
    np.testing.assert_allclose(standard(values, base), [-1.0, 1.0, 98.0, np.nan])
    np.testing.assert_allclose(standard(np.array([2.0, 2.0, np.nan]), np.ones(3, dtype=bool)), [0.0, 0.0, np.nan])


def test_means_leave_out_what_is_missing():
    table = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    np.testing.assert_allclose(weighted_mean(table, np.zeros(2)), [2.0, 5.0, np.nan])
    weights = softmax([1.0, 0.0])
    np.testing.assert_allclose(weighted_mean(table, np.array([1.0, 0.0]))[0], weights @ [1.0, 3.0])
    np.testing.assert_allclose(shares(table, np.zeros(2)).sum(axis=0), [1.0, 1.0, 0.0])


def test_siblings_are_of_other_families_and_tell_what_a_source_adds():
    """By a loop: what models of other families with the same source did beside their families, weighted over sets."""
    pairs, generator = make_pairs(24), np.random.default_rng(0)
    skills = {name: generator.normal(size=24) for name in "abc"}
    skills["a"][3] = np.nan
    families = np.array([card.family for card in pairs.cards.values()])
    sources = np.array([str(place % 4) for place in range(24)])
    kin = zip(pairs.cards.items(), sources, strict=True)
    pairs = PairTable({n: replace(card, source_dataset=own) for (n, card), own in kin}, pairs.scores)
    found, logits = pairs.siblings("d", skills), skill_logits(pairs.likeness("d", list("abc")))
    assert found.shape == (24, len(SIBLINGS))
    for place in (0, 5, 17):
        alike = (sources == sources[place]) & (families != families[place])
        means = []
        for row in skills.values():
            centred = np.array([row[j] - np.nanmean(row[families == families[j]]) for j in range(24)])
            means.append(np.nanmean(centred[alike]))
        for column, weights in enumerate(np.exp(logits)):
            assert found[place, column] == pytest.approx(np.average(means, weights=weights))
    own = families == families[0]
    better = {name: np.where(own, row + 5, row) for name, row in skills.items()}
    np.testing.assert_allclose(pairs.siblings("d", better)[own], found[own], err_msg="its own family has no say")


def test_without_siblings_nothing_is_said():
    pairs = make_pairs(24)
    nobody = {name: np.full(24, np.nan) for name in "abc"}
    assert not pairs.siblings("d", nobody).any()
