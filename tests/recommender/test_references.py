import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError
from ptmrec.recommender.references import ENCODER, References, one_thread
from ptmrec.relations.samples import DatasetSample, read_samples, read_space
from ptmrec.relations.similarity import covariance_similarity

CONFIG = ConfigParser(overrides={"encoder.device": "cpu"})
PATHS = CONFIG.get(PathsConfig)


@pytest.fixture(scope="module")
def references() -> References:
    return References(CONFIG)


@pytest.mark.slow
def test_a_sample_of_the_batterys_images_is_most_like_the_data_set_they_come_from(references):
    part = read_battery(PATHS.battery)["clothing"]
    features = references.features(part.images)
    token, coordinates = features[ENCODER].mean(axis=0), references.space.encode(features)
    sample = DatasetSample("mine", token, coordinates, part.labels)
    assert sample.coordinates.shape == (len(part.labels), read_space(PATHS.reference).basis.shape[1])
    likeness = {}
    for name in ("clothing", "mnist", "blood_cells", "trashnet", "cifar10"):
        known = read_samples(PATHS.reference, name)[0]
        likeness[name] = covariance_similarity(sample.covariances, known.covariances)
    assert max(likeness, key=likeness.get) == "clothing"


@pytest.mark.slow
def test_every_reference_answers_and_none_is_blind(references):
    features = references.features(np.zeros((2, 32, 32, 3), np.uint8))
    assert list(features) == [ENCODER, *references.bank]
    assert tuple(features) == read_space(PATHS.reference).names


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "message"), [("nobody", "no model 'nobody'"), ("mixer-large-mixture", "blind family or source")]
)
def test_references_that_cannot_be_are_one_line(names, message):
    with pytest.raises(ConfigError, match=message):
        References(ConfigParser(overrides={"relations.references": names, "encoder.device": "cpu"}))


@pytest.fixture
def two_threads():
    np.ones((2, 2)) @ np.ones((2, 2))  # loads the linear algebra
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_every_library_has_one_thread_and_torch_gets_its_own_back(two_threads):
    with pytest.raises(KeyError), one_thread():
        assert torch.get_num_threads() == 1
        assert {pool["num_threads"] for pool in threadpool_info()} == {1}
        raise KeyError
    assert torch.get_num_threads() == 2


def test_an_answer_takes_one_thread_but_for_an_encoder_of_ones_own(two_threads):
    with one_thread(ConfigParser()):
        assert torch.get_num_threads() == 1
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"} == {1}
    assert torch.get_num_threads() == 2
    with one_thread(ConfigParser(None, "default", {"encoder.model": "ViT-B-32"})):
        assert torch.get_num_threads() == 2
