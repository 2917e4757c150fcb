import json
import subprocess
import sys

import pytest
from cli_calls import call
from toy_images import write_pictures


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from ptmrec.cli import main; main(['inspect', 'data', '-h'], standalone_mode=False);"
        "print(sorted({'torch', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert "WHICH IS RUN" in done.stdout


def test_data_as_lines_and_as_json_with_the_status_of_the_worst(tmp_path):
    folder = write_pictures(tmp_path, {"a": 15, "b": 15})
    done = call("inspect", "data", folder)
    assert done.exit_code == 0, done.output
    (folder / "a" / "0.png").write_bytes(b"")
    done = call("inspect", "data", folder, "--json")
    assert done.exit_code == 1
    assert [f["check"] for f in json.loads(done.stdout)["findings"] if f["severity"] == "fault"] == ["unreadable"]


def test_labels_from_a_file(tmp_path):
    folder = write_pictures(tmp_path / "images", {"": 4})
    labels = tmp_path / "labels.csv"
    labels.write_text("file,label\n" + "".join(f"{i}.png,{'xy'[i % 2]}\n" for i in range(4)))
    facts = json.loads(call("inspect", "data", folder, "--labels", labels, "--json").stdout)["facts"]
    assert facts["classes"] == {"x": 2, "y": 2}


def test_a_loader_out_of_a_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import time, torch\n"
        "class Slow(torch.utils.data.Dataset):\n"
        "    def __len__(self): return 24\n"
        "    def __getitem__(self, index):\n        time.sleep(0.05)\n        return torch.zeros(3)\n"
        "def example(): return torch.utils.data.DataLoader(Slow(), 4)\n"
    )
    done = call("inspect", "data", path)
    assert done.exit_code == 1 and "FAULT" in done.stdout and "images per second" in done.stdout


@pytest.mark.parametrize("source", ["nowhere", "nowhere.py", "labels.csv", "empty"])
def test_a_mistyped_source_is_one_line(tmp_path, source):
    (tmp_path / "labels.csv").write_text("file,label\n")
    (tmp_path / "empty").mkdir()
    done = call("inspect", "data", tmp_path / source)
    assert done.exit_code == 4
    assert done.stderr.startswith("Error: ") and len(done.stderr.splitlines()) == 1


def test_a_model_of_the_zoo_and_one_of_a_file(tmp_path):
    facts = json.loads(call("inspect", "model", "vgg-small-cifar10", "--json").stdout)["facts"]
    assert facts["output_shape"] == [32, 10]
    path = tmp_path / "net.py"
    path.write_text(
        "import torch\ndef example(): return torch.nn.Linear(4, 3), [(torch.randn(5, 4), torch.ones(5, 2))]"
    )
    done = call("inspect", "model", path)
    assert done.exit_code == 1 and "targets" in done.stdout


@pytest.mark.parametrize(("subject", "status"), [("vgg-small-cifar11", 2), ("none.py", 4), ("timm:resnet", 2)])
def test_an_unknown_model_is_one_line(subject, status):
    done = call("inspect", "model", subject)
    assert done.exit_code == status
    assert done.stderr.startswith("Error: ") and len(done.stderr.splitlines()) == 1


def test_a_new_trainer_is_written_and_inspected(tmp_path):
    done = call("new", "trainer", "edge", "--pattern", "dict", "--into", tmp_path)
    assert done.exit_code == 0 and done.stdout.split() == [
        str(tmp_path / n) for n in ("edge.py", "edge.ini", "test_edge.py")
    ]
    report = json.loads(call("inspect", "trainer", tmp_path / "edge.py", "--json").stdout)
    assert report["faults"] == 0 and report["colleague"] == "trainer"
    again = call("new", "trainer", "edge", "--pattern", "dict", "--into", tmp_path)
    assert again.exit_code == 2 and "not overwritten" in again.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["new", "trainer", "my-name", "--pattern", "dict"],
        ["new", "trainer", "mine", "--pattern", "triple"],
        ["new", "trainer", "mine"],
        ["inspect", "trainer", "rankers"],
        ["inspect", "trainer", "nowhere.py"],
    ],
)
def test_mistakes_about_trainers_are_one_line(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    done = call(*command)
    assert done.exit_code in (2, 4)
    assert done.stderr.startswith("Error: ") and len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["data", "model", "trainer"])
def test_a_file_is_said_to_be_run_before_it_runs(tmp_path, kind):
    path = tmp_path / "mine.py"
    path.write_text("import sys\nsys.stderr.write('from within\\n')\n")
    code = f"from ptmrec.cli import main; main(['inspect', {kind!r}, {str(path)!r}])"
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr.splitlines()
    assert f"running {path}" in lines[0] and lines[1] == "from within"
