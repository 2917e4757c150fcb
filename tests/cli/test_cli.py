import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_calls import call, modules_after
from conftest import write_image_set, write_images
from PIL import Image
from sklearn.datasets import load_digits

from ptmrec.config.sections import REGIMES

pytestmark = pytest.mark.slow


COMMANDS = (
    *("config", "doctor", "evaluate", "extract", "inspect", "new", "recommend", "reproduce", "thesis", "train", "zoo"),
)


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """scikit-learn's digits as PNG files, as nobody prepared them."""
    folder = tmp_path_factory.mktemp("digits")
    data = load_digits()
    for index in range(300):
        place = folder / str(data.target[index])
        place.mkdir(exist_ok=True)
        pixels = (data.images[index] * 255 / 16).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{index}.png")
    return folder


def test_help_lists_the_steps_without_torch():
    code = "import sys; from ptmrec.cli import main; main(['-h'], standalone_mode=False); print('torch' in sys.modules)"
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.splitlines()
    assert lines[-1] == "False"
    listed = [line.split()[0] for line in lines[lines.index("Commands:") + 1 : -1] if line.startswith("  ")]
    assert [name for name in COMMANDS if name not in listed] == []


def test_recommend_answers_on_images_nobody_prepared(digits):
    command = [sys.executable, "-m", "ptmrec", "recommend", str(digits), "--format", "csv", "-n", "42"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    frame = pd.read_csv(io.StringIO(done.stdout))
    assert frame["rank"].tolist() == [1 if tied else place for place, tied in enumerate(frame["tied_with_best"], 1)]
    assert frame["score"].is_monotonic_decreasing
    assert frame["expected_accuracy"].between(0, 1).all()
    assert "300 of 300 images used, 10 classes; regime low data" in done.stderr


def test_formats_and_count(digits):
    ids = call("recommend", digits, "--format", "ids", "-n", "3").stdout.split()
    table = call("recommend", digits, "-n", "3").stdout
    records = json.loads(call("recommend", digits, "--format", "json", "-n", "3").stdout)
    assert [record["model"] for record in records["results"]] == ids
    assert len(table.splitlines()) == 4
    assert "\x1b" not in table
    assert all(name in table for name in ids)


def test_regime_changes_the_answer_and_unlabelled_images_work(digits, tmp_path):
    low = json.loads(call("recommend", digits, "--format", "json", "--regime", "low-data").stdout)
    fine = json.loads(call("recommend", digits, "--format", "json", "--regime", "fine-tuning").stdout)
    assert low["results"][0]["expected_accuracy"] != fine["results"][0]["expected_accuracy"]
    done = call("recommend", write_images(tmp_path / "flat", {"": 12}), "-n", "2")
    assert done.exit_code == 0
    assert "unlabelled images" in done.stderr


def test_the_order_of_file_names_does_not_reach_the_answer_of_another_zoo(digits, toy_zoo, tmp_path):
    done = call("recommend", digits, "--zoo", toy_zoo, "--format", "ids")
    assert sorted(done.stdout.split()) == ["vgg-small-toy", "vit-small-toy"]


def broken_zoo(folder):
    (folder / "model").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path / "absent", "no such folder"),
        (lambda path: write_images(path / "one", {"cat": 2}), "only one class"),
        (lambda path: write_images(path / "empty", {"cat": 2, "dog": 0}), "no image in this class"),
        (lambda path: write_images(path / "pets", {"": 1}) / "0.png", "a single image"),
        (lambda path: write_image_set(path / "x.npz").rename(path / "y.npz").parent / "x.npz", "file not found"),
    ],
)
def test_bad_images_are_one_line_and_status_four(tmp_path, make, words):
    done = call("recommend", make(tmp_path))
    assert done.exit_code == 4
    assert done.stdout == ""
    assert words in done.stderr
    assert done.stderr.startswith("Error: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_unreadable_images_are_skipped_only_if_asked(tmp_path):
    folder = write_images(tmp_path / "pets", {"cat": 4, "dog": 4})
    (folder / "cat" / "bad.png").write_bytes(b"x")
    refused = call("recommend", folder)
    assert refused.exit_code == 4
    assert "bad.png" in refused.stderr
    assert call("recommend", folder, "--skip-unreadable").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "ranker.epochs=0", "config"], "[ranker] epochs = 0: at least 1"),
        (["--set", "ranker.epoch=3", "config"], "did you mean epochs?"),
        (["--set", "ranker", "config"], "SECTION.KEY=VALUE"),
        (["--profile", "fast", "config"], "unknown profile"),
        (["--config", "absent.ini", "config"], "no such file"),
        (["zoo", "show", "vgg-small-cifar11"], "did you mean vgg-small-cifar10?"),
        (["zoo", "build", "--images", "nowhere"], "is missing"),  # images: bad data
        (["train", "encoder2"], "is not one of"),
    ],
)
def test_bad_arguments_are_one_line_and_status_two(arguments, words):
    done = call(*arguments)
    assert done.exit_code == (4 if "--images" in arguments else 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_zoo_without_weights_is_refused_before_any_image_is_ranked(digits, tmp_path):
    done = call("recommend", digits, "--zoo", broken_zoo(tmp_path / "zoo"))
    assert done.exit_code == 2
    assert "neither config.json nor weights" in done.stderr


def test_config_names_each_source(tmp_path):
    (tmp_path / "c.ini").write_text("[ranker]\nepochs = 9\n")
    done = call("--config", tmp_path / "c.ini", "--set", "ranker.width=32", "config", "--format", "json")
    rows = {(row["section"], row["key"]): row for row in json.loads(done.stdout)}
    assert rows["ranker", "epochs"] == {
        "section": "ranker",
        "key": "epochs",
        "value": "9",
        "source": str(tmp_path / "c.ini"),
    }
    assert rows["ranker", "width"]["source"] == "override"
    assert "[ranker] heads = 4    (default)" in call("config").stdout


def test_nothing_is_written_into_the_working_directory(tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != "BEAUTILOG_CONFIG_PATH"}
    command = [sys.executable, "-m", "ptmrec", "zoo", "list", "--format", "ids"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_mistyped_path_is_answered_before_anything_heavy_is_imported():
    code = (
        "import sys; from click.testing import CliRunner; from ptmrec.cli import main;"
        "done = CliRunner().invoke(main, ['recommend', 'nowhere']);"
        "print(done.exit_code, sorted({'torch', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "4 []"


def test_ranking_the_embedded_zoo_needs_no_open_clip(digits):
    found = modules_after("recommend", digits, "--format", "ids")
    assert "'torch'" in found and "open_clip" not in found
    assert "torch._dynamo" not in found, "torch's compiler takes two seconds to import, and nothing is compiled"


def test_of_a_split_folder_the_training_part_is_used_and_that_is_said(tmp_path):
    classes = {"train/cat": 3, "train/dog": 2, "valid/cat": 1, "valid/dog": 1}
    done = call("recommend", write_images(tmp_path / "pets", classes), "-n", "1")
    assert "5 of 7 images used (training part train/), 2 classes" in done.stderr


def test_regimes_are_those_of_the_configuration():
    done = call("recommend", "x", "--regime", "none")
    assert all(repr(name.replace("_", "-")) in done.stderr for name in REGIMES)


def test_ties_are_marked_and_said(digits):
    done = call("recommend", digits, "-n", "207", "--format", "csv")
    tied = pd.read_csv(io.StringIO(done.stdout))["tied_with_best"]
    table = call("recommend", digits, "-n", "207").stdout.splitlines()[1:]
    marked = [line.split()[0] == "1=" for line in table]
    assert marked == (tied if tied.sum() > 1 else tied & False).tolist()
    assert ("are tied" in done.stderr) == (tied.sum() > 1)
