"""Plant faults in a copy of the package and see which tests catch them."""

import importlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ptmrec.core.files import write_text
from torture.kills import train

ROOT = Path(__file__).resolve().parents[1]
RESULT = Path("constants/results/planted_robustness.csv")
NOTEBOOKS = "experiments/test_notebooks.py"
WANTED = 0.95
"""Share of the faults that have to be caught."""
LATE, ENDLESS = "the tests were not done in time", "the tests did not end"
"""What stands for tests that were ended: by the clock, where they may have waited for others, or by their own work."""


@dataclass(frozen=True)
class Fault:
    """A fault as a change of source.

    Attributes:
        name: what is wrong then.
        file: file under ``ptmrec/`` or ``experiments/``.
        old: source that is there once at least; its first occurrence is replaced.
        new: source in its place.
        tests: files under ``tests/`` that could catch it.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str


_SAVE, _STEP, _RUN = "train/checkpoints.py", "pipeline/step.py", "train/run_state.py"
_NPZ, _FILES, _CHECKPOINTS = "core/archives.py", "core/files.py", "train/test_run_state.py"
_T_FILES, _T_NPZ, _T_STEP, _T_RUN = (
    "core/test_files.py",
    "core/test_files.py",
    "pipeline/test_step.py",
    "train/test_run_state.py",
)
_TRAINER, _T_TRAINER = "train/base_trainer.py", "train/test_base_trainer.py"
FAULTS = (
    Fault("written files are not synced", _FILES, "os.fsync(file.fileno())", "pass", _T_FILES),
    Fault(
        "files are copied into place", _FILES, "os.replace(temporary, place)", "shutil.copy(temporary, place)", _T_FILES
    ),
    Fault("temporary files stay", _FILES, "temporary.unlink(missing_ok=True)", "pass", _T_FILES),
    Fault("errors do not name the target", _FILES, "if error.errno is None or about_another:", "if True:", _T_FILES),
    Fault("errors about another file take the target's name", _FILES, "or about_another:", "or False:", _T_FILES),
    Fault("a folder's old content is lost", _FILES, "aside.rename(folder)", "pass", _T_FILES),
    Fault("JSON may name a key twice", _FILES, "if len(found) != len(pairs):", "if False:", _T_FILES),
    Fault("JSON may hold NaN", _FILES, "parse_constant=refuse", "parse_constant=float", _T_FILES),
    Fault("JSON of any depth", _FILES, "DEEPEST_JSON = 64", "DEEPEST_JSON = 10**9", _T_FILES),
    Fault("JSON of any size", _FILES, "if len(data) > LARGEST_JSON:", "if False:", _T_FILES),
    Fault("hashes of a folder are not compared", _FILES, "if file_hash(path) != expected:", "if False:", _T_FILES),
    Fault("numbers without end in JSON", _FILES, "if math.isfinite(value)", "if True", _T_FILES),
    Fault("objects in NPZ", _NPZ, "if dtype.hasobject:", "if False:", _T_NPZ),
    Fault("NPZ bombs", _NPZ, "if declared > ROOM + RATIO * held:", "if False:", _T_NPZ),
    Fault("headers of any length", _NPZ, "_LONGEST_HEADER = 10_000", "_LONGEST_HEADER = 2**40", _T_NPZ),
    Fault("headers that lie", _NPZ, "if read + count != member.file_size:", "if False:", _T_NPZ),
    Fault("two members of one name", _NPZ, "if member.filename in names:", "if False:", _T_NPZ),
    Fault("text that is none", _NPZ, 'if array.dtype.kind == "U" and array.size:', "if False:", _T_NPZ),
    Fault("checkpoints are unpickled", _SAVE, "weights_only=True", "weights_only=False", _CHECKPOINTS),
    Fault("checkpoints are not compared with their hash", _SAVE, "if mark == MARK and", "if False and", _CHECKPOINTS),
    Fault("check sums of parts are not compared", _SAVE, "if mark != MARK:", "if False:", _CHECKPOINTS),
    Fault("random states are not restored", _RUN, "        restore_rng_state(", "        str(", _T_RUN),
    Fault("the optimiser is not restored", _RUN, "owner.load_state_dict(state[name])", "pass", _T_RUN),
    Fault("the loader's order is not restored", _RUN, "generator.set_state(state)", "pass", _T_RUN),
    Fault("work of another key is taken over", _STEP, 'if f".partial-{key[:16]}-" in left.name and', "if", _T_STEP),
    Fault(
        "changed results are reused", _STEP, 'if record["output"] == _output_hash(step.output):', "if True:", _T_STEP
    ),
    Fault("unfinished files become results", _STEP, "            remove_temporaries(partial)\n", "", _T_STEP),
    Fault("work of the living is taken", _STEP, "not is_alive(int(pid))", "True", _T_STEP),
    Fault(
        "committed files are not compared",
        "core/trust.py",
        "if found != _expected[place]:",
        "if False:",
        "core/test_trust.py",
    ),
    Fault("messages of any length", "core/errors.py", "LONGEST = 400", "LONGEST = 10**9", "core/test_messages.py"),
    Fault(
        "messages steer the terminal",
        "core/errors.py",
        '_INVISIBLE.sub(" ", str(message))',
        "str(message)",
        "core/test_messages.py",
    ),
    Fault(
        "system errors are tracebacks",
        "cli/context.py",
        "except (PtmrecError, OSError,",
        "except (PtmrecError, EOFError,",
        "cli/test_context.py",
    ),
    Fault(
        *("images are not sorted", "images/files.py", "return sorted(files), sorted(links)", "return files, links"),
        "images/test_files.py",
    ),
    Fault(
        *("images of any size", "images/files.py", "MAX_PIXELS = 64_000_000", "MAX_PIXELS = 10**15"),
        "images/test_files.py",
    ),
    Fault(
        *("the mask hides nothing", "dataloader/dataset_tokens.py", "mask = torch.zeros(", "mask = torch.ones("),
        "dataloader/test_datasets.py",
    ),
    Fault(
        *("repeats of any size", "benchmark/ground_truth.py", "(*repeats, *(mean", "(*(mean"),
        "benchmark/test_ground_truth.py",
    ),
    Fault(
        *("shards lie anywhere", "zoo/snapshot.py", "file.parent != folder or not", "not"),
        "zoo/test_snapshot.py",
    ),
    Fault(
        "models have any name", "zoo/card.py", "if not NAME_PATTERN.fullmatch(", "if not str(", "zoo/test_snapshot.py"
    ),
    Fault(
        *("history holds anything", "train/history.py", "            if wrong:", "            if False:"),
        "train/test_run_state.py",
    ),
    Fault(
        *("a notebook that exits is done", "notebooks.py", "        if errors:", "        if False:"),
        "experiments/test_notebooks.py",
    ),
    Fault("files of a folder are not synced", _FILES, "    _sync_tree(fresh)\n", "", _T_FILES),
    Fault("moved folders are not synced", _FILES, "_sync_folder(folder.parent)  # or", "pass  # or", _T_FILES),
    Fault("folders moved aside stay there", _FILES, "_aside(folder)[-1:]", "[]", _T_FILES),
    Fault("ruined weights are saved", _TRAINER, "        self._require_finite_weights()\n", "", _T_TRAINER),
    Fault("dead workers are tracebacks", _TRAINER, "if passed_on or not (", "if True or not (", _T_TRAINER),
    Fault("two processes at one run", _SAVE, "if not _lock(handle):", "if False:", _CHECKPOINTS),
    Fault(
        *("SIGTERM ends without a word", "cli/context.py", "signal.signal(number, stop)", "pass"), "cli/test_context.py"
    ),
    Fault(
        *("relations of a model twice", "dataloader/relation_tables.py", "if len(set(held)) < len(held):", "if False:"),
        "dataloader/test_datasets.py",
    ),
    Fault(
        *("scores of a model twice", "relations/scores.py", "if len(set(held)) < len(held):", "if False:"),
        "relations/test_scores.py",
    ),
)


def plant_all(root: Path) -> int:
    """Plant each fault, run its tests, and write what caught it as it goes; 1 when too few are caught."""
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory(prefix="planted-") as name:
        preload(root, Path(name))
        copy = make_copy(root, Path(name))
        healthy = run_tests(copy, sorted({fault.tests for fault in FAULTS}))
        sys.stderr.write(f"without a fault fail: {', '.join(healthy) or 'none'}\n")
        for fault in FAULTS:
            new = plant(copy, fault, healthy)
            rows.append({"fault": fault.name, "file": fault.file, "caught_by": new, "caught": bool(new)})
            write_text(root / RESULT, pd.DataFrame(rows).to_csv(index=False))  # a run that is stopped keeps its rows
            sys.stderr.write(f"{'caught' if new else 'MISSED':8}{fault.name}: {new or fault.tests}\n")
    caught = sum(bool(row["caught"]) for row in rows)
    sys.stderr.write(f"{caught} of {len(rows)} caught\n")
    return int(caught / len(rows) < WANTED)


def plant(copy: Path, fault: Fault, healthy: list[str]) -> str:
    """The test that catches a fault in a copy of the package, which is as before afterwards; empty when none does.

    Args:
        copy: the copy.
        fault: what to plant.
        healthy: tests that fail without any fault.

    Raises:
        ValueError: the source it replaces is no longer there.
    """
    path = next(place for place in (copy / "ptmrec" / fault.file, copy / "experiments" / fault.file) if place.is_file())
    source = path.read_text()
    if fault.old not in source:
        raise ValueError(f"{fault.name}: its source is no longer in {fault.file}")
    path.write_text(source.replace(fault.old, fault.new, 1))
    try:
        failed = run_tests(copy, [fault.tests], healthy)
    finally:
        path.write_text(source)
    return next((test for test in failed if test not in healthy), "")


def preload(root: Path, folder: Path) -> None:
    """Import what package and tests need of others, which takes far longer than the tests; children then have it."""
    sys.path.append(str(root / "tests"))
    importlib.import_module("conftest")
    train(folder / "warm")


def make_copy(root: Path, folder: Path) -> Path:
    """A copy of package and tests; what neither changes is linked."""
    for name in ("ptmrec", "experiments", "tests", "torture"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("constants", "notebooks", "config.ini", "thesis", "README.md", "docs", "Makefile"):
        (folder / name).symlink_to(root / name)
    shutil.copy(root / "pyproject.toml", folder)
    return folder


def run_tests(
    copy: Path,
    tests: list[str],
    broken: list[str] | None = None,
    seconds: float = 3600,
    slow: bool = False,
    work: float = resource.RLIM_INFINITY,
) -> list[str]:
    """Names of tests that fail, in a child that has loaded everything but the package.

    Args:
        copy: the copy of the package.
        tests: files under ``tests/``; of the notebooks' only what ends a kernel.
        broken: tests that fail anyway; when they are given, the first other failure is enough.
        seconds: what runs longer is ended, with all it started, and :data:`LATE` stands for the tests.
        slow: run what is slow in them, and when there are broken ones that alone.
        work: seconds of a processor; who needs more is ended, and when that is the child :data:`ENDLESS` stands for
            the tests.
    """
    report = copy / "failed.txt"
    report.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        try:
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_CPU, (int(work), resource.getrlimit(resource.RLIMIT_CPU)[1]))
            _run_in_child(copy, tests, report, broken, slow)
        finally:
            os._exit(0)
    limit = time.monotonic() + seconds
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > limit:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return [LATE]
        time.sleep(0.02)
    if os.WIFSIGNALED(ended[1]) and os.WTERMSIG(ended[1]) == signal.SIGXCPU:
        return [ENDLESS]
    return report.read_text().splitlines() if report.exists() else ["the tests did not run"]


def _run_in_child(copy: Path, tests: list[str], report: Path, broken: list[str] | None, slow: bool) -> None:
    import pytest

    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        ours = file.startswith(str(ROOT)) and ".venv" not in file
        if ours or name.split(".")[0] in ("ptmrec", "experiments", "torture"):
            del sys.modules[name]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what runs behind it ignore Ctrl-C
    os.chdir(copy)
    kept = [path for path in sys.path if path != str(ROOT / "tests") and not (Path(path) / "ptmrec").is_dir()]
    sys.path[:] = [str(copy), *kept]
    os.environ["PYTHONPATH"] = str(copy)
    sys.dont_write_bytecode = True
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    failed: list[str] = []

    class Collector:
        """Notes what fails."""

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            """Keep the name of a test that failed."""
            if report.failed:
                failed.append(report.nodeid)

        def pytest_collectreport(self, report: pytest.CollectReport) -> None:
            """A file that cannot be read fails as well."""
            if report.failed:
                failed.append(report.nodeid)

    marked = "slow" * slow if broken is not None and slow else "" if slow else "not slow"
    chosen = ["-k", "ends_the_kernel and exit"] if tests == [NOTEBOOKS] else ["-m", marked]
    chosen += [part for test in broken or [] for part in ("--deselect", test)] + ["-x"] * (broken is not None)
    files = [f"tests/{name}" for name in tests]
    status = pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *chosen, *files], [Collector()])
    if failed or status in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):  # a conftest.py may fail as well
        report.write_text("\n".join(failed))
