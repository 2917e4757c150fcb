import json

import pytest
from cli_calls import call, modules_after

from ptmrec.hardware import measurement

pytestmark = pytest.mark.slow
BRIEF = [
    argument
    for setting in ("queries=30", "seconds=0", "batch_seconds=0.01", "reference_queries=1", "warm_up=1")
    for argument in ("--set", f"hardware.{setting}")
]


@pytest.fixture
def brief(tmp_path, monkeypatch):
    """Settings of a short measurement in an artifacts folder of its own, on a machine that is quiet."""
    monkeypatch.setattr(measurement, "fresh_process_memory", lambda snapshot, size: 2**20)
    monkeypatch.setattr(measurement, "wait_until_quiet", lambda share, patience: 0.0)
    return [*BRIEF, "--set", f"paths.artifacts={tmp_path}"]


def test_a_model_is_measured_kept_and_shown_again(brief, tmp_path):
    done = call("measure", "vgg-small-cifar10", *brief, "--save", "--format", "json", "-o", tmp_path / "here.csv")
    assert done.exit_code == 0, done.output
    (row,) = json.loads(done.stdout)
    assert row["model"] == "vgg-small-cifar10" and row["latency_high_ms"] >= row["latency_p90_ms"] > 0
    assert "basis: measured on this machine (" in done.stderr and "energy: " in done.stderr
    assert (tmp_path / "here.csv").read_text().startswith("model,infer_img_size,")
    again = call("measure", "vgg-small-cifar10", *brief, "--format", "json")
    assert json.loads(again.stdout) == [row], "kept, not measured again"
    assert json.loads(call("measure", "vgg-small-cifar10", *brief, "--again", "--format", "json").stdout) != [row]


def test_a_loaded_machine_is_said(brief, monkeypatch):
    monkeypatch.setattr(measurement, "wait_until_quiet", lambda share, patience: 0.9)
    done = call("measure", "vgg-small-cifar10", *brief)
    assert "the machine was loaded (90% busy)" in done.stdout and "measure --again" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 2, "Missing argument"),
        (["nobody"], 2, "no model 'nobody'"),
        (["vgg-small-cifar10", "--wait", "20"], 2, "time with its unit, such as"),
        (["vgg-small-cifar10", "-o", "here.txt"], 2, "give this ending"),
        (["vgg-small-cifar10", "--threads", "0"], 2, "--threads"),
    ],
)
def test_mistakes_are_answered_in_a_line(arguments, status, words):
    done = call("measure", *arguments)
    assert done.exit_code == status and words in done.stderr
    assert "Traceback" not in done.output


def test_help_is_light():
    assert modules_after("measure", "--help") == "[]"


def test_plan_names_the_devices_that_keep_a_limit():
    done = call("plan", "resnet50", "--max-latency", "20ms", "--format", "json")
    assert done.exit_code == 0, done.output
    rows = {row["device"]: row for row in json.loads(done.stdout)}
    assert rows["i9-10940X"]["keeps"] == "yes" and rows["i9-10940X"]["basis"].startswith("table (")
    assert rows["Raspberry Pi 4"]["keeps"] in ("no", "perhaps") and rows["T4"]["keeps"] == "unknown"
    assert "sure to keep 20ms: " in done.stderr and "weights alone" in done.stderr
    table = call("plan", "resnet50").stdout
    assert "not known" in table and "e+0" not in table
    table = call("plan", "vgg-small-cifar10")
    assert "nine in ten" in table.stdout and "0.2 MiB (counted)" in table.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "or --devices"),
        (["resnet50", "--devices"], "or --devices"),
        (["resnet50", "--max-latency", "20"], "max_latency '20': write a positive number with its unit"),
        (["nobody"], "no model 'nobody'"),
    ],
)
def test_plan_answers_mistakes_in_a_line(arguments, words):
    done = call("plan", *arguments)
    assert done.exit_code == 2 and words in done.stderr and "Traceback" not in done.output


def test_devices_are_listed_with_their_sources():
    rows = json.loads(call("plan", "--devices", "--format", "json").stdout)
    assert {"Raspberry Pi 5", "A100", "Samsung Galaxy S24"} <= {row["device"] for row in rows}
    assert all(row["source"] for row in rows)
