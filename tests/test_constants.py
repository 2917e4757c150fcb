"""The committed files fit together: zoo, ground truth, splits, tokens, recommender."""

import numpy as np
import pytest

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.model.clip_encoder import ClipImageEncoder
from ptmrec.project import Project
from ptmrec.recommender import Recommender


@pytest.fixture(scope="module")
def project():
    return Project(ConfigParser())


def test_zoo_is_as_large_as_promised_and_loads(project):
    cards = project.cards.values()
    assert len(cards) >= 40
    assert len({card.family for card in cards}) >= 5
    assert len({card.source_dataset for card in cards}) >= 8
    for snapshot in project.zoo:
        model = snapshot.load()
        assert sum(p.numel() for p in model.parameters()) == snapshot.card.num_params
        assert model.num_features == snapshot.card.num_features


def test_every_model_is_measured_on_every_data_set_in_both_regimes(project):
    truth = project.truth
    assert set(truth.datasets) == set(project.splits.all)
    for matrix in truth.accuracy.values():
        assert np.isfinite(matrix).all()
    assert truth.repeats["low_data"].shape[2] >= 8
    assert truth.repeats["fine_tuning"].shape[2] >= 2
    for regime, repeats in truth.repeats.items():
        np.testing.assert_allclose(np.nanmean(repeats, axis=2), truth.accuracy[regime], atol=2e-5)


def test_sources_are_known_and_estimates_complete(project):
    assert {card.source_dataset for card in project.cards.values()} <= set(project.splits.train)
    for dataset in project.splits.all:
        assert set(project.estimators[dataset]) == set(project.cards)


def test_tokens_cover_every_data_set_with_unseen_images_for_the_known(project):
    folders = {split: project.dataset_tokens(split).by_name() for split in ("train", "validation", "test")}
    assert set(folders["train"]) == set(project.splits.train)
    assert set(folders["validation"]) == set(project.splits.validation)
    assert set(folders["test"]) == set(project.splits.all)
    assert all(folders["test"][name].image_part == "test" for name in project.splits.known)
    assert all(tokens.image_part == "train" for tokens in folders["train"].values())


def test_encoder_tokens_and_recommender_belong_together(project):
    paths = project.config.get(PathsConfig)
    encoder = ClipImageEncoder(paths.encoder, device="cpu")
    name = f"{encoder.name}:{encoder.hash}"
    recommender = Recommender.load(paths.recommender)
    assert project.dataset_tokens("train").items[0][0].encoder == name == recommender.encoder
    assert recommender.model_names == tuple(project.cards)
    assert set(recommender.trained_on) == set(project.splits.known)
    assert not set(recommender.trained_on) & set(project.splits.blind)
