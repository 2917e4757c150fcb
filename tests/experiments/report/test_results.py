import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from damages import damage_json, damage_table

from experiments.report import results
from experiments.report.readme import REGIONS
from experiments.report.records import Record, Table, read_lines, read_record
from ptmrec.core.errors import ArtifactError

CONSTANTS = Path(__file__).resolve().parents[3] / "constants"


@pytest.fixture
def folder(tmp_path):
    """Committed results to change, beside the cards they are about."""
    for name in ("zoo", "real"):
        (tmp_path / name).symlink_to(CONSTANTS / name)
    return Path(shutil.copytree(CONSTANTS / "results", tmp_path / "results"))


def change(folder, name, edit):
    path = folder / name
    frame = pd.read_csv(path)
    changed = edit(frame)
    (frame if changed is None else changed).to_csv(path, index=False)


def on_blind(frame, method, regime="low_data"):
    return (frame["group"] == results.BLIND_DATA) & (frame["method"] == method) & (frame["regime"] == regime)


def test_the_first_table_has_ours_and_three_rows(folder):
    table, words = results.headline(folder).split("\n\n")
    rows = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert [row.split(":")[0] for row in rows] == ["**ours**", "mean rank", "LogME", "ridge, features, four draws"]
    assert len(re.findall(r"[+-]\d\.\d\d \[[+-]\d\.\d\d, [+-]\d\.\d\d\]", table)) == 6
    frame = pd.read_csv(folder / "quadrants_summary.csv")
    for regime in ("low_data", "fine_tuning"):
        assert f"{frame.loc[on_blind(frame, 'mean rank', regime), 'tau_w'].item():.2f} in" in words


def test_sentences_that_compare_follow_the_intervals(folder):
    def decide(method, low, high):
        def edit(frame):
            frame.loc[frame["method"] == method, ["gain_low", "gain_high"]] = [low, high]

        change(folder, "quadrants_summary.csv", edit)

    for method in ("mean rank", "ridge, features, four draws"):
        decide(method, 0.01, 0.02)
    decide("LogME", -0.02, -0.01)
    words = results.headline(folder).split("\n\n")[1]
    assert "no difference: here none does. Ours is worse than LogME (low data) and LogME (fine-tuning)." in words
    decide("LogME", -0.02, 0.0)
    words = results.headline(folder).split("\n\n")[1]
    assert "no difference: here LogME (low data) and LogME (fine-tuning)." in words and "worse" not in words


def test_a_row_that_no_run_has_made_is_left_out(folder):
    change(folder, "quadrants_summary.csv", lambda f: f[f["method"] != "ridge, features, four draws"])
    assert "ridge, features" not in results.headline(folder)


def test_the_strongest_estimator_is_found_by_its_number(folder):
    assert "H-score in fine-tuning" in results.strongest(folder)
    change(folder, "quadrants_summary.csv", lambda f: f.loc.__setitem__((on_blind(f, "PARC"), "tau_w"), 0.99))
    assert "PARC in low data (0.99;" in results.strongest(folder)


def test_the_zoo_is_what_its_cards_and_facts_say(folder):
    facts = json.loads((folder / "zoo.json").read_text())
    (folder / "zoo.json").write_text(json.dumps(facts | {"models": 4321, "blind_data_sets": 3}))
    assert "Its zoo holds 4321 networks" in results.networks(folder)
    assert "at 32 pixels, and 3 real ones of 4.7 to 6.1 million weights at 128 pixels." in results.networks(folder)
    assert "4321 models" in results.zoo(folder) and "25 known and 3 blind" in results.zoo(folder)


def test_better_and_worse_on_published_benchmarks_are_counted(folder):
    def edit(frame):
        frame[["gain_low", "gain_high"]] = [0.01, 0.02]

    assert "2 of 14 goals are met." in results.published(folder)
    change(folder, "published_summary.csv", edit)
    less = 3  # rows of regret and of errors, of which less is better
    words = f"better than the best rule in {14 - less} rows and worse in {less}; 0 show no difference."
    assert results.published(folder).endswith(words)
    change(folder, "published_summary.csv", lambda f: f.drop(f.index[f["method"] == "ours"][1:]))
    assert "of 1 goals" in results.published(folder)


