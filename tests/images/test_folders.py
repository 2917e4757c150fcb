import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import write_image_set, write_images
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import FakeData

from ptmrec.core.errors import DataError
from ptmrec.images import user_images
from ptmrec.images.account import Account
from ptmrec.images.folders import LINKS, list_images, part_of
from ptmrec.images.user_images import choose_regime, read_user_images


def test_found_is_used_and_left_out():
    account = Account()
    assert account.lines(5) == [] and account.found(5) == 5
    account.leave("of .txt, no images", ["a.txt", "b.txt", "c.txt", "d.txt"])
    account.leave("in the test part", count=3)
    account.leave("never said")
    assert account.found(5) == 12
    assert account.lines(5) == [
        "found 12 = used 5 + left out 7: 4 of .txt, no images (a.txt, b.txt, c.txt, ...); 3 in the test part"
    ]
    assert [row["count"] for row in account.to_dict()["left_out"]] == [4, 3]


def test_what_was_read_otherwise_is_said_once():
    account = Account()
    for text in ("the list is in UTF-16", "channels come first", "the list is in UTF-16"):
        account.note(text)
    assert account.lines(2) == ["read as: the list is in UTF-16; channels come first"]


def counts(listing):
    return {name: len(files) for name, files in listing.groups().items()}


def test_folder_with_classes(tmp_path):
    listing = list_images(write_images(tmp_path / "pets", {"cat": 3, "dog": 2}))
    assert counts(listing) == {"cat": 3, "dog": 2} and not listing.part and not listing.account.left_out
    assert listing.files == tuple(sorted(listing.files))


@pytest.mark.parametrize(
    ("name", "part"),
    {
        **dict.fromkeys(["train", "Training", "training_set", "trainset", "trainSet", "train-images"], "train"),
        **dict.fromkeys(
            [
                "imagesTr",
                "Trainingsdaten",
                "images_train",
                "imagesTrain",
                "train2017",
                "01_train",
                "train_data",
                "TRAIN",
            ],
            "train",
        ),
        **dict.fromkeys(["val", "valid", "validation", "val_set", "dev", "evaluation", "holdout"], "val"),
        **dict.fromkeys(["test", "imagesTs", "Testdaten", "Testing", "test_set", "testset", "test images"], "test"),
        **dict.fromkeys(
            ["tr", "te", "trains", "car", "training_shoes", "testament", "images", "set", "", "train_test"], ""
        ),
    }.items(),
)
def test_parts_by_the_names_people_give_them(name, part):
    assert part_of(name) == part


@pytest.mark.parametrize(
    ("training", "other"),
    [
        ("train", "val"),
        ("training_set", "test_set"),
        ("trainset", "testset"),
        ("images/train", "images/test"),
        ("Train", "Test"),
        ("data/images/train2017", "data/images/val2017"),
        ("train/images", "valid/images"),
        ("train", "train/../test"),
    ],
)
def test_of_a_folder_in_parts_the_training_part_is_read(tmp_path, training, other):
    for place, count in ((training, 3), (other, 1)):
        write_images(tmp_path / "pets" / place, {"cat": count, "dog": 2 * count})
    listing = list_images(tmp_path / "pets")
    assert counts(listing) == {"cat": 3, "dog": 6} and listing.part == training
    assert set(listing.parts) > {"train"} and len(listing.files) == 12
    flat = tmp_path / "flat"
    for place in (training, other):
        write_images(flat / place, {"": 2})
    listing = list_images(flat)
    assert set(listing.classes) == {""} and len(listing.groups()[""]) == 2, "never two classes"


