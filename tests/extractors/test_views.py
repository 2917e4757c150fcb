import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_card
from safetensors.torch import load_file, save_file
from sklearn.cluster import KMeans

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import ExtractConfig, PathsConfig, RelationConfig
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.extractors import weights
from ptmrec.extractors.base import get_extractor
from ptmrec.extractors.card import CardExtractor
from ptmrec.extractors.explanation import probe_images
from ptmrec.extractors.kmeans import BINS, bin_values, sorted_centres
from ptmrec.extractors.probes import make_probes
from ptmrec.extractors.responses import ResponseExtractor, gram_vector
from ptmrec.extractors.source import SourceExtractor
from ptmrec.extractors.views import ViewExtractor
from ptmrec.extractors.weights import WeightsExtractor
from ptmrec.zoo.real import read_real
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


def test_names_are_found_whatever_their_case_and_unknown_ones_listed():
    assert get_extractor("WEIGHTS") is WeightsExtractor
    with pytest.raises(ConfigError, match="known: card, responses, source, weights"):
        get_extractor("colour")


def test_the_configuration_decides_which_are_built():
    built = ViewExtractor(ExtractConfig(views=["card", "weights"], vector_length=128, centres=4), {}).extractors
    assert [extractor.name for extractor in built] == ["card", "weights"]
    assert (built[1].dim, built[1].centres) == (128, 4)


def test_numbers_stand_on_readable_scales_and_families_differ(tmp_path):
    extractor = CardExtractor()
    small = extractor.extract(Snapshot(tmp_path, make_card(num_params=10_000, source_accuracy=0.25)))
    large = extractor.extract(Snapshot(tmp_path, make_card(num_params=1_000_000, source_accuracy=0.25)))
    other = extractor.extract(Snapshot(tmp_path, make_card(family="vit", num_params=10_000, source_accuracy=0.25)))
    assert small.shape == (extractor.dim,)
    np.testing.assert_allclose(large[0] - small[0], 2.0, atol=1e-6)
    assert small[3] == np.float32(0.25)
    np.testing.assert_array_equal(small[:4], other[:4])
    assert small[4:].sum() == other[4:].sum() == 1.0
    assert (small[4:] != other[4:]).any()


PATHS = ConfigParser().get(PathsConfig)


def test_images_of_blind_data_sets_are_never_used():
    battery = read_battery(PATHS.battery)
    images = probe_images(RelationConfig(probes=10), PATHS.battery, ["mnist", "clothing"])
    assert len(images) == 10 + len(battery["mnist"].images) + len(battery["clothing"].images)
    np.testing.assert_array_equal(images[:10], make_probes(10, 32, 0))
    used = {image.tobytes() for image in images}
    assert not used & {image.tobytes() for image in battery["euro_coins"].images}
    assert {image.tobytes() for image in battery["mnist"].images} <= used


def inertia(values, centres):
    return float(((values[:, None] - centres) ** 2).min(axis=1).sum())


@pytest.mark.parametrize(
    ("draw", "factor"),
    # A Cauchy draw has no variance: a handful of outliers are all of its inertia, and restarts pay there.
    [("normal", 1.05), ("laplace", 1.05), ("uniform", 1.05), ("standard_cauchy", 1.5)],
)
def test_not_worse_than_scikit_learn(draw, factor):
    values = getattr(np.random.default_rng(0), draw)(size=3000)
    reference = KMeans(10, n_init=3, random_state=0).fit(values[:, None]).inertia_
    assert inertia(values, sorted_centres(values, 10)) <= factor * reference


def test_close_to_the_best_split_found_by_brute_force():
    values = np.sort(np.random.default_rng(1).normal(size=60))
    best = min(
        sum(((part - part.mean()) ** 2).sum() for part in np.split(values, [i, j]))
        for i in range(1, 59)
        for j in range(i + 1, 60)
    )
    assert inertia(values, sorted_centres(values, 3)) <= 1.05 * best


def test_large_tensors_are_binned_and_sorted():
    values = np.random.default_rng(2).normal(size=(400, 300))
    centres = sorted_centres(values, 50)
    assert centres.shape == (50,)
    assert (np.diff(centres) > 0).all()


@pytest.mark.parametrize(("values", "expected"), [([2.0, 1.0, 2.0], [1.0, 2.0]), ([3.0], [3.0]), ([0.0] * 9, [0.0])])
def test_few_distinct_values_are_their_own_centres(values, expected):
    assert sorted_centres(np.array(values), 5).tolist() == expected


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_bins_are_those_of_numpy(kind):
    values = np.random.default_rng(3).standard_t(3, 200_000).astype(kind)
    values[:3] = values.max()
    if kind is np.float16:  # all values are multiples of a power of two, as the edges are
        values = np.round(np.random.default_rng(3).uniform(-4, 4, 200_000) * 512).astype(np.float32) / 512
        values[:2] = -4, 4
    edges = np.linspace(float(values.min()), float(values.max()), BINS + 1)
    counts, sums = bin_values(values)
    assert np.array_equal(counts, np.histogram(values.astype(np.float64), edges)[0])
    np.testing.assert_allclose(sums, np.histogram(values, edges, weights=values.astype(np.float64))[0], atol=1e-9)


def test_probes_are_fixed_by_their_seed():
    first, again = make_probes(12, 32, 0), make_probes(12, 32, 0)
    assert first.shape == (12, 32, 32, 3)
    np.testing.assert_array_equal(first, again)
    assert (first != make_probes(12, 32, 1)).any()
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


def test_a_real_model_answers_to_the_probes_of_the_zoo():
    snapshot = read_real(ConfigParser().get(PathsConfig).real)[0]
    extractor = ResponseExtractor(probes=12, dim=64)
    view = extractor.extract(snapshot)
    assert np.isfinite(view).all()
    assert list(extractor._probes) == [32], "views are comparable only if the probes are the same"
    assert not np.allclose(view, 0)


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


def test_tensors_that_are_cut_off_are_not_clustered(snapshot, monkeypatch):
    clustered = []
    monkeypatch.setattr(weights, "sorted_centres", lambda *parts: clustered.append(1) or sorted_centres(*parts))
    vector = WeightsExtractor(8, 20).extract(snapshot)
    assert len(vector) == 20
    assert 3 <= len(clustered) < sum(tensor.is_floating_point() for _, tensor in snapshot.tensors())


def test_weights_that_are_not_finite_are_refused(snapshot):
    state = load_file(snapshot.folder / "model.safetensors")
    first = next(name for name, tensor in state.items() if tensor.is_floating_point())
    state[first] = torch.full_like(state[first], float("nan"))
    save_file(state, snapshot.folder / "model.safetensors")
    with pytest.raises(ArtifactError, match=f"tensor '{first}'.*not finite"):
        WeightsExtractor().extract(snapshot)
