import numpy as np
import pytest

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError
from ptmrec.recommender.references import ENCODER, References
from ptmrec.relations.samples import read_samples, read_space
from ptmrec.relations.similarity import covariance_similarity

pytestmark = pytest.mark.slow
CONFIG = ConfigParser(overrides={"encoder.device": "cpu"})
PATHS = CONFIG.get(PathsConfig)


@pytest.fixture(scope="module")
def references() -> References:
    return References(CONFIG)


def test_a_sample_of_the_batterys_images_is_most_like_the_data_set_they_come_from(references):
    part = read_battery(PATHS.battery)["clothing"]
    sample = references.sample("mine", part.images, part.labels, read_space(PATHS.reference))
    assert sample.coordinates.shape == (len(part.labels), read_space(PATHS.reference).basis.shape[1])
    likeness = {}
    for name in ("clothing", "mnist", "blood_cells", "trashnet", "cifar10"):
        known = read_samples(PATHS.reference, name)[0]
        likeness[name] = covariance_similarity(sample.covariances, known.covariances)
    assert max(likeness, key=likeness.get) == "clothing"


def test_every_reference_answers_and_none_is_blind(references):
    features = references.features(np.zeros((2, 32, 32, 3), np.uint8))
    assert list(features) == [ENCODER, *references.bank]
    assert tuple(features) == read_space(PATHS.reference).names


@pytest.mark.parametrize(
    ("names", "message"), [("nobody", "no model 'nobody'"), ("mixer-large-mixture", "blind family or source")]
)
def test_references_that_cannot_be_are_one_line(names, message):
    with pytest.raises(ConfigError, match=message):
        References(ConfigParser(overrides={"relations.references": names, "encoder.device": "cpu"}))
