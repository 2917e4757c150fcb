import numpy as np
from toy_relations import DATASETS, make_pairs

from ptmrec.relations.pairs import skill_of
from ptmrec.relations.registration import PENALTY, estimate_skills, fit_within_families, ridge_weights

COUNT = 30
PAIRS = make_pairs(COUNT)
FAMILIES = np.array([card.family for card in PAIRS.cards.values()])


def test_ridge_weights_are_those_of_the_normal_equations():
    generator = np.random.default_rng(0)
    inputs, targets = generator.normal(size=(40, 3)), generator.normal(size=40)
    augmented = np.vstack([inputs, np.sqrt(PENALTY) * np.eye(3)])
    expected = np.linalg.lstsq(augmented, np.append(targets, np.zeros(3)), rcond=None)[0]
    np.testing.assert_allclose(ridge_weights(inputs, targets), expected)


def test_the_level_of_a_family_does_not_leak_into_the_weights():
    generator = np.random.default_rng(0)
    inputs = {name: generator.normal(size=(COUNT, 2)) for name in DATASETS}
    skills = {name: values @ [1.0, -0.5] for name, values in inputs.items()}
    level = 5.0 * (FAMILIES == "vgg")
    shifted = {name: values + level for name, values in skills.items()}
    moved = {name: values + level[:, None] for name, values in inputs.items()}
    plain = fit_within_families(PAIRS, inputs, skills)
    np.testing.assert_allclose(fit_within_families(PAIRS, inputs, shifted), plain)
    np.testing.assert_allclose(fit_within_families(PAIRS, moved, skills), plain)
    np.testing.assert_allclose(plain, [1.0, -0.5], atol=0.1)


def test_skills_that_follow_features_are_estimated_for_models_never_measured():
    new = FAMILIES == "vit"
    pairs = make_pairs(COUNT, ~new)
    truth = {name: skill_of(row) for name, row in zip(DATASETS, pairs.scores.few_shot, strict=True)}
    known = {name: np.where(new | pairs.trained_on(name), np.nan, values) for name, values in truth.items()}
    estimated = estimate_skills(pairs, known)
    for name in DATASETS:
        there = new & ~pairs.trained_on(name)
        assert np.corrcoef(estimated[name][there], truth[name][there])[0, 1] > 0.6
        np.testing.assert_array_equal(np.isnan(estimated[name]), pairs.trained_on(name))


def test_without_images_transport_takes_the_place_of_few_shot_scores():
    scores = PAIRS.scores
    blank = type(scores)(**{**vars(scores), "few_shot": np.full(scores.few_shot.shape, np.nan)})
    pairs = type(PAIRS)(PAIRS.cards, blank)
    skills = {name: skill_of(row) for name, row in zip(DATASETS, scores.transport, strict=True)}
    estimated = estimate_skills(pairs, skills)
    there = ~pairs.trained_on("d")
    assert np.corrcoef(estimated["d"][there], skills["d"][there])[0, 1] > 0.8
