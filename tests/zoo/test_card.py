import json

import pytest
from conftest import make_card

from ptmrec.core.errors import ArtifactError
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
        ({"name": "x" * 5000}, r"200 in all$"),
        ({"licence": ["x" * 5000]}, "'licence' should be text, found .{60,64}$"),
    ],
)
def test_cards_that_cannot_be_used(toy_zoo, changes, words):
    edit_card(toy_zoo / "vgg-small-toy", **changes)
    with pytest.raises(ArtifactError, match=words):
        read_card(toy_zoo / "vgg-small-toy")


@pytest.mark.parametrize(
    ("field", "value"), [("num_params", -5), ("source_accuracy", 17), ("gmacs", -0.1), ("input_size", 0)]
)
def test_numbers_that_cannot_be_are_refused(tmp_path, field, value):
    (tmp_path / "config.json").write_text(json.dumps({**make_card().to_dict(), field: value}))
    with pytest.raises(ArtifactError, match=f"field '{field}' should lie in"):
        read_card(tmp_path)
