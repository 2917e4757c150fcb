import numpy as np
import pytest
from toy_knowledge import make_knowledge
from toy_relations import RANK, make_samples

from benchmarks.shortlist import ask, make_catalogue, rank_two_stage, score_all, transport_codes
from ptmrec.recommender.knowledge import TARGET


@pytest.fixture(scope="module")
def asked():
    """A catalogue of the toy models, the question a new data set is, and what the ranker says."""
    knowledge, sample = make_knowledge(), make_samples()[3]
    pairs, ranker = knowledge.look(sample)[0], knowledge.regimes["low_data"].ranker
    catalogue = make_catalogue(ranker, pairs, knowledge.transports, np.eye(RANK)[:, :4])
    return catalogue, ask(ranker, pairs, TARGET, sample), ranker.scores(pairs, TARGET)


def test_judged_in_full_a_catalogue_has_the_rankers_scores(asked):
    catalogue, question, scores = asked
    np.testing.assert_allclose(score_all(catalogue, question), scores, atol=1e-5)
    np.testing.assert_allclose(score_all(catalogue, question, np.array([3, 1])), scores[[3, 1]], atol=1e-5)


def test_two_stages_end_with_the_rankers_own_scores(asked):
    catalogue, question, scores = asked
    places, found = rank_two_stage(catalogue, question, count=3, shortlist=8)
    np.testing.assert_allclose(found, scores[places], atol=1e-5)
    assert set(places) == set(np.argsort(-scores)[:3])
    everything, _ = rank_two_stage(catalogue, question, count=len(scores), shortlist=len(scores))
    assert everything.tolist() == np.lexsort((np.arange(len(scores)), -scores)).tolist()


def test_codes_do_not_depend_on_how_large_or_turned_features_are():
    generator = np.random.default_rng(0)
    transport, axes = generator.normal(size=(6, 4)), np.linalg.qr(generator.normal(size=(6, 3)))[0]
    turned = 7 * transport @ np.linalg.qr(generator.normal(size=(4, 4)))[0]
    codes = transport_codes([transport, turned], axes)
    assert codes.shape == (2, 7)
    np.testing.assert_allclose(codes[0], codes[1], rtol=1e-5)
