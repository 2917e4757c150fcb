import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_card
from safetensors.torch import load_file, save_file

from ptmrec.config.sections import ExtractConfig
from ptmrec.errors import ArtifactError, ConfigError
from ptmrec.extractors.base import extractor_names, get_extractor
from ptmrec.extractors.kmeans import sorted_centres
from ptmrec.extractors.probes import make_probes, probes_hash
from ptmrec.extractors.responses import ResponseExtractor, gram_vector
from ptmrec.extractors.source import SourceExtractor
from ptmrec.extractors.views import ViewExtractor
from ptmrec.extractors.weights import WeightsExtractor
from ptmrec.zoo.snapshot import Snapshot, read_zoo


@pytest.fixture
def snapshot(toy_zoo):
    return read_zoo(toy_zoo)[0]


def test_weights_run_from_the_last_tensor_to_the_first(snapshot):
    tensors = [(name, tensor) for name, tensor in snapshot.tensors() if tensor.is_floating_point()]
    vector = WeightsExtractor(centres=8, length=8192).extract(snapshot)
    parts = [sorted_centres(tensor.float().numpy(), 8) for _, tensor in reversed(tensors)]
    expected = np.concatenate(parts)
    np.testing.assert_allclose(vector[: len(expected)], expected, rtol=1e-6)
    assert (vector[len(expected) :] == 0).all()
    np.testing.assert_array_equal(WeightsExtractor(8, 20).extract(snapshot), vector[:20])


def test_shards_give_the_same_vector(snapshot):
    whole = WeightsExtractor().extract(snapshot)
    state = dict(snapshot.tensors())
    names = list(state)
    shards = {"model-1.safetensors": names[: len(names) // 2], "model-2.safetensors": names[len(names) // 2 :]}
    for file, members in shards.items():
        save_file({name: state[name] for name in members}, snapshot.folder / file)
    index = {"weight_map": {name: file for file, members in shards.items() for name in members}}
    (snapshot.folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (snapshot.folder / "model.safetensors").unlink()
    again = WeightsExtractor().extract(Snapshot(snapshot.folder, snapshot.card))
    assert sorted(again.tolist()) == pytest.approx(sorted(whole.tolist()))


def test_weights_that_are_not_finite_are_refused(snapshot):
    state = load_file(snapshot.folder / "model.safetensors")
    first = next(name for name, tensor in state.items() if tensor.is_floating_point())
    state[first] = torch.full_like(state[first], float("nan"))
    save_file(state, snapshot.folder / "model.safetensors")
    with pytest.raises(ArtifactError, match=f"tensor '{first}'.*not finite"):
        WeightsExtractor().extract(snapshot)


def test_probes_are_fixed_by_their_seed():
    first, again = make_probes(12, 32, 0), make_probes(12, 32, 0)
    assert first.shape == (12, 32, 32, 3)
    assert probes_hash(first) == probes_hash(again)
    assert probes_hash(first) != probes_hash(make_probes(12, 32, 1))
    assert len({image.tobytes() for image in first}) == 12


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


def test_views_that_a_model_does_not_offer_are_nan(snapshot):
    foreign = Snapshot(snapshot.folder, replace(snapshot.card, architecture={"library": "other"}))
    assert np.isnan(ResponseExtractor(24, 64).extract(foreign)).all()
    assert np.isnan(SourceExtractor({}).extract(snapshot)).all()


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


def test_all_views_and_the_registry(snapshot):
    config = ExtractConfig(probes=24, response_dim=32)
    views = ViewExtractor(config, {}).extract(snapshot)
    assert {key: len(view) for key, view in views.items()} == {
        "parameters": 8192,
        "responses": 32,
        "card": 36,
        "source": 512,
    }
    assert extractor_names() == ["card", "responses", "source", "weights"]
    assert get_extractor("WEIGHTS") is WeightsExtractor
    with pytest.raises(ConfigError, match="known: card, responses"):
        get_extractor("colour")
