import numpy as np
import pandas as pd
import pytest

from ptmrec.benchmark.dataset_cards import PLACE as CARDS
from ptmrec.benchmark.dataset_cards import like_groups, read_dataset_cards
from ptmrec.benchmark.model_names import PLACE, places_of, read_aliases
from ptmrec.benchmark.published import read_published
from ptmrec.benchmark.records import read_records
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError

FOLDER = PathsConfig().published
HEAD = "model,dataset,regime,metric,value\n"
ROWS = (
    "a,pets,fine_tuning,top-1,0.5\nb,pets,fine_tuning,top-1,\na,pets,zero_shot,top-1,0.25\nb,dtd,fine_tuning,top-1,1\n"
)


def test_a_line_is_an_accuracy_and_regimes_stay_apart(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + ROWS + 'a,dtd,"fine_tuning, lr 0.1",top-1,0.9\n')
    zoo = read_records(path)
    assert zoo.datasets == ("dtd", "pets (fine_tuning)", "pets (zero_shot)") and zoo.models == ("a", "b")
    assert zoo.own_regimes == ("fine_tuning", "zero_shot") and "lr 0.1 (1 records)" in zoo.about.notes[0]
    tuned = zoo.select("fine_tuning")
    np.testing.assert_equal(tuned.accuracy, [[np.nan, 1], [0.5, np.nan]])
    assert zoo.select("zero_shot").models == ("a",)


def test_other_metrics_are_left_out_and_other_commas_read(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text((HEAD + ROWS + "a,voc,fine_tuning,f1,0.9\n").replace(",", ";"))
    zoo = read_records(path)
    assert "Left out, no accuracy: f1 (1 records)." in zoo.about.notes and len(zoo.datasets) == 3
    path.write_text(HEAD + "a,voc,fine_tuning,f1,0.9\n")
    with pytest.raises(ArtifactError, match="no line has an accuracy, only f1; call it top-1 if it is one"):
        read_records(path)


def test_a_regime_may_be_spelt_as_the_option_is(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + "a,pets,low-data,top-1,0.5\nb,pets,low-data,top-1,0.7\n")
    assert read_records(path).own_regimes == ("low_data",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,pets,fine_tuning,top-1,83", "line 6: value 83 is no share from 0 to 1; write 0.83"),
        ("a,cars,fine_tuning,top-1,nan", "line 6: value 'nan' is no accuracy"),
        ("a,pets,fine_tuning,top-1,0.6", r"a on pets \(fine_tuning\) has two values, 0.5 and 0.6"),
        ("a,pets,guessed,top-1,0.6", "regime 'guessed': its name should hold one of"),
        ("c,pets,fine_tuning,mean acc,0.6", "two metrics on pets"),
        (",pets,fine_tuning,top-1,0.6", "should not be empty"),
    ],
)
def test_what_is_no_record_is_refused_in_a_line(tmp_path, line, message):
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + ROWS + line + "\n")
    with pytest.raises(ArtifactError, match=message) as caught:
        read_records(path)
    assert "\n" not in str(caught.value) and "mine.csv" in str(caught.value)


def test_other_columns_and_no_file_are_said(tmp_path):
    (tmp_path / "mine.csv").write_text("name,score\na,1\n")
    with pytest.raises(ArtifactError, match="no column 'model'"):
        read_records(tmp_path / "mine.csv")
    with pytest.raises(ArtifactError, match="No such file"):
        read_records(tmp_path / "nowhere.csv")
    (tmp_path / "mine.csv").write_text(HEAD)
    with pytest.raises(ArtifactError, match="no records; below the columns model,"):
        read_records(tmp_path / "mine.csv")


def test_one_model_of_several_tables_is_one():
    """Both tables hold zero-shot accuracies: under the two names of a model they agree."""
    zoos = {name: read_published(FOLDER / f"{name}.json") for name in ("mieb", "openclip")}
    aliases, cards = read_aliases(FOLDER / PLACE), read_dataset_cards(FOLDER / CARDS)
    mieb = zoos["mieb"].select("zero_shot")
    tables = [
        pd.DataFrame(zoo.accuracy, [cards[name].name for name in zoo.datasets], zoo.models)
        for zoo in (mieb, zoos["openclip"])
    ]
    shared = [name for name in tables[0].index if name in tables[1].index and name != "CLEVR Distance"]
    found = places_of(tables[1].columns.tolist(), tables[1].columns.tolist(), aliases)
    pairs = {name: found[name] for name in mieb.models if name in found}
    assert len(pairs) == 23 == len(set(pairs.values())) and len(shared) >= 15
    for name, place in pairs.items():
        assert np.corrcoef(tables[0].loc[shared, name], tables[1].loc[shared].iloc[:, place])[0, 1] > 0.95
    with pytest.raises(KeyError):
        found["nobody/knows"]


def test_a_name_of_two_models_is_refused(tmp_path):
    (tmp_path / "models.json").write_text('{"models": [["a", "b"], ["b", "c"]]}')
    with pytest.raises(ArtifactError, match="'b' names two models"):
        read_aliases(tmp_path / "models.json")


def test_like_data_sets_are_known_by_any_spelling():
    cards = read_dataset_cards(FOLDER / CARDS)
    groups = like_groups(["CIFAR10ZeroShot", "cifar-100", "My Own", "my_own", "svhn_cropped", "MNIST"], cards)
    assert groups[0] == groups[1] and groups[2] == groups[3] and groups[4] == groups[5] and len(set(groups)) == 3
    timm = read_published(FOLDER / "timm.json")
    assert len(set(like_groups(timm.datasets, cards))) == 1
