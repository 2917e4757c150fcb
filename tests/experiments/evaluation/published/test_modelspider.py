import numpy as np
import pytest
from scipy.stats import weightedtau

from experiments.evaluation.published import modelspider
from experiments.evaluation.published.modelspider import estimator_taus
from ptmrec.benchmark.published import read_published
from ptmrec.benchmark.published_scores import FOLDER, read_scores
from ptmrec.config.sections import PathsConfig


@pytest.fixture(scope="module")
def files():
    folder = PathsConfig().published
    return read_published(folder / "modelspider10.json"), read_scores(folder / FOLDER / "modelspider10.json")


def test_the_printed_table_follows_from_the_scores(files):
    raw, rounded = (estimator_taus(*files, rounded=rounded) for rounded in (False, True))
    assert (len(raw), raw["equal"].sum(), rounded["equal"].sum()) == (72, 69, 71)
    (odd,) = rounded[~rounded["equal"]].to_dict("records")
    assert (odd["method"], odd["target"], odd["printed"], round(odd["value"], 3)) == (
        *("NLEEP", "Aircraft", -0.725),
        -0.766,
    )


def test_rounding_every_method_on_that_data_set_breaks_a_cell(files, monkeypatch):
    every = {(method, "Aircraft"): 3 for method in files[1].columns}
    monkeypatch.setattr(modelspider, "ROUNDED", every)
    frame = estimator_taus(*files)
    assert frame["equal"].sum() == 70
    assert set(frame[~frame["equal"]]["method"]) == {"NLEEP", "PACTranDirichlet"}


def test_cells_are_those_of_scipy(files):
    zoo, scores = files
    frame = estimator_taus(zoo, scores).set_index(["method", "target"])["value"]
    values = scores.aligned(zoo.datasets, zoo.models)
    expected = weightedtau(zoo.row("Pet"), values[scores.columns.index("GBC"), zoo.datasets.index("Pet")], rank=None)
    assert frame["GBC", "Pet"] == expected.statistic
    np.testing.assert_allclose(frame.groupby("method").mean()["LogME"], 0.676, atol=5e-4)
