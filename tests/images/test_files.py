import os
import shutil
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import write_image_set, write_images
from PIL import Image

from ptmrec.core.errors import ArtifactError, DataError
from ptmrec.images.account import Account
from ptmrec.images.arrays import check_pixels, picture, read_labelled_npz, read_list
from ptmrec.images.files import (
    FLATTENED,
    FORMATS,
    LOOSE,
    TURNED,
    find_files,
    is_image_file,
    list_folders,
    open_image,
    to_rgb,
)
from ptmrec.images.labels import check_names, has_labels, index_labels, read_label_file

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
    whole = np.load(path)
    np.testing.assert_array_equal(images, whole["train_images"])
    np.testing.assert_array_equal(labels, whole["train_labels"])
    assert names == tuple(whole["class_names"]) and account.left_out == {"in test_images, not the training part": 12}


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


RAMP = np.linspace(0, 1, 64).reshape(8, 8)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("deep.png", (RAMP * 65535).astype(np.uint16)),
        ("twelve_bit.png", (RAMP * 4095).astype(np.uint16)),
        ("deep.tif", (RAMP * 65535).astype(np.uint16)),
        ("whole.tif", (RAMP * 1e6 - 5e5).astype(np.int32)),
        ("real.tif", (RAMP * 3 - 1).astype(np.float32)),
    ],
)
def test_deep_images_are_scaled_by_their_range(tmp_path, name, values):
    Image.fromarray(values).save(tmp_path / name)
    pixels = np.asarray(open_image(tmp_path / name))
    assert pixels.shape == (8, 8, 3)
    np.testing.assert_allclose(pixels[..., 0], RAMP * 255, atol=1)


def test_deep_images_without_a_range_and_values_that_are_no_numbers():
    assert np.asarray(to_rgb(Image.fromarray(np.full((4, 4), 7, np.uint16)))).max() == 0
    broken = np.array([[np.nan, 0.0], [np.inf, 2.0]], np.float32)
    assert np.asarray(to_rgb(Image.fromarray(broken)))[..., 0].tolist() == [[0, 0], [0, 255]]


def test_eight_bit_images_keep_their_values_and_the_given_image_stays_as_it_is():
    image = Image.fromarray((RAMP * 100).astype(np.uint8)).resize((600, 600))
    small = to_rgb(image)
    assert small.size == (512, 512)
    assert image.size == (600, 600)
    assert np.asarray(small).max() <= 105  # shrinking overshoots a little, stretching to 255 would not stop there


@pytest.mark.parametrize("form", ["EPS", "TGA", "IM"])
def test_only_listed_formats_are_opened_whatever_the_name(tmp_path, form):
    Image.new("RGB", (16, 16)).save(tmp_path / "x.bin", format=form)
    (tmp_path / "x.bin").rename(tmp_path / "x.png")
    with pytest.raises(DataError, match="not one of PNG, JPEG"):
        open_image(tmp_path / "x.png")


@pytest.mark.parametrize("form", [*(f for f in FORMATS if f not in ("XPM", "XBM")), "TGA"])
def test_listed_formats_are_opened(tmp_path, form):
    path = tmp_path / ("x.tga" if form == "TGA" else "x")  # of which the decoder takes almost anything
    Image.new("RGB", (16, 16), (255, 0, 0)).save(path, format=form)
    red = np.asarray(open_image(path)).mean(axis=(0, 1))
    np.testing.assert_allclose(red, [255, 0, 0], atol=3)


def test_every_suffix_of_a_decoder_is_known():
    Image.init()
    for suffix, form in Image.registered_extensions().items():
        assert suffix in FORMATS.get(form, [suffix]), suffix
    for suffix in {suffix for suffixes in FORMATS.values() for suffix in suffixes} | set(LOOSE):
        assert is_image_file(Path(f"x{suffix}")) and is_image_file(Path(f"x{suffix.upper()}"))


