import re

import numpy as np
import pandas as pd
import pytest

from experiments.evaluation.published.goals import GOALS, against_goals
from experiments.evaluation.statistics import mean_interval
from experiments.outputs import Origin, origin_path
from experiments.thesis.macros import Macros, camel, number, plain
from experiments.thesis.numbers import make_macros
from experiments.thesis.published import BENCHMARKS, METRICS, add_published, published_table
from experiments.thesis.results import RESULTS, Results, check_agreement
from experiments.thesis.scale import LINES, MEGABYTES, add_scale, costs
from experiments.thesis.settings import image_sets_table, settings_table, write_settings
from experiments.thesis.tables import (
    CEILING,
    choice_table,
    headline_rows,
    headline_table,
    passes_table,
    write_tables,
    zoo_families,
)
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, RelationConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json, write_json
from ptmrec.extractors.explanation import probe_images


@pytest.fixture
def texts(config, run):
    return make_macros(config, Results(config.get(PathsConfig))).texts


def interval(mean, low, high, decimals=2, signed=False):
    shown = [number(value, decimals, signed) for value in (mean, low, high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]"


def test_the_quadrants_are_what_the_summary_says(texts, run):
    rows = pd.read_csv(run.results / "quadrants_summary.csv").set_index(["group", "regime", "method"])
    ours = rows.loc[("blind families, known data", "low_data", "Cross-Select")]
    assert texts["TauBlindFamilies"] == interval(ours.tau_w, ours.tau_w_low, ours.tau_w_high)
    other = rows.loc[("known models, blind data", "fine_tuning", "mean rank")]
    gain = interval(other.gain, other.gain_low, other.gain_high, signed=True)
    assert texts["GainBlindDataMeanRankFineTuning"] == gain
    assert texts["TauBlindDataMeanRankFineTuningOnly"] == number(other.tau_w)
    assert texts["TargetsBlindData"] == number(28, 0)


def test_the_fixed_split_has_names_of_its_own(texts, run):
    rows = pd.read_csv(run.results / "summary.csv").set_index(["group", "regime", "method"])
    ours = rows.loc[("blind data", "low_data", "Cross-Select")]
    assert texts["TauSplitBlindData"] == interval(ours.tau_w, ours.tau_w_low, ours.tau_w_high)


def test_losses_after_passes_are_means_over_targets(texts, run):
    frame = pd.read_csv(run.results / "passes.csv")
    part = frame[(frame["regime"] == "low_data") & (frame["method"] == "Cross-Select") & (frame["k"] == 3)]
    found = mean_interval(part["regret1"].to_numpy())
    assert texts["LostAfterThree"] == interval(found.mean, found.low, found.high, 1)
    assert "LostMeanRankFineTuningAfterEight" in texts


def test_changes_coverage_zoo_and_settings(texts):
    assert texts["ChangeKnownDataSetsFour"].startswith(r"\num{")
    assert texts["CoverageLeftOutDataEightyOnly"] == number(80, 0)
    assert texts["HalfMissedLeftOutDataEighty"] == number(1, 0)
    assert texts["AwayBlindDataOnly"] == number(-5, 1, signed=True)
    assert texts["HardLogME"] == number(1)
    assert texts["NumModels"] == number(207, 0)
    assert texts["SetReferences"] == number(8, 0)
    assert texts["LevelNarrow"] == number(80, 0) and texts["LevelWide"] == number(95, 0)
    assert texts["RealModelsMeasuredOnly"] == number(80, 0)
    assert texts["HubModelsFirst"] == number(2097, 0)


def test_a_changed_result_changes_its_number_and_no_other(config, run, texts):
    path = run.results / "quadrants_summary.csv"
    frame = pd.read_csv(path)
    row = (frame["group"] == "blind families, known data") & (frame["regime"] == "low_data")
    frame.loc[row & (frame["method"] == "Cross-Select"), "tau_w"] = -0.03
    frame.to_csv(path, index=False)
    after = make_macros(config, Results(config.get(PathsConfig))).texts
    assert {name for name in texts if texts[name] != after[name]} == {"TauBlindFamilies", "TauBlindFamiliesOnly"}
    assert after["TauBlindFamiliesOnly"] == r"\num{-0.03}"


def test_what_is_lost_under_limits_and_how_wrong_estimates_are(texts, run):
    rows = pd.read_csv(run.results / "hardware_choice_summary.csv").set_index(["regime", "method"])
    row = rows.loc[("fine_tuning", "largest that fits")]
    lost = interval(100 * row.regret, 100 * row.regret_low, 100 * row.regret_high, 1)
    assert texts["LimitLostLargestThatFitsFineTuning"] == lost
    fusion = rows.loc[("low_data", "Fusion")]
    assert texts["LimitBrokenFusion"] == number(100 * fusion.violations, 0) and texts["LimitBroken"] == number(0, 0)
    latency = pd.read_csv(run.results / "latency_estimates.csv")
    held = latency[(latency["finding"] == "families held out") & (latency["device"] == "i9-10940X")]
    assert texts["LatencyErrorOperations"] == number(100 * held["median_error"].iloc[0], 0)
    assert "LatencyErrorMeasuredFifty" in texts and texts["OneGmacLow"] == number(4.568, 1)


def test_rows_are_taken_by_name_whatever_their_order(config, run, texts):
    for path in run.results.glob("*.csv"):
        pd.read_csv(path).sample(frac=1, random_state=0).to_csv(path, index=False)
    assert make_macros(config, Results(config.get(PathsConfig))).texts == texts


def test_names_are_letters_only():
    assert camel("k-NN, features") == "KNNFeatures"
    assert camel("images: 1 per class") == "ImagesOnePerClass"
    with pytest.raises(KeyError):
        camel("draw", 9999)


def test_numbers_are_rounded_and_signed():
    assert number(0.685) == r"\num{0.69}" or number(0.685) == r"\num{0.68}"
    assert number(1234.5, 0) == r"\num{1234}"
    assert number(0.1, 2, signed=True) == r"\num{+0.10}"
    with pytest.raises(ArtifactError, match="no number"):
        number(float("nan"))


def test_an_interval_is_two_macros():
    macros = Macros()
    row = pd.Series({"tau_w": 0.5, "tau_w_low": 0.25, "tau_w_high": 0.75})
    macros.row("TauBlindFamilies", row, "tau_w", "results/summary.csv: notebook 04")
    assert macros.texts == {
        "TauBlindFamilies": r"\num{0.50} [\num{0.25}, \num{0.75}]",
        "TauBlindFamiliesOnly": r"\num{0.50}",
    }
    assert macros.latex().splitlines() == [
        "% results/summary.csv: notebook 04",
        r"\newcommand{\TauBlindFamilies}{\num{0.50} [\num{0.25}, \num{0.75}]}",
        r"\newcommand{\TauBlindFamiliesOnly}{\num{0.50}}",
    ]


@pytest.mark.parametrize("name", ["Tau3", "Tau_x"])
def test_a_name_latex_cannot_read_is_refused(name):
    with pytest.raises(ArtifactError, match="letters"):
        Macros().add(name, "1", "here")


def test_a_name_is_given_once():
    macros = Macros()
    macros.add("Tau", "1", "here")
    with pytest.raises(ArtifactError, match="twice"):
        macros.add("Tau", "2", "there")


def test_plain_text_of_a_sentence():
    macros = {"Tau": r"\num{0.50} [\num{0.25}, \num{0.75}]", "Level": r"\num{95}"}
    text = r"On \emph{blind} data \tauw{} is \Tau{}~\citep{a}, at \Level\,\% (Figure~\ref{fig:x})."
    assert plain(text, macros) == "On blind data tau_w is 0.50 [0.25, 0.75] [a], at 95% (Figure [fig:x])."


@pytest.fixture
def summary(run):
    return pd.read_csv(run.results / "published_summary.csv")


def test_each_goal_has_its_numbers(config, run, summary):
    macros = Macros()
    add_published(macros, Results(config.get(PathsConfig)))
    row = against_goals(summary).set_index(["benchmark", "protocol", "metric"]).loc[("openclip", "blind data", "tau_w")]
    name = "PublishedOpenCLIPBlindDataTauW"
    assert macros.texts[f"{name}Only"] == number(row["value"])
    assert macros.texts[f"{name}Rule"] == number(row["rule_value"])
    assert macros.texts[f"{name}GainOnly"] == number(row["gain"], signed=True)
    assert macros.texts[f"{name}Ceiling"] == number(row["ceiling"])
    assert macros.texts["PublishedGoals"] == number(len(GOALS), 0)
    assert "published_summary.csv" in macros.origins[name]


def test_the_table_has_a_row_per_goal_in_blocks(summary):
    table = published_table(summary)
    assert len(table) == len(GOALS)
    assert set(table["benchmark"]) == set(BENCHMARKS.values())
    row = table[(table["benchmark"] == "LOVM") & table["held out"].str.endswith(METRICS["mae"])].iloc[0]
    expected = against_goals(summary).set_index("metric").loc["mae"]
    assert row["ours"] == f"{expected.value:.2f} [{expected.low:.2f}, {expected.high:.2f}]"
    assert row["goal"] == "0.12"


def test_a_whole_run_is_read(config, run):
    results = Results(config.get(PathsConfig), ["passes", "quadrants"])
    assert set(results.table("summary")["group"]) == {"known data, left out", "blind data"}
    assert results.facts("zoo").number("families") == 9
    assert results.alternatives() == {name: f"A page for {name}." for name in ("passes", "quadrants")}
    assert "notebook toy, run" in results.origin("summary.csv")


@pytest.mark.parametrize("name", RESULTS)
def test_a_missing_result_is_named(config, run, name):
    (run.results / name).unlink()
    with pytest.raises(ArtifactError, match=f"results/{name}.*make reproduce"):
        Results(config.get(PathsConfig))


def test_a_missing_figure_is_named(config, run):
    with pytest.raises(ArtifactError, match="figures/nowhere"):
        Results(config.get(PathsConfig), ["passes", "nowhere"])


@pytest.mark.parametrize("key", ["code_version", "config"])
def test_a_stale_result_is_named(config, run, key):
    path = origin_path(config.get(PathsConfig), "results/passes.csv")
    write_json(path, read_json(path) | {key: "0123"})
    with pytest.raises(ArtifactError, match=r"stale: results/passes\.csv \([^)]*0123") as found:
        Results(config.get(PathsConfig))
    assert "summary" not in str(found.value)


def test_results_that_agree_pass():
    assert check_agreement({"a": Origin("01", "x", "c", "d"), "b": Origin("02", "y", "c", "d")}) is None


def test_an_emptied_table_is_named(config, run):
    (run.results / "passes.csv").write_text("")
    with pytest.raises(ArtifactError, match=r"passes\.csv"):
        Results(config.get(PathsConfig)).table("passes")


FACTS = {"pass_seconds": 0.1, "weights_seconds": 2.0, "bytes_per_model": 5000, "images": 100}


def test_costs_are_proportions_of_what_was_measured():
    found = {name: value for name, (value, _) in costs(FACTS, {"two stages": 1, "full scoring": 90}, 36).items()}
    assert found["ResponsesHours"] == pytest.approx(1_000_000 * 36 * 0.1 / 3600)
    assert found["WeightsHours"] == pytest.approx(1_000_000 * MEGABYTES / 1000 * 2 / 3600)
    assert found["Dollars"] == pytest.approx((found["WeightsHours"] + found["ResponsesHours"]) * 0.05)
    assert found["Gigabytes"] == pytest.approx(5)
    assert found["PassesHours"] == pytest.approx(1_000_000 * 100 * 0.1 / 3600)


def test_slopes_are_those_of_the_committed_points():
    macros, config = Macros(), ConfigParser()
    add_scale(macros, config)
    points = read_json(config.get(PathsConfig).bench)["growth"]
    for name, (over, what) in LINES.items():
        rows = [(p["count"], p["seconds"]) for p in points if (p["over"], p["what"]) == (over, what)]
        assert len(rows) >= 3
        assert macros.texts[f"Slope{name}"] == number(np.polyfit(*np.log(rows).T, 1)[0])
    assert macros.texts["ScaleTerabytes"] == number(MEGABYTES, 0)
    settings, paths = config.get(RelationConfig), config.get(PathsConfig)
    images = probe_images(settings, paths.battery, read_splits(paths.splits).known)
    assert macros.texts["ScaleProbes"] == number(len(images), 0)


def test_a_damaged_benchmark_is_one_line(tmp_path):
    write_json(tmp_path / "bench.json", {"growth": [{"over": "models"}], "facts": {}})
    config = ConfigParser(overrides={"paths.bench": str(tmp_path / "bench.json")})
    with pytest.raises(ArtifactError, match=r"bench\.json"):
        add_scale(Macros(), config)


def test_every_table_names_its_origin_and_has_its_label(config, run, cards, tmp_path):
    written = write_tables(Results(config.get(PathsConfig)), cards, tmp_path)
    assert len(written) == 12
    for path in written:
        text = path.read_text()
        assert re.match(r"% results/\w+\.(csv|json): notebook toy, run \S+, code \w+", text)
        assert rf"\label{{tab:{path.stem}}}" in text


def test_the_headline_has_a_dash_where_nothing_can_be_ranked(run):
    summary = pd.read_csv(run.results / "quadrants_summary.csv")
    table = headline_table(summary).set_index(["regime", "method"])
    row = summary.set_index(["group", "regime", "method"]).loc[("known models, blind data", "low_data", "LogME")]
    assert table.loc[("low data", "LogME"), "data"] == f"{row.tau_w:.2f}"
    shown = f"{row.gain:+.2f} [{row.gain_low:+.2f}, {row.gain_high:+.2f}]"
    assert table.loc[("low data", "LogME"), "ours minus this"] == shown
    assert table.loc[("low data", "mean rank"), "families"] == "--"
    assert float(table.loc[("low data", CEILING), "nothing"]) > 0.9


@pytest.mark.parametrize("regime", ["low_data", "fine_tuning"])
def test_the_headline_has_the_best_with_passes_and_each_columns_best_in_bold(run, regime):
    summary = pd.read_csv(run.results / "quadrants_summary.csv")
    rows = headline_rows(summary, regime)
    part = summary[(summary["group"] == "known models, blind data") & (summary["regime"] == regime)]
    own = part[~part["method"].str.startswith(("Cross", "k-NN, d", "kernel", "learned", "mean", "par", "sou", "tra"))]
    assert own.sort_values("tau_w")["method"].iloc[-1] in rows
    table = headline_table(summary)
    table = table[table["regime"] == {"low_data": "low data", "fine_tuning": "fine-tuning"}[regime]]
    for head in ("nothing", "data", "families", "both"):
        assert table[head].str.contains("mathbf").sum() == 1
    best = part[part["method"].isin(rows)].sort_values("tau_w")["method"].iloc[-1]
    assert table.loc[table["data"].str.contains("mathbf"), "method"].tolist() == [best]


def test_image_sets_and_settings_are_those_of_the_run(config, tmp_path):
    sets = image_sets_table(config.get(PathsConfig).image_sets)
    assert len(sets) == 28 and sets.set_index("image set").loc["cifar10", "classes"] == 10
    shown = settings_table(config).set_index("setting")["values"]
    assert shown["fine-tuning: peak learning rates"] == "0.002, 0.008"
    assert [path.stem for path in write_settings(config, tmp_path)] == ["image_sets", "hyper_parameters"]


def test_families_are_counted(cards):
    table = zoo_families(cards).set_index("family")
    assert table["models"].sum() == len(cards)
    assert (table["smallest"] <= table["largest"]).all()


def test_points_lost_are_means_over_targets(run):
    frame = pd.read_csv(run.results / "passes.csv")
    part = frame[(frame["regime"] == "fine_tuning") & (frame["method"] == "mean rank") & (frame["k"] == 8)]
    table = passes_table(frame).set_index("")
    assert table.loc["fine-tuning, mean rank", "eight"] == f"{part['regret1'].mean():.1f}"


def test_what_is_lost_under_a_limit_is_in_points(run):
    summary = pd.read_csv(run.results / "hardware_choice_summary.csv")
    table = choice_table(summary).set_index(["regime", "method"])
    row = table.loc[("low data", "largest that fits")]
    found = summary.set_index(["regime", "method"]).loc[("low_data", "largest that fits")]
    lost = f"{100 * found.regret:.1f} [{100 * found.regret_low:.1f}, {100 * found.regret_high:.1f}]"
    assert row["points lost"] == lost and row["broken"] == "0"
    assert table.loc[("fine-tuning", "Fusion*"), "broken"] == "25"
    assert table.loc[("low data", "filter: Cross-Select"), "more than filtering"] == "--"
    marked = choice_table(summary.assign(committed=summary["method"] == "Fusion"))
    assert {name for name in marked["method"] if name.endswith("*")} == {"Fusion*"}
