from io import BytesIO

import numpy as np
import pytest
from conftest import write_images
from PIL import Image, ImageFilter

from ptmrec.core.errors import DataError
from ptmrec.inspection.scan import perceptual_hashes, scan_folder


def test_what_is_known_of_each_image(tmp_path):
    scan = scan_folder(write_images(tmp_path, {"a": 3, "b": 2}))
    assert scan.labels == ["a"] * 3 + ["b"] * 2 and scan.parts == [""] * 5
    assert scan.sizes.tolist() == [[16, 16]] * 5 and set(scan.modes) == {"RGB"}
    assert len(set(scan.digests)) == 5 and scan.grey.shape == (5, 32, 32) and scan.colour.shape == (5, 8, 8, 3)
    assert scan.name(0) == "a/0.png"


def test_parts_are_told_from_classes(tmp_path):
    for part in ("train", "validation", "test"):
        write_images(tmp_path / "split" / part, {"a": 1, "b": 1})
    assert scan_folder(tmp_path / "split").parts == ["test"] * 2 + ["train"] * 2 + ["val"] * 2
    write_images(tmp_path / "classes", {"train": 1, "bus": 1})
    assert set(scan_folder(tmp_path / "classes").parts) == {""}


def test_labels_in_a_list_go_before_folders(tmp_path):
    folder = write_images(tmp_path, {"a": 2})
    (folder / "labels.csv").write_text("file,label\na/0.png,x\na/1.png,y\n")
    scan = scan_folder(folder, folder / "labels.csv")
    assert scan.labels == ["x", "y"] and not scan.account.left_out


def test_hashes_survive_what_keeps_the_picture():
    generator = np.random.default_rng(0)
    noise = Image.fromarray(generator.integers(0, 256, (64, 64), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(4))
    buffer = BytesIO()
    noise.save(buffer, "JPEG", quality=70)
    other = Image.fromarray(generator.integers(0, 256, (64, 64), dtype=np.uint8)).filter(ImageFilter.GaussianBlur(4))
    grey = [np.asarray(image.resize((32, 32))) for image in (noise, Image.open(buffer), other)]
    first, again, different = perceptual_hashes(np.stack(grey))
    assert np.bitwise_count(first ^ again) <= 4 < 16 < np.bitwise_count(first ^ different)


def test_unreadable_files_and_empty_classes_are_named(tmp_path):
    write_images(tmp_path, {"a": 2, "b": 2, "c": 0})
    (tmp_path / "a" / "0.png").write_bytes(b"\x89PNG not really")
    scan = scan_folder(tmp_path)
    assert list(scan.unreadable) == ["a/0.png"] and scan.empty == ["c"] and len(scan.paths) == 3


@pytest.mark.parametrize("place", ["nowhere", "empty", "file.png"])
def test_what_is_no_folder_of_images_is_one_line(tmp_path, place):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.png").write_bytes(b"x")
    with pytest.raises(DataError, match="no such folder|no images found|a single image"):
        scan_folder(tmp_path / place)