def test_rows_that_a_run_did_not_make_anew_are_marked(folder):
    name = "hardware_choice_summary.csv"
    change(folder, name, lambda frame: frame.assign(committed=False))
    assert "(committed)" not in results.hardware(folder)
    change(folder, name, lambda frame: frame.assign(committed=frame["method"] == "Fusion"))
    assert re.findall(r"\| (.+) \(committed\)", results.hardware(folder)) == ["Fusion"]


def test_points_lost_by_the_number_of_passes_are_paired(folder):
    name = "passes_summary.csv"
    change(folder, name, lambda f: f.assign(regret1=f["k"] / 2, regret1_low=0.25, regret1_high=9))
    lines = results.passes(folder).splitlines()
    assert lines[2] == f"| low data, Cross-Select | {' | '.join(f'{k / 2:.1f} [0.2, 9.0]' for k in (0, 1, 3, 8, 16))} |"
    assert len(lines) == 8 and lines[4].startswith("| low data, mean rank minus ours, paired | ")
    change(folder, name, lambda f: f.assign(k="three"))
    with pytest.raises(ArtifactError, match="passes_summary.csv: row 1: column 'k' is 'three', no number"):
        results.passes(folder)


@pytest.mark.parametrize(
    ("region", "name", "field"),
    [
        *[("networks", "zoo.json", "parameters_max"), ("zoo", "zoo.json", "ceiling_tau_w")],
        *[("headline", "quadrants_summary.csv", "gain_low"), ("quadrants", "quadrants_summary.csv", "tau_w")],
        *[("strongest", "quadrants_summary.csv", "gain"), ("split", "summary.csv", "tau_w_high")],
        *[("passes", "passes_summary.csv", "more_low"), ("hardware", "hardware_choice_summary.csv", "regret")],
        *[
            ("coverage", "coverage_summary.csv", "worst"),
            ("published", "published_summary.csv", "gain"),
        ],
    ],
)
def test_damage_is_one_line_that_names_file_and_field(folder, region, name, field):
    path, make = folder / name, getattr(results, region)
    whole = path.read_text()

    def refused(*words):
        with pytest.raises(ArtifactError) as caught:
            make(folder)
        message = str(caught.value)
        assert len(message.splitlines()) == 1
        assert all(word in message for word in (str(path), *words)), message

    if path.suffix == ".json":
        facts = json.loads(whole)
        for values in ({key: value for key, value in facts.items() if key != field}, facts | {field: "many"}):
            path.write_text(json.dumps(values))
            refused(field)
    else:
        for edit in (lambda f: f.drop(columns=field), lambda f: f.__setitem__(field, "many")):
            path.write_text(whole)
            change(folder, name, edit)
            refused(f"column {field!r}")
    path.write_text(whole[: len(whole.splitlines()[0]) + 30])
    refused()
    path.unlink()
    refused("not found")


def test_a_folder_without_cards_is_one_line(folder):
    (folder.parent / "real").unlink()
    with pytest.raises(ArtifactError, match="real/config.json: file not found"):
        results.networks(folder)


def test_an_answer_stands_in_a_block(folder):
    assert results.demo(folder) == f"```\n{(folder / 'demo.txt').read_text().rstrip()}\n```"


def refused(tmp_path, ask, *words):
    with pytest.raises(ArtifactError) as caught:
        ask()
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and message.startswith(str(tmp_path))
    for word in words:
        assert word in message, message


def test_fields_of_json_are_checked_when_they_are_asked_for(tmp_path):
    path = tmp_path / "facts.json"
    path.write_text('{"models": 3, "low": null, "name": "x", "met": true, "span": [1, 2], "part": {"mean": 0.5}}')
    facts = read_record(path)
    assert (facts.number("models"), facts.text("name"), facts.flag("met")) == (3, "x", True)
    assert facts.numbers("span", 2) == [1, 2] and facts.part("part").number("mean") == 0.5
    assert "low" in facts and "high" not in facts and facts.to_dict()["models"] == 3
    refused(tmp_path, lambda: facts.number("weights"), "no field 'weights'")
    refused(tmp_path, lambda: facts.number("low"), "field 'low' is empty, no number")
    refused(tmp_path, lambda: facts.number("met"), "field 'met' is True, no number")
    refused(tmp_path, lambda: facts.text("models"), "field 'models' is 3, no text")
    refused(tmp_path, lambda: facts.flag("models"), "field 'models' is 3, not true or false")
    refused(tmp_path, lambda: facts.numbers("span", 3), "field 'span' is no list of 3 numbers")
    refused(tmp_path, lambda: facts.rows("span"), "span, row 1: is 1, no object")
    refused(tmp_path, lambda: facts.rows("part"), "field 'part' is an object of 1, expected a list with rows")
    refused(tmp_path, lambda: facts.part("part").number("least"), "part: no field 'least'")
    refused(tmp_path, lambda: Record(tmp_path, {"a": float("inf")}).number("a"), "field 'a' is inf, no number")


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": NaN}'])
def test_what_is_no_object_is_one_line(tmp_path, text):
    (tmp_path / "facts.json").write_text(text)
    refused(tmp_path, lambda: read_record(tmp_path / "facts.json"), "facts.json")


