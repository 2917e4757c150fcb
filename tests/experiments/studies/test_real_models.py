import numpy as np
import pytest

from experiments.studies.real_models import REGIME, place_real_models
from ptmrec.pipeline.project import open_project

pytestmark = pytest.mark.slow


def test_real_models_are_placed_without_their_measurements(monkeypatch):
    project = open_project()
    frame = place_real_models(project)
    new = ~np.isin(list(project.cards), project.embedded)
    assert len(frame) == new.sum() * 28 > 0
    assert frame[["predicted", "measured"]].stack().between(0, 1).all()
    hidden = project.truth.accuracy[REGIME].copy()
    hidden[:, new] = np.random.default_rng(0).random((len(hidden), new.sum()))
    monkeypatch.setitem(project.truth.accuracy, REGIME, hidden)
    other = place_real_models(project)
    np.testing.assert_array_equal(other["predicted"], frame["predicted"])
    assert not np.array_equal(other["measured"], frame["measured"])


def test_without_real_models_there_is_nothing_to_place():
    assert place_real_models(open_project("smoke")).empty
