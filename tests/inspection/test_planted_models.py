from pathlib import Path

import pytest

from ptmrec.config.sections import PathsConfig
from ptmrec.inspection.examples import read_example
from ptmrec.inspection.model import inspect_model
from ptmrec.inspection.planted_models import FAULTS, HOSTS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PATHS = PathsConfig(zoo=ROOT / "constants/zoo", real=ROOT / "constants/real", battery=ROOT / "constants/battery.npz")


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault):
    checks, plant = FAULTS[fault]
    example = read_example(HOSTS[1], PATHS)
    plant(example, 1)
    report = inspect_model(example)
    assert any(report.found(check) for check in checks.split("|")), report.lines()
