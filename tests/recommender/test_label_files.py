import pytest

from ptmrec.errors import DataError
from ptmrec.recommender.label_files import read_label_file


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / "images" / name).touch()
    return tmp_path / "images"


@pytest.mark.parametrize("head", ["file,label", "x,filename,Class", "image;is", "name,what"])
def test_columns_have_the_names_people_give_them(head, folder, tmp_path):
    extra = "7," if head.count(",") == 2 else ""
    rows = [f"{extra}a.png,cat", f"{extra}b.png,dog", ""]
    path = tmp_path / "labels.csv"
    path.write_text("\n".join([head.replace(";", ","), *rows]))
    assert read_label_file(path, folder) == {folder / "a.png": "cat", folder / "b.png": "dog"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,label\nz.png,cat\ny.png,dog\n", r"2 image\(s\) are not in .*: z.png, y.png"),
        ("file,label\na.png,\n", "line 2: no label"),
        ("file,label\na.png\n", "line 2: no label"),
        ("file,label\n", "no image is listed"),
        ("", "not a CSV with a head"),
        ("one,two,three\na.png,1,2\n", "name one 'file' and one 'label'"),
    ],
)
def test_a_list_that_cannot_be_used_is_named(text, words, folder, tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=f"labels.csv.*{words}"):
        read_label_file(path, folder)


def test_a_list_that_is_not_there(folder, tmp_path):
    with pytest.raises(DataError, match="nowhere.csv: cannot be read"):
        read_label_file(tmp_path / "nowhere.csv", folder)
