from pathlib import Path

import pytest
from click.testing import CliRunner

from ptmrec.cli import main

pytestmark = pytest.mark.slow


def damage(path: Path, change) -> bytes:
    before = path.read_bytes()
    path.write_text(change(path.read_text()))
    return before


def test_a_changed_file_fails_the_command_until_it_is_accepted(built, tmp_path):
    paths, _ = built
    settings = [f"--set=paths.{key}={getattr(paths, key)}" for key in vars(paths) if key != "artifacts"]
    run = CliRunner().invoke(main, [*settings, "zoo", "verify"])
    assert run.exit_code == 0, run.output
    before = damage(paths.estimators, lambda text: text + "\n")
    held = paths.manifest.read_bytes()
    try:
        run = CliRunner().invoke(main, [*settings, "zoo", "verify"])
        assert run.exit_code == 1
        assert "FAILED  hashes" in run.output
        assert "estimators.json: another hash" in run.output
        assert CliRunner().invoke(main, [*settings, "zoo", "verify", "--accept"]).exit_code == 0
    finally:
        paths.estimators.write_bytes(before)
        paths.manifest.write_bytes(held)
