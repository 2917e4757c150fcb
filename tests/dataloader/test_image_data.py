import numpy as np
import pytest
from conftest import write_image_set

from ptmrec.core.errors import ArtifactError, DataError
from ptmrec.dataloader.image_data import load_image_npz


def test_image_set(tmp_path):
    data = load_image_npz(write_image_set(tmp_path / "toy.npz"))
    assert data.name == "toy"
    assert data.num_classes == 3
    assert data.train_images.shape == (30, 32, 32, 3)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"train_images": np.zeros((30, 32, 32, 3))}, DataError, "expected uint8"),
        ({"test_images": np.zeros((12, 32, 32), np.uint8)}, DataError, "test_images is uint8"),
        ({"train_labels": np.zeros(4, np.int64)}, DataError, "train_labels has shape"),
        ({"test_labels": np.full(12, 7)}, DataError, r"0\.\.2"),
        ({"train_labels": np.zeros(30, np.int64)}, DataError, "only one class"),
        ({"class_names": np.array([{}], dtype=object)}, ArtifactError, "pickled"),
        ({"class_names": None}, ArtifactError, "'class_names' is missing"),
    ],
)
def test_image_sets_that_cannot_be_used(tmp_path, change, error, words):
    path = write_image_set(tmp_path / "toy.npz")
    with np.load(path) as archive:
        arrays = dict(archive) | change
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    with pytest.raises(error, match=words):
        load_image_npz(path)


def test_truncated_image_set(tmp_path):
    path = write_image_set(tmp_path / "toy.npz")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ArtifactError, match="NPZ"):
        load_image_npz(path)
