import copy
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.stats import binomtest

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import REGIMES, DatasetTokenConfig, PathsConfig
from ptmrec.core.errors import ArtifactError, ConfigError, DataError
from ptmrec.core.files import write_hashes
from ptmrec.dataloader.dataset_tokens import class_tokens
from ptmrec.images.arrays import SIZE, shrink
from ptmrec.images.user_images import read_user_images
from ptmrec.recommender.ensemble import predict
from ptmrec.recommender.knowledge import TARGET
from ptmrec.recommender.measured import wilson_interval
from ptmrec.recommender.ranking import (
    load_cached,
    rank,
    ranked,
)
from ptmrec.recommender.references import CLASSES, DRAWS, ENCODER, SHOTS, draw_samples, pseudo_labels
from ptmrec.recommender.request import Request, recommend
from ptmrec.relations.reference import fit_reference_space
from ptmrec.zoo.snapshot import read_zoo

CONFIG = ConfigParser()
PATHS = CONFIG.get(PathsConfig)
GENERATOR = np.random.default_rng(0)


def test_ties_are_contiguous_and_ranks_grow():
    frame = pd.DataFrame({"model": list("abcd"), "score": [4.0, 3, 2, 1], "tied_with_best": [True, True, False, True]})
    found = ranked(frame.sample(frac=1, random_state=1))
    assert found["rank"].tolist() == [1, 1, 3, 4] and found["model"].tolist() == list("abcd")
    assert found["tied_with_best"].tolist() == [True, True, False, False]
    assert list(found)[0] == "rank"


def test_binomial_intervals_are_those_of_scipy():
    found = wilson_interval(np.array([0.0, 0.3, 1.0]), 40, 0.8)
    for place, right in enumerate((0, 12, 40)):
        own = binomtest(right, 40).proportion_ci(0.8, method="wilson")
        np.testing.assert_allclose([end[place] for end in found], [own.low, own.high], atol=1e-9)


def make_features(count):
    return {ENCODER: GENERATOR.normal(size=(count, 8)), "model": GENERATOR.normal(size=(count, 6))}


def draw(labels):
    features = make_features(len(labels))
    coordinates = fit_reference_space(make_features(40), 5).encode(features)
    return features, draw_samples(features[ENCODER], coordinates, labels)


def test_images_of_any_size_and_kind_become_small_ones():
    array = GENERATOR.integers(0, 256, (2, 50, 70, 3), dtype=np.uint8)
    small = shrink(array)
    assert small.shape == (2, SIZE, SIZE, 3) and small.dtype == np.uint8
    np.testing.assert_array_equal(shrink([Image.fromarray(image) for image in array]), small)
    already = GENERATOR.integers(0, 256, (1, SIZE, SIZE, 3), dtype=np.uint8)
    np.testing.assert_array_equal(shrink(already), already)


def test_labels_are_kept_and_clusters_take_their_place():
    tokens = np.repeat(np.eye(4), 5, axis=0)
    labels = np.arange(20) % 2
    assert pseudo_labels(tokens, labels, 10, 0) is labels
    for missing in (None, np.zeros(20, int)):
        found = pseudo_labels(tokens, missing, 4, 0)
        assert len(np.unique(found)) == 4
        assert (found.reshape(4, 5) == found.reshape(4, 5)[:, :1]).all()


def test_draws_take_as_many_of_each_class_as_are_known_of_known_data_sets():
    labels = np.repeat(np.arange(3), 25)
    _, samples = draw(labels)
    assert len(samples) == DRAWS
    for sample in samples:
        assert np.bincount(sample.labels).tolist() == [SHOTS] * 3
    assert not np.array_equal(samples[0].coordinates, samples[1].coordinates)


def test_one_draw_is_enough_where_all_would_be_the_same():
    assert len(draw(np.repeat(np.arange(3), SHOTS))[1]) == 1


def test_many_classes_are_sampled():
    _, samples = draw(np.repeat(np.arange(CLASSES + 20), 2))
    assert len(np.unique(samples[0].labels)) == CLASSES


@pytest.fixture(scope="module")
def parts():
    return *load_cached(CONFIG), read_zoo(PATHS.zoo)


