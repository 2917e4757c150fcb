import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import DataError
from ptmrec.images.user_images import read_user_images
from ptmrec.recommender.answer import answer
from ptmrec.recommender.ensemble import Recommender, predict
from ptmrec.recommender.knowledge import TARGET
from ptmrec.recommender.references import References
from ptmrec.zoo.snapshot import read_zoo

pytestmark = pytest.mark.slow
CONFIG = ConfigParser()
PATHS = CONFIG.get(PathsConfig)
DIGITS = load_digits()


@pytest.fixture(scope="module")
def parts():
    return Recommender.load(PATHS.recommender), References(CONFIG), read_zoo(PATHS.zoo)


def ask(parts, labels, snapshots=None, **options):
    recommender, references, zoo = parts
    images = np.repeat((DIGITS.images[:150] * 255 / 16).astype(np.uint8)[..., None], 3, axis=3)
    chosen = read_user_images(images, labels)
    listed = zoo if snapshots is None else snapshots
    return answer(recommender, recommender.knowledge, references, listed, chosen, "low_data", CONFIG, **options)


def test_models_come_best_first_with_intervals_around_what_is_expected(parts):
    found = ask(parts, DIGITS.target[:150])
    frame = found.frame
    assert frame["score"].is_monotonic_decreasing
    assert frame["rank"].is_monotonic_increasing and frame["rank"].iloc[-1] == len(frame)
    assert ((frame["rank"] == 1) == frame["tied_with_best"]).all()
    for inner, outer in (("low_80", "low_95"), ("expected_accuracy", "low_80"), ("high_95", "high_80")):
        assert (frame[inner] >= frame[outer]).all()
    assert (frame["high_80"] >= frame["expected_accuracy"]).all()
    assert found.verification is None


def test_a_models_score_does_not_depend_on_which_others_are_listed(parts):
    whole = ask(parts, DIGITS.target[:150]).frame.set_index("model")
    few = ask(parts, DIGITS.target[:150], parts[2][::10][::-1]).frame.set_index("model")
    columns = ["score", "expected_accuracy", "low_95"]
    np.testing.assert_allclose(few[columns], whole.loc[few.index, columns])


def test_unlabelled_images_are_ranked_by_clusters_and_cannot_be_verified(parts):
    blank = ask(parts, None)
    assert np.ptp(blank.frame["score"]) > 0
    assert not any("shuffled labels" in note for note in blank.notes)
    with pytest.raises(DataError, match="two classes or more"):
        blank.verify(1)


def test_a_trained_correction_reads_the_relations_and_is_added_once(parts):
    """Linear part and correction together are what the networks answer on tokens and relations."""
    recommender, references, zoo = parts
    torch.manual_seed(0)
    networks = recommender.networks
    member = copy.deepcopy(networks.members[0])
    for parameter in member.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    trained = replace(recommender, read_networks=lambda: replace(networks, members=[member]), epochs=1)
    found, plain = ask((trained, references, zoo), DIGITS.target[:150]), ask(parts, DIGITS.target[:150])
    ranker, names = found.knowledge.regimes["low_data"].ranker, [snapshot.name for snapshot in zoo]
    relations = np.mean([ranker.inputs(pairs, TARGET) for pairs in found.tables], axis=0)[found.listed]
    answers = predict([member], networks.tokens_of(names), found.looked.tokens, "low_data", relations)
    np.testing.assert_allclose(found.prior[found.listed], answers.mean(axis=(0, 1)), rtol=1e-3, atol=1e-3)
    assert np.abs(found.prior - plain.prior).max() > 0.01
    without = predict([member], networks.tokens_of(names), found.looked.tokens, "low_data")
    added = (found.prior - plain.prior)[found.listed]
    assert np.abs(added - without.mean(axis=(0, 1))).max() > 0.01, "a correction that does not see them is another"
