import numpy as np
import pytest
from scipy.special import softmax
from toy_relations import make_pairs

from ptmrec.relations.pairs import (
    ENCODER_SHARPNESS,
    RELATIONS,
    PairTable,
    skill_of,
    standard,
    weighted_mean,
)
from ptmrec.relations.transport import transport_score

GENERATOR = np.random.default_rng(0)


@pytest.fixture(scope="module")
def pairs() -> PairTable:
    return make_pairs()


def skills_for(pairs, names):
    return {
        name: skill_of(np.random.default_rng(place).random(len(pairs.candidates))) for place, name in enumerate(names)
    }


def test_columns_are_what_they_are_called(pairs):
    skills = skills_for(pairs, ["a", "b", "c"])
    table = dict(zip(RELATIONS, pairs.relations("d", skills).T, strict=True))
    sample = pairs.samples["d"]
    transported = [transport_score(sample.coordinates, sample.labels, c.transport) for c in pairs.candidates]
    np.testing.assert_allclose(table["transport"], standard(np.array(transported)))
    cosines = np.array([pairs.likeness("d", name)[0] for name in "abc"])
    expected = softmax(ENCODER_SHARPNESS * cosines) @ np.stack(list(skills.values()))
    np.testing.assert_allclose(table["skill_encoder"], expected)
    np.testing.assert_allclose(table["mean_skill"], np.mean(list(skills.values()), axis=0))
    np.testing.assert_allclose(table["size"], standard(np.log([c.num_params for c in pairs.candidates])))


def test_a_known_data_set_finds_itself(pairs):
    """Nothing is as like a data set as itself, and its twin has the largest weight."""
    for name in "abcd":
        others = [other for other in "abcd" if other != name]
        assert pairs.likeness(name, name)[0] == pytest.approx(1.0)
        assert pairs.likeness(name, name)[1] == pytest.approx(2.0)
        assert all(pairs.likeness(name, other)[1] < 2.0 for other in others)
    assert pairs.likeness("a", "b") == pairs.likeness("b", "a")


def test_the_targets_own_skill_is_never_used(pairs):
    skills = skills_for(pairs, ["a", "b", "c"])
    poisoned = {**skills, "a": -skills["a"]}
    np.testing.assert_array_equal(pairs.relations("a", skills), pairs.relations("a", poisoned))


def test_a_model_is_most_at_home_where_it_was_trained(pairs):
    table = dict(zip(RELATIONS, pairs.relations("d", skills_for(pairs, ["a", "b"])).T, strict=True))
    trained_on = [candidate.datasets[0] for candidate in pairs.candidates]
    likest = max("abc", key=lambda name: pairs.likeness("d", name)[0])
    at_home = [place for place, name in enumerate(trained_on) if name == likest]
    assert set(np.flatnonzero(table["source_encoder"] == table["source_encoder"].max())) == set(at_home)


def test_ranks_become_standard_and_gaps_stay():
    skill = skill_of(np.array([0.1, np.nan, 0.9, 0.5]))
    assert np.isnan(skill[1])
    assert skill[2] > skill[3] > skill[0]
    assert np.nanmean(skill) == pytest.approx(0.0)
    assert skill_of(GENERATOR.random(10_000)).std() == pytest.approx(1.0, abs=1e-3)


def test_means_leave_out_what_is_missing():
    table = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    np.testing.assert_allclose(weighted_mean(table, np.zeros(2)), [2.0, 5.0, np.nan])
    weights = softmax([1.0, 0.0])
    np.testing.assert_allclose(weighted_mean(table, np.array([1.0, 0.0]))[0], weights @ [1.0, 3.0])


def test_constant_values_say_nothing():
    np.testing.assert_array_equal(standard(np.array([2.0, 2.0, np.nan])), [0.0, 0.0, np.nan])
    assert standard(GENERATOR.normal(3, 5, 100)).std() == pytest.approx(1.0)
