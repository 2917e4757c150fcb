from dataclasses import replace

import numpy as np
import pytest

from experiments.evaluation.compare import evaluate_methods
from experiments.studies.comparison import gather_evidence, list_targets, our_methods
from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import REGIMES, EvaluationConfig, PathsConfig
from ptmrec.dataloader.relation_tables import read_relation_tables
from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.pipeline.project import Project
from ptmrec.recommender.ensemble import Recommender

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """An eighth of the embedded zoo, with the committed recommender's tokens."""
    artifacts = str(tmp_path_factory.mktemp("artifacts"))
    return Project(ConfigParser(profile="smoke", overrides={"paths.artifacts": artifacts}))


@pytest.fixture(scope="module")
def recommender(project):
    return Recommender.load(project.config.get(PathsConfig).recommender)


def test_targets_are_the_data_sets_in_both_regimes_with_unseen_images(project):
    targets, every = list_targets(project), project.config.get(EvaluationConfig).every
    assert {(target.group, target.dataset, target.regime) for target in targets} == {
        (group, name, regime)
        for group, names in (("known data, left out", project.splits.known), ("blind data", project.splits.blind))
        for name in names[::every]
        for regime in REGIMES
    }
    tokens = project.dataset_tokens("test").by_name()
    for target in targets:
        np.testing.assert_array_equal(target.tokens, tokens[target.dataset].features)
        assert tokens[target.dataset].image_part == ("test" if target.group == "known data, left out" else "train")


def test_evidence_holds_nothing_that_was_measured_on_blind_data_or_models(project):
    evidence = gather_evidence(project)
    assert set(evidence.tokens) == set(project.splits.known)
    assert {project.splits.model_role(card) for card in evidence.cards.values()} <= set(KNOWN)
    assert list(evidence.cards) == list(evidence.truth.models)
    for target in list_targets(project):
        assert not set(evidence.others(target)) & {target.dataset, *project.splits.blind}


def test_without_a_correction_ours_is_its_linear_part(project, recommender):
    models = project.models(*KNOWN)
    (ours,) = our_methods(project, replace(recommender, epochs=0), models)
    target = next(target for target in list_targets(project) if target.group == "blind data")
    tables, weights = read_relation_tables(project.relate(*KNOWN), models)
    expected = tables[target.regime, target.dataset] @ weights[target.regime]
    np.testing.assert_allclose(ours.rank(target), expected)
    frame = evaluate_methods([target], project.truth.only(models), [ours])
    assert frame["tau_w"].between(-1, 1).all()


def test_with_a_correction_each_network_and_each_draw_answers(project, recommender):
    models = project.models(*KNOWN)
    linear, single, ours = our_methods(project, replace(recommender, epochs=3), models)
    target = next(target for target in list_targets(project) if target.group == "blind data")
    scores, alone = ours.rank(target), single.rank(target)
    assert scores.shape == (len(target.tokens), len(models))
    assert alone.shape == (len(recommender.networks.members), *scores.shape)
    np.testing.assert_allclose(alone.mean(axis=0), scores, atol=1e-5)
    if not recommender.epochs:  # the committed correction is zero, its linear part that of the whole zoo
        table = read_relation_tables(project.relate(*KNOWN), models)[0][target.regime, target.dataset]
        weights = recommender.networks.members[0].linear[REGIMES.index(target.regime)].numpy()
        np.testing.assert_allclose(scores[0], table @ weights, atol=1e-4)
    assert weighted_tau(scores[0], linear.rank(target)) > 0.5