def test_an_image_without_a_suffix_is_known_by_its_first_bytes(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "0001", format="JPEG")
    (tmp_path / "0002").write_bytes(b"text")
    (tmp_path / "notes.txt").write_bytes((tmp_path / "0001").read_bytes())
    assert [is_image_file(path) for path in sorted(tmp_path.iterdir())] == [True, False, False]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photographs_are_turned_as_they_are_shown(tmp_path, orientation):
    from PIL import ImageOps

    values = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(4, 6, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(values).save(tmp_path / "x.png", exif=exif)
    found = open_image(tmp_path / "x.png")
    with Image.open(tmp_path / "x.png") as image:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(ImageOps.exif_transpose(image)))
    assert found.info["read_as"] == ((TURNED,) if orientation > 1 else ())


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_shows_white_without_a_warning(tmp_path, mode, recwarn):
    drawn = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    drawn.paste((0, 0, 0, 255), (0, 0, 4, 8))
    (drawn.quantize(4) if mode == "P" else drawn.convert(mode)).save(tmp_path / "x.png")
    found = open_image(tmp_path / "x.png")
    assert found.info["read_as"] == (FLATTENED,) and not recwarn.list
    np.testing.assert_allclose(np.asarray(found)[:, :, 0], np.tile([0] * 4 + [255] * 4, (8, 1)), atol=3)


def test_links_are_followed_once_and_never_back(tmp_path):
    write_images(tmp_path / "set", {"cat": 2, "dog": 2})
    write_images(tmp_path / "elsewhere", {"": 3})
    for name, target in {"cat/more": "elsewhere", "up": ".", "dog/all": "set", "pets": "set/cat"}.items():
        (tmp_path / "set" / name).symlink_to(tmp_path / target, target_is_directory=True)
    files, links = find_files(tmp_path / "set")
    assert len(files) == 7 and sum("more" in path.parts for path in files) == 3
    assert [str(link.relative_to(tmp_path / "set")) for link in links] == ["dog/all", "pets", "up"]


def test_hidden_files_and_folders_are_passed_over(tmp_path):
    folder = write_images(tmp_path / "pets", {"cat": 2, ".cache": 1, "cat/.old": 1, "cat/more": 1})
    (folder / "cat" / "._0.png").write_bytes(b"x")
    assert [path.name for path in list_folders(folder)] == ["cat"]
    assert [path.relative_to(folder / "cat").as_posix() for path in find_files(folder / "cat")[0]] == [
        "0.png",
        "1.png",
        "more/0.png",
    ]


@pytest.mark.parametrize("mode", [0o000, 0o444])
def test_a_folder_that_may_not_be_read_is_said_to_be_so(mode):
    place = Path(tempfile.mkdtemp())  # not tmp_path, which only its owner may enter
    as_root = os.geteuid() == 0
    try:
        write_images(place, {"cat": 1})
        place.chmod(0o755)
        (place / "cat").chmod(mode)
        if as_root:
            os.seteuid(65534)
        with pytest.raises(DataError, match=r"cat.*cannot be read \(Permission denied\)"):
            find_files(place / "cat")
    finally:
        if as_root:
            os.seteuid(0)
        (place / "cat").chmod(0o755)
        shutil.rmtree(place)


def test_the_order_of_a_listing_does_not_matter(tmp_path, monkeypatch):
    for name in ("b/2.png", "b/1.png", "a/3.png", "c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (2, 2)).save(tmp_path / name)
    expected = sorted(tmp_path.rglob("*.png"))
    walk = os.walk
    for backwards in (True, False):

        def listing(*a, backwards=backwards, **k):
            return [(p, d, sorted(n, reverse=not backwards)) for p, d, n in sorted(walk(*a, **k), reverse=backwards)]

        monkeypatch.setattr("os.walk", listing)
        assert find_files(tmp_path)[0] == expected


def test_an_image_that_announces_too_many_pixels_is_not_decoded(tmp_path, recwarn):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    for side in (13_000, 9_000, 60_000):
        head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        data = zlib.compress(bytes(1000))
        parts = (chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b""))
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
        with pytest.raises(DataError, match="more than 64 million|decompression bomb"):
            open_image(tmp_path / "a.png")
    assert not recwarn.list


CATS = ["cat", "dog", "cat"]


@pytest.mark.parametrize(
    "labels",
    [
        CATS,
        tuple(CATS),
        np.array(CATS),
        np.array(CATS, dtype=object),
        np.array(CATS)[:, None],
        np.array(CATS).astype("S"),
        [np.str_(name) for name in CATS],
        pd.Series(CATS),
        pd.Series(CATS, dtype="string"),
        pd.Series(CATS, dtype="category", index=[7, 3, 5]),
        pd.Index(CATS),
    ],
    ids=lambda labels: f"{type(labels).__name__}-{getattr(labels, 'dtype', '')}",
)
def test_text_is_read_whatever_holds_it(labels):
    indices, names = index_labels(labels, 3, "labels")
    assert indices.tolist() == [0, 1, 0] and names == ("cat", "dog")


