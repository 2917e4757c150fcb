import subprocess
import sys


def run(code, cwd):
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=True)


def test_lines_go_to_stderr_and_nothing_into_the_working_directory(tmp_path):
    done = run("from ptmrec.log import logger; logger.info('hello %d', 3); print('answer')", tmp_path)
    assert done.stdout == "answer\n"
    assert "INFO hello 3" in done.stderr
    assert "\x1b" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_libraries_may_warn_but_not_chat(tmp_path):
    code = """
import logging
from ptmrec.log import logger
logging.getLogger('library').setLevel(logging.INFO)
logging.getLogger('library').info('progress of a library')
logging.getLogger('library').warning('careful')
"""
    lines = run(code, tmp_path).stderr
    assert "careful" in lines
    assert "progress of a library" not in lines


def test_a_message_is_one_line_and_steers_no_terminal(tmp_path):
    lines = run("from ptmrec.log import logger; logger.warning('%s is bad', 'a\\nb\\x1b[2J')", tmp_path).stderr
    assert lines.count("\n") == 1 and "a b\\u001b[2J is bad" in lines
