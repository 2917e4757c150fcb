"""The package as others install it: built, installed apart from the clone, and asked."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).with_name("uv")
OFFLINE = ("--offline", "--no-build-isolation", "--no-config")
MOST = 60e6

pytestmark = pytest.mark.slow


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


@pytest.fixture(scope="module", params=["wheel", "sdist"])
def installed(request, built, tmp_path_factory):
    """Python of a fresh environment that has the package, and what it needs from the present environment."""
    folder = tmp_path_factory.mktemp(request.param)
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "rest.pth").write_text(sysconfig.get_path("purelib") + "\n")  # its own .pth files are not followed
    python = folder / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--no-deps", *OFFLINE, "--python", python, built[request.param])
    return python


def run(*command, cwd=None, home=None):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "XDG", "PTMREC_C"))}
    environment |= {"HOME": str(home)} if home else {}
    environment.pop("BEAUTILOG_CONFIG_PATH", None)
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_wheel_carries_what_an_answer_needs_and_little_else(built):
    assert built["wheel"].stat().st_size <= MOST
    names = zipfile.ZipFile(built["wheel"]).namelist()
    assert {"ptmrec/beautilog.ini", "ptmrec/constants/battery.npz", "ptmrec/constants/manifest.json"} <= set(names)
    assert not [name for name in names if not name.startswith(("ptmrec/", "ptmrec-"))]


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


def test_it_answers_where_nothing_can_be_written(installed):
    """In /proc, where even root cannot write."""
    command = (installed.with_name("ptmrec"), "recommend", "--demo", "--format", "csv")
    assert len(run(*command, cwd="/proc", home="/proc/nobody").splitlines()) > 3