def test_parts_within_each_class(tmp_path):
    write_images(tmp_path / "pets", {"cat/train": 3, "cat/test": 1, "dog/train": 2, "dog/test": 1})
    listing = list_images(tmp_path / "pets")
    assert counts(listing) == {"cat": 3, "dog": 2} and listing.part == "*/train"
    write_images(tmp_path / "pets", {"eel": 2})
    with pytest.raises(DataError, match="some classes have a training part and others none"):
        list_images(tmp_path / "pets")


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"train/a": 1, "test/a": 1, "cars/a": 1}, r"holds parts \(train, ...\) and, besides, cars"),
        ({"train/a": 1, "training_set/a": 1}, r"several training parts \(train, training_set\)"),
        ({"val/a": 1, "test/a": 1}, r"no training part \(test, val\)"),
        ({"train/a": 1, "train/b": 1, "unlabelled": 1}, r"holds parts \(train, ...\) and, besides, unlabelled"),
        ({"test/a": 1, "test/b": 1, "cars": 1}, r"holds parts \(test, ...\) and, besides, cars"),
        ({"pets/a": 1, "pets/b": 1}, "did you mean .*/pets"),
        ({"one": 1}, ""),
    ],
)
def test_parts_that_cannot_be_told_are_refused(tmp_path, parts, words):
    folder = write_images(tmp_path / "set", parts)
    if words:
        with pytest.raises(DataError, match=words):
            list_images(folder)
    else:
        assert counts(list_images(folder)) == {"one": 1}


@pytest.mark.parametrize("classes", [{"train": 2, "car": 2}, {"test": 2, "rest": 2}])
def test_classes_that_happen_to_be_called_so_are_classes(tmp_path, classes):
    assert counts(list_images(write_images(tmp_path / "vehicles", classes))) == dict(sorted(classes.items()))


def test_everything_that_is_no_image_is_left_out_by_what_it_is(tmp_path):
    folder = write_images(tmp_path / "pets", {"cat": 2, "dog": 2})
    write_images(folder, {"__MACOSX": 1})
    write_images(folder, {"": 1})
    for name in ("cat/a.xyz", "cat/a.txt", "dog/b.HEIC", "Thumbs.db", "notes/x.xml"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    (folder / "again").symlink_to(folder / "cat", target_is_directory=True)
    listing = list_images(folder)
    assert counts(listing) == {"cat": 2, "dog": 2}
    out = listing.account.left_out
    assert out["left by a system"] == 2 and out[".xyz, no images"] == out[".txt, no images"] == 1
    assert out[".xml, no images"] == 1 and out["beside the folders of classes or parts"] == 1
    assert out[LINKS] == 1
    assert any(".heic, not read here: convert them" in why for why in out)
    assert not listing.empty, "notes/ is no class"


@pytest.mark.parametrize("files", [["x.HEIC"], ["x.jxl", "y.jxl"], ["x.CR2"]])
def test_a_class_of_files_that_are_not_read_is_named(tmp_path, files):
    folder = write_images(tmp_path / "pets", {"a": 2, "b": 2, "c": 0})
    for name in files:
        (folder / "c" / name).write_bytes(b"x")
    (why,) = list_images(folder).empty.values()
    assert Path(files[0]).suffix in why and "convert" in why
    for place in ("a", "b"):
        for path in (folder / place).iterdir():
            path.unlink()
    with pytest.raises(DataError, match=f"its images are {Path(files[0]).suffix}, which are not read here; convert"):
        list_images(folder)


def test_a_class_without_any_image_is_named(tmp_path):
    listing = list_images(write_images(tmp_path / "bad", {"cat": 2, "dog": 2, "eel": 0}))
    assert "no image in this class" in listing.empty["eel"]
    with pytest.raises(DataError, match="no images found"):
        list_images(write_images(tmp_path / "none", {"": 0}))


@pytest.mark.parametrize(("first", "second"), [("Cat", "cat"), ("cat", "cat "), ("big cat", "big  cat")])
def test_classes_that_differ_by_case_or_spaces_only_are_refused(tmp_path, first, second):
    with pytest.raises(DataError, match="differ by case or spaces only"):
        list_images(write_images(tmp_path / "pets", {first: 1, second: 1}))


def test_letters_are_classes_of_their_own(tmp_path):
    assert counts(list_images(write_images(tmp_path / "letters", {"a": 1, "A": 1}))) == {"A": 1, "a": 1}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("absent", "no such folder"),
        ("one.png", "a single image"),
        ("notes.bin", "neither a folder nor an NPZ"),
        ("labels.csv", "a list, where images are wanted"),
        ("set.zip", "an archive; unpack it"),
        ("set.npz", "an NPZ image set"),
    ],
)
def test_files_that_are_no_data_set(tmp_path, name, words):
    if name != "absent":
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(DataError, match=words):
        list_images(tmp_path / name)


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_the_lists_of_the_hub_give_classes(tmp_path, name):
    folder = write_images(tmp_path / "pets" / "train", {"": 3})
    write_images(tmp_path / "pets" / "test", {"": 2})
    rows = [(f"{place}.png", "cat" if place else "dog") for place in range(3)]
    lines = ["file_name,label", *(",".join(row) for row in rows)]
    if name.endswith("jsonl"):
        lines = [f'{{"file_name": "{file}", "label": "{label}"}}' for file, label in rows]
    (folder / name).write_text("\n".join(lines))
    listing = list_images(tmp_path / "pets")
    assert counts(listing) == {"cat": 2, "dog": 1} and listing.part == "train"
    assert listing.account.notes == [f"classes are those of train/{name}"]
    assert listing.parts.count("test") == 2, "the other parts are there, for the account and for leaks"
    (folder / name).write_text("file_name,caption\n0.png,a cat\n")
    if name.endswith("csv"):
        assert set(list_images(tmp_path / "pets").classes) == {""}, "no labels, no classes"


