import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from cli_calls import call
from conftest import write_images

from ptmrec.cli.recommend import _doubted, demo_text
from ptmrec.config.parser import ConfigParser

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def test_a_folder_that_begins_with_a_dash_is_checked_as_a_folder(tmp_path, monkeypatch):
    (tmp_path / "-pets").mkdir()
    monkeypatch.chdir(tmp_path)
    context = SimpleNamespace(params={"dataset": Path("-pets"), "labels": None})
    assert _doubted(context)[0].startswith("check: ptmrec inspect data ./-pets ")


def test_the_demo_answers_offline_and_says_what_to_do_next(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = call("recommend", "--demo", "--zoo", "real", "--format", "json")
    assert done.exit_code == 0
    data = json.loads(done.stdout)
    assert {row["source"] for row in data["results"]} == {f"timm:tf_efficientnet_lite{place}" for place in range(3)}
    assert {row["licence"] for row in data["results"]} == {"Apache-2.0"}
    assert len(data["nearest"]) == 3 and not data["notes"], "no ranker has learned from the demo"
    assert "next: ptmrec recommend --demo --zoo real --preset balanced" in done.stderr
    assert "trust it" in done.stderr


def test_verified_explained_and_written(tmp_path):
    page = tmp_path / "answer.html"
    options = ("--zoo", "real", "--preset", "balanced", "--explain", "efficientnet-lite0", "-o", page)
    done = call("recommend", "--demo", *options)
    assert done.exit_code == 0
    assert all(re.search(r"0\.\d\d \(0\.\d\d-0\.\d\d\)$", line.rstrip()) for line in done.stdout.splitlines()[1:])
    assert "why efficientnet-lite0: " in done.stderr and f"written: {page}" in done.stderr
    assert b"<table" in page.read_bytes()


def test_labels_of_a_flat_folder(tmp_path):
    folder = write_images(tmp_path / "flat", {"": 12})
    names = sorted(path.name for path in folder.iterdir())
    lines = [f"{name},{place % 2}" for place, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *lines]))
    done = call("recommend", folder, "--labels", tmp_path / "labels.csv", "--zoo", "real")
    assert done.exit_code == 0 and "12 of 12 images used, 2 classes" in done.stderr
    check = shlex.join(["ptmrec", "inspect", "data", str(folder), "--labels", str(tmp_path / "labels.csv")])
    assert "do not trust it" in done.stderr and f"check: {check} " in done.stderr, "what is doubted is looked into"
    (tmp_path / "labels.csv").write_text("file,label\nnowhere.png,cat\n")
    done = call("recommend", folder, "--labels", tmp_path / "labels.csv")
    assert done.exit_code == 4 and "nowhere.png" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["x", "--time-limit", "20"], 2, "time with its unit, such as"),
        (["x", "--preset", "slow"], 2, "is not one of"),
        ([], 2, "or --demo"),
        (["x", "--demo"], 2, "or --demo"),
        (["nowhere"], 4, "no such folder"),
        (["x", "--measure", "some"], 2, "is not one of"),
        (["x", "--max-latency", "20"], 2, "max_latency '20': write a positive number with its unit"),
        (["x", "--device", "T4", "--measure", "top"], 2, "not on T4"),
        (["--demo", "--zoo", "timm", "--device", "toaster"], 2, "no device 'toaster' is known"),
        (["--demo", "--zoo", "timm", "--measure", "top"], 2, "no weights"),
        ([""], 2, "an empty path"),
        (["--demo", "--zoo", ""], 2, "an empty path"),
        (["--demo", "--labels", "x.csv"], 2, "--demo has labels of its own"),
        (["--demo", "--licence", ","], 2, "name one at least"),
        (["--demo", "--zoo", "openclip"], 2, "did you mean openclip121?"),
    ],
)
def test_mistakes_have_their_status(arguments, status, words):
    done = call("recommend", *arguments)
    assert done.exit_code == status
    assert words in done.stderr and "Traceback" not in done.output


def test_names_that_are_no_text_are_shown_as_bytes_and_written(tmp_path):
    """Older disks hold names of other encodings."""
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    write_images(folder, {os.fsdecode(b"\xe9t\xe9"): 6, "dog": 6})
    (folder / "dog" / "0.png").rename(folder / "dog" / os.fsdecode(b"\xff.png"))
    for name in ("answer.json", "answer.html", "answer.csv", os.fsdecode(b"caf\xe9.json")):
        done = call("recommend", folder, "--zoo", "real", "-o", tmp_path / name)
        assert done.exit_code == 0 and "12 of 12 images used, 2 classes" in done.stderr, done.stderr
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert text.count("efficientnet-lite0") and ("udce9" in text or name.endswith("csv"))
    assert json.loads(text)["request"]["data"] == str(folder)


def test_another_ending_is_a_mistake_of_the_call(tmp_path):
    done = call("recommend", "--demo", "--zoo", "real", "-o", tmp_path / "answer.xls")
    assert done.exit_code == 2 and "one of these endings" in done.stderr


