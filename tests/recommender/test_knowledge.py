import numpy as np
import pytest
from toy_knowledge import COUNT, make_knowledge
from toy_relations import make_samples, make_scores, make_transports

from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.recommender.knowledge import TARGET, Knowledge


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return make_knowledge()


def test_a_new_data_set_is_related_to_all_known_ones(knowledge):
    pairs, _ = knowledge.look(make_samples()[3])
    assert pairs.scores.datasets == ("a", "b", "c", TARGET)
    whole = make_scores(COUNT)
    np.testing.assert_allclose(pairs.scores.transport[-1], whole.transport[3])
    np.testing.assert_allclose(pairs.scores.encoder[-1, :3], whole.encoder[3, :3])


def rank(knowledge, sample):
    return knowledge.regimes["low_data"].ranker.scores(knowledge.look(sample)[0], TARGET)


def test_models_that_separate_the_classes_come_first(knowledge):
    scores = rank(knowledge, make_samples()[3])
    assert weighted_tau(make_scores(COUNT).transport[3], scores) > 0.6


def test_a_known_data_set_brought_again_rests_on_its_measurements(knowledge):
    sample = make_samples()[1]
    scores = rank(knowledge, sample)
    skills = knowledge.regimes["low_data"].ranker.skills["b"]
    measured = np.isfinite(skills)
    np.testing.assert_allclose(scores[measured], skills[measured])


def test_whether_a_data_set_is_known_is_asked_of_all_images_once(knowledge):
    sample, other = make_samples()[1], make_samples()[3]
    few, _ = knowledge.look(sample, knowledge.compare(other))
    assert few.recognise(TARGET, "abc") == ("", 0.0), "a draw that looks known does not decide"
    assert knowledge.look(other, knowledge.compare(sample))[0].recognise(TARGET, "abc")[0] == "b"


def test_errors_are_those_of_data_sets_left_out_and_probes_are_of_low_data(knowledge):
    assert len(knowledge.transports) == len(make_transports(COUNT))
    for regime, known in knowledge.regimes.items():
        assert known.errors.expected.shape == known.errors.measured.shape == known.errors.probes.shape == (3, COUNT)
        assert np.nanmax(np.abs(known.errors.measured - known.errors.expected)) < 0.5
        assert np.isfinite(known.errors.probes).any() == (regime == "low_data")
