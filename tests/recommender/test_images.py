import logging

import numpy as np
import pytest
from conftest import write_image_set, write_images
from PIL import Image
from torchvision.datasets import FakeData

from ptmrec.errors import DataError
from ptmrec.recommender.images import choose_regime, read_user_images


def test_all_images_are_counted_and_some_are_used(tmp_path):
    images = read_user_images(write_image_set(tmp_path / "toy.npz", train=300))
    assert (images.total, len(images.images), images.num_classes, images.smallest_class) == (300, 102, 3, 100)
    assert choose_regime(images) == "fine_tuning"


def test_paths_arrays_and_lists_of_the_same_images_agree(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
    labels = ["b", "a", "b", "a", "b", "a"]
    np.savez(tmp_path / "x.npz", images=pixels, labels=np.array(labels))
    found = [
        read_user_images(str(tmp_path / "x.npz")),
        read_user_images(pixels, labels),
        read_user_images([Image.fromarray(image) for image in pixels], labels),
    ]
    for images in found:
        assert images.labels.tolist() == [1, 0, 1, 0, 1, 0]
        assert [np.asarray(image).tolist() for image in images.images] == pixels.tolist()


def test_images_in_memory_without_labels():
    images = read_user_images(np.zeros((900, 4, 4, 3), np.uint8))
    assert (images.total, len(images.images), images.labels, images.num_classes) == (900, 300, None, 0)


@pytest.mark.parametrize(
    ("source", "labels", "words"),
    [
        ([], None, "nothing"),
        ([np.zeros((4, 4, 3))], None, "a list with a ndarray"),
        (np.zeros((2, 4, 4), np.uint8), None, "expected uint8"),
        (np.zeros((2, 4, 4, 3), np.uint8), [0, 1, 2], "one label per image"),
        ("nowhere", [0, 1], "labels in memory go with images in memory"),
    ],
)
def test_images_in_memory_that_cannot_be_used(source, labels, words):
    with pytest.raises(DataError, match=words):
        read_user_images(source, labels)


def test_one_image_per_class_is_warned_about(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "ptmrec"):
        read_user_images(write_images(tmp_path / "pets", {"cat": 1, "dog": 1, "eel": 3}))
    assert "2 of 3 classes have one image only" in caplog.text


def test_the_training_part_is_said_to_be_used(tmp_path, caplog):
    folder = write_images(tmp_path / "pets", {"train/cat": 3, "train/dog": 2, "test/cat": 1, "test/dog": 1})
    with caplog.at_level(logging.INFO, "ptmrec"):
        images = read_user_images(folder)
    assert (images.total, images.part) == (5, "train")
    assert "training part train/" in caplog.text


def test_labels_of_a_flat_folder_come_from_a_list(tmp_path):
    for place in range(6):
        Image.new("RGB", (8, 8), (40 * place, 0, 0)).save(tmp_path / f"{place}.png")
    lines = [f"{place}.png,{'cat' if place < 4 else 'dog'}" for place in range(5)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *lines]))
    found = read_user_images(tmp_path, tmp_path / "labels.csv")
    assert (found.total, found.num_classes, found.smallest_class) == (5, 2, 1)
    assert found.class_names == ("cat", "dog") and found.labels.tolist() == [0, 0, 0, 0, 1]
    (tmp_path / "0.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"1 image\(s\) do not decode: 0.png"):
        read_user_images(tmp_path, str(tmp_path / "labels.csv"))
    assert len(read_user_images(tmp_path, tmp_path / "labels.csv", skip_unreadable=True).images) == 4


def test_a_data_set_of_torchvision_is_read():
    found = read_user_images(FakeData(size=40, image_size=(3, 8, 8), num_classes=2))
    assert found.total == 40 and found.num_classes == 2
    with pytest.raises(DataError, match="brings its own"):
        read_user_images(FakeData(size=4), [0, 1, 0, 1])
