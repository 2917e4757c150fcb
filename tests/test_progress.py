import pytest

from ptmrec.progress import progress


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
