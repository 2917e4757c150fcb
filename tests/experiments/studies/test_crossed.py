import numpy as np
import pytest

from experiments.studies.crossed import (
    BLIND_DATA,
    BLIND_FAMILIES,
    BLIND_SOURCES,
    DOUBLE_BLIND,
    KNOWN_DATA,
    QUADRANTS,
    TARGET,
    Case,
    CrossedEvaluation,
)
from experiments.studies.quadrants import build_rankers
from ptmrec.config.sections import REGIMES, RelationConfig
from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.pipeline.project import open_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def crossed(tmp_path_factory) -> CrossedEvaluation:
    artifacts = str(tmp_path_factory.mktemp("artifacts"))
    return CrossedEvaluation(open_project(overrides={"paths.artifacts": artifacts, "zoo.every": "2"}), (1,))


def case_of(crossed, quadrant, dataset="rsscn7", regime="low_data", family=""):
    found = [
        case
        for case in crossed.cases((quadrant,))
        if (case.dataset, case.regime, case.family) == (dataset, regime, family)
    ]
    return found[0]


def test_every_data_set_is_a_target_in_both_regimes_and_every_family_is_left_out(crossed):
    cases = list(crossed.cases())
    families = set(crossed.families)
    for quadrant in QUADRANTS:
        found = {(case.dataset, case.regime, case.family) for case in cases if case.quadrant == quadrant}
        out = {""} if quadrant in (KNOWN_DATA, BLIND_DATA) else families
        names = crossed.project.splits.blind if quadrant == BLIND_SOURCES else crossed.datasets
        assert found == {(name, regime, f) for name in names for regime in REGIMES for f in out}
    for case in cases:
        assert (case.dataset in case.known) == (case.quadrant in (KNOWN_DATA, BLIND_FAMILIES))


def test_models_that_have_seen_the_data_set_and_references_are_no_candidates(crossed):
    settings = crossed.project.config.get(RelationConfig)
    assert not set(settings.references) & set(crossed.cards)
    sources = sorted({source for card in crossed.cards.values() for source in card.datasets})
    for name in sources:
        true = crossed.judge(case_of(crossed, BLIND_DATA, name))
        trained = np.array([name in card.datasets for card in crossed.cards.values()])
        assert trained.any()
        np.testing.assert_array_equal(np.isnan(true), trained)
    judged = crossed.judge(case_of(crossed, DOUBLE_BLIND, "dtd10", family="vit"))
    np.testing.assert_array_equal(np.isfinite(judged), crossed.families == "vit")
    case = case_of(crossed, BLIND_SOURCES, "dtd10", family="vit")
    sources = crossed.project.splits.sources.blind
    for card, true in zip(crossed.cards.values(), crossed.judge(case), strict=True):
        assert np.isfinite(true) == (card.family == "vit" and bool({*card.datasets} & {*sources}))
    for row in crossed.accuracies(case).values():
        assert np.isnan(row[crossed.blind_sources | (crossed.families == "vit")]).all()


def test_no_reference_of_a_family_left_out_is_used(crossed):
    """The scores of its lists are those made without its references, and of no other family's."""
    case = case_of(crossed, DOUBLE_BLIND, "dtd10", family="vit")
    place = crossed.datasets.index("dtd10")
    own = crossed.pairs(case).scores.transport[-1]
    np.testing.assert_array_equal(own, crossed.scores["without vit, draw 1"].transport[place])
    assert not np.array_equal(own, crossed.scores["draw 1"].transport[place])


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize(
    ("quadrant", "family"),
    [(BLIND_DATA, ""), (DOUBLE_BLIND, "densenet"), (BLIND_FAMILIES, "vit"), (BLIND_SOURCES, "mixer")],
)
def test_what_was_measured_on_what_is_left_out_does_not_reach_a_score(crossed, monkeypatch, quadrant, family, regime):
    """The leak test: with other accuracies on the target, and of the family, every method gives the same scores."""
    case = case_of(crossed, quadrant, "rsscn7", regime, family)
    before = {name: rank(case, crossed.pairs(case)) for name, rank in build_rankers(crossed).items()}
    generator = np.random.default_rng(0)
    for measured in REGIMES:
        poisoned = crossed.truth.accuracy[measured].copy()
        if case.dataset not in case.known:
            poisoned[crossed.truth.datasets.index(case.dataset)] = generator.random(len(crossed.cards))
        poisoned[:, crossed.families == family] = generator.random((len(poisoned), (crossed.families == family).sum()))
        monkeypatch.setitem(crossed.truth.accuracy, measured, poisoned)
    other = CrossedEvaluation(crossed.project, crossed.draws)
    other.truth = crossed.truth
    for name, rank in build_rankers(other).items():
        np.testing.assert_array_equal(rank(case, other.pairs(case)), before[name], err_msg=name)


def test_few_shot_scores_are_known_of_the_battery_alone(crossed):
    scores = crossed.pairs(case_of(crossed, DOUBLE_BLIND, "mnist", family="mixer")).scores
    seen = {name for name, row in zip(scores.datasets, scores.few_shot, strict=True) if np.isfinite(row).any()}
    assert seen == set(crossed.project.battery_sets) - {"mnist"}
    assert TARGET not in seen


def test_shuffled_truth_leaves_nothing(crossed):
    """The permutation test: with accuracies of other models the ranker agrees with the truth no more than chance."""
    case, taus = case_of(crossed, BLIND_DATA, "dtd10"), []
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(len(crossed.cards))
        shuffled = CrossedEvaluation(crossed.project, crossed.draws)
        shuffled.accuracies = lambda own, order=order: {k: v[order] for k, v in crossed.accuracies(own).items()}
        pairs = shuffled.pairs(case)
        taus.append(weighted_tau(crossed.judge(case), shuffled.ranker(case, pairs).scores(pairs, TARGET)))
    plain = crossed.ranker(case, crossed.pairs(case)).scores(crossed.pairs(case), TARGET)
    assert abs(np.mean(taus)) < 0.2 < weighted_tau(crossed.judge(case), plain)


def test_a_case_says_what_is_known():
    case = Case(BLIND_DATA, "a", "low_data", 1, "", ("b", "c"))
    assert case.dataset not in case.known
