import numpy as np
import pandas as pd
import pytest
import torch

from ptmrec.core.errors import DataError
from ptmrec.images.account import Account
from ptmrec.images.labels import check_names, has_labels, index_labels, read_label_file

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
