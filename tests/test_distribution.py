"""The package as others install it: built, installed apart from the clone, and asked."""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import zipfile
from pathlib import Path

import nbformat
import pytest
from decoys import TEXT, decoys, plant
from nbformat.v4 import new_output

import ptmrec
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.files import file_hash
from ptmrec.pipeline.project import open_project
from ptmrec.recommender.request import recommend
from ptmrec.zoo.snapshot import read_zoo

ROOT = Path(__file__).resolve().parents[1]

UV = Path(sys.executable).with_name("uv")

OFFLINE = ("--offline", "--no-build-isolation", "--no-config")

MOST = 60e6


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and sdist by kind, from the files that git knows."""
    source, out = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("dist")
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    run(UV, "build", "--quiet", *OFFLINE, "--python", sys.executable, "--out-dir", out, source)
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    return install(built["wheel"], tmp_path_factory.mktemp("wheel"))


def install(distribution, folder):
    """Python of a fresh environment that has the package, and what it needs from the present environment."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "rest.pth").write_text(sysconfig.get_path("purelib") + "\n")  # its own .pth files are not followed
    python = folder / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--no-deps", *OFFLINE, "--python", python, distribution)
    return python


def run(*command, cwd=None, home=None):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "XDG", "PTMREC_C"))}
    environment |= {"HOME": str(home)} if home else {}
    environment.pop("BEAUTILOG_CONFIG_PATH", None)
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_a_wheel_carries_what_an_answer_needs_and_little_else(built):
    assert built["wheel"].stat().st_size <= MOST
    names = zipfile.ZipFile(built["wheel"]).namelist()
    assert {"ptmrec/beautilog.ini", "ptmrec/constants/battery.npz", "ptmrec/constants/manifest.json"} <= set(names)
    assert not [name for name in names if not name.startswith(("ptmrec/", "ptmrec-"))]


def contents(python):
    """What is installed of the package, by place; not what Python compiles of it."""
    (package,) = python.parents[1].glob("lib/python*/site-packages/ptmrec")
    files = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path.relative_to(package): path.read_bytes() for path in files}


@pytest.mark.slow
def test_from_its_sources_the_same_package_is_installed(built, installed, tmp_path):
    found = contents(installed)
    assert Path("__init__.py") in found and found == contents(install(built["sdist"], tmp_path))


