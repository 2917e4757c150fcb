"""Two processes that do talk are in ``tests/train/test_two_processes.py``: a start takes longer than what they say."""

import pytest

from ptmrec.core.processes import alone, gather, is_alone, is_main, rank, share, world_size


@pytest.mark.parametrize(
    ("environment", "numbers"),
    [({}, (0, 1)), ({"WORLD_SIZE": "4"}, (0, 1)), ({"RANK": "1", "WORLD_SIZE": "2"}, (1, 2)), ({"RANK": "0"}, (0, 1))],
)
def test_numbers_come_from_the_launcher(monkeypatch, environment, numbers):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (rank(), world_size()) == numbers
    assert is_main() == (numbers[0] == 0)
    assert is_alone() == (numbers[1] == 1)


def test_one_process_shares_with_itself():
    assert (share("x"), gather("x")) == ("x", ["x"])


def test_within_alone_nobody_is_waited_for(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with alone():
        assert share(1) == 1
    assert not is_alone()
