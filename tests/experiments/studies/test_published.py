import pandas as pd
import pytest
from cli_calls import call

from experiments.evaluation.published.protocols import COLUMNS
from experiments.evaluation.published.results import BENCHMARKS
from experiments.studies import published
from experiments.studies.published import (
    HEADLINES,
    compact,
    headlines,
    run_measuring,
    run_published,
    save_published,
    summarise_published,
)
from ptmrec.config.parser import ConfigParser
from ptmrec.evaluation.published import ranker


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(ranker, "TREES", 10)
    return ConfigParser(profile="smoke", overrides={"paths.artifacts": str(tmp_path), "evaluation.every": "2"})


def test_a_part_is_run_saved_and_summarised(config, tmp_path):
    frame = run_published(config)
    assert set(frame["benchmark"]) == {BENCHMARKS[0]}
    summary = summarise_published(config, frame)
    save_published(config, frame, summary)
    kept = pd.read_csv(tmp_path / "results" / "published_summary.csv")
    pd.testing.assert_frame_equal(kept, compact(summary))
    assert {"tau_w", "r5", "regret1"} <= set(kept["metric"]) and "tau_w_default" not in set(kept["metric"])
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "results" / "published.csv"), frame)
    best = headlines(summary)
    assert set(best["metric"]) == {"tau_w"}
    assert {"ours", "parameters", "LogME", "Model Spider (printed)"} <= set(best["method"])


def test_what_measuring_is_worth_is_summarised(config):
    intervals, choices = run_measuring(config)
    assert set(intervals["table"]) == {"parc_controlled", "pooled"} == set(choices["table"])
    assert {"half", "coverage", "error", "loss"} == set(intervals["metric"])


def test_whole_profiles_run_every_benchmark(config, monkeypatch):
    asked = []
    monkeypatch.setattr(published, "published_results", lambda folder, names: asked.append(names))
    run_published(ConfigParser(profile="default", overrides={"evaluation.every": "1"}))
    assert asked == [BENCHMARKS]
    assert set(HEADLINES) == set(BENCHMARKS)


def test_the_command_line_runs_the_suite(tmp_path, monkeypatch):
    rows = [("modelspider10", "blind data", "ours", "d", "tau_w", 0.5, "ours")]
    monkeypatch.setattr(published, "published_results", lambda folder, names: pd.DataFrame(rows, columns=COLUMNS))
    settings = ("--set", f"paths.artifacts={tmp_path}")
    shown = call("evaluate", "--suite", "published", "--format", "csv", *settings)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.splitlines()[0].startswith("benchmark,protocol,metric,method")
    assert (tmp_path / "results" / "published.csv").read_text().splitlines()[0] == ",".join(COLUMNS)
    refused = call("evaluate", "--suite", "published", "--crossed", *settings)
    assert refused.exit_code == 2
    assert "--crossed" in refused.stderr
