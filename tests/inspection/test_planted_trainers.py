import pytest

from ptmrec.inspection.planted_trainers import FAULTS, Sound, planted_trainer
from ptmrec.inspection.trainer import inspect_trainer

pytestmark = pytest.mark.slow

MISSED = ("targets drawn anew",)
"""The loss falls to that of the classes' shares, which is a fall all the same; the table says so."""


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in MISSED])
def test_each_fault_is_found(fault):
    checks, trainer = FAULTS[fault]
    report = inspect_trainer(planted_trainer(trainer, 4))
    assert any(report.found(check) for check in checks.split("|")), report.lines()


def test_the_trainer_they_are_planted_into_is_sound():
    report = inspect_trainer(planted_trainer(Sound, 4))
    assert report.status == 0, report.lines()
