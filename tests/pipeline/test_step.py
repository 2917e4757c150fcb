import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
import typing
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest
from toy_processes import run_together

from experiments.studies.hardware_choice import fusion_step
from experiments.zoo_build.pieces import build_zoo
from ptmrec.config.parser import ConfigParser
from ptmrec.config.section import SECTIONS, Section, setting
from ptmrec.core.errors import ArtifactError
from ptmrec.pipeline import code
from ptmrec.pipeline import step as step_module
from ptmrec.pipeline.code import code_files, code_hash
from ptmrec.pipeline.project import Project
from ptmrec.pipeline.step import Step, run_step


@dataclass(frozen=True)
class StepSettings(Section):
    section: ClassVar[str] = "step_for_tests"
    size: int = setting(1, "size")


SECTIONS.pop("step_for_tests")


@pytest.fixture
def project(tmp_path):
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "data.txt").write_text("one")
    return tmp_path


def run(project, size=1, fail=False, calls=None):
    def work(folder):
        calls.append(sorted(path.name for path in folder.iterdir()))
        (folder / "part.txt").write_text("half")
        if fail:
            raise KeyboardInterrupt
        (folder / "result.txt").write_text(f"{size}")

    step = Step("toy", [project / "input"], [StepSettings(size)], work, project / "output")
    return run_step(step, project / "records")


def test_a_finished_step_is_reused_until_something_it_depends_on_changes(project):
    calls = []
    assert run(project, calls=calls)
    assert not run(project, calls=calls)
    assert run(project, size=2, calls=calls)
    (project / "input" / "data.txt").write_text("two")
    assert run(project, size=2, calls=calls)
    assert not run(project, size=2, calls=calls)
    assert calls == [[], [], []]


def test_code_is_an_input(project, monkeypatch):
    calls = []
    run(project, calls=calls)
    monkeypatch.setattr("ptmrec.pipeline.step.code_hash", lambda work: "another")
    assert run(project, calls=calls)


def test_a_stopped_step_goes_on_from_what_it_left(project):
    calls = []
    with pytest.raises(KeyboardInterrupt):
        run(project, fail=True, calls=calls)
    assert run(project, calls=calls)
    assert calls == [[], ["part.txt"]]


def test_a_stopped_step_with_other_settings_starts_afresh(project):
    calls = []
    with pytest.raises(KeyboardInterrupt):
        run(project, fail=True, calls=calls)
    run(project, size=2, calls=calls)
    assert calls == [[], []]


@pytest.mark.parametrize("damage", ["changed", "lost"])
def test_a_damaged_result_is_made_again(project, damage):
    calls = []
    run(project, calls=calls)
    result = project / "output" / "result.txt"
    result.write_text("x") if damage == "changed" else result.unlink()
    assert run(project, calls=calls)
    assert result.read_text() == "1"


def test_a_missing_input_is_one_line(project):
    step = Step("toy", [project / "absent"], [], run, project / "output")
    with pytest.raises(ArtifactError, match=r"absent: missing, but step 'toy' needs it"):
        run_step(step, project / "records")


@pytest.mark.parametrize("bound", [{"final": True}, {"roles": ("train", "validation")}, {"epochs": 3}])
def test_plain_arguments_of_the_work_count_as_settings(project, bound):
    """Untrained and trained for one epoch, two steps had the same key."""
    plain = Step("toy", [], [], partial(run, project), project / "output")
    assert replace(plain, work=partial(run, project, **bound)).key() != plain.key()
    assert replace(plain, work=partial(run, project / "elsewhere")).key() == plain.key(), "of paths the contents count"


def test_a_result_stays_until_its_replacement_stands(project):
    """Settings that cannot work fail without touching what is there; so does a run that is stopped."""
    run(project, calls=[])
    with pytest.raises(KeyboardInterrupt):
        run(project, size=2, fail=True, calls=[])
    assert (project / "output" / "result.txt").read_text() == "1"
    calls = []
    assert not run(project, calls=calls)
    assert run(project, size=2, calls=calls)
    assert calls == [["part.txt"]]
    assert (project / "output" / "result.txt").read_text() == "2"


def test_a_result_that_was_only_moved_aside_is_put_back(project):
    run(project, calls=[])
    (project / "output").rename(project / ".output-old-12.tmp")
    assert not run(project, calls=[])
    assert (project / "output" / "result.txt").read_text() == "1"
    assert not list(project.glob(".output*"))


def test_temporaries_of_a_killed_run_are_removed_before_the_step_goes_on(project):
    with pytest.raises(KeyboardInterrupt):
        run(project, fail=True, calls=[])
    (partial,) = project.glob(".output.partial-*")
    (partial / ".part.npz-x1.tmp").write_text("half of a file")
    (partial / "below").mkdir()
    (partial / "below" / ".part.npz-x2.tmp").write_text("half of a file")
    calls = []
    run(project, calls=calls)
    assert calls == [["below", "part.txt"]]
    assert not list((project / "output").rglob(".*"))


