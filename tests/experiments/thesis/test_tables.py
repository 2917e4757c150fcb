import re

import pandas as pd

from experiments.thesis.results import Results
from experiments.thesis.tables import HEADLINE, choice_table, headline_table, passes_table, write_tables, zoo_families
from ptmrec.config.sections import PathsConfig


def test_every_table_names_its_origin_and_has_its_label(config, run, cards, tmp_path):
    written = write_tables(Results(config.get(PathsConfig)), cards, tmp_path)
    assert len(written) == 11
    for path in written:
        text = path.read_text()
        assert re.match(r"% results/\w+\.(csv|json): notebook toy, run \S+, code \w+", text)
        assert rf"\label{{tab:{path.stem}}}" in text


def test_the_headline_has_a_dash_where_nothing_can_be_ranked(run):
    summary = pd.read_csv(run.results / "quadrants_summary.csv")
    table = headline_table(summary).set_index(["regime", "method"])
    assert len(table) == 2 * len(HEADLINE)
    row = summary.set_index(["group", "regime", "method"]).loc[("known models, blind data", "low_data", "LogME")]
    shown = f"{row.tau_w:.2f} [{row.tau_w_low:.2f}, {row.tau_w_high:.2f}]"
    assert table.loc[("low data", "LogME"), "blind data"] == shown
    assert table.loc[("low data", "mean rank"), "blind families"] == "--"


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
    assert row.tolist() == ["1.0 [0.5, 2.0]", "+1.0 [-1.0, +2.0]", "0"]
    assert table.loc[("fine-tuning", "Fusion"), "broken"] == "50"
    assert table.loc[("low data", "filter: Cross-Select"), "more than filtering"] == "--"
    marked = choice_table(summary.assign(committed=summary["method"] == "Fusion"))
    assert {name for name in marked["method"] if name.endswith("*")} == {"Fusion*"}
