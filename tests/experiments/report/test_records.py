import pytest

from experiments.report.records import Record, Table, read_lines, read_record
from ptmrec.core.errors import ArtifactError


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
