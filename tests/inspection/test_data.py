import json
import shutil

import pytest
import torch
from conftest import write_images
from PIL import Image
from torch.utils.data import DataLoader, TensorDataset
from toy_images import write_pictures

from ptmrec.core.errors import DataError
from ptmrec.inspection.data import inspect_data, inspect_loader


def faults(folder, **options):
    return {finding.check for finding in inspect_data(folder, timed=False, **options).faults}


def test_a_clean_folder_has_no_fault_and_its_numbers_are_right(tmp_path):
    report = inspect_data(write_pictures(tmp_path, {"a": 20, "b": 16}))
    assert report.status == 0, report.lines()
    facts = json.loads(report.to_json())["facts"]
    assert facts["classes"] == {"a": 20, "b": 16} and facts["sizes"] == {"32x32": 36}
    assert facts["agreement"] > 0.8 and len(facts["loading"]) >= 2
    assert report.findings[-1].check == "next"


def test_each_planted_fault_is_found(tmp_path):
    folder = write_pictures(tmp_path, {"a": 30, "b": 3, "c": 0})
    assert faults(folder) == {"balance", "empty_class"}
    (folder / "c").rmdir()
    (folder / "b").joinpath("bad.png").write_bytes(b"")
    for index in range(2):
        Image.new("RGB", (40, 40)).save(folder / "b" / f"blank{index}.png")
        Image.open(folder / "a" / f"{index}.png").resize((8, 8)).save(folder / "a" / f"{index}.png")
    for index in range(2, 5):
        Image.open(folder / "a" / f"{index}.png").resize((300, 20)).save(folder / "a" / f"{index}.png")
    assert {"unreadable", "blank", "tiny_images", "aspect"} <= faults(folder)


def test_a_class_that_is_in_test_only(tmp_path):
    write_pictures(tmp_path / "train", {"a": 5, "b": 5})
    write_pictures(tmp_path / "test", {"a": 5, "b": 5, "c": 5}, seed=3)
    assert faults(tmp_path) == {"balance"}


def test_only_unreadable_files(tmp_path):
    write_images(tmp_path, {"a": 2})
    for path in (tmp_path / "a").iterdir():
        path.write_bytes(b"")
    assert faults(tmp_path) == {"unreadable"}
    shutil.rmtree(tmp_path / "a")
    with pytest.raises(DataError, match="no images found"):
        inspect_data(tmp_path)


def test_loaders_and_data_sets_are_timed_and_nothing_else():
    data = TensorDataset(torch.zeros(64, 3))
    assert inspect_loader(DataLoader(data, 16), "toy").status == 0
    with pytest.raises(DataError, match="gives a list|gives a int"):
        inspect_loader(3, "toy")