@pytest.mark.slow
def test_it_answers_from_any_folder_and_writes_to_the_users_own(installed, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    where = run(installed, "-c", "import ptmrec; print(ptmrec.__file__)", cwd=tmp_path / "work", home=tmp_path / "home")
    assert Path(where.strip()).is_relative_to(installed.parents[1])
    command = (installed.with_name("ptmrec"), "recommend", "--demo", "--format", "csv")
    answer = run(*command, cwd=tmp_path / "work", home=tmp_path / "home")
    assert len(answer.splitlines()) > 3
    real = run(*command[:3], "--zoo", "real", "--format", "ids", cwd=tmp_path / "work", home=tmp_path / "home")
    assert "efficientnet-lite0" in real.split(), "the project's own cards are known apart from a clone, too"
    assert list((tmp_path / "work").iterdir()) == []
    assert list((tmp_path / "home").rglob("*.log"))


@pytest.mark.slow
def test_it_answers_where_nothing_can_be_written(installed):
    """In /proc, where even root cannot write."""
    command = (installed.with_name("ptmrec"), "recommend", "--demo", "--format", "csv")
    assert len(run(*command, cwd="/proc", home="/proc/nobody").splitlines()) > 3


def test_the_front_door_leads_to_the_real_calls():
    assert ptmrec.recommend is recommend
    assert ptmrec.read_zoo is read_zoo
    assert ptmrec.open_project is open_project
    assert {"recommend", "read_zoo", "open_project"} <= set(dir(ptmrec))
    with pytest.raises(AttributeError, match="recomend"):
        ptmrec.recomend  # noqa: B018


@pytest.mark.parametrize("code", ["import ptmrec", "import ptmrec; ptmrec.recommend; ptmrec.read_zoo"])
def test_importing_brings_no_torch_and_no_pandas(code):
    code += "; import sys; print({'torch', 'pandas', 'open_clip', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "set()", done.stderr


OUTPUTS = ("artifacts", "figures", "thesis_output")


def test_decoys_take_no_place_of_a_result(tmp_path):
    own = tmp_path / "artifacts" / "results" / "training.json"
    own.parent.mkdir(parents=True)
    own.write_text("measured for days")
    planted = plant(tmp_path)
    assert own.read_text() == "measured for days" and own not in planted
    assert {path.read_text() for path in planted} == {TEXT}
    assert plant(tmp_path) == []


def test_decoys_lie_where_git_looks_at_nothing_and_ci_plants_them():
    ignored = subprocess.run(["git", "check-ignore", *decoys()], cwd=ROOT, capture_output=True, text=True).stdout
    assert ignored.splitlines() == decoys()
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines.index("python3 tests/decoys.py .") < lines.index("exec make test")


@pytest.mark.parametrize("profile", ["default", "smoke"])
def test_outputs_and_sources_are_parted(profile, user_environment):
    """The thesis of one run was set from the numbers of another, which lay beside the sources."""
    paths = ConfigParser(ROOT / "config.ini", profile).get(PathsConfig)
    assert paths.thesis_output.is_relative_to(paths.artifacts)
    sources = [path for name, path in vars(paths).items() if name not in OUTPUTS and name != "images"]
    assert not [path for path in sources if path.is_relative_to(paths.artifacts)]


@pytest.mark.parametrize("profile", ["default", "smoke"])
def test_no_test_reads_or_writes_the_outputs_of_this_clone(profile):
    paths = ConfigParser(profile=profile).get(PathsConfig)
    assert not [name for name in OUTPUTS if getattr(paths, name).is_relative_to(ROOT)]
    assert not Path(os.environ["PTMREC_CONFIG"]).is_relative_to(ROOT)


JOBS = sorted((ROOT / "cluster").glob("*.sbatch"))


def toy_folder(folder: Path, command: str) -> Path:
    """A project's folder whose ``ptmrec``, ``accelerate`` and ``scontrol`` write down how they are called."""
    (folder / "cluster").mkdir()
    (folder / "cluster" / "common.sh").write_bytes((ROOT / "cluster" / "common.sh").read_bytes())
    for name in ("ptmrec", "accelerate", "scontrol"):
        path = folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        rest = command if name != "scontrol" else ""
        path.write_text(f'#!/bin/bash\necho "{name} $*, threads $OMP_NUM_THREADS" >> "{folder}/calls"\n{rest}\n')
        path.chmod(0o755)
    return folder


def start(job: Path, folder: Path, *arguments: str, **variables: str) -> subprocess.Popen:
    bin = str(folder / "bin")
    names = {
        "BIN": bin,
        "PATH": f"{bin}:{os.environ['PATH']}",
        "SLURM_SUBMIT_DIR": str(folder),
        "SLURM_JOB_ID": "70001",
    }
    return subprocess.Popen(["bash", str(job), *arguments], env={**os.environ, **names, **variables}, cwd="/")


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text().splitlines() if path.is_file() else []


@pytest.mark.parametrize("job", JOBS, ids=lambda path: path.stem)
def test_jobs_run_on_one_thread_a_process_and_can_be_requeued(job, tmp_path):
    text = job.read_text()
    assert subprocess.run(["bash", "-n", str(job)]).returncode == 0
    assert {"--requeue", "--open-mode=append"} <= set(re.findall(r"^#SBATCH (\S+)", text, re.MULTILINE))
    done = start(job, toy_folder(tmp_path, "exit 3"), "--profile", "smoke", SLURM_CPUS_PER_TASK="2")
    assert done.wait(60) == 3, "the status of the command is the job's"
    (call,) = calls(tmp_path)
    assert call.endswith("--profile smoke, threads 1")


def test_training_takes_a_process_per_cpu(tmp_path):
    toy_folder(tmp_path, "")
    job = ROOT / "cluster" / "train.sbatch"
    start(job, tmp_path, "autoencoder", SLURM_CPUS_PER_TASK="2").wait(60)
    start(job, tmp_path, "autoencoder").wait(60)
    two, one = calls(tmp_path)
    assert "--num_processes 2" in two and "--multi_gpu --main_process_port 30001" in two
    assert "--num_processes 1" in one and "--multi_gpu" not in one


@pytest.mark.parametrize(("sent", "requeued"), [(signal.SIGUSR1, True), (signal.SIGTERM, False)])
def test_before_its_time_is_over_a_job_stops_its_command_and_queues_again(tmp_path, sent, requeued):
    toy_folder(tmp_path, "exec sleep 300")
    job = start(ROOT / "cluster" / "extract.sbatch", tmp_path)
    deadline = time.monotonic() + 60
    while not calls(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    job.send_signal(sent)
    assert job.wait(60) == 128 + signal.SIGTERM
    assert any(call.startswith("scontrol requeue 70001") for call in calls(tmp_path)) == requeued


SAVED_BY_JUPYTERLAB = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
    "version": "3.11.7",
}


def git(folder, *words):
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def install_only(folder):
    """`make install` where everything but the filter is there already (pip and uv would take minutes)."""
    scripts = folder / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "python").write_text("#!/bin/sh\nexit 0\n")
    (scripts / "uv").write_text("#!/bin/sh\nexit 0\n")
    (scripts / "nbstripout").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nbstripout "$@"\n')
    for script in scripts.iterdir():
        script.chmod(0o755)
    environment = os.environ | {"MAKEFLAGS": ""}
    done = subprocess.run(["make", "install"], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def copy_project(folder):
    (folder / "notebooks").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt", ".gitattributes", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    for name in ("01_data_prep", "05_thesis_figures"):  # the filter takes seconds for each
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", folder / "notebooks")


@pytest.mark.slow
def test_run_and_saved_notebooks_leave_git_clean(tmp_path):
    copy_project(tmp_path)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "start")
    install_only(tmp_path)
    for path in (tmp_path / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, 4)
        notebook.metadata["language_info"] = SAVED_BY_JUPYTERLAB
        notebook.metadata["kernelspec"]["display_name"] = "Python 3 (ipykernel)"
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        code[0].execution_count, code[0].outputs = 3, [new_output("stream", text="hello")]
        nbformat.write(notebook, path)
    # `git status` names a file whose size changed until `git add` has looked inside; there is nothing to commit.
    assert git(tmp_path, "diff") == ""
    git(tmp_path, "add", "-A")
    assert git(tmp_path, "status", "--porcelain") == ""
    shutil.rmtree(tmp_path / ".venv")  # the filter must not stand in the way without it
    (tmp_path / "notebooks" / "01_data_prep.ipynb").write_text("{}")
    assert "01_data_prep.ipynb" in git(tmp_path, "diff")


