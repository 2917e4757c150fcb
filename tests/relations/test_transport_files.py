import numpy as np
import pytest

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import write_npz
from ptmrec.relations.transport import TransportMaps
from ptmrec.relations.transport_files import read_transports, write_transport

GENERATOR = np.random.default_rng(0)


def test_maps_come_back_in_the_order_asked_for(tmp_path):
    coordinates = GENERATOR.normal(size=(40, 5))
    features = {name: GENERATOR.normal(size=(40, dim)) for name, dim in (("one", 3), ("two", 7))}
    for name, values in features.items():
        write_transport(tmp_path, name, TransportMaps(coordinates), values)
    for name, found in zip(("two", "one"), read_transports(tmp_path, ["two", "one"]), strict=True):
        assert found.dtype == np.float16
        np.testing.assert_allclose(found, TransportMaps(coordinates).fit(features[name])[0], atol=2e-3)


def test_a_model_that_was_not_explained_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"absent\.npz: file not found"):
        read_transports(tmp_path, ["absent"])


def test_a_map_that_is_none_is_one_line(tmp_path):
    write_npz(tmp_path / "odd.npz", {"transport": np.full((2, 2), np.nan), "explained": np.array(0.5)})
    with pytest.raises(ArtifactError, match=r"odd\.npz: no map from references to features"):
        read_transports(tmp_path, ["odd"])
