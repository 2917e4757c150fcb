import json

import pytest
from cli_calls import call, modules_after

pytestmark = pytest.mark.slow


def test_zoo_list_and_show():
    names = call("zoo", "list", "--format", "ids").stdout.split()
    assert len(names) >= 40
    shown = json.loads(call("zoo", "show", names[0]).stdout)
    assert shown["name"] == names[0]
    assert 0 <= shown["measured_accuracy"]["low_data"]["mnist"] <= 1


def test_real_models_are_listed_last_and_shown_with_what_was_not_measured():
    names = call("zoo", "list", "--format", "ids").stdout.split()
    assert names.index("efficientnet-lite0") > names.index("vit-small-trashnet"), "behind the zoo, not among it"
    shown = json.loads(call("zoo", "show", "efficientnet-lite0").stdout)
    assert shown["measured_accuracy"]["low_data"]["flowers5"] > 0.45
    assert set(shown["measured_accuracy"]["fine_tuning"].values()) == {None}


@pytest.mark.parametrize("command", [["zoo", "list"], ["zoo", "show", "vgg-small-cifar10"], ["config"]])
def test_looking_at_the_zoo_imports_nothing_heavy(command):
    assert modules_after(*command) == "[]"
