from pathlib import Path

import pytest

from ptmrec.config.section import SECTIONS
from ptmrec.core.errors import DataError
from ptmrec.inspection.subjects import call_function, is_file, run_file, split_subject


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
