import numpy as np
import pytest

from ptmrec.benchmark.battery import DEMO
from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import REGIMES
from ptmrec.dataloader.model_datasets import ModelParameterDataset, read_model_tokens, write_model_tokens
from ptmrec.dataloader.relation_tables import read_relation_tables
from ptmrec.model.build import encode_parameters
from ptmrec.pipeline import autoencoder, rankers
from ptmrec.pipeline.committed import ProjectFiles
from ptmrec.pipeline.knowledge import make_knowledge
from ptmrec.pipeline.project import describe_run, open_project
from ptmrec.pipeline.relations import base_models, write_relations
from ptmrec.pipeline.transport import explain_zoo
from ptmrec.pipeline.views import extract_views
from ptmrec.relations.linear import COLUMNS
from ptmrec.relations.transport import read_transports


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return open_project("smoke", overrides={"paths.artifacts": str(tmp_path_factory.mktemp("artifacts"))})


def test_the_smoke_profile_takes_a_part_of_every_family(project):
    whole = open_project()
    assert set(project.cards) < set(whole.cards)
    families = {whole.cards[name].family for name in whole.embedded}
    assert {card.family for card in project.cards.values()} == families
    assert project.embedded == tuple(project.cards), "real models take too long for seconds"
    assert project.truth.models == tuple(project.cards)


def test_models_by_role(project):
    by_role = {role: set(project.models(role)) for role in ("train", "validation", "blind")}
    assert set.union(*by_role.values()) == set(project.models())
    assert set(project.models(*KNOWN)) == by_role["train"] | by_role["validation"]
    blind = set(project.splits.families.blind)
    assert all(project.cards[name].family not in blind for name in project.models(*KNOWN))


def test_the_head_of_a_notebook_says_what_a_run_depends_on(project):
    frame = describe_run(project)
    assert frame.loc["profile", "value"] == "smoke"
    assert frame.loc["models", "value"] == str(len(project.cards))
    assert {"python", "torch", "code version"} <= set(frame.index)


@pytest.mark.slow
def test_codes_of_all_models_by_what_was_learned_of_the_known_ones(tmp_path, monkeypatch):
    changes = {"paths.artifacts": str(tmp_path / "artifacts"), "zoo.every": "30", "autoencoder.epochs": "1"}
    project = open_project("smoke", overrides=changes)
    views, learned = project.extract(), []

    def watched(vectors, *rest):
        learned.extend(vectors.names)
        return made(vectors, *rest)

    made = autoencoder.make_autoencoder_trainer
    monkeypatch.setattr(autoencoder, "make_autoencoder_trainer", watched)
    tokens = project.embed()
    assert tuple(learned) == project.models(*KNOWN) != project.models()
    codes = encode_parameters(project.autoencoder(), ModelParameterDataset(views, list(project.cards)).vectors)
    for name, code in zip(project.cards, codes, strict=True):
        np.testing.assert_array_equal(read_model_tokens(tokens, name)["embedding"], code)


def test_committed_files_fit_together():
    files = ProjectFiles(ConfigParser())
    assert set(files.embedded) < set(files.cards)
    assert files.truth.models == tuple(files.cards)
    assert set(files.battery_sets) <= set(files.splits.known)
    assert set(files.estimators) == set(files.splits.all) == set(files.truth.datasets)
    assert len(files.real_files) == 2 * (len(files.cards) - len(files.embedded))


@pytest.mark.slow
def test_knowledge_covers_all_models_and_data_sets_but_the_demos(project):
    sets = tuple(name for name in project.splits.all if name != DEMO)
    knowledge = make_knowledge(project, project.explain())
    assert list(knowledge.cards) == list(project.cards)
    assert knowledge.scores.datasets == sets
    assert [sample.name for sample in knowledge.samples] == list(sets)
    seen = ~np.isnan(knowledge.scores.few_shot).all(axis=1)
    assert {name for name, there in zip(sets, seen, strict=True) if there} == set(project.battery_sets)
    for known in knowledge.regimes.values():
        assert set(known.ranker.skills) == set(sets)
        assert known.ranker.measured.all()


@pytest.mark.slow
def test_a_ranker_learns_from_known_lists_only_and_untrained_and_trained_are_two(tmp_path, monkeypatch):
    """In one project too: with no epochs and with one a ranker had the same name and the same key."""
    changes = {"paths.artifacts": str(tmp_path / "artifacts"), "zoo.every": "30", "autoencoder.epochs": "1"}
    project = open_project("smoke", overrides=changes)
    seen = []

    def watched(training, *rest):
        seen.append(training.dataset)
        return made(training, *rest)

    made = rankers.make_ranker_trainer
    monkeypatch.setattr(rankers, "make_ranker_trainer", watched)
    file = project.train_ranker("final", 0, 0) / rankers.RANKER_NAME
    untrained = file.read_bytes()
    assert project.train_ranker("final", 0, 1) / rankers.RANKER_NAME == file
    assert file.read_bytes() != untrained
    project.train_ranker("selection", 0)
    assert [tuple(dataset.model_embeddings.names) for dataset in seen] == [
        *[project.models(*KNOWN)] * 2,
        project.models("train"),
    ]


@pytest.mark.slow
def test_relations_of_every_pair_and_weights_of_each_regime(project, tmp_path):
    path = write_relations(project, ("train",), tmp_path)
    tables, weights = read_relation_tables(path, list(project.cards))
    assert set(tables) == {(regime, name) for regime in REGIMES for name in project.splits.all}
    assert all(table.shape == (len(project.cards), len(COLUMNS)) for table in tables.values())
    assert set(weights) == set(REGIMES)


@pytest.mark.slow
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


@pytest.mark.slow
def test_every_model_is_explained_once(tmp_path):
    project = open_project("smoke", overrides={"paths.artifacts": str(tmp_path / "artifacts"), "zoo.every": "100"})
    explain_zoo(project, tmp_path)
    before = read_transports(tmp_path, list(project.cards))
    assert all(np.abs(values.astype(float)).sum() > 0 for values in before)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    explain_zoo(project, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")} == times


@pytest.mark.slow
def test_views_that_are_there_stay_and_the_others_are_made(tmp_path):
    project = open_project("smoke", overrides={"paths.artifacts": str(tmp_path / "artifacts"), "zoo.every": "100"})
    first, *_ = project.zoo
    write_model_tokens(tmp_path, first.name, {"kept": np.ones(1)})
    extract_views(project, tmp_path)
    assert {path.stem for path in tmp_path.glob("*.npz")} == set(project.cards)
    assert set(read_model_tokens(tmp_path, first.name)) == {"kept"}
    (tmp_path / f"{first.name}.npz").unlink()
    extract_views(project, tmp_path, [first])
    assert "parameters" in read_model_tokens(tmp_path, first.name)
