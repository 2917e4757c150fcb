import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import weightedtau

from ptmrec.benchmark.dataset_cards import PLACE, like_groups, read_dataset_cards
from ptmrec.benchmark.published import read_published
from ptmrec.config.parser import ConfigParser
from ptmrec.core.errors import ConfigError, NothingLeftError
from ptmrec.evaluation.published.benchmarks import PLAIN
from ptmrec.hardware.limits import read_limits
from ptmrec.images.user_images import UserImages
from ptmrec.recommender.measured import Measured
from ptmrec.recommender.orders import (
    RANKER,
    RULES,
    choose_order,
    judge_rules,
    mean_ranks,
    ranker_scores,
    read_trial,
)
from ptmrec.recommender.published import WIELDY, recommend_published, worth_fetching
from ptmrec.recommender.request import PUBLISHED, Request, recommend
from ptmrec.relations.records import HEAD

FOLDER = Path(__file__).resolve().parents[2] / "constants" / "published"
CONFIG = ConfigParser()
IMAGES = UserImages(np.zeros((4, 8, 8, 3), np.uint8), np.array([0, 0, 1, 1]), 2)


def request(name, count=5, device=None, measured=None, **limits):
    asked = Request(IMAGES, "low_data", CONFIG, count, "my_images", read_limits(**limits), name, device)
    return replace(asked, measured=measured or {})


def ask(name, **options):
    return recommend_published(request(name, **options), fixed=False)


@pytest.mark.parametrize(
    ("regime", "zoo", "limits", "most"),
    [
        ("low_data", "mieb", {}, WIELDY),
        ("fine_tuning", "vtab1k", {}, WIELDY),
        ("fine_tuning", "vtab1k", {"max_params": "30M"}, 30e6),
    ],
)
def test_models_worth_a_download_keep_the_limits_and_are_of_the_regimes_table(regime, zoo, limits, most):
    table, names = worth_fetching(replace(request(None, **limits), regime=regime))
    assert table == zoo and len(names) == 3
    cards = read_published(FOLDER / f"{zoo}.json").cards
    assert all(cards[name]["num_params"] <= most for name in names)
    assert worth_fetching(replace(request(None, max_latency="1ms"), regime=regime)) == (zoo, [])


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_models_are_ranked_and_the_rule_is_said(name):
    answer = ask(name)
    frame = answer.frame
    assert frame["score"].is_monotonic_decreasing and len(frame) > 40
    known = frame.dropna(subset=["expected_accuracy"])
    assert (known["low_80"] <= known["expected_accuracy"]).all()
    assert (known["expected_accuracy"] <= known["high_80"]).all() and bool(len(known)) == (name != "timm")
    assert frame["source"].str.contains({"timm": "timm:", "openclip121": "open_clip:"}.get(name, "/")).mean() > 0.9
    assert "cannot change this order" in answer.notes[0]
    assert answer.leaderboard()["why"][0] in " ".join(answer.notes)
    assert not answer.trusted and len(answer.readable(3)) == 3
    assert set(answer.ranking.following.get("models", ())) <= set(frame["model"])
    with pytest.raises(ConfigError, match="only records"):
        answer.load()


def test_imagenet_is_no_evidence_for_other_images():
    answer = ask("timm")
    assert answer.frame["expected_accuracy"].isna().all() and not answer.num_tied > 1
    assert answer.frame["imagenet_accuracy"].is_monotonic_decreasing
    assert "no evidence for your images" in answer.notes[0] and "tau_w" not in " ".join(answer.notes)
    shown = answer.readable(2)
    assert "accuracy" not in shown and shown["imagenet accuracy"][0].startswith("0.9")
    told = ask("timm", measured={"timm:resnet50.a1_in1k": Measured(0.5, 100)}).frame
    assert (told["model"] == answer.frame["model"]).all() and told["measured_accuracy"].notna().sum() >= 1


