import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from toy_knowledge import make_knowledge
from toy_lists import ON_CIRCLE, train_ranker

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import write_hashes
from ptmrec.model.build import build_ranker
from ptmrec.recommender.ensemble import Networks, Recommender, predict
from ptmrec.relations.linear import COLUMNS

pytestmark = pytest.mark.slow


def test_a_ranker_generalises_to_a_data_set_it_has_not_seen(circle, tmp_path):
    trainer, _ = train_ranker(circle, tmp_path / "run", view_dropout=0.0)
    models = np.stack([np.r_[np.full(4, np.nan), np.pad([np.cos(a), np.sin(a)], (0, 6))] for a in (0.0, 1.5, 3.1)])
    token = np.pad([np.cos(0.1), np.sin(0.1)], (0, 6))[None]
    answer = predict([trainer.model], models.astype(np.float32), token, "low_data")
    assert answer.shape == (1, 1, 3)
    assert answer[0, 0].argmax() == 0
    assert answer[0, 0].argmin() == 2


def read_all(folder):
    """A recommender with all that it reads only when it is needed."""
    found = Recommender.load(folder)
    return found, found.networks


@pytest.fixture
def recommender(circle, tmp_path):
    trainer, _ = train_ranker(circle, tmp_path / "run", epochs=2)
    views = {"embedding": 4, "source": 8}
    ranker = build_ranker(trainer.options, views, 8, len(COLUMNS))
    torch.nn.init.normal_(ranker.score_head.weight)
    tokens = np.random.default_rng(0).normal(size=(8, 12)).astype(np.float32)
    networks = Networks([ranker], ON_CIRCLE, tokens)
    return Recommender(2, trainer.options, views, "e:1", ("set0",), make_knowledge(), lambda: networks)


def test_recommender_survives_a_round_trip(recommender, tmp_path):
    recommender.save(tmp_path / "saved")
    again = Recommender.load(tmp_path / "saved")
    token = np.random.default_rng(1).normal(size=(2, 3, 8)).astype(np.float32)
    relations = np.random.default_rng(2).normal(size=(8, len(COLUMNS)))
    first, second = (
        predict(r.networks.members, r.networks.model_tokens, token, "low_data", relations) for r in (recommender, again)
    )
    np.testing.assert_allclose(first, second, rtol=1e-5)
    assert np.ptp(first) > 0
    assert (again.epochs, again.trained_on) == (2, ("set0",))
    assert again.knowledge.cards == recommender.knowledge.cards
    tokens = recommender.networks.model_tokens
    np.testing.assert_array_equal(again.networks.tokens_of(["c", "a"]), tokens[[2, 0]])


def test_an_answer_without_a_correction_reads_no_network(recommender, tmp_path):
    recommender.save(tmp_path / "saved")
    (tmp_path / "saved" / "ranker_0.safetensors").unlink()
    again = Recommender.load(tmp_path / "saved")
    assert again.knowledge.cards == recommender.knowledge.cards
    with pytest.raises(ArtifactError, match="ranker_0.safetensors: missing"):
        read_all(tmp_path / "saved")


def test_damaged_recommenders_are_one_line(recommender, tmp_path):
    folder = tmp_path / "saved"
    with pytest.raises(ArtifactError, match="no recommender there"):
        Recommender.load(folder)
    recommender.save(folder)
    weights = folder / "ranker_0.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ArtifactError, match=r"ranker_0\.safetensors: damaged or changed"):
        read_all(folder)
    write_hashes(folder)
    with pytest.raises(ArtifactError, match="missing or damaged"):
        read_all(folder)
    recommender.save(folder)
    spec = json.loads((folder / "recommender.json").read_text())
    (folder / "recommender.json").write_text(json.dumps(spec | {"dataset_dim": 9}))
    write_hashes(folder)
    with pytest.raises(ArtifactError, match="does not fit") as caught:
        read_all(folder)
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_anywhere_is_found_and_named(recommender, tmp_path):
    recommender.save(tmp_path / "saved")
    draw = np.random.default_rng(0)
    files = [path for path in sorted((tmp_path / "saved").rglob("*")) if path.is_file() and path.name != "hashes.json"]
    for path in files:
        whole = path.read_bytes()
        damaged = bytearray(whole)
        damaged[int(draw.integers(len(whole)))] ^= 1 << int(draw.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ArtifactError, match=re.escape(str(path))):
            read_all(tmp_path / "saved")
        path.write_bytes(whole)
    files[0].unlink()
    with pytest.raises(ArtifactError, match=re.escape(f"{files[0]}: missing")):
        read_all(tmp_path / "saved")


def test_weights_that_are_not_finite_are_refused(recommender, tmp_path):
    recommender.save(tmp_path / "saved")
    path = tmp_path / "saved" / "ranker_0.safetensors"
    weights = load_file(path)
    weights["score_head.weight"][0, 0] = float("nan")
    save_file(weights, path)
    write_hashes(tmp_path / "saved")
    with pytest.raises(ArtifactError, match=r"tensor 'score_head\.weight' holds values that are not finite"):
        read_all(tmp_path / "saved")


def test_a_kill_while_saving_leaves_the_old_recommender(recommender, tmp_path, monkeypatch):
    recommender.save(tmp_path / "saved")
    before = {path.name: path.read_bytes() for path in (tmp_path / "saved").iterdir() if path.is_file()}

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("ptmrec.recommender.ensemble.write_json", stop)
    with pytest.raises(KeyboardInterrupt):
        recommender.save(tmp_path / "saved")
    assert {path.name: path.read_bytes() for path in (tmp_path / "saved").iterdir() if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir() if "saved" in path.name] == ["saved"]
