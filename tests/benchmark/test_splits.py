import json

import pytest
from conftest import make_card

from ptmrec.benchmark.splits import read_splits
from ptmrec.core.errors import ArtifactError


def write_splits(path, datasets, **groups):
    path.write_text(json.dumps({"datasets": datasets, "families": {}, "sources": {}} | groups))
    return path


def entries(**roles):
    return {name: {"role": role, "reason": "r"} for name, role in roles.items()}


def test_splits(tmp_path):
    path = write_splits(tmp_path / "splits.json", entries(a="train", b="blind"))
    splits = read_splits(path)
    assert splits.known == ("a",)
    assert splits.all == ("a", "b")
    for entry, words in (({"role": "x"}, "needs a role"), ({"role": "train"}, "reason"), (None, "needs a role")):
        with pytest.raises(ArtifactError, match=words):
            read_splits(write_splits(path, {"a": entry}))
    with pytest.raises(ArtifactError, match="no data set has the role 'train'"):
        read_splits(write_splits(path, entries(a="blind")))
    path.write_text(json.dumps({"datasets": entries(a="train"), "families": {}}))
    with pytest.raises(ArtifactError, match="sources is missing"):
        read_splits(path)


@pytest.mark.parametrize(
    ("family", "datasets", "role"),
    [
        ("vgg", ["mnist"], "train"),
        ("vgg", [], "train"),
        ("vgg", ["mnist", "cats"], "validation"),
        ("vgg", ["cats", "plankton"], "blind"),
        ("mixer", ["mnist"], "blind"),
        ("regnet", ["plankton"], "blind"),
        ("unheard", ["of"], "train"),
    ],
)
def test_a_model_is_as_blind_as_its_family_and_its_sources(tmp_path, family, datasets, role):
    families = entries(vgg="train", regnet="validation", mixer="blind")
    sources = entries(mnist="train", cats="validation", plankton="blind")
    path = write_splits(tmp_path / "splits.json", entries(a="train"), families=families, sources=sources)
    assert read_splits(path).model_role(make_card(family=family, datasets=datasets)) == role
