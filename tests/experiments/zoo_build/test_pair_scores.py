import numpy as np
import pytest

from experiments.zoo_build.pair_scores import BATTERY, PROBE, Layout, PairScorer, Variant
from ptmrec.config.sections import RelationConfig
from ptmrec.recommender.references import ENCODER
from ptmrec.relations.ridge import ridge_loo_score

DATASETS, MODELS = ["a", "b"], ["x", "y", "z"]
SETTINGS = RelationConfig(rank=4, shots=3)
BOTH = Variant("both", ("x",), shots=3, draw=1)


def make_layout() -> Layout:
    """Thirty probes, twelve battery images of a, and two draws of three images of three classes of a and b."""
    parts = [("", PROBE, np.zeros(30, int)), ("a", BATTERY, np.arange(12) % 3)]
    parts += [(name, draw, np.repeat(np.arange(3), 3)) for name in DATASETS for draw in (0, 1)]
    sizes = [len(part[2]) for part in parts]
    origin, draw = (np.repeat([part[place] for part in parts], sizes) for place in (0, 1))
    labels = np.concatenate([part[2] for part in parts])
    position = np.concatenate([np.zeros(30, int), np.arange(12) // 3, *[np.tile(np.arange(3), 3)] * 4])
    return Layout(origin, draw, labels, position)


LAYOUT = make_layout()


def make_features(seed=0):
    generator = np.random.default_rng(seed)
    count = len(LAYOUT.labels)
    names = {ENCODER: 6, **dict.fromkeys(MODELS, 5)}
    return {
        name: (generator.normal(size=(count, d)) + LAYOUT.labels[:, None]).astype("f4") for name, d in names.items()
    }


def run(features, variants=(BOTH,)):
    return PairScorer(features, LAYOUT, DATASETS, MODELS, SETTINGS).run(list(variants))


def changed(rows, models):
    features = make_features()
    for name in models:
        features[name] = features[name].copy()
        features[name][rows] = np.random.default_rng(9).normal(size=features[name][rows].shape)
    return features


def test_probes_are_left_out_of_nothing():
    assert len(LAYOUT.probes((PROBE, BATTERY))) == 42
    assert len(LAYOUT.probes((PROBE, BATTERY), "a")) == len(LAYOUT.probes((PROBE,))) == 30


def test_few_shot_scores_are_those_of_the_models_own_features():
    features, scores = make_features(), run(make_features())["both"]
    rows = LAYOUT.sample("b", 1, 3)
    for place, name in enumerate(MODELS):
        assert scores.few_shot[1, place] == pytest.approx(ridge_loo_score(features[name][rows], LAYOUT.labels[rows]))


def test_no_battery_image_of_a_data_set_has_a_part_in_what_judges_it():
    rows = np.flatnonzero((LAYOUT.origin == "a") & (LAYOUT.draw == BATTERY))
    before, after = run(make_features())["both"], run(changed(rows, [ENCODER, *MODELS]))["both"]
    np.testing.assert_array_equal(after.transport[0], before.transport[0])
    np.testing.assert_array_equal(after.reference[0], before.reference[0])
    assert not np.allclose(after.transport[1], before.transport[1])


def test_no_model_outside_the_bank_is_a_reference():
    rows = np.arange(len(LAYOUT.labels))
    before, after = run(make_features())["both"], run(changed(rows, ["y"]))["both"]
    np.testing.assert_array_equal(after.reference, before.reference)
    np.testing.assert_array_equal(after.transport[:, [0, 2]], before.transport[:, [0, 2]])
    assert not np.allclose(run(changed(rows, ["x"]))["both"].transport[:, 2], before.transport[:, 2])


def test_a_data_set_is_compared_with_what_is_known_from_the_first_draw():
    features = make_features()
    rows = LAYOUT.sample("b", 0, 3)
    other = changed(rows, [ENCODER, *MODELS])
    before, after = run(features)["both"], run(other)["both"]
    np.testing.assert_array_equal(after.transport, before.transport)
    assert not np.allclose(after.encoder[0, 1], before.encoder[0, 1])
    assert after.encoder[0, 0] == before.encoder[0, 0]


def test_variants_look_at_fewer_images_or_no_labels():
    variants = [BOTH, Variant("two", ("x",), shots=2, draw=1), Variant("blank", ("x",), shots=3, draw=1, clusters=3)]
    found = run(make_features(), variants)
    assert list(found) == ["both", "two", "blank"]
    assert not np.allclose(found["two"].transport, found["both"].transport)
    assert not np.allclose(found["blank"].transport, found["both"].transport)


def test_separations_come_with_shuffled_copies():
    scorer = PairScorer(make_features(), LAYOUT, DATASETS, MODELS, SETTINGS)
    found = scorer.separate(("x",), (0, 1))
    assert list(found) == ["draw 0", "draw 1"]
    assert found["draw 1"]["a"].own.classes == 3
