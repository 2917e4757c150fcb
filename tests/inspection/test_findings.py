import json

import pytest

from ptmrec.inspection.findings import Finding, close_report

OK = Finding("a", "ok", "fine", "it matters")
ADVICE = Finding("b", "advice", "so so", "it helps", "do this")
FAULT = Finding("c", "fault", "broken", "it hurts", "mend that")


def test_a_report_ends_in_advice_about_its_first_fault():
    report = close_report("model", "toy", [OK, ADVICE, FAULT], {"loss": float("nan"), 1: (2.0,)})
    assert (report.status, report.found("c"), report.found("b")) == (1, True, False)
    assert report.findings[-1].do == "mend that" and report.findings[-1].why == "it hurts"
    data = json.loads(report.to_json())
    assert data["facts"] == {"loss": "nan", "1": [2.0]}
    assert (data["schema"], data["faults"], len(data["findings"])) == (1, 1, 4)
    assert "FAULT   broken" in report.lines()


def test_without_a_fault_the_status_is_0_and_there_is_advice():
    assert close_report("data", "x", [OK], {}).status == 0
    assert close_report("data", "x", [OK], {}).findings[-1].do == "go on with this data"
    assert close_report("data", "x", [OK, ADVICE], {}).findings[-1].do == "do this"


def test_a_severity_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="not one of ok, advice, fault"):
        Finding("a", "bad", "x", "y")