@pytest.mark.parametrize("name", ["hf180", "openclip121", "vtab1k", "mieb"])
def test_one_measured_model_moves_all_and_narrows_their_intervals(name):
    plain = ask(name)
    first = plain.frame["model"][0]
    true = float(plain.frame["expected_accuracy"][0]) - 0.2
    moved = plain.measured({first: f"{true}/1000"})
    row, before = (answer.frame.set_index("model") for answer in (moved, plain))
    rest = [model for model in before.index[:10] if model != first]
    assert row.loc[first, "expected_accuracy"] == pytest.approx(true) and row.loc[first, "basis"] == "measured"
    assert (row.loc[rest, "expected_accuracy"] < before.loc[rest, "expected_accuracy"]).all()
    width, old = ((frame["high_80"] - frame["low_80"])[rest].mean() for frame in (row, before))
    assert width < 0.65 * old
    assert "1 measured model, taken for accuracies of" in " ".join(moved.notes)
    assert first not in moved.ranking.following["models"]


def test_another_scale_does_not_move_the_numbers():
    models = ("ViT-B-32 openai", "openai/clip-vit-base-patch16")
    told = {models[0]: Measured(0.9, 500), models[1]: Measured(0.5, 500)}
    fine = replace(request("openclip121"), regime="fine_tuning")
    plain, moved = (recommend_published(replace(fine, measured=own)) for own in ({}, told))
    first, second = (answer.frame.set_index("model")["expected_accuracy"].sort_index() for answer in (plain, moved))
    pd.testing.assert_series_equal(first, second)
    assert plain.regime == moved.regime == "fine_tuning" and moved.frame["measured_accuracy"].notna().sum() == 2
    assert "has none of fine-tuning" in " ".join(moved.notes)


def test_the_regime_picks_the_rows_and_zero_shot_is_asked_for():
    assert [ask("mieb").regime, ask("hf180").regime, ask("openclip121").regime] == [
        *("low_data", "fine_tuning", "zero_shot")
    ]
    answer = recommend(IMAGES.images, [0, 0, 1, 1], zoo="mieb", regime="zero_shot")
    assert len(answer) == 42 and "zero-shot classification" in " ".join(answer.notes)
    with pytest.raises(ConfigError, match="choose one of low_data, fine_tuning; zero_shot is known of records only"):
        recommend(IMAGES.images, [0, 0, 1, 1], regime="zero_shot")


def test_anybodys_records_are_a_zoo(tmp_path):
    zoo = read_published(FOLDER / "openclip.json")
    rows = [
        (model, dataset, "fine_tuning_mine", "top-1", value)
        for dataset, row in zip(zoo.datasets[:12], zoo.accuracy, strict=False)
        for model, value in zip(zoo.models[:9], row, strict=False)
    ]
    path = tmp_path / "mine.csv"
    pd.DataFrame(rows, columns=["model", "dataset", "regime", "metric", "value"]).to_csv(path, index=False)
    answer = recommend(IMAGES.images, [0, 0, 1, 1], zoo=path, n=3, measured={zoo.models[1]: 0.5})
    assert (len(answer), answer.regime) == (9, "fine_tuning") and len(answer.ranking.following["models"]) == 3
    assert json.loads(answer.to_json())["measure_next"] == answer.ranking.following["models"]
    assert answer.frame.set_index("model").loc[zoo.models[1], "expected_accuracy"] == pytest.approx(0.5)


def test_the_rule_is_the_one_that_agrees_best_with_data_sets_left_out():
    zoo = read_published(FOLDER / "openclip.json")
    groups = like_groups(zoo.datasets, read_dataset_cards(FOLDER / PLACE))
    found = judge_rules(zoo, groups)
    by_hand = []
    for place, row in enumerate(zoo.accuracy):
        scores = mean_ranks(zoo, groups != groups[place])
        both = np.isfinite(scores) & np.isfinite(row)
        by_hand.append(weightedtau(row[both], scores[both], rank=None).statistic)
    assert found["mean rank on its data sets"] == pytest.approx(np.mean(by_hand))
    assert list(found.values()) == sorted(found.values(), reverse=True) and set(found) <= set(RULES)


