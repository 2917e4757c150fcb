import numpy as np
import pytest

from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import REGIMES, PathsConfig
from ptmrec.evaluation.compare import evaluate_methods
from ptmrec.recommender.ensemble import Recommender, predict
from ptmrec.workflow.comparison import calibration, gather_evidence, list_targets, our_methods
from ptmrec.workflow.project import Project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project():
    """A ninth of the embedded zoo, with the committed recommender's tokens."""
    return Project(ConfigParser(profile="smoke"))


@pytest.fixture(scope="module")
def recommender(project):
    return Recommender.load(project.config.get(PathsConfig).recommender)


def test_targets_are_every_data_set_in_both_regimes_with_unseen_images(project):
    targets = list_targets(project)
    assert {(target.group, target.dataset, target.regime) for target in targets} == {
        (group, name, regime)
        for group, names in (("known data", project.splits.known), ("blind data", project.splits.blind))
        for name in names
        for regime in REGIMES
    }
    tokens = project.dataset_tokens("test").by_name()
    for target in targets:
        np.testing.assert_array_equal(target.tokens, tokens[target.dataset].features)
        assert tokens[target.dataset].image_part == ("test" if target.group == "known data" else "train")


def test_evidence_holds_nothing_that_was_measured_on_blind_data_or_models(project):
    evidence = gather_evidence(project)
    assert set(evidence.tokens) == set(project.splits.known)
    assert {project.splits.model_role(card) for card in evidence.cards.values()} <= set(KNOWN)
    assert list(evidence.cards) == list(evidence.truth.models)
    for target in list_targets(project):
        assert not set(evidence.others(target)) & {target.dataset, *project.splits.blind}


def test_ours_is_one_more_method_and_answers_each_draw(project, recommender):
    models = project.models(*KNOWN)
    single, ours = our_methods(recommender, models)
    target = next(target for target in list_targets(project) if target.group == "blind data")
    scores, alone = ours.rank(target), single.rank(target)
    assert scores.shape == (len(target.tokens), len(models))
    assert alone.shape == (len(recommender.members), *scores.shape)
    expected = predict(recommender.members, recommender.tokens_of(list(models)), target.tokens[1], target.regime)
    np.testing.assert_allclose(scores[1], expected.scores)
    np.testing.assert_allclose(alone.mean(axis=0), scores, atol=1e-5)
    frame = evaluate_methods([target], project.truth.only(models), [single, ours])
    assert frame["tau_w"].between(-1, 1).all()


def test_calibration_lists_every_model_of_every_target(project, recommender):
    frame = calibration(project, recommender)
    assert len(frame) == len(list_targets(project)) * len(project.models(*KNOWN))
    assert frame[["expected", "measured"]].stack().between(0, 1).all()
    assert (frame["std"] > 0).all()
