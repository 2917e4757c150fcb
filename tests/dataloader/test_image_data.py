import numpy as np
import pytest
from conftest import write_image_set, write_images

from ptmrec.dataloader.image_data import load_image_folder, load_image_npz, load_labelled_npz
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


@pytest.mark.parametrize("other", ["val", "valid", "validation", "test", "Test"])
def test_of_a_folder_in_parts_the_training_part_is_read(tmp_path, other):
    folder = write_images(tmp_path / "pets", {"train/cat": 3, "train/dog": 2, f"{other}/cat": 1, f"{other}/dog": 1})
    data = load_image_folder(folder)
    assert (data.name, data.part, data.class_names) == ("pets", "train", ("cat", "dog"))
    assert data.class_sizes == (3, 2)
    assert load_image_folder(write_images(tmp_path / "flat", {"train": 3, other: 2})).labels is None


def test_classes_that_happen_to_be_called_train_are_classes(tmp_path):
    data = load_image_folder(write_images(tmp_path / "vehicles", {"train": 2, "car": 2}))
    assert (data.part, data.class_names) == ("", ("car", "train"))


def test_files_that_are_no_data_set(tmp_path):
    folder = write_images(tmp_path / "one", {"": 1})
    with pytest.raises(DataError, match="a single image"):
        load_image_folder(folder / "0.png")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="neither a folder nor an NPZ"):
        load_image_folder(tmp_path / "notes.txt")


PIXELS = np.zeros((4, 8, 8, 3), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "labels", "names"),
    [
        ({"labels": np.array([7, -1, 7, 3])}, [2, 0, 2, 1], ("-1", "3", "7")),
        ({"labels": np.array(["dog", "cat", "dog", "dog"])}, [1, 0, 1, 1], ("cat", "dog")),
        ({"labels": np.array([[0], [1], [1], [0]]), "class_names": np.array(["a", "b"])}, [0, 1, 1, 0], ("a", "b")),
    ],
)
def test_plain_layout_takes_any_labels(tmp_path, arrays, labels, names):
    np.savez(tmp_path / "x.npz", images=PIXELS, **arrays)
    data = load_labelled_npz(tmp_path / "x.npz")
    assert data.labels.tolist() == labels
    assert data.class_names == names


def test_layout_with_parts_gives_its_training_part(tmp_path):
    path = write_image_set(tmp_path / "toy.npz")
    ours, whole = load_labelled_npz(path), load_image_npz(path)
    np.testing.assert_array_equal(ours.images, whole.train_images)
    np.testing.assert_array_equal(ours.labels, whole.train_labels)
    assert ours.class_names == whole.class_names


@pytest.mark.parametrize(
    ("arrays", "error", "words"),
    [
        ({"x": PIXELS}, ArtifactError, "holds x; expected arrays train_images"),
        ({"images": PIXELS / 1.0, "labels": np.arange(4)}, DataError, "images: is float64"),
        ({"images": PIXELS, "labels": np.arange(3)}, DataError, "one label per image"),
        ({"images": PIXELS, "labels": np.arange(4) / 3}, DataError, "whole numbers or text"),
        ({"images": PIXELS, "labels": np.zeros(4, int)}, DataError, "only one class"),
        ({"images": PIXELS, "labels": np.arange(4), "class_names": np.array(["a"])}, DataError, r"must lie in 0\.\.0"),
    ],
)
def test_plain_layouts_that_cannot_be_used(tmp_path, arrays, error, words):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(error, match=words):
        load_labelled_npz(tmp_path / "x.npz")


def test_junk_is_not_called_a_pickle(tmp_path):
    (tmp_path / "junk.npz").write_bytes(b"certainly no archive")
    with pytest.raises(ArtifactError, match="not an NPZ, or a damaged one"):
        load_labelled_npz(tmp_path / "junk.npz")
