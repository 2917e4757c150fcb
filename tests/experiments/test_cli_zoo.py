import pytest
from cli_calls import call


@pytest.mark.slow
def test_the_committed_zoo_is_whole():
    done = call("zoo", "verify")
    assert done.exit_code == 0 and "ok" in done.stdout and "FAILED" not in done.stdout


@pytest.mark.parametrize("name", ["build", "real", "repeat", "reference"])
def test_what_makes_the_zoo_says_what_it_does(name):
    done = call("zoo", name, "--help")
    assert done.exit_code == 0 and "--images" in done.stdout