def test_limits_hold_for_published_models_on_a_named_device():
    free, tight = ask("timm"), ask("timm", device="i9-10940X", max_latency="20ms", max_params="30M")
    board = tight.leaderboard(all_models=True)
    assert board["latency_high_ms"].max() <= 20 and board["parameters"].max() <= 30e6
    assert board["rank"].tolist() == list(range(1, len(board) + 1)) and board["tied_with_best"].iloc[0]
    assert set(board["latency_basis"]) <= {"table", "estimated"} and "table" in set(board["latency_basis"])
    assert len(tight.rejected) + len(board) == len(free)
    assert any(step["limit"] == "max_latency" and step["gain"] > 0 for step in tight.relief)
    assert any("models break 20 ms" in line for line in tight.remarks())
    assert board.loc[board["on_pareto"], "imagenet_accuracy"].max() == board["imagenet_accuracy"].max()


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
        ("best other data set (hindsight)", "hindsight", 0.9, -0.2, -0.3, -0.1),
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
    asked = Request(IMAGES, "low_data", config, limits=read_limits(max_params="200M"), zoo="openclip121")
    answer = recommend_published(asked)
    frame = answer.frame
    assert frame["score"].is_monotonic_decreasing and frame["parameters"].max() <= 200e6
    groups = like_groups(read_published(path).datasets, read_dataset_cards(FOLDER / PLACE))
    rule = next(iter(judge_rules(read_published(path), groups)))
    assert set(frame["why"]) == ({RANKER} if trial.won else {rule})
    assert str(trial) in " ".join(answer.notes) and f"{gain_low:+.3f}" in str(trial)
    if trial.won:
        zoo = read_published(path)
        scores = ranker_scores(zoo, path.parent, "openclip", IMAGES)
        assert frame["score"][0] == pytest.approx(scores[zoo.models.index(frame["model"][0])])
    assert read_trial(path.parent, "timm") is None and read_trial(tmp_path / "no" / "no", "openclip") is None


def test_a_table_too_small_to_compare_rules_is_answered(tmp_path, digits):
    rows = [f"m{m},d{d},low_data,top-1,{0.3 + 0.1 * m + 0.05 * d:.2f}" for m in range(3) for d in range(3)]
    (tmp_path / "t.csv").write_text("\n".join(["model,dataset,regime,metric,value", *rows]))
    found = recommend(*digits, regime="low_data", zoo=tmp_path / "t.csv")
    assert found.best == "m2" and any("3 models and 3 data sets are too few" in note for note in found.notes)
    assert len(recommend(*digits, regime="low_data", zoo=tmp_path / "t.csv", measured={"m0": 0.4})) == 3


def test_measured_models_behind_those_shown_are_named_and_nothing_unscored_is_ranked():
    plain = ask("hf180", count=3)
    last = str(plain.frame["model"].iloc[-1])
    moved = plain.measured({last: "0.01/400"})
    assert len(moved) == len(plain) and moved.frame["model"].iloc[-1] == last
    assert any(
        line.startswith(f"Measured, and behind the models shown: {last} 0.01 (rank ") for line in moved.remarks()
    )
    following = moved.ranking.following
    if following["rule"] == HEAD:
        assert following["models"] == [name for name in moved.frame["model"] if name != last][:3]


def test_timm_can_be_drawn_and_places_measured_models():
    answer = ask("timm", count=3, max_params="5M")
    assert answer.plot().get_xlabel() == "imagenet accuracy"
    first, second, third = answer.frame["model"].head(3)
    moved = answer.measured({first: 0.5, third: 0.6})
    assert moved.frame["model"].head(3).tolist() == [third, second, first]
    with pytest.raises(
        ConfigError, match="no model 'rexnet_100.nav_in1k' was ranked; did you mean rexnet_100.nav_in1k@"
    ):
        answer.explain("rexnet_100.nav_in1k")


def test_a_rule_that_agrees_with_nothing_does_not_agree_best():
    zoo = read_published(FOLDER / "openclip.json")
    _, _, (why, _) = choose_order(zoo, {"mean rank on its data sets": -0.2}, Path("nowhere/mine.json"), IMAGES)
    assert "no static rule agrees" in why and "best" not in why
