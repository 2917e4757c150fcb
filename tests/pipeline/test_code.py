import json
import shutil
import subprocess
import sys
import typing
from functools import partial
from pathlib import Path

import pytest

from experiments.studies.hardware_choice import fusion_step
from experiments.zoo_build.pieces import build_zoo
from ptmrec.config.parser import ConfigParser
from ptmrec.pipeline import code
from ptmrec.pipeline.code import code_files, code_hash
from ptmrec.pipeline.project import Project

STEPS = ("views", "transport", "autoencoder", "model_tokens", "relations", "ranker", "knowledge", "fusion", "zoo_build")


class Planned(Project):
    """A project that notes its steps instead of running them."""

    def __init__(self):
        super().__init__(ConfigParser(profile="smoke"))
        self.steps = {}

    def run(self, step, together=False, instead=None):
        self.steps[step.name.partition("-")[0]] = step
        return step.output


@pytest.fixture(scope="module")
def works():
    """The work of every step."""
    project = Planned()
    project.relate("train")
    project.train_ranker("final", 0, 1)
    with pytest.raises(Exception, match="knowledge"):  # it was not made
        project.knowledge()
    project.run(fusion_step(project, project.embed(), project.relate("train"), 0))
    found = {name: step.work for name, step in project.steps.items()} | {"zoo_build": build_zoo}
    assert set(found) == set(STEPS)
    return found


@pytest.fixture(scope="module")
def names(works):
    """Modules that each step depends on."""
    root = code.ROOT
    return {
        step: {".".join(file.relative_to(root).with_suffix("").parts) for file in code_files(work)}
        for step, work in works.items()
    }


@pytest.fixture
def copy(tmp_path, monkeypatch):
    for name in code.OURS:
        shutil.copytree(code.ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "ROOT", tmp_path)
    return tmp_path


def test_a_change_of_any_module_runs_the_steps_again_that_reach_it_and_no_other(works, names, copy):
    before = {step: code_hash(work) for step, work in works.items()}
    for file in sorted(copy.rglob("*.py")):
        text, name = file.read_text(), ".".join(file.relative_to(copy).with_suffix("").parts)
        file.write_text(text + "# changed\n")
        changed = {step for step, work in works.items() if code_hash(work) != before[step]}
        file.write_text(text)
        assert changed == {step for step in works if name in names[step]}, name


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS[:-1])  # a build's package of baselines loads all of them beside what it takes
def test_no_module_that_python_loads_for_a_step_is_left_out(works, names, step):
    """Asked of Python itself; packages' own files say nothing unless a name is taken from them."""
    ask = f"import sys, json, {works[step].func.__module__}; sys.stdout.write(json.dumps(list(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout)
    files = {
        name
        for name in loaded
        if name.startswith(("ptmrec.", "experiments.")) and code._file(name).name != "__init__.py"
    }
    assert files <= names[step]


def test_what_a_work_is_given_it_imports(works):
    """Its methods are code too, and an import for type checkers alone never runs and does not count."""
    for step, work in works.items():
        function = work.func if isinstance(work, partial) else work
        hints = typing.get_type_hints(function)  # fails on a class that is not there when the code runs
        bound = zip(hints.values(), work.args if isinstance(work, partial) else (), strict=False)
        for kind, value in bound:
            assert isinstance(value, typing.get_origin(kind) or kind), (step, value)


@pytest.mark.parametrize(
    ("step", "module"),
    [
        ("knowledge", "ptmrec.benchmark.ground_truth"),
        ("knowledge", "ptmrec.benchmark.splits"),
        ("transport", "ptmrec.benchmark.splits"),
        ("ranker", "ptmrec.benchmark.ground_truth"),
        ("views", "ptmrec.zoo.photo_model"),
        ("views", "ptmrec.pipeline.views"),
        ("zoo_build", "ptmrec.core.archives"),
    ],
)
def test_what_the_lists_by_hand_had_left_out(names, step, module):
    assert module in names[step]


def test_what_cannot_change_a_result_runs_nothing_again(names):
    """A comment in the writer of HTML trained the autoencoder again."""
    above = ("ptmrec.pipeline.project", "ptmrec.recommender.export", "ptmrec.plots", "ptmrec.cli", "ptmrec.report")
    for step, modules in names.items():
        assert not [name for name in modules if name.startswith(above)], step
        assert len(modules) <= 48, step


FORMS = {
    "import ptmrec.a": {"a"},
    "import ptmrec.pack.b as other": {"pack/b"},
    "from ptmrec.a import f": {"a"},
    "from ptmrec.pack import b": {"pack/b"},
    "from ptmrec.pack import f": {"pack/__init__", "a"},
    "from ptmrec.lazy import late": {"lazy/__init__", "lazy/c"},
    "def g():\n    from ptmrec.a import f": {"a"},
    "try:\n    import ptmrec.a\nexcept ImportError:\n    import ptmrec.pack.b": {"a", "pack/b"},
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import ptmrec.a\nelse:\n    import ptmrec.pack.b": {
        "pack/b"
    },
    "import typing\nif typing.TYPE_CHECKING:\n    import ptmrec.a": set(),
    "import numpy, json": set(),
    "from ptmrec.pack.b import f": {"pack/b"},
    "from ptmrec.loop import f": {"loop", "home"},
}


@pytest.mark.parametrize("text", FORMS)
def test_every_form_of_an_import_is_followed(tmp_path, monkeypatch, text):
    files = {
        "a": "f = 1\n",
        "pack/__init__": "from ptmrec.a import f\n",
        "pack/b": "f = 2\n",
        "lazy/__init__": "def __getattr__(name):\n    ...\n",
        "lazy/c": "late = 3\n",
        "loop": "import ptmrec.home\n",
        "home": f"{text}\n\n\ndef work(folder):\n    pass\n",
    }
    for name, content in files.items():
        path = tmp_path / "ptmrec" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    monkeypatch.setattr(code, "ROOT", tmp_path)
    space = {"__name__": "ptmrec.home"}
    exec(compile("def work(folder):\n    pass\n", str(tmp_path / "ptmrec" / "home.py"), "exec"), space)
    found = {path.relative_to(tmp_path / "ptmrec").with_suffix("").as_posix() for path in code_files(space["work"])}
    assert found == FORMS[text] | {"home"}
    assert code_files(partial(space["work"], 1)) == code_files(space["work"])


def test_a_function_of_anybody_counts_with_its_file_and_what_it_takes_of_the_package(tmp_path):
    found = code_files(test_every_form_of_an_import_is_followed)
    assert Path(__file__) in found and code.ROOT / "ptmrec" / "core" / "files.py" in found
    space = {}
    exec("def work(folder):\n    pass\n", space)
    with pytest.raises(ValueError, match="has to be a function in a file"):
        code_files(space["work"])


def test_a_relative_import_is_refused(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="write it in full"):
        code._imported("from . import files")
