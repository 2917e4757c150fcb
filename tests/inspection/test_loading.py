import time

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset
from toy_images import write_pictures

from ptmrec.core.errors import DataError
from ptmrec.inspection.loading import Files, check_loading, loader_rate, measure_loading, suggest, worker_counts


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


def test_a_slow_loader_is_a_fault_and_a_fast_one_gets_a_setting():
    slow = check_loading(measure_loading(Slow(0.02), workers=(0,)), "toy")
    assert [finding.severity for finding in slow] == ["fault"]
    fast = check_loading(measure_loading(TensorDataset(torch.zeros(256, 3)), workers=(0,)), "toy")
    assert [finding.severity for finding in fast] == ["ok", "advice"] and "num_workers=0" in fast[1].do


def test_the_suggestion_is_the_fewest_workers_near_the_best():
    rates = {(0, 16): 50, (1, 16): 90, (4, 16): 100, (1, 64): 95}
    rows = [{"workers": w, "batch_size": b, "images_per_second": r} for (w, b), r in rates.items()]
    assert suggest(rows) == rows[3]


def test_files_are_tensors_and_errors_are_one_line(tmp_path):
    folder = write_pictures(tmp_path, {"a": 2})
    files = Files(sorted((folder / "a").iterdir()), side=24)
    assert files[0].shape == (3, 24, 24) and files[0].dtype == torch.uint8
    assert worker_counts()[0] == 0
    (folder / "a" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="not one of PNG"):
        loader_rate(DataLoader(files, 2))
    with pytest.raises(DataError, match="gives no batch"):
        loader_rate([])
