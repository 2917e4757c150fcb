import logging
import tracemalloc

import pytest
from toy_hub import README

from ptmrec.core.errors import ArtifactError
from ptmrec.zoo.hub_card import check_size, image_set, read_stated, reported_accuracies


def stated(folder, readme="", config=None, tag=""):
    if readme:
        (folder / "README.md").write_text(readme)
    return read_stated(folder, config or {}, tag)


def test_what_the_readme_states(tmp_path):
    found = stated(tmp_path, README)
    assert (found.licence, found.datasets, found.source) == ("apache-2.0", ("imagenet",), "imagenet")
    assert found.accuracy == pytest.approx(0.715), "per cent, on the set it was trained on, not on ImageNet V2"
    assert found.notes["accuracy"] == "model-index of README.md, self-reported"


def test_what_nobody_states_stays_unknown(tmp_path):
    found = stated(tmp_path)
    assert (found.licence, found.source, found.accuracy, found.num_params) == ("unknown", "unknown", None, None)
    assert not found.notes


@pytest.mark.parametrize(
    ("tag", "datasets"),
    [
        ("a1_in1k", ("imagenet",)),
        ("augreg_in21k_ft_in1k", ("imagenet-21k", "imagenet")),
        ("laion2b_s34b_b79k", ("laion2b",)),
        ("openai", ()),
    ],
)
def test_tags_name_image_sets(tmp_path, tag, datasets):
    assert stated(tmp_path, tag=tag).datasets == datasets
    assert stated(tmp_path, config={"pretrained_cfg": {"tag": tag}}).datasets == datasets


def test_a_licence_of_its_own_and_one_in_the_configuration(tmp_path):
    config = {"pretrained_cfg": {"license": "mit"}}
    assert stated(tmp_path, config=config).licence == "mit"
    assert stated(tmp_path, "---\nlicense: other\nlicense_name: house-rules\n---\n", config).licence == "house-rules"


def test_without_a_list_of_data_sets_the_one_of_the_results_counts(tmp_path):
    found = stated(tmp_path, README.replace("datasets:\n- imagenet-1k\n", ""))
    assert (found.source, found.accuracy) == ("imagenet-v2", 0.61)
    assert "model-index" in found.notes["source_dataset"]


@pytest.mark.parametrize("value", ["x", None, True, -1, 1e9, float("nan")])
def test_values_that_are_no_accuracies_are_passed_over(value):
    result = {"dataset": {"type": "a"}, "metrics": [{"type": "accuracy", "value": value}]}
    assert list(reported_accuracies({"model-index": [{"results": [result, "x"]}, 3]})) == []
    assert list(reported_accuracies({"model-index": "x"})) == []


def test_a_broken_front_matter_is_one_line(tmp_path):
    with pytest.raises(ArtifactError, match=r"README.md: its front matter cannot be read") as caught:
        stated(tmp_path, "---\nlicense: [\n---\n")
    assert "\n" not in str(caught.value)


def test_sizes_are_compared(tmp_path, caplog):
    assert stated(tmp_path, "# x\n- Params (M): 25.6\n").num_params == 25_600_000
    assert stated(tmp_path, config={"num_params": 7}).num_params == 7
    with caplog.at_level(logging.WARNING):
        assert check_size("honest", 25_600_000, 25_557_032) == 25_557_032
        assert not caplog.records
        assert check_size("liar", 5_000_000, 10) == 10
    assert "liar: its card says 5,000,000 parameters, its tensors hold 10" in caplog.text


def test_names_of_image_sets():
    assert image_set("ILSVRC/imagenet-1k") == image_set("ImageNet") == "imagenet"
    assert image_set("Beans") == "beans"


@pytest.mark.parametrize(
    "front",
    ["license: !!timestamp x", "a: !!int ''", "{[1]: 2}", "[" * 5000, "- a", "a: 2020-99-99", "a: !!python/none x"],
)
def test_yaml_that_no_card_holds_is_one_line(tmp_path, front):
    with pytest.raises(ArtifactError, match=r"README.md: its front matter cannot be read") as caught:
        stated(tmp_path, f"---\n{front}\n---\n")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000


@pytest.mark.parametrize("front", ["license: 2020-01-01", "license: {a: b}", "license: []", "datasets: [3, [x]]", ""])
def test_yaml_of_another_kind_is_read_past(tmp_path, front):
    found = stated(tmp_path, f"---\n{front}\n---\n")
    assert (found.licence, found.datasets) == ("unknown", ())


def test_names_and_numbers_without_end_are_cut_or_passed_over(tmp_path):
    long, digits = "x" * 5000, "9" * 400
    metric = f"{{type: accuracy, value: {digits}}}"
    results = f"model-index: [{{results: [{{dataset: {{type: a}}, metrics: [{metric}]}}]}}]"
    text = f"---\nlicense: {long}\ndatasets: [{long}]\nnum_params: {digits}\n{results}\n---\nParams (M): {digits}\n"
    found = stated(tmp_path, text, {"pretrained_cfg": {"tag": ""}})
    assert (len(found.licence), len(found.source), found.num_params, found.accuracy) == (200, 200, None, None)


def test_only_the_head_of_a_readme_is_read(tmp_path):
    path = tmp_path / "README.md"
    path.write_text(README)
    with path.open("ab") as file:
        file.truncate(300 * 2**20)  # a hole, which takes no room on the disk
    tracemalloc.start()
    assert read_stated(tmp_path, {}).licence == "apache-2.0"
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    path.write_text("---\n" + "a: b\n" * 2**16 + "---\n")
    with pytest.raises(ArtifactError, match=r"longer than 131,072 characters"):
        read_stated(tmp_path, {})
    path.write_bytes(b"---\nlicense: caf\xe9\n---\n")
    assert read_stated(tmp_path, {}).licence == "caf\ufffd"
