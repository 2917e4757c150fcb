import shutil

import numpy as np
from PIL import Image, ImageFilter
from toy_images import write_pictures

from ptmrec.inspection.duplicates import check_duplicates, exact_groups, near_pairs
from ptmrec.inspection.scan import scan_folder


def severities(folder):
    return {finding.check: finding.severity for finding in check_duplicates(scan_folder(folder))[0]}


def test_pairs_are_those_of_a_plain_loop(tmp_path):
    folder = write_pictures(tmp_path, {"a": 8, "b": 8})
    for name in ("0", "1"):
        image = Image.open(folder / "a" / f"{name}.png").filter(ImageFilter.GaussianBlur(0.7))
        image.save(folder / "a" / f"copy{name}.jpg", quality=80)
    scan = scan_folder(folder)
    grey = scan.grey.reshape(len(scan.grey), -1).astype(float)
    expected = {
        (first, second)
        for first in range(len(grey))
        for second in range(first + 1, len(grey))
        if np.corrcoef(grey[first], grey[second])[0, 1] >= 0.985
    }
    assert set(near_pairs(scan)) == expected
    assert len(expected) == 2 and exact_groups(scan) == []


def test_copies_within_a_part_across_parts_and_in_two_classes(tmp_path):
    for part in ("train", "test"):
        write_pictures(tmp_path / part, {"a": 6, "b": 6}, seed=len(part))
    assert set(severities(tmp_path).values()) == {"ok"}
    shutil.copy(tmp_path / "train" / "a" / "0.png", tmp_path / "test" / "a" / "leak.png")
    assert severities(tmp_path)["leak"] == "fault" and severities(tmp_path)["exact_duplicates"] == "ok"
    shutil.copy(tmp_path / "train" / "a" / "1.png", tmp_path / "train" / "b" / "both.png")
    found = severities(tmp_path)
    assert found["two_labels"] == "fault" and found["exact_duplicates"] == "advice"
    shutil.copy(tmp_path / "train" / "a" / "2.png", tmp_path / "train" / "a" / "more.png")
    assert severities(tmp_path)["exact_duplicates"] == "fault"


def test_blank_images_are_no_near_duplicates_of_everything(tmp_path):
    folder = write_pictures(tmp_path, {"a": 4, "b": 4})
    for level in (10, 200):
        Image.new("RGB", (32, 32), (level,) * 3).save(folder / "a" / f"blank{level}.png")
    assert near_pairs(scan_folder(folder)) == []
