import numpy as np

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, RelationConfig
from ptmrec.extractors.explanation import explanation_images
from ptmrec.extractors.probes import make_probes

PATHS = ConfigParser().get(PathsConfig)


def test_images_of_blind_data_sets_are_never_used():
    battery = read_battery(PATHS.battery)
    images = explanation_images(RelationConfig(probes=10), PATHS.battery, ["mnist", "clothing"])
    assert len(images) == 10 + len(battery["mnist"].images) + len(battery["clothing"].images)
    np.testing.assert_array_equal(images[:10], make_probes(10, 32, 0))
    used = {image.tobytes() for image in images}
    assert not used & {image.tobytes() for image in battery["euro_coins"].images}
    assert {image.tobytes() for image in battery["mnist"].images} <= used
