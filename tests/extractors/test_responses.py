import numpy as np
import pytest

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.extractors.responses import ResponseExtractor, gram_vector
from ptmrec.zoo.real import read_real
from ptmrec.zoo.snapshot import read_zoo


@pytest.fixture
def snapshot(toy_zoo):
    return read_zoo(toy_zoo)[0]


def linear_cka(first, second):
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    cross = np.linalg.norm(first.T @ second) ** 2
    return cross / np.linalg.norm(first.T @ first) / np.linalg.norm(second.T @ second)


def test_products_of_gram_vectors_are_cka():
    first, second = np.random.default_rng(0).normal(size=(2, 40, 7))
    assert gram_vector(first) @ gram_vector(second) == pytest.approx(linear_cka(first, second))


def test_responses_do_not_depend_on_the_order_of_features(snapshot):
    extractor = ResponseExtractor(probes=24, dim=64)
    view = extractor.extract(snapshot)
    assert view.shape == (64,)
    assert np.isfinite(view).all()
    np.testing.assert_array_equal(view, extractor.extract(snapshot))


def test_a_real_model_answers_to_the_probes_of_the_zoo():
    snapshot = read_real(ConfigParser().get(PathsConfig).real)[0]
    extractor = ResponseExtractor(probes=12, dim=64)
    view = extractor.extract(snapshot)
    assert np.isfinite(view).all()
    assert list(extractor._probes) == [32], "views are comparable only if the probes are the same"
    assert not np.allclose(view, 0)
