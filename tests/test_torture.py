import pytest

from torture.parsers import feed, make_parsers

NAMES = (
    *("JSON", "card", "ground truth", "history", "shard index", "NPZ", "dataset tokens", "image set"),
    *("labelled images", "battery", "samples", "scores", "space", "relations", "safetensors", "checkpoint"),
    *("image", "INI"),
)


@pytest.fixture(scope="module")
def parsers(tmp_path_factory):
    return make_parsers(tmp_path_factory.mktemp("honest"))


def test_every_parser_is_fed(parsers):
    assert set(parsers) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_mutants_are_read_or_refused_in_one_line(parsers, name, tmp_path):
    count = 50 if name == "INI" else 200
    counts, escaped = feed(parsers[name], count, 0, tmp_path)
    assert not escaped, escaped[:3]
    assert counts["refused"] > count // 4
