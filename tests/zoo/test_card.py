import json

import pytest

from ptmrec.errors import ArtifactError
from ptmrec.zoo.card import read_card


def edit_card(folder, **changes):
    path = folder / "config.json"
    card = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in card.items() if value is not None}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"family": None}, "field 'family' is missing"),
        ({"num_params": "many"}, "'num_params' should be a whole number"),
        ({"seed": True}, "'seed' should be a whole number"),
        ({"name": "../escape"}, "may hold letters"),
        ({"recipe": 3}, "'recipe' should be an object"),
    ],
)
def test_cards_that_cannot_be_used(toy_zoo, changes, words):
    edit_card(toy_zoo / "vgg-small-toy", **changes)
    with pytest.raises(ArtifactError, match=words):
        read_card(toy_zoo / "vgg-small-toy")
