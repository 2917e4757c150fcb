import pytest
from conftest import write_image_set, write_index

from ptmrec.benchmark.image_sets import check_image_sets, read_image_sets
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
