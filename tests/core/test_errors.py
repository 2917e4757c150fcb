import inspect

import pytest

from ptmrec.core import errors


@pytest.mark.parametrize(
    "kind", [k for _, k in inspect.getmembers(errors, inspect.isclass) if k.__module__ == errors.__name__]
)
def test_every_error_is_one_the_command_line_shows_as_a_line(kind):
    assert issubclass(kind, errors.PtmrecError)
    assert str(kind("what, where, what to do")) == "what, where, what to do"


def test_a_message_is_one_short_line_that_steers_no_terminal():
    noisy = "\x1b[31mred\x1b[0m\n\ttab \x1b]0;title\x07 \x00\x9b \u202e \udc80"
    assert errors.one_line(noisy) == "red tab \\udc80"
    long = errors.one_line("start " + "x" * 5000 + " end")
    assert len(long) <= errors.LONGEST <= 400
    assert long.startswith("start ")
    assert long.endswith(" end")


def test_an_error_of_the_system_names_file_and_cause():
    assert errors.describe_os_error(OSError(28, "No space left on device", "a/b")) == "a/b: No space left on device"
    assert errors.describe_os_error(OSError("odd")) == "odd"
    assert errors.describe_os_error(FileExistsError(17, "File exists", "a", None, "b")) == "a -> b: File exists"
