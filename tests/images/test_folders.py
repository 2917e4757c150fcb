import os
from pathlib import Path

import pytest
from conftest import write_images
from PIL import Image

from ptmrec.core.errors import DataError
from ptmrec.images.folders import LINKS, list_images, part_of


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
