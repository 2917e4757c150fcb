import pytest

from ptmrec.pipeline.knowledge import make_knowledge
from ptmrec.pipeline.project import open_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return open_project("smoke", overrides={"paths.artifacts": str(tmp_path_factory.mktemp("artifacts"))})


def test_knowledge_covers_all_models_and_the_known_data_sets(project):
    knowledge = make_knowledge(project, project.explain())
    assert list(knowledge.cards) == list(project.cards)
    assert set(knowledge.scores.datasets) == set(project.splits.known)
    assert [sample.name for sample in knowledge.samples] == list(project.splits.known)
    for known in knowledge.regimes.values():
        assert set(known.ranker.skills) == set(project.splits.known)
        assert known.ranker.measured.all()
