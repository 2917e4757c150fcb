import numpy as np
import pytest
from toy_knowledge import make_knowledge
from toy_relations import make_samples, make_transports

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json, read_npz, write_json, write_npz
from ptmrec.recommender.knowledge import TARGET
from ptmrec.recommender.knowledge_files import FITTED, MODELS, TRANSPORTS, read_knowledge, to_bytes, write_knowledge
from ptmrec.relations.transport import transports_left_out


def test_knowledge_survives_a_round_trip(tmp_path):
    knowledge = make_knowledge()
    write_knowledge(tmp_path / "known", knowledge)
    again = read_knowledge(tmp_path / "known")
    assert again.cards == knowledge.cards
    np.testing.assert_array_equal(again.base, knowledge.base)
    sample = make_samples()[3]
    for regime in knowledge.regimes:
        first, second = (k.regimes[regime].ranker.scores(k.look(sample)[0], TARGET) for k in (knowledge, again))
        np.testing.assert_allclose(second, first, atol=0.05)
        for name in ("expected", "measured", "probes", "share"):
            one, other = (getattr(k.regimes[regime].errors, name) for k in (knowledge, again))
            np.testing.assert_allclose(other, one, atol=1e-6)


def from_bytes(steps, rows):
    return steps * rows[:, None]


def test_maps_in_8_bits_score_as_exact_ones():
    sample, transports = make_samples()[0], make_transports(6)
    exact = transports_left_out(sample.coordinates, sample.labels, transports)[0]
    rough = transports_left_out(sample.coordinates, sample.labels, [from_bytes(*to_bytes(t)) for t in transports])[0]
    np.testing.assert_allclose(rough, exact, atol=1e-2)
    assert not to_bytes(np.zeros((4, 2), np.float16))[0].any()


def test_damage_is_one_line(tmp_path):
    folder = tmp_path / "known"
    write_knowledge(folder, make_knowledge())
    path = folder / TRANSPORTS
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    with pytest.raises(ArtifactError, match="damaged or of another version"):
        read_knowledge(folder)
    path.write_bytes(whole)
    models = read_json(folder / MODELS)
    write_json(folder / MODELS, {**models, "base": models["base"][:-1]})
    with pytest.raises(ArtifactError, match="do not fit together"):
        read_knowledge(folder)
    write_json(folder / MODELS, models)
    arrays = read_npz(folder / FITTED)
    write_npz(folder / FITTED, arrays | {"low_data/errors_expected": arrays["low_data/errors_expected"][:, 1:]})
    with pytest.raises(ArtifactError, match="accuracies of low_data are of other models"):
        read_knowledge(folder)
