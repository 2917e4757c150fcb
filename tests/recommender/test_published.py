from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import weightedtau

from ptmrec.benchmark.published import read_published
from ptmrec.config.parser import ConfigParser
from ptmrec.core.errors import ConfigError, NothingLeftError
from ptmrec.evaluation.published.protocols import BEST_OTHER, PLAIN
from ptmrec.hardware.limits import read_limits
from ptmrec.images.user_images import UserImages
from ptmrec.recommender.published import (
    RANKER,
    RULES,
    judge_rules,
    mean_ranks,
    ranker_scores,
    read_trial,
    recommend_published,
)
from ptmrec.recommender.request import PUBLISHED, Request, recommend

FOLDER = Path(__file__).resolve().parents[2] / "constants" / "published"
CONFIG = ConfigParser()
IMAGES = UserImages(np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 0, 1, 1]), 2)


def ask(name, count=5, device=None, **limits):
    request = Request(IMAGES, "low_data", CONFIG, count, "my_images", read_limits(**limits), name, device)
    return recommend_published(request, PUBLISHED[name])


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models_are_ranked_and_the_rule_is_said(name):
    answer = ask(name)
    frame = answer.frame
    assert frame["score"].is_monotonic_decreasing and len(frame) > 100
    assert (frame["low_80"] <= frame["expected_accuracy"]).all() and (
        frame["expected_accuracy"] <= frame["high_80"]
    ).all()
    assert frame["source"].str.contains({"hf180": "/", "timm": "timm:"}.get(name, "open_clip:")).mean() > 0.9
    assert "cannot change this order" in answer.notes[0] and answer.leaderboard()["why"][0] in answer.notes[1]
    assert not answer.trusted and len(answer.readable(3)) == 3
    with pytest.raises(ConfigError, match="only records"):
        answer.load()


def test_the_rule_is_the_one_that_agrees_best_with_data_sets_left_out():
    zoo = read_published(FOLDER / "openclip.json")
    found = judge_rules(zoo)
    by_hand = []
    for place, row in enumerate(zoo.accuracy):
        scores = mean_ranks(zoo, np.arange(len(zoo.datasets)) != place)
        both = np.isfinite(scores) & np.isfinite(row)
        by_hand.append(weightedtau(row[both], scores[both], rank=None).statistic)
    assert found["mean rank on its data sets"] == pytest.approx(np.mean(by_hand))
    assert list(found.values()) == sorted(found.values(), reverse=True) and set(found) <= set(RULES)


def test_records_cannot_be_run():
    assert len(recommend(IMAGES.images, [0, 0, 1, 1], zoo="hf180", n=2).leaderboard()) == 2
    with pytest.raises(ConfigError, match="no weights"):
        recommend(IMAGES.images, [0, 0, 1, 1], zoo="hf180", verify=3)


def test_limits_hold_for_published_models_on_a_named_device():
    free, tight = ask("timm"), ask("timm", device="i9-10940X", max_latency="20ms", max_params="30M")
    board = tight.leaderboard(all_models=True)
    assert board["latency_high_ms"].max() <= 20 and board["parameters"].max() <= 30e6
    assert board["rank"].tolist() == list(range(1, len(board) + 1)) and board["tied_with_best"].iloc[0]
    assert set(board["latency_basis"]) <= {"table", "estimated"} and "table" in set(board["latency_basis"])
    assert len(tight.rejected) + len(board) == len(free)
    assert any(step["limit"] == "max_latency" and step["gain"] > 0 for step in tight.relief)
    assert any("models break 20 ms" in line for line in tight.remarks())
    assert board.loc[board["on_pareto"], "expected_accuracy"].max() == board["expected_accuracy"].max()


def test_latency_of_published_models_is_not_known_without_a_device():
    with pytest.raises(NothingLeftError, match="20 ms cannot be shown to be kept by any \\(not measured\\)"):
        ask("timm", max_latency="20ms")
    assert ask("openclip121", max_flops="30G").leaderboard(all_models=True)["gmacs"].max() <= 15


def committed(folder, gain_low):
    """A folder of published tables whose committed results say how the ranker did."""
    (folder / "published").symlink_to(FOLDER)
    rows = [
        ("ours", "ours", 0.7, 0, 0, 0),
        ("mean rank", "rerun", 0.6, 0.1, gain_low, 0.2),
        ("parameters", "rerun", 0.5, 0.2, 0.1, 0.3),
        (BEST_OTHER, "hindsight", 0.9, -0.2, -0.3, -0.1),
    ]
    frame = pd.DataFrame(rows, columns=["method", "source", "value", "gain", "gain_low", "gain_high"])
    frame = frame.assign(benchmark="openclip", protocol=PLAIN, metric="tau_w")
    (folder / "results").mkdir()
    frame.to_csv(folder / "results" / "published_summary.csv", index=False)
    return folder / "published" / "openclip.json"


@pytest.mark.parametrize("gain_low", [0.01, -0.01])
def test_the_ranker_orders_where_its_held_out_test_says_so(tmp_path, gain_low):
    path = committed(tmp_path, gain_low)
    trial = read_trial(path.parent, "openclip")
    assert (trial.rule, trial.won) == ("mean rank", gain_low > 0)
    config = ConfigParser(overrides={"paths.published": str(path.parent)})
    request = Request(IMAGES, "low_data", config, limits=read_limits(max_params="200M"))
    answer = recommend_published(request, "openclip")
    frame = answer.frame
    assert frame["score"].is_monotonic_decreasing and frame["parameters"].max() <= 200e6
    assert set(frame["why"]) == ({RANKER} if trial.won else {next(iter(judge_rules(read_published(path))))})
    assert str(trial) in " ".join(answer.notes) and f"{gain_low:+.3f}" in str(trial)
    if trial.won:
        zoo = read_published(path)
        scores = ranker_scores(zoo, path.parent, "openclip", IMAGES)
        assert frame["score"][0] == pytest.approx(scores[zoo.models.index(frame["model"][0])])
    assert read_trial(path.parent, "timm") is None and read_trial(tmp_path / "no" / "no", "openclip") is None
