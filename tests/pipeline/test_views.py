import numpy as np
import pytest

from ptmrec.dataloader.model_datasets import read_model_tokens, write_model_tokens
from ptmrec.pipeline.project import open_project
from ptmrec.pipeline.views import extract_views, extract_zoo

pytestmark = pytest.mark.slow


def test_views_that_are_there_stay_and_the_others_are_made(tmp_path):
    project = open_project("smoke", overrides={"paths.artifacts": str(tmp_path / "artifacts"), "zoo.every": "100"})
    first, *_ = project.zoo
    write_model_tokens(tmp_path, first.name, {"kept": np.ones(1)})
    extract_zoo(project, tmp_path)
    assert {path.stem for path in tmp_path.glob("*.npz")} == set(project.cards)
    assert set(read_model_tokens(tmp_path, first.name)) == {"kept"}
    (tmp_path / f"{first.name}.npz").unlink()
    extract_views(project, tmp_path, [first])
    assert "parameters" in read_model_tokens(tmp_path, first.name)