def test_a_list_with_a_split_gives_its_training_part(tmp_path):
    folder = write_images(tmp_path / "pets", {"": 6})
    rows = [f"{place}.png,{'ab'[place % 2]},{'train' if place < 4 else 'test'}" for place in range(6)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,split", *rows]))
    listing = list_images(folder, tmp_path / "labels.csv")
    assert counts(listing) == {"a": 2, "b": 2} and listing.parts.count("test") == 2
    (tmp_path / "labels.csv").write_text(
        "\n".join(["file,label,split", *(row.replace("train", "val") for row in rows)])
    )
    with pytest.raises(DataError, match="names no training part"):
        list_images(folder, tmp_path / "labels.csv")


def test_rows_of_a_test_folder_are_no_training_images(tmp_path):
    folder = write_images(tmp_path / "pets", {"train": 4, "test": 2})
    rows = [
        f"{place},{'ab'[index % 2]}"
        for index, place in enumerate(p.relative_to(folder) for p in sorted(folder.rglob("*.png")))
    ]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]))
    listing = list_images(folder, tmp_path / "labels.csv")
    assert sum(counts(listing).values()) == 4 and listing.parts.count("test") == 2


def test_links_to_nothing_and_pipes_are_left_out(tmp_path):
    folder = write_images(tmp_path / "pets", {"a": 2, "b": 2, "__pycache__": 0})
    (folder / "a" / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "b" / "pipe.png")
    listing = list_images(folder)
    assert counts(listing) == {"a": 2, "b": 2} and listing.account.left_out == {LINKS: 2}


def test_a_list_of_all_parts_at_the_top_is_read(tmp_path):
    folder = write_images(tmp_path / "pets", {"train": 3, "test": 2})
    names = [path.relative_to(folder) for path in sorted(folder.rglob("*.png"))]
    rows = [f"{name},{'ab'[place % 2]}" for place, name in enumerate(names)]
    (folder / "metadata.csv").write_text("\n".join(["file_name,label", *rows]))
    listing = list_images(folder)
    assert sum(counts(listing).values()) == 3 and listing.parts.count("test") == 2


