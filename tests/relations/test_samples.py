import numpy as np
import pytest

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_npz, write_npz
from ptmrec.relations.reference import fit_reference_space
from ptmrec.relations.samples import DatasetSample, read_samples, read_space, write_samples, write_space

GENERATOR = np.random.default_rng(0)


def draw(count):
    return DatasetSample("toy", GENERATOR.normal(size=6), GENERATOR.normal(size=(count, 4)), np.arange(count) % 3)


def test_draws_of_different_length_come_back(tmp_path):
    draws = [draw(9), draw(12)]
    write_samples(tmp_path, draws)
    for sample, again in zip(draws, read_samples(tmp_path, "toy"), strict=True):
        assert again.name == "toy"
        np.testing.assert_allclose(again.coordinates, sample.coordinates, rtol=2e-3, atol=1e-3)
        np.testing.assert_allclose(again.token, sample.token, rtol=2e-3, atol=1e-3)
        np.testing.assert_array_equal(again.labels, sample.labels)


def test_a_space_comes_back(tmp_path):
    features = {"one": GENERATOR.normal(size=(30, 4)), "two": GENERATOR.normal(size=(30, 6))}
    space = fit_reference_space(features, 5)
    write_space(tmp_path, space)
    np.testing.assert_allclose(read_space(tmp_path).encode(features), space.encode(features), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("coordinates", np.full((9, 4), np.inf, np.float16), "not finite"),
        ("labels", np.zeros(3, np.int16), "different length"),
    ],
)
def test_damaged_samples_are_one_line(tmp_path, name, array, message):
    path = write_samples(tmp_path, [draw(9)])
    write_npz(path, {**read_npz(path), name: array})
    with pytest.raises(ArtifactError, match=message):
        read_samples(tmp_path, "toy")


def test_a_damaged_space_is_one_line(tmp_path):
    path = write_space(tmp_path, fit_reference_space({"one": GENERATOR.normal(size=(30, 4))}, 3))
    write_npz(path, {**read_npz(path), "mean": np.zeros(7)})
    with pytest.raises(ArtifactError, match="do not fit together"):
        read_space(tmp_path)
