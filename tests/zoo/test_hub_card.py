import logging

import pytest
from toy_hub import README

from ptmrec.errors import ArtifactError
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
