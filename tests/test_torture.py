import csv
import errno
import gc
import os
import sys

import pytest

from torture.commands import kill_commands
from torture.faults import damage_checkpoints, fail_writes
from torture.grid import resume_everywhere
from torture.kills import kill_trainings
from torture.leaks import train_long
from torture.mutations import LEFT, ROOMS, make_mutants
from torture.mutations import RESULT as MUTATIONS
from torture.names import hostile_names
from torture.nonfinite import poison_trainings
from torture.orders import permute_rows, shuffle_listings
from torture.parsers import feed, make_parsers
from torture.pickles import feed_pickles, payloads_that_run
from torture.planted import ENDLESS, FAULTS, LATE, RESULT, ROOT, run_tests
from torture.power import cut_power
from torture.properties import PROPERTIES, hold
from torture.starts import start_together
from torture.stops import stop_trainings
from torture.workers import lose_workers

NAMES = (
    *("JSON", "card", "ground truth", "history", "shard index", "NPZ", "dataset tokens", "image set"),
    *("labelled images", "battery", "samples", "scores", "space", "relations", "safetensors", "checkpoint"),
    *("image", "INI"),
)


def assert_survived(outcome):
    assert outcome.tried
    assert outcome.survived == outcome.tried, outcome.failures


@pytest.fixture(scope="module")
def parsers(tmp_path_factory):
    return make_parsers(tmp_path_factory.mktemp("honest"))


def test_every_parser_is_fed(parsers):
    assert set(parsers) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_mutants_are_read_or_refused_in_one_line(parsers, name, tmp_path):
    counts, escaped = feed(parsers[name], 200, 0, tmp_path)
    assert not escaped, escaped[:3]
    assert counts["refused"] > 50


def test_power_cuts_find_what_is_not_synced(tmp_path, monkeypatch):
    monkeypatch.setattr("ptmrec.core.files._sync_tree", lambda _: None)
    outcome = cut_power(800, 0, tmp_path)
    assert outcome.survived < outcome.tried


def test_every_write_may_fail_and_every_checkpoint_be_damaged(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)  # files that could not be written say so again
    assert_survived(fail_writes(tmp_path, [errno.ENOSPC]))
    gc.collect()
    assert_survived(damage_checkpoints(150, 0, tmp_path))


def test_what_is_not_finite_stops_a_training_and_is_not_saved(tmp_path):
    assert_survived(poison_trainings(12, tmp_path))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4")
def test_pickles_that_run_code_are_refused_by_every_reader(tmp_path):
    assert_survived(feed_pickles(96, 0, tmp_path))


def test_those_pickles_do_run_where_anything_is_loaded(tmp_path):
    assert all(payloads_that_run(tmp_path))


def test_names_from_outside_stay_within(tmp_path):
    assert_survived(hostile_names(300, 0, tmp_path))


def test_a_longer_training_does_not_grow(tmp_path):
    assert_survived(train_long(60, tmp_path))


def test_eight_starts_of_one_name(tmp_path):
    for outcome in start_together(8, tmp_path):
        assert_survived(outcome)


@pytest.mark.parametrize("name", PROPERTIES)
def test_whatever_people_bring_is_answered_or_refused_in_one_line(name):
    assert_survived(hold(name, int(os.environ.get("PTMREC_EXAMPLES", 15))))


@pytest.mark.slow
def test_a_training_goes_on_from_wherever_it_was_stopped(tmp_path):
    outcome = resume_everywhere(tmp_path, 12)
    assert outcome.tried == 12
    assert_survived(outcome)


@pytest.mark.slow
def test_a_training_goes_on_after_kills_signals_and_lost_workers(tmp_path):
    for name, trial in {"kills": kill_trainings, "stops": stop_trainings, "workers": lose_workers}.items():
        (tmp_path / name).mkdir()
        assert_survived(trial(3, 0, tmp_path / name))


@pytest.mark.slow
def test_a_command_that_was_killed_is_given_again_and_ends_as_if_it_had_not_been(tmp_path):
    for outcome in kill_commands(2, 0, tmp_path, ("recommend JSON", "recommend HTML")):
        assert_survived(outcome)


def test_other_orders_of_the_same_give_the_same(tmp_path):
    for name, trial in {"listings": shuffle_listings, "rows": permute_rows}.items():
        (tmp_path / name).mkdir()
        assert_survived(trial(12, 0, tmp_path / name))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_what_a_planted_fault_changes_and_who_is_to_catch_it_are_there(fault):
    """Otherwise `make torture` says so after twenty minutes."""
    (source,) = [root / fault.file for root in (ROOT / "ptmrec", ROOT / "experiments") if (root / fault.file).is_file()]
    assert fault.old in source.read_text() and fault.old != fault.new
    assert (ROOT / "tests" / fault.tests).is_file()


@pytest.mark.parametrize(
    ("body", "limits", "expected"),
    [("while True: pass", {"work": 2}, ENDLESS), ("__import__('time').sleep(600)", {"seconds": 2}, LATE)],
)
def test_tests_that_never_end_are_told_from_those_that_wait(tmp_path, body, limits, expected):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(f"def test_it():\n    {body}\n")
    assert run_tests(tmp_path, ["test_it.py"], **limits) == [expected]


def test_the_committed_faults_are_todays_and_caught_by_tests_of_today():
    with (ROOT / RESULT).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["fault"], row["file"]) for row in rows] == [(fault.name, fault.file) for fault in FAULTS]
    named = [row["caught_by"].partition("[")[0].split("::") for row in rows if "::" in row["caught_by"]]
    assert len(named) > len(FAULTS) - 3
    assert all(f"def {test}(" in (ROOT / file).read_text() for file, test in named)


def test_a_mutant_is_the_source_with_one_change():
    source = """def half(value: int | None = 3) -> float:
    \"""Not 1 + 1.\"""
    if value < 2 and not value:
        raise ValueError(f"{value + 1}")
    logger.info("%s", 1)
    return value * 0.5
"""
    mutants = make_mutants("half.py", source)
    assert {mutant.after for mutant in mutants} == {
        "def half(value: int | None = (4)) -> float:",
        "if (value <= 2) and not value:",
        "if value < (3) and not value:",
        "if value < 2 and (value):",
        "if (value < 2 or not value):",
        "if (not (value < 2 and (not value))):",
        "pass",
        "return (value / 0.5)",
        "return value * (1.0)",
        "return None",
    }
    for mutant in mutants:
        changed = [line for line in mutant.source.splitlines() if line not in source.splitlines()]
        assert len(changed) == 1 and changed[0].strip() == mutant.after


def test_what_the_mutants_left_are_still_stands_in_the_package():
    with (ROOT / LEFT).open(newline="") as file:
        left = list(csv.DictReader(file))
    for row in left:
        lines = [" ".join(line.split()) for line in (ROOT / row["file"]).read_text().splitlines()]
        assert any(line.startswith(row["before"].split(" (")[0]) for line in lines), row
    with (ROOT / MUTATIONS).open(newline="") as file:
        rows = {row["room"]: row for row in csv.DictReader(file)}
    assert set(rows) <= set(ROOMS)
    assert sum(int(row["equal"]) for row in rows.values()) == sum(bool(row["reason"]) for row in left)
