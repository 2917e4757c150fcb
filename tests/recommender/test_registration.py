import logging
import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.files import read_json, write_json
from ptmrec.dataloader.model_datasets import KNOWLEDGE
from ptmrec.recommender.knowledge_files import read_knowledge
from ptmrec.recommender.ranking import recommend
from ptmrec.recommender.references import References
from ptmrec.recommender.registration import REGISTERED, Registrar, extend, read_registered, register, write_registered
from ptmrec.zoo.snapshot import read_snapshot

pytestmark = pytest.mark.slow
PATHS = ConfigParser().get(PathsConfig)
TWIN = "vgg-small-cifar10"


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return ConfigParser(overrides={"paths.artifacts": str(tmp_path_factory.mktemp("artifacts"))})


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """A model of the zoo under another name, as if it were new."""
    folder = shutil.copytree(PATHS.zoo / TWIN, tmp_path_factory.mktemp("new") / "twin")
    write_json(folder / "config.json", {**read_json(folder / "config.json"), "name": "twin"})
    return read_snapshot(folder)


@pytest.fixture(scope="module")
def knowledge():
    return read_knowledge(PATHS.recommender / KNOWLEDGE)


@pytest.fixture(scope="module")
def found(knowledge, config, snapshot):
    return Registrar(knowledge, References(config), config).run(snapshot)


def test_a_new_model_is_explained_as_its_twin_in_the_zoo_was(knowledge, found):
    place = list(knowledge.cards).index(TWIN)
    np.testing.assert_allclose(found["transported"], knowledge.scores.transport[:, place], atol=0.1)
    seen = np.isfinite(found["few_shot"])
    assert 5 <= seen.sum() < len(seen)
    assert np.corrcoef(found["few_shot"][seen], knowledge.scores.few_shot[seen, place])[0, 1] > 0.9
    assert 0 < found["explained"] < 1


def test_it_is_ranked_without_measurements_near_its_twin(knowledge, snapshot, found):
    wider = extend(knowledge, {"twin": snapshot.card}, {"twin": found})
    for known in wider.regimes.values():
        assert not known.ranker.measured[-1]
    pairs = wider.pairs(knowledge.samples[0])
    scores = wider.regimes["low_data"].ranker.inputs(pairs, "mnist") @ wider.regimes["low_data"].ranker.weights
    place = list(wider.cards).index(TWIN)
    assert abs(scores[-1] - scores[place]) < np.std(scores)
    again = extend(wider, {"twin": snapshot.card}, {"twin": found})
    assert list(again.cards) == list(wider.cards)


def test_models_that_are_known_are_not_run_again(knowledge, config):
    known = read_snapshot(PATHS.zoo / TWIN)
    assert register(knowledge, None, [known], config) is knowledge


def test_an_added_model_is_recommended_too(config, snapshot, found):
    write_registered(config.get(PathsConfig).artifacts / REGISTERED, snapshot, found)
    digits = load_digits()
    images = np.repeat((digits.images[:100] * 255 / 16).astype(np.uint8)[..., None], 3, axis=3)
    frame = recommend(images, digits.target[:100], config=config, regime="low_data").frame
    assert frame["model"].tolist().count("twin") == 1


def test_a_model_whose_files_moved_is_left_out(tmp_path, snapshot, found, caplog):
    own = read_snapshot(shutil.copytree(snapshot.folder, tmp_path / "gone"))
    write_registered(tmp_path / REGISTERED, own, found)
    assert read_registered(tmp_path / REGISTERED).ran[0][0].name == "twin"
    shutil.rmtree(own.folder)
    with caplog.at_level(logging.WARNING):
        assert not read_registered(tmp_path / REGISTERED).ran
    assert "twin is left out" in caplog.text
    assert not read_registered(tmp_path / "none").ran
