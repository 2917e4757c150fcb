import numpy as np
import pytest

from experiments.evaluation.compare import summarise
from experiments.studies.crossed import BLIND_DATA, DOUBLE_BLIND, KNOWN_DATA, CrossedEvaluation
from experiments.studies.quadrants import (
    ALL_DRAWS,
    ENCODER_ONLY,
    FEATURES,
    ONE_DRAW,
    SHIPPED,
    TRANSPORT,
    run_quadrants,
    seed_means,
)
from ptmrec.evaluation.metrics import METRICS
from ptmrec.pipeline.project import open_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    artifacts = str(tmp_path_factory.mktemp("artifacts"))
    project = open_project(
        "smoke",
        overrides={"paths.artifacts": artifacts, "evaluation.baselines": "mean rank,LogME", "evaluation.every": "3"},
    )
    return run_quadrants(CrossedEvaluation(project, (1, 2)))


def test_rows_say_what_was_ranked_and_what_it_cost(frame):
    assert list(frame)[:5] == ["quadrant", "regime", "method", "target", "seed"]
    assert {*METRICS, "candidate_passes", "reference_passes", "seconds"} <= set(frame)
    assert not frame.isna().any(axis=None)
    rows = {"mean rank", "LogME", FEATURES, ALL_DRAWS, TRANSPORT, ONE_DRAW, ENCODER_ONLY, SHIPPED}
    assert set(frame["method"]) == rows
    passes = frame[frame["target"] == "dtd10"].groupby("method")[["candidate_passes", "reference_passes"]].first()
    assert passes.loc["mean rank"].tolist() == [0, 0]
    assert passes.loc[SHIPPED].tolist() == passes.loc[ONE_DRAW].tolist() == [0, 8]
    assert passes.loc[ENCODER_ONLY].tolist() == [0, 1]
    assert (passes.loc[["LogME", FEATURES, ALL_DRAWS], "candidate_passes"] > 20).all()


def test_only_what_looks_at_the_images_differs_between_draws(frame):
    own = frame[(frame["quadrant"] == BLIND_DATA) & (frame["regime"] == "low_data")]
    taus = own.pivot(index=["method", "target"], columns="seed", values="tau_w")
    changed = (taus[1] != taus[2]).groupby("method").mean()
    assert (changed[[TRANSPORT, ONE_DRAW, FEATURES]] > 0.5).all()
    assert (changed[["mean rank", "LogME", ALL_DRAWS]] == 0).all()


def test_what_ships_answers_once_from_all_draws(frame):
    own = frame[frame["method"].isin([SHIPPED, ENCODER_ONLY])]
    assert own["seed"].unique().tolist() == [1]
    alone = set(own[own["method"] == ENCODER_ONLY]["quadrant"])  # families are too small here to be ranked
    assert {KNOWN_DATA, BLIND_DATA} <= alone <= {KNOWN_DATA, BLIND_DATA, DOUBLE_BLIND}
    blind = frame[frame["quadrant"] == BLIND_DATA].groupby("method")["tau_w"].mean()
    assert blind[SHIPPED] > blind[ONE_DRAW] - 0.01


def test_known_data_brought_again_is_recalled(frame):
    means = frame.groupby(["quadrant", "regime", "method"])["tau_w"].mean()
    assert means[KNOWN_DATA, "low_data", SHIPPED] > 0.85 > means[BLIND_DATA, "low_data", SHIPPED]


def test_means_over_seeds_can_be_summarised(frame):
    means = seed_means(frame)
    assert len(means) == len(frame[["quadrant", "regime", "method", "target"]].drop_duplicates())
    summary = summarise(means, SHIPPED, draws=200)
    row = summary[(summary["group"] == BLIND_DATA) & (summary["method"] == SHIPPED)].iloc[0]
    own = frame[(frame["quadrant"] == BLIND_DATA) & (frame["regime"] == row["regime"]) & (frame["method"] == SHIPPED)]
    assert row["tau_w"] == pytest.approx(own["tau_w"].mean())
    assert row["gain"] == 0 and np.isnan(row["seed_sd"])
    one = summary[(summary["group"] == BLIND_DATA) & (summary["method"] == ONE_DRAW)]
    assert np.isfinite(one["seed_sd"]).all()
