import numpy as np
import pytest

from ptmrec.config.sections import REGIMES
from ptmrec.evaluation.compare import Target
from ptmrec.workflow.crossed import LINEAR, TRANSPORT, CrossedEvaluation
from ptmrec.workflow.project import open_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def crossed(tmp_path_factory) -> CrossedEvaluation:
    return CrossedEvaluation(
        open_project("smoke", overrides={"paths.artifacts": str(tmp_path_factory.mktemp("artifacts"))})
    )


@pytest.fixture(scope="module")
def frame(crossed):
    return crossed.run()


def test_every_data_set_is_left_out_in_turn_in_both_regimes(crossed, frame):
    assert set(map(tuple, frame[["dataset", "regime"]].drop_duplicates().to_numpy())) == {
        (name, regime) for name in crossed.project.splits.all for regime in REGIMES
    }
    assert {"mean rank", "LogME", TRANSPORT, LINEAR} <= set(frame["method"])
    assert frame["tau_w"].between(-1, 1).all()
    passes = frame.groupby("method")[["candidate_passes", "reference_passes"]].first()
    assert passes.loc["mean rank"].tolist() == [0, 0]
    assert passes.loc[LINEAR, "candidate_passes"] == 0 < passes.loc[LINEAR, "reference_passes"]
    assert passes.loc["LogME", "candidate_passes"] == len(crossed.cards)


def test_models_that_have_seen_the_data_set_and_references_are_no_candidates(crossed):
    for name in sorted({source for card in crossed.cards.values() for source in card.datasets}):
        row = crossed.judged_by().row("low_data", name)
        trained = np.array([name in card.datasets for card in crossed.cards.values()])
        assert trained.any()
        np.testing.assert_array_equal(np.isnan(row), trained)
        assert np.isfinite(crossed.truth.row("low_data", name)).all()
    assert not set(crossed.project.config.to_dict()["relations"]["references"]) & set(crossed.cards)


def test_what_was_measured_on_the_data_set_left_out_does_not_reach_its_scores(crossed, monkeypatch):
    """The leak test: with other accuracies on the target every method gives the same scores."""
    methods = crossed.methods()
    target = Target("", "rsscn7", "low_data", crossed.tokens["rsscn7"])
    before = {method.name: method.rank(target) for method in methods}
    row = crossed.truth.datasets.index("rsscn7")
    for regime in REGIMES:
        monkeypatch.setitem(crossed.truth.accuracy, regime, crossed.truth.accuracy[regime].copy())
        crossed.truth.accuracy[regime][row] = np.random.default_rng(0).random(len(crossed.cards))
    for method in crossed.methods():
        np.testing.assert_array_equal(method.rank(target), before[method.name])
