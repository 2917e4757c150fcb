import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from ptmrec.core.errors import ArtifactError
from ptmrec.extractors import weights
from ptmrec.extractors.kmeans import sorted_centres
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