def ask(parts, images, labels, snapshots=None):
    recommender, references, zoo = parts
    request = Request(read_user_images(images, labels), "low_data", CONFIG)
    return rank(request, recommender, recommender.knowledge, references, zoo if snapshots is None else snapshots)


@pytest.mark.slow
def test_models_come_best_first_with_intervals_around_what_is_expected(ranked_digits):
    found = ranked_digits
    frame = found.frame
    assert frame["score"].is_monotonic_decreasing
    assert frame["rank"].is_monotonic_increasing and frame["rank"].iloc[-1] == len(frame)
    assert ((frame["rank"] == 1) == frame["tied_with_best"]).all()
    for inner, outer in (("low_80", "low_95"), ("expected_accuracy", "low_80"), ("high_95", "high_80")):
        assert (frame[inner] >= frame[outer]).all()
    assert (frame["high_80"] >= frame["expected_accuracy"]).all()
    assert found.verification is None


@pytest.mark.slow
def test_a_models_score_does_not_depend_on_which_others_are_listed(parts, digits):
    whole = ask(parts, *digits).frame.set_index("model")
    few = ask(parts, *digits, parts[2][::10][::-1]).frame.set_index("model")
    columns = ["score", "expected_accuracy"]  # intervals and ties are those of the models listed
    np.testing.assert_allclose(few[columns], whole.loc[few.index, columns])


@pytest.mark.slow
def test_unlabelled_images_are_ranked_by_clusters_and_cannot_be_verified(parts, digits):
    blank = ask(parts, digits[0], None)
    assert np.ptp(blank.frame["score"]) > 0
    assert not any("shuffled labels" in note for note in blank.notes)
    with pytest.raises(DataError, match="two classes or more"):
        blank.verify(1)


@pytest.mark.slow
def test_a_trained_correction_reads_the_relations_and_is_added_once(parts, digits):
    """What is added is what the networks answer on tokens and relations, without their own linear part."""
    recommender, references, zoo = parts
    torch.manual_seed(0)
    networks = recommender.networks
    member = copy.deepcopy(networks.members[0])
    for parameter in member.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    trained = replace(recommender, read_networks=lambda: replace(networks, members=[member]), epochs=1)
    found, plain = ask((trained, references, zoo), *digits), ask(parts, *digits)
    ranker, names = found.knowledge.regimes["low_data"].ranker, [snapshot.name for snapshot in zoo]
    relations = np.mean([ranker.inputs(pairs, TARGET) for pairs in found.tables], axis=0)[found.listed]
    features, settings = references.features(shrink(digits[0]))[ENCODER], CONFIG.get(DatasetTokenConfig)
    tokens = class_tokens(features, found.request.images.labels, settings.shots, settings.draws, settings.seed)
    answers = predict([member], networks.tokens_of(names), tokens, "low_data", relations)
    linear = relations @ member.linear[REGIMES.index("low_data")].double().detach().numpy()
    added = (found.prior - plain.prior)[found.listed]
    np.testing.assert_allclose(added, answers.mean(axis=(0, 1)) - linear, rtol=1e-3, atol=1e-3)
    assert np.abs(found.prior - plain.prior).max() > 0.01
    without = predict([member], networks.tokens_of(names), tokens, "low_data")
    assert np.abs(added - without.mean(axis=(0, 1))).max() > 0.01, "a correction that does not see them is another"