@pytest.mark.slow
def test_install_works_outside_a_checkout_and_no_absolute_path_is_committed(tmp_path):
    copy_project(tmp_path)
    install_only(tmp_path)
    for name in ("Makefile", ".gitattributes"):
        assert not re.search(r"[\s\"'=]/(home|work|tmp|usr|opt)/", (ROOT / name).read_text())
    # Without hashes is what another index builds anew, and nothing else; pip reads uv's own pin.
    pinned, left = (path.read_text() for path in (ROOT / "constraints.txt", tmp_path / ".venv" / "constraints.txt"))
    bare = [line for line in left.replace(" \\\n", "").splitlines() if "--hash" not in line]
    assert [line.partition("==")[0] for line in bare] == ["torch", "torchvision"]
    assert re.sub(r"( \\\n)? +--hash=\S+", "", left) == re.sub(r"( \\\n)? +--hash=\S+", "", pinned)
    assert re.fullmatch(r"uv==\S+( \\\n +--hash=sha256:\w+)+\n", (tmp_path / ".venv" / "uv.txt").read_text())


@pytest.mark.slow
def test_a_download_with_another_hash_is_refused(tmp_path):
    """As `make install` asks for it: a pin and its hash in the constraints, of what a requirement brings along."""
    for name, needs in (("first", "Requires-Dist: second\n"), ("second", "")):
        with zipfile.ZipFile(tmp_path / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(
                f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}"
            )
            wheel.writestr(
                f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")
    pins = tmp_path / "constraints.txt"
    words = [
        UV,
        "pip",
        "install",
        "--offline",
        "--no-index",
        "--find-links",
        tmp_path,
        "--cache-dir",
        tmp_path / "cache",
    ]
    words += ["--python", sys.executable, "--target", tmp_path / "site", "-c", pins, "first"]
    right = file_hash(tmp_path / "second-1.0-py3-none-any.whl")
    pins.write_text(f"second==1.0 --hash=sha256:{'0' * 64}\n")
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode != 0 and "Hash mismatch for `second==1.0`" in done.stderr
    pins.write_text(f"second==1.0 --hash=sha256:{right}\n")
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
