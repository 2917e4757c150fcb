import pytest

from ptmrec.benchmark.splits import KNOWN
from ptmrec.pipeline.project import describe_run, open_project


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
