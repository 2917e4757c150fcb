import csv
from pathlib import Path

import pytest

from ptmrec.config.sections import PathsConfig
from ptmrec.errors import ConfigError
from ptmrec.inspection.planted import cases, summary, write_table

ROOT = Path(__file__).resolve().parents[2]
PATHS = PathsConfig(zoo=ROOT / "constants/zoo", real=ROOT / "constants/real", battery=ROOT / "constants/battery.npz")
ROWS = [
    {"colleague": "data", "kind": "fault", "fault": "leak", "seeds": 3, "found": 2, "alarms": ""},
    {"colleague": "data", "kind": "control", "fault": "mnist", "seeds": 1, "found": "", "alarms": 1},
    {"colleague": "model", "kind": "fault", "fault": "NaN", "seeds": 3, "found": 3, "alarms": ""},
]


def test_the_committed_table_is_of_all_cases_and_keeps_the_promise(tmp_path):
    with (ROOT / "constants" / "results" / "planted_faults.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["colleague"], row["fault"]) for row in rows] == [case[:2] for case in cases(PATHS, tmp_path)]
    faults = [row for row in rows if row["kind"] == "fault"]
    assert len(faults) >= 20 and all(int(row["seeds"]) >= 3 for row in faults)
    for colleague in ("data", "model", "trainer"):
        own = [row for row in faults if row["colleague"] == colleague]
        assert sum(int(row["found"]) for row in own) >= 0.9 * sum(int(row["seeds"]) for row in own)
    controls = [row for row in rows if row["kind"] == "control"]
    assert sum(int(row["alarms"]) for row in controls) == 0
    assert sum(row["colleague"] == "model" for row in controls) >= 12


def test_rows_are_counted_by_colleague(tmp_path):
    assert summary(ROWS) == [
        "data: 2 of 3 planted faults of 1 kinds found, 1 false alarm(s) on 1 controls",
        "model: 3 of 3 planted faults of 1 kinds found, 0 false alarm(s) on 0 controls",
    ]
    path = write_table(ROWS, tmp_path / "new" / "table.csv")
    assert path.read_text().splitlines()[2] == "data,control,mnist,1,,1"
    with pytest.raises(ConfigError, match="a folder"):
        write_table(ROWS, tmp_path)
