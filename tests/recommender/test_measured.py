import numpy as np
import pytest

from ptmrec.core.errors import ConfigError
from ptmrec.recommender.measured import Measured, place_measured, read_measured
from ptmrec.recommender.request import recommend

TABLE = "model,accuracy,images\na/b, 0.5,100\nc,0.25,\n"


def test_numbers_texts_pairs_and_files_are_read_alike(tmp_path):
    (tmp_path / "mine.csv").write_text(TABLE)
    expected = {"a/b": Measured(0.5, 100), "c": Measured(0.25)}
    assert read_measured({"a/b": (0.5, 100), "c": 0.25}) == expected
    assert read_measured({"a/b": "0.5/100", "c": Measured(0.25)}) == expected
    assert read_measured(["a/b=.5/100", "c=0.25"]) == read_measured(tmp_path / "mine.csv") == expected
    assert read_measured([str(tmp_path / "mine.csv"), "c=0.25"]) == expected and read_measured(None) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"m": 83}, "m = 83: an accuracy is a share from 0 to 1; write 0.83"),
        ({"m": 1.2}, "write 0.012"),
        ({"m": "83%"}, "write 0.83"),
        ({"m": -0.1}, "no accuracy from 0 to 1"),
        ({"m": float("nan")}, "m = nan: no accuracy"),
        ({"m": "good"}, "m = good: no accuracy"),
        ({"m": "0.8/0"}, "'0' is no number of test images"),
        ({"m": (0.8, 2.5)}, "2.5 is no number of test images"),
        (["m=0.8", "m=0.9"], "m is given twice, 0.8 and 0.9; keep one"),
        (["m"], "measured 'm': write model=0.83"),
        (["nowhere.csv"], "nowhere.csv: No such file"),
    ],
)
def test_what_is_no_accuracy_is_refused_in_a_line(given, message):
    with pytest.raises(ConfigError, match=message) as caught:
        recommend("nowhere", measured=given)
    assert "\n" not in str(caught.value)


def test_a_file_with_other_columns_is_refused(tmp_path):
    (tmp_path / "mine.csv").write_text("name,score\na,1\n")
    with pytest.raises(ConfigError, match="expected a line 'model,accuracy'"):
        read_measured(tmp_path / "mine.csv")


def test_a_model_of_two_names_is_one_and_an_unknown_one_is_refused():
    places = {"resnet": 0, "timm:resnet": 0, "vit": 1}
    found = place_measured({"timm:resnet": Measured(0.5, 10), "vit": Measured(0.25)}, places, 3, 60)
    np.testing.assert_equal(found.accuracies, [0.5, 0.25, np.nan])
    assert found.images.tolist() == [10, 60, 60] and found.count == 2
    with pytest.raises(ConfigError, match="no model 'rsnet' in this zoo; did you mean resnet?"):
        place_measured({"rsnet": Measured(0.5)}, places, 3, 60)
    with pytest.raises(ConfigError, match="given twice, 0.5 and 0.6"):
        place_measured({"resnet": Measured(0.5), "timm:resnet": Measured(0.6)}, places, 3, 60)


@pytest.mark.slow
def test_measured_models_move_the_others(digits, ranked_digits):
    best = ranked_digits.best
    true = float(ranked_digits.frame["expected_accuracy"][0]) - 0.2
    moved = ranked_digits.measured({best: (true, 500)})
    row = moved.frame.set_index("model")
    before = ranked_digits.frame.set_index("model").loc[row.index]
    assert row.loc[best, "basis"] == "measured" and row.loc[best, "expected_accuracy"] == pytest.approx(true)
    others = row.index != best
    assert (row["expected_accuracy"] < before["expected_accuracy"])[others].mean() > 0.9
    width, old = ((frame["high_80"] - frame["low_80"])[others].mean() for frame in (row, before))
    assert width < old and set(row["basis"][others]) == {"expected"}
    assert "1 measured model, taken for accuracies of a probe" in " ".join(moved.notes)
    with pytest.raises(ConfigError, match="measured: no model"):
        ranked_digits.measured({"no such model": 0.5})


def test_pairs_are_no_texts():
    with pytest.raises(ConfigError, match="give a dictionary of models and accuracies"):
        read_measured([("efficientnet-lite0", 0.8)])
