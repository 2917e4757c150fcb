import os

import pytest

from ptmrec.hardware import process_memory
from ptmrec.hardware.process_memory import fresh_process_memory

pytestmark = pytest.mark.slow


class Greedy:
    """Stands for a snapshot whose model holds so many MiB."""

    def __init__(self, size: int) -> None:
        self.size = size

    def load(self):
        import torch

        held = torch.ones(self.size * 2**18)
        return lambda images: held.sum() + images.sum()


def die(snapshot, size):
    os._exit(9)


def test_a_fresh_process_grows_by_what_the_model_holds():
    assert 200 <= fresh_process_memory(Greedy(200), 32) / 2**20 <= 260


def test_a_killed_process_is_no_number(monkeypatch):
    monkeypatch.setattr(process_memory, "_growth", die)
    assert fresh_process_memory(Greedy(0), 32) is None