def test_nothing_left_has_a_status_of_its_own(tmp_path):
    done = call("--set", f"paths.real={tmp_path}", "recommend", "--demo", "--zoo", "real")
    assert done.exit_code == 3
    assert "no model is left" in done.stderr


def test_limits_on_a_named_device_name_the_basis_of_every_number():
    options = ("--zoo", "timm", "--device", "i9-10940x", "--max-latency", "20ms", "--format", "json")
    done = call("recommend", "--demo", *options)
    assert done.exit_code == 0, done.output
    data = json.loads(done.stdout)
    assert data["device"]["name"] == "i9-10940X" and data["request"]["limits"] == {"max_latency": 20}
    for row in data["results"]:
        assert row["latency_high_ms"] <= 20 and row["latency_basis"] in ("table", "estimated")
        assert row["cost_basis"].startswith(f"{row['latency_basis']} (i9-10940X: ")
    assert "models break 20 ms" in done.stderr and "costs: table (i9-10940X: " in done.stderr


def test_impossible_limits_name_what_comes_nearest():
    done = call("recommend", "--demo", "--zoo", "real", "--max-latency", "1us")
    assert done.exit_code == 3 and "the limit that binds is 0.001 ms; nearest: efficientnet-lite" in done.stderr


def test_the_front_is_shown_and_drawn(tmp_path):
    done = call("recommend", "--demo", "--zoo", "real", "--pareto", "-o", tmp_path / "front.png")
    assert done.exit_code == 0 and {"ms", "basis"} <= set(done.stdout.splitlines()[0].split())
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


def test_the_front_is_in_every_format_and_as_long_as_asked(tmp_path):
    options = ("recommend", "--demo", "--zoo", "real", "--pareto")
    front = call(*options, "--format", "ids").stdout.split()
    assert [row["model"] for row in json.loads(call(*options, "--format", "json").stdout)["results"]] == front
    assert len(call(*options, "-n", "1", "--format", "csv").stdout.splitlines()) == 2
    assert call(*options, "-n", "1", "-o", tmp_path / "front.html").exit_code == 0
    page = (tmp_path / "front.html").read_text()
    assert page.count("<tr") == 2 and "front of models" in page and "models above" not in page


@pytest.mark.parametrize(
    ("zoo", "asked", "words"),
    [("real", ["--explain", "typo"], "'typo' was ranked; see --format ids"), ("hf180", ["--why"], "no weights")],
)
def test_a_model_that_cannot_be_explained_is_said_before_anything_is_written(zoo, asked, words, tmp_path):
    done = call("recommend", "--demo", "--zoo", zoo, *asked, "-o", tmp_path / "answer.json")
    assert done.exit_code == 2 and words in done.stderr
    assert not done.stdout and not list(tmp_path.iterdir())


def test_an_interrupt_is_one_line_and_status_130():
    command = [sys.executable, "-m", "ptmrec", "recommend", "--demo", "--preset", "best"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A shell that started the tests in the background has made them, and so their children, deaf to interrupts.
    hearing = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}
    running = subprocess.Popen(command, env=environment, **pipes, **hearing)
    time.sleep(3)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and "interrupted; what was finished is kept" in said
    assert "Traceback" not in said


def test_the_doctor_says_what_works_here():
    done = call("doctor", "--format", "json")
    assert done.exit_code == 0
    rows = {row["what"]: row for row in json.loads(done.stdout)}
    assert rows["torch"]["state"] == rows["recommender"]["state"] == "ok"
    assert "offline" in rows["zoo"]["for"]


def test_the_readme_shows_the_real_answer():
    assert demo_text(ConfigParser()) + "\n" == (ROOT / "constants" / "results" / "demo.txt").read_text()


@pytest.mark.parametrize("name", ["data/my images (1)", "-x", "a'b", "$HOME; ls"])
def test_the_next_command_asks_the_same_and_runs_in_a_shell(name, tmp_path, monkeypatch):
    """What is said is run: nothing that was asked is lost, and no path is more than a path."""
    write_images(tmp_path / name, {"cat": 4, "dog": 4})
    (tmp_path / name / "cat" / "bad.png").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    asked = ("--zoo", "real", "--licence", "Apache-2.0, MIT", "--regime", "low-data", "--max-params", "6M", "-n", "2")
    done = call("--set", f"paths.artifacts={tmp_path / 'a b'}", "recommend", *asked, "--skip-unreadable", "--", name)
    assert done.exit_code == 0, done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("next: "))
    words = shlex.split(line.removeprefix("next: "), comments=True)
    for word in (*asked, "--skip-unreadable", f"paths.artifacts={tmp_path / 'a b'}", "--preset", "balanced"):
        assert word in words
    command = line.removeprefix("next: ").replace("ptmrec", shlex.join([sys.executable, "-m", "ptmrec"]), 1)
    again = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0 and "verified 2 of 2 candidates" in again.stderr, again.stderr
    assert again.stdout.count("Apache-2.0") == 2
