import numpy as np
import pytest
from conftest import make_card

from ptmrec.errors import ArtifactError
from ptmrec.relations.candidates import read_candidates, write_transport
from ptmrec.relations.transport import explain

GENERATOR = np.random.default_rng(0)


def test_candidates_come_back_in_the_order_of_their_cards(tmp_path):
    coordinates = GENERATOR.normal(size=(40, 5))
    features = {name: GENERATOR.normal(size=(40, dim)) for name, dim in (("one", 3), ("two", 7))}
    for name, values in features.items():
        write_transport(tmp_path, name, coordinates, values)
    cards = {name: make_card(name, num_params=len(name) * 1000, datasets=[name]) for name in ("two", "one")}
    candidates = read_candidates(tmp_path, cards)
    assert [candidate.name for candidate in candidates] == ["two", "one"]
    for candidate in candidates:
        own = features[candidate.name]
        np.testing.assert_allclose(candidate.transport, explain(coordinates, own)[0], atol=2e-3)
        assert candidate.explained == pytest.approx(explain(coordinates, own)[1])
        assert candidate.datasets == (candidate.name,)


def test_a_model_that_was_not_explained_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"absent\.npz: file not found"):
        read_candidates(tmp_path, {"absent": make_card("absent")})
