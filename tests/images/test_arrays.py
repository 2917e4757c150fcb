import numpy as np
import pytest
import torch
from conftest import write_image_set
from PIL import Image

from ptmrec.core.errors import ArtifactError, DataError
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.images.account import Account
from ptmrec.images.arrays import check_pixels, picture, read_labelled_npz, read_list

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
    _, found, class_names = read_labelled_npz(tmp_path / "x.npz", Account())
    assert found.tolist() == labels and class_names == names


def test_layout_with_parts_gives_its_training_part_and_counts_the_other(tmp_path):
    path, account = write_image_set(tmp_path / "toy.npz"), Account()
    images, labels, names = read_labelled_npz(path, account)
    whole = load_image_npz(path)
    np.testing.assert_array_equal(images, whole.train_images)
    np.testing.assert_array_equal(labels, whole.train_labels)
    assert names == whole.class_names and account.left_out == {"in test_images, not the training part": 12}


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
        read_labelled_npz(tmp_path / "x.npz", Account())


def test_junk_is_not_called_a_pickle(tmp_path):
    (tmp_path / "junk.npz").write_bytes(b"certainly no archive")
    with pytest.raises(ArtifactError, match="not an NPZ, or a damaged one"):
        read_labelled_npz(tmp_path / "junk.npz", Account())


RANDOM = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "note"),
    [
        (RANDOM, ""),
        (np.moveaxis(RANDOM, 3, 1), "channels come first"),
        (torch.from_numpy(RANDOM), ""),
        (torch.from_numpy(RANDOM).permute(0, 3, 1, 2), "channels come first"),
        (torch.from_numpy(RANDOM).permute(0, 3, 1, 2) / 255, "read as 0 to 255"),
        (np.concatenate([RANDOM, np.full((5, 6, 7, 1), 255, np.uint8)], axis=3), "transparency, on white"),
    ],
)
def test_arrays_and_tensors_are_the_images_they_are(images, note):
    account = Account()
    np.testing.assert_array_equal(check_pixels(images, "images", account), RANDOM)
    assert any(note in text for text in account.notes) == bool(note)


def test_one_channel_is_grey_and_what_is_transparent_white():
    grey = check_pixels(RANDOM[..., :1], "images", Account())
    np.testing.assert_array_equal(grey, np.repeat(RANDOM[..., :1], 3, axis=3))
    clear = np.concatenate([RANDOM, np.zeros((5, 6, 7, 1), np.uint8)], axis=3)
    assert (check_pixels(clear, "images", Account()) == 255).all()


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (RANDOM[0], "expected uint8"),
        (RANDOM[..., 0], "expected uint8"),
        (RANDOM / 255, "is float64"),
        (torch.full((2, 3, 8, 8), -1.0), "normalisation"),
        (RANDOM[:0], "expected uint8"),
    ],
)
def test_arrays_that_are_no_images(images, words):
    with pytest.raises(DataError, match=f"images: .*{words}"):
        check_pixels(images, "images", Account())


def test_lists_hold_images_arrays_tensors_and_paths(tmp_path):
    Image.fromarray(RANDOM[0]).save(tmp_path / "a.png")
    tensor = torch.from_numpy(RANDOM[0]).permute(2, 0, 1)
    items = [Image.fromarray(RANDOM[0]), RANDOM[0], tensor, tensor / 255, str(tmp_path / "a.png"), tmp_path / "a.png"]
    images, kept = read_list(items, Account(), False)
    assert kept == list(range(6))
    for image in images:
        np.testing.assert_array_equal(np.asarray(image), RANDOM[0])


@pytest.mark.parametrize(
    ("name", "words"), [("b.png", "no such file"), (".", "a folder"), ("x" * 5000, "no such file")]
)
def test_paths_that_cannot_be_read_are_named_or_left_out(tmp_path, name, words):
    Image.fromarray(RANDOM[0]).save(tmp_path / "a.png")
    items = [tmp_path / "a.png", tmp_path / name]
    with pytest.raises(DataError, match=rf"1 file\(s\) cannot be read: .*{words}"):
        read_list(items, Account(), False)
    account = Account()
    assert read_list(items, account, True)[1] == [0] and account.left_out == {"that do not decode": 1}


@pytest.mark.parametrize("image", [3, b"x", np.zeros((4, 4, 3)), np.zeros((2, 4, 4, 3), np.uint8), None])
def test_what_is_no_image_is_named(image):
    with pytest.raises(DataError, match="x: a list with a"):
        picture(image, "x")
