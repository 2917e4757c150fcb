from dataclasses import replace

import numpy as np
import pytest

from ptmrec.config.sections import ExtractConfig
from ptmrec.extractors.responses import ResponseExtractor
from ptmrec.extractors.source import SourceExtractor
from ptmrec.extractors.views import ViewExtractor
from ptmrec.zoo.snapshot import Snapshot, read_zoo


@pytest.fixture
def snapshot(toy_zoo):
    return read_zoo(toy_zoo)[0]


def test_views_that_a_model_does_not_offer_are_nan(snapshot):
    foreign = Snapshot(snapshot.folder, replace(snapshot.card, architecture={"library": "other"}))
    assert np.isnan(ResponseExtractor(24, 64).extract(foreign)).all()
    assert np.isnan(SourceExtractor({}).extract(snapshot)).all()


def test_all_views_and_the_registry(snapshot):
    config = ExtractConfig(probes=24, response_dim=32)
    views = ViewExtractor(config, {}).extract(snapshot)
    assert {key: len(view) for key, view in views.items()} == {
        "parameters": 8192,
        "responses": 32,
        "card": 36,
        "source": 512,
    }
