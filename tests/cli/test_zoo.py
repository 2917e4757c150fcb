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
    shown = json.loads(call("zoo", "show", "efficientnet-lite2").stdout)
    assert shown["measured_accuracy"]["low_data"]["flowers5"] > 0.45
    assert set(shown["measured_accuracy"]["fine_tuning"].values()) == {None}


@pytest.mark.parametrize("command", [["zoo", "list"], ["zoo", "show", "vgg-small-cifar10"], ["config"]])
def test_looking_at_the_zoo_imports_nothing_heavy(command):
    assert modules_after(*command) == "[]"


def test_a_table_of_anybodys_is_checked(tmp_path):
    path, head = tmp_path / "my own.csv", "model,dataset,regime,metric,value\n"
    lines = [
        f"m{model},d{place},probe,top-1,{0.5 + model / 20 - place / 50}" for model in range(6) for place in range(4)
    ]
    path.write_text(head + "\n".join(lines))
    done = call("zoo", "records", str(path), "--format", "json")
    assert done.exit_code == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["regime"], row["models"], row["groups"], row["tau_w"]) == ("low_data", 6, 4, 1.0)
    assert f"next: ptmrec recommend my_images/ --zoo '{path}'" in done.stderr
    path.write_text(head + "m,d,probe,top-1,83\n")
    done = call("zoo", "records", str(path))
    assert done.exit_code == 2 and "write 0.83" in done.stderr
