import json
import shutil
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import write_images
from PIL import Image, ImageFilter
from sklearn.neighbors import NearestNeighbors
from torch.utils.data import DataLoader, Dataset, TensorDataset
from toy_images import write_pictures

from ptmrec.config.section import SECTIONS
from ptmrec.core.errors import DataError
from ptmrec.inspection import loading
from ptmrec.inspection.data import inspect_data, inspect_loader
from ptmrec.inspection.duplicates import check_duplicates, exact_groups, near_pairs
from ptmrec.inspection.findings import Finding, close_report
from ptmrec.inspection.labels import agreement, check_labels
from ptmrec.inspection.loading import Files, check_loading, loader_rate, measure_loading, suggest, worker_counts
from ptmrec.inspection.scan import perceptual_hashes, scan_folder
from ptmrec.inspection.subjects import call_function, is_file, run_file, split_subject


def faults(folder, **options):
    return {finding.check for finding in inspect_data(folder, timed=False, **options).faults}


def test_a_clean_folder_has_no_fault_and_its_numbers_are_right(tmp_path):
    report = inspect_data(write_pictures(tmp_path, {"a": 20, "b": 16}))
    assert report.status == 0, report.lines()
    facts = json.loads(report.to_json())["facts"]
    assert facts["classes"] == {"a": 20, "b": 16} and facts["sizes"] == {"32x32": 36}
    assert facts["agreement"] > 0.8 and len(facts["loading"]) >= 2
    assert report.findings[-1].check == "next"
    said = "\n".join(report.lines())
    assert "36 images, 2 classes" in said and "16 (b) to 20 (a) images" in said and "1 image size, " in said
    even, one = (write_pictures(tmp_path / name, dict.fromkeys(name, 5)) for name in ("ab", "a"))
    assert "each class has 5 images" in "\n".join(inspect_data(even, timed=False).lines())
    assert "5 images, 1 class\n" in "\n".join(inspect_data(one, timed=False).lines())


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


def test_agreement_is_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    features, labels = generator.normal(size=(40, 3)), generator.integers(0, 3, 40)
    near = NearestNeighbors(n_neighbors=5).fit(features).kneighbors(return_distance=False)
    own, null, p = agreement(features, labels)
    assert own == (labels[near] == labels[:, None]).mean()
    shares = np.bincount(labels) / 40
    assert abs(null - (shares**2).sum()) < 0.03 and p > 0.02


def test_clusters_agree_and_their_shuffled_labels_do_not():
    labels = np.repeat(np.arange(4), 15)
    features = 4 * np.eye(4)[labels] + np.random.default_rng(1).normal(size=(60, 4))
    assert agreement(features, labels)[2] < 0.01
    assert agreement(features, np.random.default_rng(2).permutation(labels))[2] > 0.02


def test_the_encoder_is_asked_only_where_pixels_show_nothing(tmp_path):
    scan = scan_folder(write_pictures(tmp_path, {"a": 20, "b": 20}))
    assert scan.forms.shape == (40, 1024) and np.linalg.norm(scan.forms, axis=1) == pytest.approx(1.0)
    asked = []

    def encode(paths):
        asked.append(len(paths))
        return np.eye(len(paths))

    assert check_labels(scan, encode)[0][0].severity == "ok" and not asked
    scan.labels[:] = np.random.default_rng(0).permutation(scan.labels).tolist()
    (finding,), facts = check_labels(scan, encode)
    assert finding.severity == "fault" and asked == [40] and "encoder" in facts["basis"]


def test_few_images_or_one_class_get_no_answer(tmp_path):
    assert check_labels(scan_folder(write_pictures(tmp_path / "few", {"a": 4, "b": 4}))) == ([], {})
    assert check_labels(scan_folder(write_pictures(tmp_path / "one", {"a": 30}))) == ([], {})


class Slow(Dataset):
    def __init__(self, seconds, count=24):
        self.seconds, self.count = seconds, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        time.sleep(self.seconds)
        return torch.zeros(3)


