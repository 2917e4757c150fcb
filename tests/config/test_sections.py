import dataclasses

import pytest

from ptmrec.config.section import SECTIONS
from ptmrec.config.sections import PRECISIONS, REGIMES, SCHEDULERS, RankerConfig, TrainingOptions


@pytest.mark.parametrize("name", SECTIONS)
def test_every_setting_says_what_it_means(name):
    for field in dataclasses.fields(SECTIONS[name]):
        assert len(field.metadata["help"]) > 3, field.name


def test_trainers_share_one_set_of_options():
    shared = {field.name: field.metadata["choices"] for field in dataclasses.fields(TrainingOptions)}
    assert shared["scheduler"] == SCHEDULERS
    assert shared["mixed_precision"] == PRECISIONS
    assert set(shared) < {field.name for field in dataclasses.fields(RankerConfig)}
    assert RankerConfig().regimes == list(REGIMES)