@pytest.mark.parametrize(
    "labels",
    [
        [7, -1, 7],
        [7.0, -1.0, 7.0],
        [np.int64(7), -1, 7],
        torch.tensor([7, -1, 7]),
        [torch.tensor(7), torch.tensor(-1), torch.tensor(7)],
        pd.Series([7, -1, 7], dtype="Int64"),
        np.array([7, -1, 7], dtype=object),
    ],
)
def test_whole_numbers_are_read_whatever_holds_them(labels):
    indices, names = index_labels(labels, 3, "labels")
    assert indices.tolist() == [1, 0, 1] and names == ("-1", "7")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["cat", None, "dog"], "1 of 3 images have no label, the first at 1"),
        (["cat", float("nan"), "dog"], "have no label"),
        (["cat", "NaN", "dog"], "have no label"),
        (["cat", "", "dog"], "have no label"),
        (pd.Series(["cat", pd.NA, "dog"], dtype="string"), "have no label"),
        ([1.0, float("nan"), 2.0], "have no label"),
        ([["cat", "dog"], ["cat"], ["dog"]], "several labels for an image"),
        (np.eye(3, dtype=int), "argmax"),
        (np.array([["a", "b"]] * 3), "several labels per image"),
        (["cat", 1, "dog"], "mixes numbers and text"),
        ([0.5, 1.5, 0.5], "whole numbers or text"),
        (["Cat", "cat", "dog"], "'Cat' and 'cat' differ by case or spaces only"),
        (["cat", "cat ", "dog"], "differ by case or spaces only"),
        (["cat"] * 3, "only one class"),
        (["cat", "dog"], "one label per image"),
        ("cat", "a str; give one label per image"),
        ({"a": 1}, "a dict"),
        (pd.DataFrame({"a": CATS, "b": CATS}), "a table of 2 columns"),
        (7, "a int"),
        ([pd.Timestamp("2020-01-01")] * 3, "whole numbers or text"),
    ],
)
def test_labels_that_cannot_be_used_name_the_cause(labels, words):
    with pytest.raises(DataError, match=f"labels: .*{words}"):
        index_labels(labels, 3, "labels")


def test_letters_are_told_apart():
    check_names(["a", "A", "b"], "x")
    with pytest.raises(DataError, match="'AA' and 'aa'"):
        check_names(["aa", "AA"], "x")
    with pytest.raises(DataError, match="differ by case or spaces only"):
        check_names(["caf\u00e9", "cafe\u0301"], "x")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images" / "deep").mkdir(parents=True)
    for name in ("a.png", "b.png", "deep/c.png"):
        (tmp_path / "images" / name).touch()
    return tmp_path / "images"


def read(path, folder, account=None):
    images = sorted(path for path in folder.rglob("*.png"))
    rows = read_label_file(path, folder, images, Account() if account is None else account)
    return {file.relative_to(folder).as_posix(): row.label for file, row in rows.items()}


@pytest.mark.parametrize(
    "head", ["file,label", "x,filename,Class", "image,is", "name,what", "what,image", ",file,label", "file,part", "p,q"]
)
def test_columns_have_the_names_people_give_them(head, folder, tmp_path):
    extra = "7," if head.count(",") == 2 else ""
    rows = [f"{extra}a.png,cat", f"{extra}b.png,dog", ""]
    if head == "what,image":
        rows = ["cat,a.png", "dog,b.png"]
    path = tmp_path / "labels.csv"
    path.write_text("\n".join([head, *rows]))
    assert read(path, folder) == {"a.png": "cat", "b.png": "dog"}


PLAIN = "file,label\na.png,cat\nb.png,dög\n"

