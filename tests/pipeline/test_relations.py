import numpy as np
import pytest

from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.sections import REGIMES
from ptmrec.dataloader.relation_tables import read_relation_tables
from ptmrec.pipeline.project import open_project
from ptmrec.pipeline.relations import base_models, write_relations
from ptmrec.relations.linear import COLUMNS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return open_project("smoke", overrides={"paths.artifacts": str(tmp_path_factory.mktemp("artifacts"))})


def test_relations_of_every_pair_and_weights_of_each_regime(project, tmp_path):
    path = write_relations(project, ("train",), tmp_path)
    tables, weights = read_relation_tables(path, list(project.cards))
    assert set(tables) == {(regime, name) for regime in REGIMES for name in project.splits.all}
    assert all(table.shape == (len(project.cards), len(COLUMNS)) for table in tables.values())
    assert set(weights) == set(REGIMES)


def test_nothing_blind_teaches(project, tmp_path, monkeypatch):
    """The leak test of the fixed split: other accuracies on blind data, or of blind models, change no weight."""
    before = read_relation_tables(write_relations(project, KNOWN, tmp_path / "a"), list(project.cards))[1]
    blind = [project.truth.datasets.index(name) for name in project.splits.blind]
    for regime in REGIMES:
        poisoned = project.truth.accuracy[regime].copy()
        poisoned[blind] = np.random.default_rng(0).random((len(blind), poisoned.shape[1]))
        others = ~base_models(project, KNOWN)
        poisoned[:, others] = np.random.default_rng(1).random((len(poisoned), others.sum()))
        monkeypatch.setitem(project.truth.accuracy, regime, poisoned)
    after = read_relation_tables(write_relations(project, KNOWN, tmp_path / "b"), list(project.cards))[1]
    for regime in REGIMES:
        np.testing.assert_array_equal(after[regime], before[regime])
    base = base_models(project, KNOWN)
    roles = {project.splits.model_role(card) for card, own in zip(project.cards.values(), base, strict=True) if own}
    assert roles <= set(KNOWN)
