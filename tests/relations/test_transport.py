import numpy as np
import pytest
from toy_relations import transport_score

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import write_npz
from ptmrec.relations.reference import fit_reference_space
from ptmrec.relations.ridge import ridge_loo_score
from ptmrec.relations.transport import SHRINKAGE, TransportMaps, read_transports, write_transport

GENERATOR = np.random.default_rng(0)
PROBES, IMAGES = GENERATOR.normal(size=(200, 12)), GENERATOR.normal(size=(60, 12))
LABELS = np.repeat(np.arange(3), 20)


def test_a_model_that_is_its_own_reference_transports_exactly():
    """Its virtual features judge as its true ones."""
    images = IMAGES + 2 * GENERATOR.normal(size=(3, 12))[LABELS]
    space = fit_reference_space({"model": PROBES}, rank=12)
    transport = TransportMaps(space.encode({"model": PROBES})).fit(PROBES)[0]
    score = transport_score(space.encode({"model": images}), LABELS, transport)
    assert score == pytest.approx(ridge_loo_score(images, LABELS), abs=5e-3)
    assert TransportMaps(space.encode({"model": PROBES})).fit(PROBES)[1] > 0.999


def test_a_model_the_references_say_nothing_of_is_not_explained():
    space = fit_reference_space({"other": PROBES}, rank=12)
    alien = GENERATOR.normal(size=(200, 8))
    assert TransportMaps(space.encode({"other": PROBES})).fit(alien)[1] < 0.05


def test_the_small_form_is_the_kernel_form():
    space = fit_reference_space({"one": PROBES}, rank=12)
    coordinates = space.encode({"one": PROBES})
    features = GENERATOR.normal(size=(200, 5))
    gram = coordinates @ coordinates.T
    scale = np.trace(gram) / len(gram)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    expected = coordinates.T / scale @ np.linalg.solve(gram / scale + SHRINKAGE * np.eye(200), standard)
    np.testing.assert_allclose(TransportMaps(coordinates).fit(features)[0], expected, atol=1e-8)


def test_shuffled_labels_score_as_nothing():
    images = IMAGES + 3 * GENERATOR.normal(size=(3, 12))[LABELS]
    space = fit_reference_space({"model": PROBES}, rank=12)
    transport = TransportMaps(space.encode({"model": PROBES})).fit(PROBES)[0]
    coordinates = space.encode({"model": images})
    assert transport_score(coordinates, LABELS, transport) > -0.3
    shuffled = [transport_score(coordinates, GENERATOR.permutation(LABELS), transport) for _ in range(10)]
    assert np.mean(shuffled) < -0.95


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
