import pytest
import torch

from ptmrec.core.errors import ArtifactError
from ptmrec.model.ranker_files import load_ranker, read_weights, save_ranker, save_tensors
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer


def toy_ranker(seed, views):
    torch.manual_seed(seed)
    return RankingCrossAttentionTransformer(views, 16, 8, 1, 2)


@pytest.mark.parametrize("views", [{"card": 2}, {"card": 2, "source": 16}], ids=["plain", "shared projection"])
def test_a_ranker_survives_a_round_trip(tmp_path, views):
    saved, again = toy_ranker(0, views), toy_ranker(1, views)
    save_ranker(saved, tmp_path / "ranker.safetensors")
    load_ranker(again, tmp_path / "ranker.safetensors")
    for name, tensor in saved.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=0, atol=0)


def test_halves_are_of_matrices_only(tmp_path):
    save_tensors({"matrix": torch.ones(2, 2), "vector": torch.ones(2)}, tmp_path / "a.safetensors", half=True)
    found = {name: tensor.dtype for name, tensor in read_weights(tmp_path / "a.safetensors").items()}
    assert found == {"matrix": torch.float16, "vector": torch.float32}


@pytest.mark.parametrize("damage", ["missing", "damaged", "not finite"])
def test_what_cannot_be_read_is_one_line(tmp_path, damage):
    path = tmp_path / "a.safetensors"
    if damage == "damaged":
        path.write_bytes(b"xx")
    if damage == "not finite":
        save_tensors({"a": torch.tensor([float("nan")])}, path)
    with pytest.raises(ArtifactError, match=damage) as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)
