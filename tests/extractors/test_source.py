import numpy as np
import pytest
from conftest import make_card

from ptmrec.extractors.source import SourceExtractor
from ptmrec.zoo.snapshot import Snapshot, read_zoo


@pytest.fixture
def snapshot(toy_zoo):
    return read_zoo(toy_zoo)[0]


def test_source_view_is_the_mean_token_of_the_source(snapshot):
    features = np.random.default_rng(0).normal(size=(2, 3, 16)).astype(np.float32)
    extractor = SourceExtractor({"toy": features.mean(axis=(0, 1))})
    view = extractor.extract(snapshot)
    assert np.linalg.norm(view) == pytest.approx(1.0, abs=1e-6)
    mean = features.mean(axis=(0, 1))
    assert view @ mean == pytest.approx(np.linalg.norm(mean), rel=1e-5)


def test_source_view_of_a_mixture_and_of_no_source(tmp_path):
    generator = np.random.default_rng(0)
    tokens = {name: generator.normal(size=16) for name in ("toy", "other")}
    extractor = SourceExtractor(tokens)
    views = {name: extractor.extract(Snapshot(tmp_path, make_card(datasets=[name]))) for name in tokens}
    mixture = extractor.extract(Snapshot(tmp_path, make_card(datasets=["toy", "other", "unknown"])))
    assert mixture @ views["toy"] == pytest.approx(mixture @ views["other"], rel=1e-5)
    assert np.linalg.norm(mixture) == pytest.approx(1.0, abs=1e-6)
    assert np.isnan(extractor.extract(Snapshot(tmp_path, make_card(datasets=[])))).all()
