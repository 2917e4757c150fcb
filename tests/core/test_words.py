import json

import numpy as np
import pytest

from ptmrec.core.words import csv_cell, suggest, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\u001b[31mred\\u001b[0m"),
        ("a\nError: b\r\t", "a\\u000aError: b\\u000d\\u0009"),
        ("\x9b2J\u202e\u2066\u200f\udc80", "\\u009b2J\\u202e\\u2066\\u200f\\udc80"),
        ("[/x] [link=y] \u00fc \u4e2d \U0001f600", "[/x] [link=y] \u00fc \u4e2d \U0001f600"),
        (3, "3"),
    ],
)
def test_what_would_steer_a_terminal_is_written_out(text, shown):
    assert visible(text) == shown


def test_json_stays_json():
    value = {"a": "\x9b\u202e"}
    assert json.loads(visible(json.dumps(value, ensure_ascii=False))) == value


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-x", "@SUM(1)", "  =1", "\uff1d1", "=HYPERLINK('x')"])
def test_no_cell_is_a_formula(text):
    assert csv_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "value", [-3, -0.5, np.float64(-1.5), np.int64(-2), None, True, "-0.5", "+1e3", "-inf", "a-b=c", ""]
)
def test_numbers_and_plain_text_stay_as_they_are(value):
    assert csv_cell(value) is value or csv_cell(value) == value


def test_cells_are_one_line():
    assert csv_cell("a\n=b\x1b") == "a\\u000a=b\\u001b"
    assert csv_cell("\t=b") == "\\u0009=b"


def test_the_likest_known_name_is_suggested_or_other_words():
    assert suggest("resnt", ["vgg", "resnet"]) == "; did you mean resnet?"
    assert (suggest("zzz", ["vgg"]), suggest("zzz", ["vgg"], "known: vgg")) == ("", "; known: vgg")