def test_rate_is_about_what_was_planted():
    assert 60 < loader_rate(DataLoader(Slow(0.01), 4)) < 110


def test_a_slow_loader_is_a_fault_and_a_fast_one_gets_a_setting(monkeypatch):
    monkeypatch.setattr(loading, "worker_counts", lambda: (0,))
    slow = check_loading(measure_loading(Slow(0.02)), "toy")
    assert [finding.severity for finding in slow] == ["fault"]
    fast = check_loading(measure_loading(TensorDataset(torch.zeros(256, 3))), "toy")
    assert [finding.severity for finding in fast] == ["ok", "advice"] and "num_workers=0" in fast[1].do


def test_the_suggestion_is_the_fewest_workers_near_the_best():
    rates = {(0, 16): 50, (1, 16): 90, (4, 16): 100, (1, 64): 95}
    rows = [{"workers": w, "batch_size": b, "images_per_second": r} for (w, b), r in rates.items()]
    assert suggest(rows) == rows[3]


def test_files_are_tensors_and_errors_are_one_line(tmp_path):
    folder = write_pictures(tmp_path, {"a": 2})
    files = Files(sorted((folder / "a").iterdir()))
    assert files[0].shape == (3, 224, 224) and files[0].dtype == torch.uint8
    assert worker_counts()[0] == 0
    (folder / "a" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="not one of PNG"):
        loader_rate(DataLoader(files, 2))
    with pytest.raises(DataError, match="gives no batch"):
        loader_rate([])


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


def test_a_name_behind_a_colon_is_taken_off_files_only():
    assert split_subject("a/b.py:Net") == (Path("a/b.py"), "Net")
    assert split_subject("b.py") == (Path("b.py"), "")
    assert split_subject("vgg-small") == (Path("vgg-small"), "")
    assert is_file("b.py:Net") and not is_file("vgg-small") and not is_file("timm:resnet")


def test_a_file_is_run_and_its_function_called(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def example():\n    return 3\n")
    assert call_function(run_file(path), path, "example") == 3
    with pytest.raises(DataError, match=r"no function other\(\)"):
        call_function(run_file(path), path, "other")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\nraise ValueError('a\\nb')", "does not run: ValueError in line 2: a b"),
        ("def f(:", "SyntaxError"),
        ("import sys; sys.exit(0)", "SystemExit"),
        ("def example():\n    return 1 / 0", r"example\(\) fails: ZeroDivisionError in line 2"),
    ],
)
def test_a_file_that_fails_is_one_line_with_its_place(tmp_path, text, message):
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        call_function(run_file(path), path, "example")
    assert len(str(caught.value).splitlines()) == 1


def test_no_such_file(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        run_file(tmp_path / "none.py")


def test_sections_of_a_file_do_not_stay(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from ptmrec.config.section import Section\nclass Mine(Section):\n    section = 'mine'\n")
    assert run_file(path).Mine.section == "mine" and "mine" not in SECTIONS


OK = Finding("a", "ok", "fine", "it matters")

ADVICE = Finding("b", "advice", "so so", "it helps", "do this")

FAULT = Finding("c", "fault", "broken", "it hurts", "mend that")


def test_a_report_ends_in_advice_about_its_first_fault():
    report = close_report("model", "toy", [OK, ADVICE, FAULT], {"loss": float("nan"), 1: (2.0,)})
    assert (report.status, report.found("c"), report.found("b")) == (1, True, False)
    assert report.findings[-1].do == "mend that" and report.findings[-1].why == "it hurts"
    data = json.loads(report.to_json())
    assert data["facts"] == {"loss": "nan", "1": [2.0]}
    assert (data["schema"], data["faults"], len(data["findings"])) == (1, 1, 4)
    assert "FAULT   broken" in report.lines()


def test_without_a_fault_the_status_is_0_and_there_is_advice():
    assert close_report("data", "x", [OK], {}).status == 0
    assert close_report("data", "x", [OK], {}).findings[-1].do == "go on with this data"
    assert close_report("data", "x", [OK, ADVICE], {}).findings[-1].do == "do this"
