import numpy as np
import pytest

from ptmrec.pipeline.project import open_project
from ptmrec.pipeline.transport import explain_zoo
from ptmrec.relations.transport_files import read_transports

pytestmark = pytest.mark.slow


def test_every_model_is_explained_once(tmp_path):
    project = open_project("smoke", overrides={"paths.artifacts": str(tmp_path / "artifacts"), "zoo.every": "100"})
    explain_zoo(project, tmp_path)
    before = read_transports(tmp_path, list(project.cards))
    assert all(np.abs(values.astype(float)).sum() > 0 for values in before)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    explain_zoo(project, tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")} == times
