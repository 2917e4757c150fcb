import numpy as np
import pytest

from experiments.studies.crossed import CrossedEvaluation
from experiments.studies.pass_targets import list_pass_targets
from experiments.studies.passes import LOGME, VERIFIED, compare_passes
from ptmrec.config.sections import REGIMES
from ptmrec.pipeline.project import open_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    artifacts = str(tmp_path_factory.mktemp("artifacts"))
    return list_pass_targets(
        CrossedEvaluation(open_project("smoke", overrides={"paths.artifacts": artifacts, "evaluation.every": "3"}))
    )


def test_data_sets_are_left_out_in_both_regimes(targets):
    assert len(targets) == 10 * len(REGIMES)
    for target in targets:
        arrays = (target.truth, target.prior, target.mean_rank, target.revealed, target.logme, target.seconds)
        assert len({len(array) for array in arrays}) == 1
        measured = (*arrays[:3], target.logme)
        assert all(np.isfinite(array).all() for array in measured)
        for array in (target.revealed, target.seconds):
            assert np.isfinite(array).any() if target.regime == "fine_tuning" else np.isfinite(array).all()
        np.testing.assert_array_equal(target.rounds[-1], target.revealed)
        assert target.shares.tolist() == [0.2, 0.5, 1.0]


def test_without_news_an_update_leaves_the_prior(targets):
    for target in targets[:4]:
        np.testing.assert_allclose(target.update(np.full(len(target.truth), np.nan)), target.prior)


def test_a_measured_accuracy_counts_in_low_data_and_moves_nothing_in_fine_tuning(targets):
    for target in targets[:4]:
        shown = np.full(len(target.truth), np.nan)
        first = int(np.where(np.isnan(target.revealed), -np.inf, target.prior).argmax())
        shown[first] = target.revealed[first]
        moved = target.update(shown)
        if target.regime == "fine_tuning":
            np.testing.assert_array_equal(moved, target.prior)
        else:
            assert moved[first] == pytest.approx(target.revealed[first], abs=0.02)
            assert abs(np.corrcoef(target.truth, target.revealed)[0, 1]) > 0.3


def test_they_can_be_compared(targets):
    frame = compare_passes(targets[:4], (0, 3))
    assert {VERIFIED, LOGME} <= set(frame["method"])
    assert frame["seconds"].notna().all()
    assert frame["regret1"].ge(0).all()