def test_words_of_a_split_column_that_are_no_parts_are_named(tmp_path):
    folder = write_images(tmp_path / "pets", {"": 4})
    for words, kept in ((("tr", "te"), 2), (("0", "1"), 4)):
        rows = [f"{place}.png,{'ab'[place // 2]},{words[place % 2]}" for place in range(4)]
        (tmp_path / "labels.csv").write_text("\n".join(["file,label,split", *rows]))
        listing = list_images(folder, tmp_path / "labels.csv")
        assert sum(counts(listing).values()) == kept
        assert any("no value of the column split (0, 1" in note for note in listing.account.notes) == (kept == 4)


def test_folders_that_hold_the_same_folders_are_said_to_be_joined(tmp_path):
    listing = list_images(
        write_images(tmp_path / "pets", {f"{fold}/{name}": 2 for fold in "ab" for name in ("x", "y")})
    )
    assert counts(listing) == {"a": 4, "b": 4}
    assert listing.account.notes == ["classes a, b; each holds the folders x, y, joined"]


def test_images_without_a_row_are_left_out(tmp_path):
    folder = write_images(tmp_path / "pets", {"": 6})
    (tmp_path / "labels.csv").write_text("file,label\n0.png,a\n1.png,b\n")
    assert list_images(folder, tmp_path / "labels.csv").account.left_out == {"without a row in the list": 4}


def test_names_of_any_length_and_any_image_format_are_listed(tmp_path):
    folder = write_images(tmp_path / "pets", {"a": 2, "b": 2})
    for place, suffix in enumerate((".jfif", ".JPE", ".avif", ".tga", "")):
        form = {".avif": "AVIF", ".tga": "TGA"}.get(suffix, "JPEG")
        Image.new("RGB", (8, 8)).save(folder / "a" / f"x{place}{suffix}", format=form)
    listing = list_images(folder)
    assert counts(listing) == {"a": 7, "b": 2}
    assert listing.account.notes == ["1 by first bytes, as the names do not say that they are images"]


def test_all_images_are_counted_and_some_are_used(tmp_path):
    images = read_user_images(write_image_set(tmp_path / "toy.npz", train=300))
    assert (images.total, len(images.images), images.num_classes, images.smallest_class) == (312, 300, 3, 100)
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
    assert (images.total, len(images.images), images.labels, images.num_classes) == (900, 400, None, 0)


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
    caplog.clear()
    with caplog.at_level(logging.WARNING, "ptmrec"):
        read_user_images(tmp_path / "pets", whole=True)
    assert not caplog.text, "they are read again to be fine-tuned on, and said to be few once"


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


def test_every_kind_of_input_has_an_account(tmp_path, monkeypatch):
    """What is used and what is left out is what there was."""
    for room in ("user_images", "datasets"):
        monkeypatch.setattr(f"ptmrec.images.{room}.images_per_class", lambda classes, whole: 40)
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
            assert len(images.images) == 43 and images.class_names == ("cat", "dog")


def test_a_list_beside_a_folder_names_images_below_it(tmp_path):
    write_images(tmp_path / "images", {"": 4})
    names = sorted(path.stem for path in (tmp_path / "images").iterdir())
    lines = [f"{name},{'ab'[place % 2]}" for place, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text("\n".join(["id,label", *lines]))
    found = read_user_images(tmp_path, tmp_path / "labels.csv")
    assert np.bincount(found.labels).tolist() == [2, 2] and any("completed" in note for note in found.account.notes)
    write_images(tmp_path / "more", {"": 4})  # now every name means two images
    with pytest.raises(DataError, match="name one 'file'"):
        read_user_images(tmp_path, tmp_path / "labels.csv")


def test_a_training_part_that_is_not_read_is_not_passed_over(tmp_path):
    write_images(tmp_path / "pets" / "val", {"cat": 4, "dog": 4})
    (tmp_path / "pets" / "train" / "cat").mkdir(parents=True)
    (tmp_path / "pets" / "train" / "cat" / "x.heic").write_bytes(b"x")
    with pytest.raises(DataError, match=r"train: its images are \.heic, which are not read here"):
        read_user_images(tmp_path / "pets")
