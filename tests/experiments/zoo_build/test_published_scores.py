import numpy as np
import pytest
from published_csv import write_tables

from experiments.zoo_build.published_scores import transcribe_scores
from ptmrec.benchmark.published_scores import read_scores
from ptmrec.errors import ArtifactError


def test_tables_and_texts_are_transcribed(tmp_path):
    spider, lovm = map(read_scores, transcribe_scores(write_tables(tmp_path / "csv"), tmp_path / "json"))
    assert (spider.columns, spider.models) == (("H-Score", "LEEP"), ("resnet50",))
    assert spider.cited["Model Spider"]["Pet"] == 0.788
    assert lovm.columns == ("IN-score", "text-f1", "superclass_metric")
    np.testing.assert_array_equal(lovm.values[:, :, 0], [[0.6, 0.6], [np.nan, 0.25], [0.5, 0.5]])
    assert lovm.facts["pets"] == {"classes": 3, "domain": "photograph", "task": "breeds"}, "a comma is missing there"


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("modelspider_baseline_scores.csv", None, "modelspider_baseline_scores.csv: file not found"),
        ("modelspider_baseline_scores.csv", "", "not readable as CSV"),
        ("modelspider_baseline_scores.csv", "Dataset,LEEP\nPet,1\n", "no column 'Model'"),
        ("modelspider_baseline_scores.csv", "Dataset,Model,LEEP\nPet,m,1\nPet,m,2\n", "'m' is there twice on 'Pet'"),
        ("lovm_modelgpt_features.csv", None, "file not found"),
        ("lovm/dataset_tasks.json", None, "dataset_tasks.json: file not found"),
        ("lovm/dataset_tasks.json", "{}", "no domain or no task of 'mnist'"),
        ("lovm/classnames/pets.txt", None, "pets.txt: file not found"),
    ],
)
def test_tables_that_cannot_be_used_are_one_line_and_write_nothing(tmp_path, file, text, words):
    folder = write_tables(tmp_path / "csv")
    (folder / file).unlink() if text is None else (folder / file).write_text(text)
    with pytest.raises(ArtifactError) as caught:
        transcribe_scores(folder, tmp_path / "json")
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "json").exists()