def test_columns_and_rows_of_a_table_are_checked(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("method,regime,tau_w,gain\nridge,low,0.5,\nridge,high,0.25,0.5\nLogME,low,0.5,0.5\nLogME,low,1,1\n")
    table = Table(path, ("method", "regime"), ("tau_w", "gain"))
    assert table.row(method="ridge", regime="high").number("tau_w") == 0.25
    named = "row of method 'ridge', regime 'low': field 'gain' is empty, no number"
    refused(tmp_path, lambda: table.row(method="ridge", regime="low").number("gain"), named)
    refused(tmp_path, lambda: table.row(method="H-score"), "no row of method 'H-score'")
    refused(tmp_path, lambda: table.row(method="LogME"), "two rows of method 'LogME'")
    refused(tmp_path, lambda: Table(path, ("group",)), "no column 'group'")
    for text, words in (
        ("method,tau_w\nridge,0.5\nLogME,0.x\n", "row 2: column 'tau_w' is '0.x', no number"),
        ("method,tau_w\nridge,inf\n", "row 1: column 'tau_w' is inf, no number"),
        ("method,tau_w\n,0.5\n", "row 1: column 'method' is empty, no text"),
        ("method,tau_w\n", "holds no rows"),
        ("", "not readable as a table"),
        ("a,b\n1,2\n1,2,3\n", "not readable as a table"),
    ):
        path.write_text(text)
        refused(tmp_path, lambda: Table(path, ("method",), ("tau_w",)), words)
    refused(tmp_path, lambda: Table(tmp_path / "gone.csv", ()), "gone.csv: file not found")


def test_text_without_its_last_blanks(tmp_path):
    path = tmp_path / "demo.txt"
    path.write_text("rank model\n1 a \n\n")
    assert read_lines(path) == "rank model\n1 a"
    path.write_bytes(b"\xff\xfe")
    refused(tmp_path, lambda: read_lines(path), "not UTF-8")
    path.write_text(" \n")
    refused(tmp_path, lambda: read_lines(path), "empty")
    refused(tmp_path, lambda: read_lines(tmp_path / "gone.txt"), "file not found")


DAMAGED = {
    **{"quadrants_summary.csv": ("headline", "strongest"), "passes_summary.csv": ("passes",)},
    **{"coverage_summary.csv": ("coverage",), "published_summary.csv": ("published",)},
    **{"records_intervals.csv": ("measured_records",), "hardware_choice_summary.csv": ("hardware",)},
    **{
        "summary.csv": ("results",),
        "planted_robustness.csv": ("torture",),
        "mutations.csv": ("mutations",),
        "zoo.json": ("zoo", "networks"),
    },
    **{"bench.json": ("bench", "missed"), "profile.json": ("profile",), "times.json": ("times",)},
}
"""Files of results and the regions that are made of them."""


@pytest.mark.parametrize("name", DAMAGED)
def test_whatever_is_wrong_with_a_result_is_one_line_that_names_its_file(folder, name):
    path = folder / name
    whole, refused = path.read_bytes(), 0
    damages = damage_table(whole) if path.suffix == ".csv" else damage_json(whole, 15)
    for place, (kind, field, content) in enumerate(damages):
        if field and place % 4:
            continue
        path.unlink() if content is None else path.write_bytes(content)
        for region in DAMAGED[name]:
            try:
                REGIONS[region](folder)
            except ArtifactError as error:
                refused += 1
                assert name in str(error) and len(str(error).splitlines()) == 1, (kind, field, error)
    path.write_bytes(whole)
    assert refused > 5
