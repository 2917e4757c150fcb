import shutil
from pathlib import Path

import pandas as pd
import pytest

from experiments.report.measuring import CHOICES, INTERVALS, measured_records
from ptmrec.core.errors import ArtifactError

RESULTS = Path(__file__).resolve().parents[3] / "constants" / "results"


@pytest.fixture
def folder(tmp_path):
    for name in (INTERVALS, CHOICES):
        shutil.copy(RESULTS / name, tmp_path / name)
    return tmp_path


def test_every_table_has_a_line_and_choices_a_sentence(folder):
    text = measured_records(folder)
    tables = pd.read_csv(folder / INTERVALS)["table"].unique()
    assert [line.split(" | ")[0].strip("| ") for line in text.splitlines()[2:-2]] == tables.tolist()
    frame = pd.read_csv(folder / CHOICES)
    frame[["gain", "gain_low", "gain_high"]] = [0.01, 0.005, 0.02]
    frame.to_csv(folder / CHOICES, index=False)
    assert "by 1.00 points [0.50, 2.00] at k = 3" in measured_records(folder)
    assert measured_records(folder).endswith("surely worse in 0.")


def test_a_missing_column_is_one_line(folder):
    pd.read_csv(folder / INTERVALS).drop(columns="low").to_csv(folder / INTERVALS, index=False)
    with pytest.raises(ArtifactError, match="records_intervals.csv: no column 'low'"):
        measured_records(folder)