@pytest.mark.slow
def test_verifying_goes_on_from_where_it_is(ranked_digits, digits):
    first = ranked_digits.verify(1)
    second = first.verify(2)
    assert (first.verification.passes, second.verification.passes) == (1, 3)
    run = [set(one.frame[one.frame["verified"]]["model"]) for one in (first, second)]
    assert run[0] == {ranked_digits.best} and run[0] < run[1]
    at_once = recommend(*digits, regime="low_data", verify=1)
    np.testing.assert_allclose(at_once.frame["score"], first.frame["score"])
    for before, after in ((ranked_digits, first), (first, second)):
        spent = after.verification.total_seconds - (before.verification.total_seconds if before.verification else 0)
        assert after.seconds >= before.seconds + spent > before.seconds
    moved = ranked_digits.frame.set_index("model")["score"] - first.frame.set_index("model")["score"]
    assert abs(moved[ranked_digits.best]) > 1e-6, "what running it showed counts"
    assert "verified" not in ranked_digits.frame, "the answer before is as it was"
    own = second.frame[second.frame["verified"]]
    np.testing.assert_allclose(own["expected_accuracy"], own["measured_accuracy"], atol=0.01)
    assert (own["measured_low_80"] < own["measured_accuracy"]).all()
    assert (own["low_80"] < own["expected_accuracy"]).all()
    width = [(f["high_80"] - f["low_80"]).median() for f in (ranked_digits.frame, first.frame)]
    assert width[1] < width[0], "one measured model repairs the intervals"
    assert " (" in second.readable(5)["measured"].iloc[0] or not second.frame["verified"].iloc[0]
    with pytest.raises(ConfigError, match="at least one"):
        ranked_digits.verify(0)


@pytest.mark.slow
def test_the_leaderboard_has_a_phrase_for_each_model(ranked_digits):
    board = ranked_digits.leaderboard()
    assert len(board) == 4 and board["why"].str.len().min() > 3
    assert len(ranked_digits.leaderboard(all_models=True)) == len(ranked_digits) == len(ranked_digits.frame)
    assert set(ranked_digits.frame) < set(board)


@pytest.mark.slow
def test_any_ranked_model_is_explained_and_found_by_name_or_source(ranked_digits):
    last = ranked_digits.frame.iloc[-1]
    assert ranked_digits.explain(last["model"]).model == last["model"]
    assert ranked_digits.explain(last["source"]).model == last["model"]
    with pytest.raises(ConfigError, match="did you mean"):
        ranked_digits.explain(ranked_digits.best + "x")


@pytest.mark.slow
def test_the_known_data_sets_that_weigh_most_are_named(ranked_digits):
    assert len(ranked_digits.nearest) == 3 and 0 < sum(ranked_digits.nearest.values()) <= 1
    assert list(ranked_digits.nearest.values()) == sorted(ranked_digits.nearest.values(), reverse=True)
    assert ranked_digits.trusted and any(line.startswith("trust it") for line in ranked_digits.remarks())


@pytest.mark.slow
def test_the_best_model_is_loaded(ranked_digits):
    backbone, transform, width = ranked_digits.load()
    assert backbone(transform(np.zeros((32, 32, 3), np.uint8))[None]).shape == (1, width)


@pytest.fixture
def config(tmp_path):
    paths = ConfigParser().get(PathsConfig)
    shutil.copytree(paths.recommender, tmp_path / "recommender")
    return ConfigParser(
        overrides={"paths.recommender": str(tmp_path / "recommender"), "paths.artifacts": str(tmp_path / "runs")}
    )


def test_it_is_read_once_while_its_files_stay_as_they_are(config):
    first = load_cached(config)
    assert load_cached(config) is first
    spec = config.get(PathsConfig).recommender / "recommender.json"
    spec.write_text(spec.read_text() + "\n")
    write_hashes(spec.parent)
    again = load_cached(config)
    assert again is not first
    assert again[0].knowledge.cards == first[0].knowledge.cards
    spec.unlink()
    with pytest.raises(ArtifactError, match="no recommender there"):
        load_cached(config)


def test_other_settings_are_another_one(config):
    first = load_cached(config)
    fewer = ",".join(first[1].bank)[: ",".join(first[1].bank).rindex(",")]
    other = ConfigParser(overrides={**_places(config), "relations.references": fewer})
    assert len(load_cached(other)[1].bank) == len(first[1].bank) - 1


def test_an_encoder_it_was_not_trained_with_is_refused(config):
    spec = config.get(PathsConfig).recommender / "recommender.json"
    spec.write_text(spec.read_text().replace('"encoder": "', '"encoder": "other-'))
    write_hashes(spec.parent)
    with pytest.raises(ArtifactError, match=r"is not the one the ranker was trained with \(other-"):
        load_cached(config)


def _places(config):
    paths = config.get(PathsConfig)
    return {"paths.recommender": str(paths.recommender), "paths.artifacts": str(paths.artifacts)}
