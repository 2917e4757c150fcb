import pytest

from ptmrec.core.progress import progress


@pytest.mark.parametrize("mode", ["bar", "plain", "off"])
def test_items_pass_through_and_stdout_stays_clean(mode, monkeypatch, capsys):
    monkeypatch.setenv("PTMREC_PROGRESS", mode)
    assert list(progress(range(25), "counting")) == list(range(25))
    assert list(progress(iter("abc"), "letters", total=3)) == ["a", "b", "c"]
    out, err = capsys.readouterr()
    assert out == ""
    assert bool(err) == (mode != "off")


def test_plain_lines_are_few_and_without_carriage_returns(monkeypatch, capsys):
    monkeypatch.setenv("PTMREC_PROGRESS", "plain")
    list(progress(range(1000), "counting"))
    err = capsys.readouterr().err
    assert "\r" not in err
    assert err.splitlines()[0] == "counting: 100/1000"
    assert len(err.splitlines()) == 10


def test_plain_lines_of_long_jobs_say_what_is_left(monkeypatch, capsys):
    monkeypatch.setenv("PTMREC_PROGRESS", "plain")
    clock = iter(range(0, 10**6, 60))
    monkeypatch.setattr("ptmrec.core.progress.time.monotonic", lambda: next(clock))
    list(progress(range(100), "measuring"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "measuring: 6/100, about 94 min left", "a minute each, and five minutes of silence are enough"
    assert lines[-1] == "measuring: 100/100"
