import numpy as np
import pytest

from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.sections import REGIMES
from ptmrec.dataloader.relation_tables import read_relation_tables
from ptmrec.relations.linear import COLUMNS
from ptmrec.workflow.knowledge import base_models, make_knowledge, write_relations
from ptmrec.workflow.project import open_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return open_project("smoke", overrides={"paths.artifacts": str(tmp_path_factory.mktemp("artifacts"))})


def test_relations_of_every_pair_and_weights_of_each_regime(project, tmp_path):
    path = write_relations(project, ("train",), tmp_path / "relations.npz")
    tables, weights = read_relation_tables(path, list(project.cards))
    assert set(tables) == {(regime, name) for regime in REGIMES for name in project.splits.all}
    assert all(table.shape == (len(project.cards), len(COLUMNS)) for table in tables.values())
    assert set(weights) == set(REGIMES)


def test_nothing_blind_teaches(project, tmp_path, monkeypatch):
    """The leak test of the fixed split: other accuracies on blind data, or of blind models, change no weight."""
    before = read_relation_tables(write_relations(project, KNOWN, tmp_path / "a.npz"), list(project.cards))[1]
    blind = [project.truth.datasets.index(name) for name in project.splits.blind]
    for regime in REGIMES:
        poisoned = project.truth.accuracy[regime].copy()
        poisoned[blind] = np.random.default_rng(0).random((len(blind), poisoned.shape[1]))
        others = ~base_models(project, KNOWN)
        poisoned[:, others] = np.random.default_rng(1).random((len(poisoned), others.sum()))
        monkeypatch.setitem(project.truth.accuracy, regime, poisoned)
    after = read_relation_tables(write_relations(project, KNOWN, tmp_path / "b.npz"), list(project.cards))[1]
    for regime in REGIMES:
        np.testing.assert_array_equal(after[regime], before[regime])
    base = base_models(project, KNOWN)
    roles = {project.splits.model_role(card) for card, own in zip(project.cards.values(), base, strict=True) if own}
    assert roles <= set(KNOWN)


def test_knowledge_covers_all_models_and_the_known_data_sets(project):
    knowledge = make_knowledge(project)
    assert list(knowledge.cards) == list(project.cards)
    assert set(knowledge.scores.datasets) == set(project.splits.known)
    assert [sample.name for sample in knowledge.samples] == list(project.splits.known)
    for known in knowledge.regimes.values():
        assert set(known.ranker.skills) == set(project.splits.known)
        assert known.ranker.measured.all()
