import json

import pytest

from ptmrec.benchmark.dataset_cards import PLACE, read_dataset_cards
from ptmrec.benchmark.published import read_published
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError

CARD = {
    **{"aliases": ["pets"], "classes": 37, "domain": "photo", "kind": "fine-grained", "subject": "animals"},
    **{"images": 3680, "side": 400, "group": "Pet"},
}


@pytest.mark.parametrize("name", ["transfergraph", "modelspider10", "modelspider42", "openclip", "lovm"])
def test_every_data_set_of_the_benchmarks_has_a_card(name):
    folder = PathsConfig().published
    cards = read_dataset_cards(folder / PLACE)
    zoo = read_published(folder / f"{name}.json")
    assert set(zoo.datasets) <= set(cards)
    if name in ("transfergraph", "modelspider42"):
        assert {card["source_dataset"] for card in zoo.cards.values()} <= set(cards)


def test_near_identical_data_sets_share_a_group():
    cards = read_dataset_cards(PathsConfig().published / PLACE)
    assert cards["ImageNet v2"].group == cards["imagenet1k"].group == "imagenet"
    assert cards["cifar10"] == cards["CIFAR-10"]
    assert cards["dtd"].group == "DTD"


def test_aliases_lead_to_the_same_card(tmp_path):
    path = tmp_path / "datasets.json"
    path.write_text(json.dumps({"datasets": {"Pet": CARD}}))
    cards = read_dataset_cards(path)
    assert cards["pets"] is cards["Pet"]
    assert cards["pets"].classes == 37


@pytest.mark.parametrize(
    ("datasets", "words"),
    [
        ({}, "no object 'datasets'"),
        ({"Pet": CARD, "pets": CARD}, "'pets' names two data sets"),
        ({"Pet": {**CARD, "classes": "many"}}, "'classes' should be of type int"),
        ({"Pet": {**CARD, "domain": None}}, "'domain' should be of type str"),
        ({"Pet": 3}, "'classes' should be of type int"),
    ],
)
def test_damaged_files_are_one_line(tmp_path, datasets, words):
    path = tmp_path / "datasets.json"
    path.write_text(json.dumps({"datasets": datasets}))
    with pytest.raises(ArtifactError) as caught:
        read_dataset_cards(path)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
