import numpy as np
import pandas as pd
import pytest

from experiments.studies.calibration import (
    LEFT_OUT,
    MEASURED,
    SHUFFLED,
    SPLIT,
    coverage_table,
    expect_accuracies,
    summarise_coverage,
)
from experiments.studies.crossed import CrossedEvaluation
from ptmrec.pipeline.project import open_project

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    artifacts = str(tmp_path_factory.mktemp("artifacts"))
    return expect_accuracies(
        CrossedEvaluation(
            open_project("smoke", overrides={"paths.artifacts": artifacts, "evaluation.every": "3"}), (1,)
        )
    )


def test_every_data_set_is_left_out_and_blind_ones_from_known_ones_too(frame):
    assert frame[frame["group"] == LEFT_OUT]["dataset"].nunique() == 10
    assert frame[frame["group"] == SPLIT]["dataset"].nunique() == 4
    assert (frame["low_95"] <= frame["low_80"]).all() and (frame["high_80"] <= frame["high_95"]).all()
    assert frame[["expected", "measured"]].stack().between(0, 1).all()


def test_shuffled_labels_are_expected_near_chance(frame):
    own = frame[frame["group"] == SHUFFLED]
    above = (own["expected"] - own["measured"]).groupby(own["regime"]).mean()
    assert (above < 0.08).all()
    real = frame[(frame["group"] == LEFT_OUT) & (frame["dataset"] == "mnist")]
    assert real["expected"].mean() > 0.4


def test_coverage_is_the_share_inside(frame):
    table = coverage_table(frame)
    frame = frame[frame["k"] == 0]
    part = frame[(frame["group"] == LEFT_OUT) & (frame["dataset"] == "mnist") & (frame["regime"] == "low_data")]
    inside = np.mean([low <= value <= high for low, value, high in part[["low_80", "measured", "high_80"]].to_numpy()])
    table = table[table["k"] == 0]
    row = table[(table["group"] == LEFT_OUT) & (table["dataset"] == "mnist") & (table["regime"] == "low_data")]
    assert row[row["level"] == 0.8]["coverage"].item() == pytest.approx(inside)
    assert (row[row["level"] == 0.95]["width"] >= row[row["level"] == 0.8]["width"].item()).all()


def test_measured_models_narrow_the_intervals_of_the_others_and_the_worst_is_named(frame):
    held = summarise_coverage(coverage_table(frame)).set_index(["group", "regime", "k", "level"])
    narrow = held.loc[LEFT_OUT, "low_data"].xs(0.8, level="level")
    assert list(narrow.index) == [0, *MEASURED] and narrow["half"].is_monotonic_decreasing
    assert narrow["coverage"].between(0.6, 1).all() and (narrow["worst"] <= narrow["coverage"]).all()
    assert list(held.loc[LEFT_OUT, "fine_tuning"].xs(0.8, level="level").index) == [0]
    own = frame[(frame["group"] == LEFT_OUT) & (frame["regime"] == "low_data") & (frame["dataset"] == "mnist")]
    counts = own.groupby("k").size()
    assert (counts[0] - counts[[1, 3, 8]]).tolist() == [1, 3, 8], "what was measured before has no row"


def test_what_is_missed_and_what_is_doubted_is_counted_by_data_set():
    place = {"group": LEFT_OUT, "regime": "low_data", "k": 0, "level": 0.8, "width": 0.2}
    rows = [("a", 0.1, True), ("b", 0.4, False), ("c", 0.9, True), ("d", 1.0, False), ("e", 0.5, False)]
    table = pd.DataFrame([{**place, "dataset": name, "coverage": held, "doubted": own} for name, held, own in rows])
    row = summarise_coverage(table).iloc[0]
    assert row[["sets", "missed", "doubted", "both"]].tolist() == [5, 2, 2, 1] and row["dataset"] == "a"
