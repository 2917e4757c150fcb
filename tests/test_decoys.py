import os
import subprocess
from pathlib import Path

import pytest
from decoys import TEXT, decoys, plant

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig

ROOT = Path(__file__).resolve().parents[1]
OUTPUTS = ("artifacts", "figures", "thesis_output")


def test_decoys_take_no_place_of_a_result(tmp_path):
    own = tmp_path / "artifacts" / "results" / "evaluation.json"
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
