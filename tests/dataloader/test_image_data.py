import numpy as np
import pytest
from conftest import write_image_set, write_images

from ptmrec.dataloader.image_data import load_image_folder, load_image_npz
from ptmrec.errors import ArtifactError, DataError


def test_folder_with_classes(tmp_path):
    data = load_image_folder(write_images(tmp_path / "pets", {"cat": 3, "dog": 2}))
    assert data.class_names == ("cat", "dog")
    assert data.labels.tolist() == [0, 0, 0, 1, 1]
    assert [path.parent.name for path in data.paths] == ["cat"] * 3 + ["dog"] * 2
    assert {image.mode for image in data.images} == {"RGB"}


def test_unlabelled_folder_and_limit(tmp_path, monkeypatch):
    folder = write_images(tmp_path / "all", {"": 7})
    assert load_image_folder(folder).labels is None
    assert len(load_image_folder(folder, limit=3).images) == 7
    monkeypatch.setattr("ptmrec.dataloader.image_data.CHECK_ALL", 5)
    limited = load_image_folder(folder, limit=3)
    assert len(limited.images) == 3
    assert limited.class_sizes == (7,)


def test_large_photographs_are_shrunk(tmp_path):
    data = load_image_folder(write_images(tmp_path / "photos", {"": 1}, size=1200))
    assert max(data.images[0].size) == 512


@pytest.mark.parametrize(
    ("classes", "words"),
    [({"cat": 2}, "only one class"), ({"cat": 2, "dog": 0}, "no image in this class"), ({"": 0}, "no images found")],
)
def test_folders_that_cannot_be_used(tmp_path, classes, words):
    with pytest.raises(DataError, match=words):
        load_image_folder(write_images(tmp_path / "bad", classes))


def test_missing_folder(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        load_image_folder(tmp_path / "absent")


def test_unreadable_images_are_named_counted_and_skipped_only_if_asked(tmp_path):
    folder = write_images(tmp_path / "pets", {"cat": 3, "dog": 2})
    (folder / "cat" / "broken.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"1 image\(s\) do not decode: cat/broken.png"):
        load_image_folder(folder)
    data = load_image_folder(folder, skip_unreadable=True)
    assert len(data.images) == 5
    assert "broken.png" in data.skipped[0]


def test_class_with_nothing_readable(tmp_path):
    folder = write_images(tmp_path / "pets", {"cat": 3, "dog": 0})
    (folder / "dog" / "broken.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="no readable image left in dog"):
        load_image_folder(folder, skip_unreadable=True)


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
