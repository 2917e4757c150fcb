import numpy as np
import pytest

from ptmrec.core.errors import ArtifactError
from ptmrec.dataloader.relation_tables import read_relation_tables, write_relation_tables


def test_tables_come_back_for_the_models_asked_for(tmp_path):
    table = np.arange(6.0).reshape(3, 2)
    weights = {"low_data": np.array([1.0, -1.0])}
    path = write_relation_tables(tmp_path / "r.npz", ["x", "y", "z"], {("low_data", "toy"): table}, weights)
    tables, found = read_relation_tables(path, ["z", "x"])
    np.testing.assert_array_equal(tables["low_data", "toy"], table[[2, 0]])
    np.testing.assert_array_equal(found["low_data"], weights["low_data"])


def test_a_model_without_relations_is_named(tmp_path):
    path = write_relation_tables(tmp_path / "r.npz", ["x"], {}, {})
    with pytest.raises(ArtifactError, match=r"r\.npz: no relations of model 'y'"):
        read_relation_tables(path, ["y"])


def test_a_model_that_is_there_twice_is_named(tmp_path):
    path = write_relation_tables(tmp_path / "r.npz", ["x", "y", "x"], {("low", "toy"): np.arange(3.0)[:, None]}, {})
    with pytest.raises(ArtifactError, match=r"r\.npz: model 'x' is in it twice"):
        read_relation_tables(path, ["y"])
