import json
import math

import pytest

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import write_json
from ptmrec.train.history import History


def rows():
    return [
        {"epoch": 1, "train_loss": 0.3, "validation_loss": 0.9, "train_accuracy": 0.5, "learning_rate": 0.1},
        {
            "epoch": 2,
            "train_loss": 0.2,
            "validation_loss": 0.1 + 0.2,
            "train_accuracy": math.nan,
            "learning_rate": 0.1,
        },
        {"epoch": 3, "train_loss": 0.1, "validation_loss": 0.4, "train_accuracy": 0.7, "learning_rate": 0.1},
    ]


def test_round_trip_keeps_every_bit(tmp_path):
    history = History(rows())
    loaded = History.load(history.save(tmp_path / "history.json"))
    assert loaded.epochs == history.epochs
    assert loaded.epochs[1]["validation_loss"] == 0.1 + 0.2


def test_what_is_not_finite_is_null_in_json_and_nan_in_the_frame(tmp_path):
    history = History(rows())
    saved = json.loads(history.save(tmp_path / "history.json").read_text())
    assert saved[1]["train_accuracy"] is None
    assert math.isnan(history.to_frame().loc[1, "train_accuracy"])


def test_frame_columns_and_types():
    frame = History([{"epoch": 1, "train_loss": 2.0, "seconds": 0.5}]).to_frame()
    assert list(frame.columns) == ["epoch", "train_loss", "validation_loss", "seconds"]
    assert frame["epoch"].dtype == "int64"
    assert (frame.dtypes.drop("epoch") == "float64").all()
    assert len(History().to_frame()) == 0


def test_best_epoch_goes_by_validation_loss_then_train_loss():
    assert History(rows()).best_epoch == 2
    assert History([{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0}]).best_epoch == 2
    assert History().best_epoch is None


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"train_loss": 1}]', "nonsense"])
def test_damaged_file_is_one_line(tmp_path, text):
    path = tmp_path / "history.json"
    path.write_text(text)
    with pytest.raises(ArtifactError) as error:
        History.load(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "row", [{"epoch": "1"}, {"epoch": True}, {"epoch": 1, "train_loss": "low"}, {"epoch": 1, "x": []}]
)
def test_an_epoch_of_anything_but_numbers_is_refused(tmp_path, row):
    path = write_json(tmp_path / "history.json", [row])
    with pytest.raises(ArtifactError, match="no number|no whole number"):
        History.load(path)
