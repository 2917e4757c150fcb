import numpy as np
import pytest
from conftest import write_image_set, write_index

from experiments.zoo_build.image_sets import check_image_sets, load_image_npz, read_image_sets
from ptmrec.core.errors import ArtifactError, DataError


def test_the_table_says_what_may_be_shared(tmp_path):
    write_image_set(tmp_path / "toy.npz")
    for licence, shareable in (
        ("MIT", True),
        ("CC BY 4.0", True),
        ("CC BY-NC-SA 4.0", False),
        ("for research only", False),
        ("Non-Commercial use", False),
    ):
        entry = read_image_sets(write_index(tmp_path, licence))["toy"]
        assert (entry.licence, entry.shareable) == (licence, shareable)


def test_tables_that_cannot_be_used_are_one_line(tmp_path):
    with pytest.raises(ArtifactError, match="no table of image sets there"):
        read_image_sets(tmp_path / "index.csv")
    (tmp_path / "index.csv").write_text("name,domain\ntoy,toys\n")
    with pytest.raises(ArtifactError, match="column 'classes' is missing"):
        read_image_sets(tmp_path / "index.csv")
    (tmp_path / "index.csv").write_text("name,domain\n")
    with pytest.raises(ArtifactError, match="the table is empty"):
        read_image_sets(tmp_path / "index.csv")


def test_an_image_set_needs_its_row(tmp_path):
    write_image_set(tmp_path / "toy.npz")
    write_index(tmp_path)
    assert set(check_image_sets(tmp_path, ["toy"], ["toy"])) == {"toy"}
    write_image_set(tmp_path / "new.npz")
    with pytest.raises(DataError, match="no row for 'new'"):
        check_image_sets(tmp_path, ["new"], [])


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
