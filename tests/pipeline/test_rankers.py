import pytest

from ptmrec.benchmark.splits import KNOWN
from ptmrec.pipeline import rankers as work
from ptmrec.pipeline.project import open_project

pytestmark = pytest.mark.slow


def test_a_ranker_learns_from_known_lists_only_and_untrained_and_trained_are_two(tmp_path, monkeypatch):
    """In one project too: with no epochs and with one a ranker had the same name and the same key."""
    changes = {"paths.artifacts": str(tmp_path / "artifacts"), "zoo.every": "30", "autoencoder.epochs": "1"}
    project = open_project("smoke", overrides=changes)
    seen = []

    def watched(training, *rest):
        seen.append(training.dataset)
        return made(training, *rest)

    made = work.make_ranker_trainer
    monkeypatch.setattr(work, "make_ranker_trainer", watched)
    file = project.train_ranker("final", 0, 0) / work.RANKER_NAME
    untrained = file.read_bytes()
    assert project.train_ranker("final", 0, 1) / work.RANKER_NAME == file
    assert file.read_bytes() != untrained
    project.train_ranker("selection", 0)
    assert [tuple(dataset.model_embeddings.names) for dataset in seen] == [
        *[project.models(*KNOWN)] * 2,
        project.models("train"),
    ]
