import json

import numpy as np
import pytest

from ptmrec.benchmark.published_scores import FOLDER, read_scores
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError


@pytest.fixture
def path(tmp_path):
    about = {"name": "small", "source": "owner/name", "commit": "0123456789", "licence": "MIT", "notes": ["a trap"]}
    scores = {"d": {"m": [1.5, 1e-9], "n": [None, 2]}, "e": {"m": [0.25, 3], "n": [-3, 123456.75]}}
    data = {"about": about, "columns": ["x", "y"], "facts": {"d": {"classes": 2}}, "cited": {}, "scores": scores}
    path = tmp_path / "small.json"
    path.write_text(json.dumps(data))
    return path


def test_scores_are_read_by_column_data_set_and_model(path):
    scores = read_scores(path)
    assert (scores.columns, scores.datasets, scores.models) == (("x", "y"), ("d", "e"), ("m", "n"))
    np.testing.assert_array_equal(scores.values, [[[1.5, np.nan], [0.25, -3]], [[1e-9, 2], [3, 123456.75]]])
    assert scores.facts["d"]["classes"] == 2
    assert scores.about.origin == "owner/name@0123456"


def test_scores_follow_another_order(path):
    scores = read_scores(path)
    np.testing.assert_array_equal(scores.aligned(["e"], ["n", "m"]), [[[-3, 0.25]], [[123456.75, 3]]])
    for datasets, models in ((["z"], ["m"]), (["d"], ["z"])):
        with pytest.raises(ArtifactError, match="none for 'z'"):
            scores.aligned(datasets, models)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data.pop("columns"), "no 'columns'"),
        (lambda data: data["about"].pop("licence"), "no 'licence'"),
        (lambda data: data["about"].update(name="other"), "not the file's"),
        (lambda data: data["scores"]["d"].pop("m"), "other models than"),
        (lambda data: data["scores"]["d"].update(m=[1]), "'m' should have 2 numbers"),
        (lambda data: data["scores"]["d"].update(m=["high", 1]), "'m' should have 2 numbers"),
        (lambda data: data["scores"]["d"].update(m=None), "'m' should have 2 numbers"),
    ],
)
def test_damaged_files_are_one_line(path, change, words):
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ArtifactError) as caught:
        read_scores(path)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_committed_scores_are_complete():
    folder = PathsConfig().published / FOLDER
    assert read_scores(folder / "lovm.json").values.shape == (7, 23, 35)
    spider = read_scores(folder / "modelspider10.json")
    assert spider.values.shape == (9, 8, 10)
    assert set(spider.cited) == {*spider.columns, "Model Spider"}
    for path in folder.glob("*.json"):
        assert np.isfinite(read_scores(path).values).all()
