import numpy as np
import pytest
from toy_knowledge import COUNT, make_knowledge
from toy_relations import make_samples, make_scores, make_transports

from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.recommender.knowledge import TARGET, Knowledge
from ptmrec.relations.linear import LinearRanker


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return make_knowledge()


def test_a_new_data_set_is_related_to_all_known_ones(knowledge):
    pairs = knowledge.pairs(make_samples()[3])
    assert pairs.scores.datasets == ("a", "b", "c", TARGET)
    whole = make_scores(COUNT)
    np.testing.assert_allclose(pairs.scores.transport[-1], whole.transport[3])
    np.testing.assert_allclose(pairs.scores.encoder[-1, :3], whole.encoder[3, :3])


def test_models_that_separate_the_classes_come_first(knowledge):
    scores, pseudo = knowledge.rank(knowledge.pairs(make_samples()[3]), "low_data")
    assert weighted_tau(make_scores(COUNT).transport[3], scores) > 0.6
    assert pseudo.shape == (3, COUNT)


def test_pseudo_values_are_the_jackknifes(knowledge):
    pairs, known = knowledge.pairs(make_samples()[3]), knowledge.regimes["low_data"]
    scores, pseudo = knowledge.rank(pairs, "low_data")
    for place, name in enumerate("abc"):
        skills = {other: row for other, row in known.ranker.skills.items() if other != name}
        part = LinearRanker(known.left_out[place], skills, known.ranker.measured).scores(pairs, TARGET)
        np.testing.assert_allclose(pseudo[place], 3 * scores - 2 * part)


def test_a_known_data_set_brought_again_rests_on_its_measurements(knowledge):
    sample = make_samples()[1]
    scores, pseudo = knowledge.rank(knowledge.pairs(sample), "low_data")
    skills = knowledge.regimes["low_data"].ranker.skills["b"]
    measured = np.isfinite(skills)
    np.testing.assert_allclose(scores[measured], skills[measured])
    assert pseudo.shape == (3, COUNT), "as many as for a new data set: draws of one answer go together"
    np.testing.assert_allclose(pseudo[:, measured], np.tile(skills[measured], (3, 1)))


def test_whether_a_data_set_is_known_is_asked_of_all_images_once(knowledge):
    sample, other = make_samples()[1], make_samples()[3]
    few, _ = knowledge.look(sample, knowledge.compare(other))
    assert few.recognise(TARGET, "abc") == ("", 0.0), "a draw that looks known does not decide"
    assert knowledge.look(other, knowledge.compare(sample))[0].recognise(TARGET, "abc")[0] == "b"


def test_running_candidates_moves_them_and_leaves_a_ranking_without_news_alone(knowledge):
    pairs = knowledge.pairs(make_samples()[3])
    scores, _ = knowledge.rank(pairs, "low_data")
    posterior, transported = knowledge.posterior("low_data"), pairs.scores.transport[-1]
    nothing = np.full(COUNT, np.nan)
    np.testing.assert_allclose(posterior.update(scores, transported, nothing)[0], scores)
    best = np.where(np.arange(COUNT) == 5, transported + 0.2, np.nan)
    worst = np.where(np.arange(COUNT) == 5, transported - 0.2, np.nan)
    assert posterior.update(scores, transported, best)[0][5] > posterior.update(scores, transported, worst)[0][5]


def test_expected_accuracies_know_how_far_classes_separate(knowledge):
    assert len(knowledge.transports) == len(make_transports(COUNT))
    for known in knowledge.regimes.values():
        assert 0 < known.conformal.reach(0.8) <= known.conformal.reach(0.95)
