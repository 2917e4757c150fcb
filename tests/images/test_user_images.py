import logging

import numpy as np
import pandas as pd
import pytest
from conftest import write_image_set, write_images
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import FakeData

from ptmrec.core.errors import DataError
from ptmrec.images import user_images
from ptmrec.images.user_images import choose_regime, read_user_images


def test_all_images_are_counted_and_some_are_used(tmp_path):
    images = read_user_images(write_image_set(tmp_path / "toy.npz", train=300))
    assert (images.total, len(images.images), images.num_classes, images.smallest_class) == (312, 102, 3, 100)
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
    assert (images.total, len(images.images), images.part) == (7, 5, "train")
    assert images.account.left_out == {"in the test part": 2}
    assert "training part train/" in caplog.text


def test_labels_of_a_flat_folder_come_from_a_list(tmp_path):
    for place in range(6):
        Image.new("RGB", (8, 8), (40 * place, 0, 0)).save(tmp_path / f"{place}.png")
    lines = [f"{place}.png,{'cat' if place < 4 else 'dog'}" for place in range(5)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *lines]))
    found = read_user_images(tmp_path, tmp_path / "labels.csv")
    assert (found.total, len(found.images), found.num_classes, found.smallest_class) == (6, 5, 2, 1)
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


def test_unlabelled_folder_and_limit(tmp_path, monkeypatch):
    folder = write_images(tmp_path / "all", {"": 7})
    assert read_user_images(folder).labels is None
    monkeypatch.setattr(user_images, "UNLABELLED_IMAGES", 3)
    monkeypatch.setattr(user_images, "CHECK_ALL", 5)
    limited = read_user_images(folder)
    assert len(limited.images) == 3 and limited.total == 7
    assert list(limited.account.left_out) == ["not needed: at most 3 are used, evenly spread"]


def test_large_photographs_are_shrunk(tmp_path):
    data = read_user_images(write_images(tmp_path / "photos", {"": 1}, size=1200))
    assert max(data.images[0].size) == 512


@pytest.mark.parametrize(
    ("classes", "words"),
    [({"cat": 2}, "only one class"), ({"cat": 2, "dog": 0}, "no image in this class"), ({"": 0}, "no images found")],
)
def test_folders_that_cannot_be_used(tmp_path, classes, words):
    with pytest.raises(DataError, match=words):
        read_user_images(write_images(tmp_path / "bad", classes))


def test_unreadable_images_are_named_counted_and_skipped_only_if_asked(tmp_path):
    folder = write_images(tmp_path / "pets", {"cat": 3, "dog": 2})
    (folder / "cat" / "broken.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"1 image\(s\) do not decode: cat/broken.png"):
        read_user_images(folder)
    data = read_user_images(folder, skip_unreadable=True)
    assert len(data.images) == 5 and data.total == 6
    assert "broken.png" in data.account.examples["that do not decode"][0]
    for path in (folder / "dog").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="no readable image left in dog"):
        read_user_images(folder, skip_unreadable=True)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (pd.DataFrame({"file": ["x.png"], "label": ["a"]}), "a DataFrame; give a folder and a CSV"),
        (b"bytes", "a bytes"),
        (DataLoader(FakeData(size=4)), "loader.dataset"),
        (7, "a int; give a path"),
        (" ", "the path of the images is empty"),
    ],
)
def test_what_is_no_image_set_is_one_line(source, words):
    with pytest.raises(DataError, match=words):
        read_user_images(source)


def test_lists_of_paths_and_of_pairs_are_read(tmp_path):
    folder = write_images(tmp_path / "flat", {"": 4})
    paths = sorted(folder.iterdir())
    found = read_user_images([str(path) for path in paths], pd.Series(["a", "b"] * 2))
    assert found.labels.tolist() == [0, 1, 0, 1] and found.class_names == ("a", "b")
    pairs = [(Image.open(path), "ab"[place % 2]) for place, path in enumerate(paths)]
    assert read_user_images(pairs).labels.tolist() == [0, 1, 0, 1]
    paths[0].write_bytes(b"")
    found = read_user_images(paths, ["a", "b"] * 2, skip_unreadable=True)
    assert found.labels.tolist() == [1, 0, 1] and found.total == 4


def test_every_kind_of_input_has_an_account(tmp_path):
    """What is used and what is left out is what there was."""
    folder = write_images(tmp_path / "pets", {"cat": 45, "dog": 3})
    (folder / "cat" / "a.xyz").write_bytes(b"x")
    pixels = np.zeros((48, 4, 4, 3), np.uint8)
    labels = ["cat"] * 45 + ["dog"] * 3
    np.savez(tmp_path / "x.npz", images=pixels, labels=np.array(labels))
    flat = write_images(tmp_path / "flat", {"": 48})
    names = sorted((path.name for path in flat.iterdir()), key=lambda name: int(name.partition(".")[0]))
    lines = [f"{name},{label}" for name, label in zip(names, labels, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *lines]))
    found = {
        49: [read_user_images(folder)],
        48: [
            read_user_images(tmp_path / "x.npz"),
            read_user_images(pixels, labels),
            read_user_images(list(pixels), labels),
            read_user_images(flat, tmp_path / "labels.csv"),
            read_user_images([(image, label) for image, label in zip(pixels, labels, strict=True)]),
        ],
    }
    for total, answers in found.items():
        for images in answers:
            assert images.total == total == len(images.images) + sum(images.account.left_out.values())
            assert len(images.images) == 26 and images.class_names == ("cat", "dog")