def test_of_several_processes_one_works_and_the_others_wait_for_its_result(project):
    code = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from ptmrec.pipeline.step import Step, run_step

        project = Path({str(project)!r})

        def work(folder):
            (folder / "result.txt").write_text("done")
            with (project / "runs.txt").open("a") as file:
                file.write("run ")
            time.sleep(1)

        run_step(Step("toy", [project / "input"], [], work, project / "output"), project / "records")
        """
    )
    (project / "work.py").write_text(code)
    command = [sys.executable, str(project / "work.py")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    logs = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], logs
    assert (project / "runs.txt").read_text() == "run "
    assert sum("reused" in log for log in logs) == 2


@pytest.mark.slow
def test_processes_tear_and_lose_nothing_even_where_locks_do_not_work(project):
    code = textwrap.dedent(
        f"""
        import os, sys, time
        from contextlib import nullcontext
        from pathlib import Path
        import ptmrec.pipeline.step as module

        module.hold = lambda *_: nullcontext()
        project = Path({str(project)!r})

        def work(folder):
            for part in range(30):
                assert not (folder / str(part)).exists()
                (folder / str(part)).write_text(str(part))
                time.sleep(0.001)

        while not (project / "go").exists():
            time.sleep(0.001)
        step = module.Step("toy", [project / "input"], [], work, project / "output")
        module.run_step(step, project / "records")
        for _ in range(200):  # for an instant the place is empty while another puts the same result there
            try:
                found = sorted(map(int, os.listdir(project / "output")))
                break
            except FileNotFoundError:
                time.sleep(0.005)
        assert found == list(range(30))
        """
    )
    (project / "work.py").write_text(code)
    command = [sys.executable, str(project / "work.py")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    time.sleep(3)
    (project / "go").touch()
    logs = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, logs
    assert "reused" in subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert not list(project.glob(".output*"))


def test_work_of_a_process_that_lives_is_left_to_it(project):
    calls, name = [], f".output.partial-{'0' * 16}-{step_module._host()}-{{}}-abcd"
    other = project / name.format(os.getppid())
    dead = project / name.format(2**22 + 1)
    for folder in (other, dead):
        folder.mkdir()
    run(project, calls=calls)
    assert other.exists()
    assert not dead.exists()


@pytest.mark.parametrize(("hours", "stays"), [(-48, False), (-1, True), (48, True)])
def test_work_of_another_machine_is_left_to_it_for_a_day_also_where_a_clock_was_set_back(project, hours, stays):
    other = project / f".output.partial-{'0' * 16}-another1-7-abcd"
    other.mkdir()
    moment = time.time() + hours * 3600
    os.utime(other, (moment, moment))
    run(project, calls=[])
    assert other.exists() == stays and (project / "output" / "result.txt").read_text() == "1"


@pytest.mark.slow
def test_of_two_processes_of_a_run_one_works_unless_the_step_is_theirs_together(tmp_path):
    (tmp_path / "data.txt").write_text("one")
    code = f"""
    from pathlib import Path
    from ptmrec.core.processes import rank, broadcast
    from ptmrec.pipeline.step import Step, run_step

    root = Path({str(tmp_path)!r})
    answer = []
    for name in ("alone", "together", "alone", "together"):
        def work(folder):
            if name == "alone":
                broadcast(None)  # a step within, which the others know nothing of
            (folder / f"{{name}} {{rank()}}").touch()
        step = Step(name, [root / "data.txt"], [], work, root / name)
        answer.append([run_step(step, root / "records", name == "together"), len(list(step.output.iterdir()))])
    """
    assert run_together(code) == [[[True, 1], [True, 2], [False, 1], [False, 2]]] * 2


def test_a_result_that_is_being_replaced_is_hashed_when_it_stands(project, monkeypatch):
    run(project, calls=[])
    hashes, tries = step_module.tree_hash, []

    def vanishing(paths):
        paths = list(paths)
        if project / "output" in paths and len(tries) < 3:
            tries.append(1)
            raise FileNotFoundError
        return hashes(paths)

    monkeypatch.setattr(step_module, "tree_hash", vanishing)
    assert not run(project, calls=[])
    assert len(tries) == 3


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
    seen = Counter()
    for file in sorted(copy.rglob("*.py")):
        text, name = file.read_text(), ".".join(file.relative_to(copy).with_suffix("").parts)
        reached = frozenset(step for step in works if name in names[step])
        seen[reached] += 1
        if seen[reached] > 5:
            continue  # five files stand for all that the same steps reach
        file.write_text(text + "# changed\n")
        changed = {step for step, work in works.items() if code_hash(work) != before[step]}
        file.write_text(text)
        assert changed == reached, name


ASK = """
import importlib, json, os, sys
import pandas, scipy.stats, sklearn.linear_model, torch  # once: they take seconds
for name in sys.argv[2:]:
    if os.fork() == 0:
        importlib.import_module(name)
        open(os.path.join(sys.argv[1], name), "w").write(json.dumps(list(sys.modules)))
        os._exit(0)
    assert os.wait()[1] == 0, name
"""


@pytest.mark.slow
def test_no_module_that_python_loads_for_a_step_is_left_out(works, names, tmp_path):
    """Asked of Python itself; packages' own files say nothing unless a name is taken from them.

    A build's package of baselines loads all of them beside what it takes.
    """
    modules = {step: works[step].func.__module__ for step in STEPS[:-1]}
    subprocess.run([sys.executable, "-c", ASK, str(tmp_path), *set(modules.values())], check=True)
    for step, module in modules.items():
        loaded = json.loads((tmp_path / module).read_text())
        ours = [name for name in loaded if name.startswith(("ptmrec.", "experiments."))]
        files = {name for name in ours if code._file(name).name != "__init__.py"}
        assert module in files and files <= names[step], step


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
        assert len(modules) <= 50, step
        assert not [name for name in modules if name.startswith("ptmrec.plots")], step


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
