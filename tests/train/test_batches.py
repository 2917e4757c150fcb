import os
from collections import namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler

from ptmrec.core.errors import TrainingError
from ptmrec.train.batches import batch_size, end_workers, set_epoch, take_rows, to_device

Pair = namedtuple("Pair", "left right")


@dataclass(frozen=True)
class Frozen:
    values: torch.Tensor
    name: str


def test_the_form_of_a_batch_is_kept_and_its_tensors_moved():
    meta = torch.device("meta")
    batch = {"pair": Pair(torch.zeros(3), ["text"]), "frozen": Frozen(torch.ones(3, 2), "x"), "count": 4}
    moved = to_device(batch, meta)
    assert isinstance(moved["pair"], Pair)
    assert moved["pair"].left.device == moved["frozen"].values.device == meta
    assert (moved["pair"].right, moved["frozen"].name, moved["count"]) == (["text"], "x", 4)
    assert batch["frozen"].values.device.type == "cpu"


def test_size_is_the_length_of_the_first_tensor():
    assert batch_size(torch.zeros(5, 2)) == 5
    assert batch_size({"names": ["a", "b"], "inputs": torch.zeros(3)}) == 3
    assert batch_size([Frozen(torch.zeros(2), "x")]) == 2
    assert batch_size({"loss": torch.tensor(1.0)}) == batch_size("nothing") == 1


def test_rows_are_taken_of_every_part():
    values = torch.arange(4)
    pair, frozen = Pair(values, list("abcd")), Frozen(values, "four")
    batch = {"pair": pair, "list": [values, values + 1], "frozen": frozen, "count": 4, "scale": torch.tensor(2.0)}
    taken = take_rows(batch, slice(1, 3), 4)
    assert isinstance(taken["pair"], Pair)
    assert (taken["pair"].left.tolist(), taken["pair"].right) == ([1, 2], ["b", "c"])
    assert [part.tolist() for part in taken["list"]] == [[1, 2], [2, 3]]
    assert (taken["frozen"].values.tolist(), taken["frozen"].name) == ([1, 2], "four")
    assert (taken["count"], taken["scale"].item()) == (4, 2.0)
    assert len(frozen.values) == 4


def test_an_object_that_cannot_be_divided_is_refused():
    packed = torch.nn.utils.rnn.pack_sequence([torch.ones(2)])
    with pytest.raises(TrainingError, match="PackedSequence cannot be divided"):
        take_rows(packed, slice(0, 1), 1)


def test_samplers_hear_of_the_epoch():
    sampler = DistributedSampler(range(8), num_replicas=1, rank=0)
    set_epoch(DataLoader(range(8), sampler=sampler), 7)
    assert sampler.epoch == 7


class _Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 100

    def __getitem__(self, index):
        if index == 3:
            os._exit(3)
        return torch.zeros(2)


def test_workers_end_without_a_word_of_the_one_that_died():
    batches = iter(DataLoader(_Slow(), 2, num_workers=2))
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        list(batches)
    workers = list(batches._workers)
    end_workers(batches)
    assert not any(worker.is_alive() for worker in workers)
    end_workers(iter([1]))
