import inspect

import pytest

from ptmrec import errors


@pytest.mark.parametrize("kind", [k for _, k in inspect.getmembers(errors, inspect.isclass)])
def test_every_error_is_one_the_command_line_shows_as_a_line(kind):
    assert issubclass(kind, errors.PtmrecError)
    assert str(kind("what, where, what to do")) == "what, where, what to do"
