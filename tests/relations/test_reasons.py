import numpy as np
import pytest
from toy_relations import DATASETS, make_pairs, make_samples, make_transports

from ptmrec.relations.linear import LinearRanker, fit_linear_ranker
from ptmrec.relations.pairs import RELATIONS
from ptmrec.relations.reasons import SKILLS, evidence_of, explain_score

COUNT = 30
PAIRS = make_pairs(COUNT)
RANKER = fit_linear_ranker(PAIRS, {name: PAIRS.scores.transport[place] for place, name in enumerate("abc")})
TARGET = "d"


def reasons_of(place):
    return explain_score(RANKER, PAIRS, TARGET, place, make_samples()[3], make_transports(COUNT)[place])


def test_relations_sum_to_the_score_beside_the_mean_of_the_known_models():
    scores = RANKER.scores(PAIRS, TARGET)
    for place in (0, 7, 20):
        assert sum(reasons_of(place).relations.values()) == pytest.approx(scores[place] - scores.mean())


def test_evidence_sums_to_what_the_skills_add():
    inputs = RANKER.inputs(PAIRS, TARGET)
    for place in (0, 7, 20):
        expected = sum(inputs[place, RELATIONS.index(n)] * RANKER.weights[RELATIONS.index(n)] for n in SKILLS)
        assert sum(evidence_of(RANKER, PAIRS, TARGET, place).values()) == pytest.approx(expected)


def test_removing_the_named_evidence_moves_the_score_more_than_removing_other_evidence():
    """The skill on the data set that carries most is taken away, or the skill on another one."""
    scores = RANKER.scores(PAIRS, TARGET)
    named, other = [], []
    for place in range(COUNT):
        evidence = evidence_of(RANKER, PAIRS, TARGET, place)
        ranked = sorted(evidence, key=lambda name: -abs(evidence[name]))
        moved = {}
        for name in ranked:
            skills = {key: row.copy() for key, row in RANKER.skills.items()}
            skills[name][place] = 0.0
            part = LinearRanker(RANKER.weights, skills, RANKER.measured)
            moved[name] = abs(part.scores(PAIRS, TARGET)[place] - scores[place])
        named.append(moved[ranked[0]])
        other.append(np.mean([moved[name] for name in ranked[1:]]))
    assert np.mean(named) > 1.5 * np.mean(other)


def test_the_worst_classes_are_named():
    samples = make_samples()
    sample, transport = samples[0], make_transports(COUNT)[0]
    mixed = type(sample)(sample.name, sample.token, sample.coordinates.copy(), sample.labels)
    mixed.coordinates[sample.labels > 0] = np.random.default_rng(0).normal(size=(20, 12)) * 0.3
    found = explain_score(RANKER, PAIRS, "a", 0, mixed, transport)
    assert 0 not in list(found.worst_classes)[:2]
    said = found.sentence(("a", "b", "c")).partition("expected to separate worst: ")[2]
    assert said.startswith(("b (", "c ("))
    assert set(found.evidence) <= set(DATASETS)


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_classes_are_mixed_up_with_others_only(classes):
    sample, draw = make_samples()[0], np.random.default_rng(0)
    noise = type(sample)(sample.name, sample.token, draw.normal(size=(30, 12)), np.arange(30) % classes)
    found = explain_score(RANKER, PAIRS, "a", 0, noise, make_transports(COUNT)[0]).worst_classes
    assert len(found) == (classes if classes > 1 else 0)