WAYS = {
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "bars": PLAIN.replace(",", "|").encode(),
    "spaces": PLAIN.replace(",", " ").encode(),
    "no head": PLAIN.partition("\n")[2].encode(),
    "no head, label first": "cat,a.png\ndög,b.png\n".encode(),
    "UTF-8 with a mark": PLAIN.encode("utf-8-sig"),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "Latin-1": PLAIN.encode("latin-1"),
    "Windows lines": PLAIN.replace("\n", "\r\n").encode(),
    "backslashes": PLAIN.replace("a.png", ".\\a.png").encode(),
    "absolute": PLAIN.replace("a.png", "/home/somebody/images/a.png").encode(),
    "a drive": PLAIN.replace("a.png", "C:\\images\\a.png").encode(),
    "no suffix": PLAIN.replace(".png", "").encode(),
    "other case": PLAIN.replace("a.png", "A.PNG").encode(),
    "named twice alike": (PLAIN + "a.png,cat\n").encode(),
    "blank lines first": ("\n\n" + PLAIN).encode(),
    "Excel": ("sep=;\n" + PLAIN.replace(",", ";")).encode(),
    "quoted": PLAIN.replace("cat", '"cat"').encode(),
}


@pytest.mark.parametrize("way", WAYS)
def test_lists_are_read_as_people_write_them(way, folder, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_bytes(WAYS[way])
    assert read(path, folder) == {"a.png": "cat", "b.png": "dög"}


@pytest.mark.parametrize(
    ("way", "note"),
    [
        ("no head", "no head"),
        ("UTF-16", "UTF-16"),
        ("Latin-1", "Latin-1"),
        ("absolute", "within the folder"),
        ("no suffix", "completed"),
    ],
)
def test_what_was_made_up_for_is_said(way, note, folder, tmp_path):
    (tmp_path / "labels.csv").write_bytes(WAYS[way])
    account = Account()
    read(tmp_path / "labels.csv", folder, account)
    assert any(note in text for text in account.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,label\nz.png,cat\ny.png,dog\n", r"2 image\(s\) are not in .*: z.png, y.png"),
        (f"file,label\n{'x' * 5000}.png,cat\n", r"1 image\(s\) are not in"),
        ("file,label\n/etc/passwd,cat\n", r"1 image\(s\) are not in .*: /etc/passwd"),
        ("file,label\n../images/a.png,cat\n", r"1 image\(s\) are not in"),
        ("file,label\na.png,\n", "line 2: no label"),
        ("file,label\na.png\n", "line 2: no label"),
        ("file,label\na.png,NaN\n", "line 2: no label"),
        ("file,label\na.png,NA\n", "line 2: no label"),
        ("file,label\na.png,cat\nb.png,dog\na.png,dog\n", r"a.png is cat \(line 2\) and dog \(line 4\)"),
        ("file,label\na.png,cat|dog\nb.png,dog\ndeep/c.png,cat\n", "looks like several labels"),
        ('file,label\na.png,"[cat, dog]"\n', "looks like a list of labels"),
        ("file,cat,dog\na.png,1,1\nb.png,0,1\n", "a column per class can mean several labels"),
        ('file,label\na.png,"12-inch cat\nb.png,dog\n', "a quote is not closed"),
        ("file,label\na.png,cat, big\nb.png,dog\n", "line 2 has 3 columns, the first line 2"),
        ("file,label\na.png,0.37\nb.png,1.2\n", "numbers with fractions"),
        ("file,label\n", "no image is listed"),
        ("", "not a CSV with a head"),
        ("one,two,three\na.png,1,2\n", "name one 'file' and one 'label'"),
        ("a.png,cat,7\nb.png,dog,7\n", "no head, and 3 columns"),
        ("a\0b", "not a text with rows"),
    ],
)
def test_a_list_that_cannot_be_used_is_named(text, words, folder, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=f"labels.csv.*{words}"):
        read(path, folder)


def test_whole_numbers_are_one_class_however_they_are_written(folder, tmp_path):
    (tmp_path / "labels.csv").write_text("file,label\na.png,1.0\nb.png,2\ndeep/c.png,1\n")
    assert list(read(tmp_path / "labels.csv", folder).values()) == ["1", "2", "1"]


def test_a_list_that_is_not_there(folder, tmp_path):
    for name in ("nowhere.csv", "x" * 5000):
        with pytest.raises(DataError, match="cannot be read as labels"):
            read(tmp_path / name, folder)


def test_a_list_says_whether_it_has_labels(tmp_path):
    (tmp_path / "a.csv").write_text("file_name,label\nx,y\n")
    (tmp_path / "b.csv").write_text("file_name,caption\nx,y\n")
    assert has_labels(tmp_path / "a.csv") and not has_labels(tmp_path / "b.csv")
