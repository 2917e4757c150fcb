"""Trained rankers as safetensors."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ptmrec.core.errors import UNFIT, ArtifactError
from ptmrec.core.files import write_bytes
from ptmrec.core.trust import check
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer

RANKER_NAME = "ranker.safetensors"
"""File of one ranker within the folder it was trained in."""
_SHARED = "fusion.projections.source."
"""The source view may share the dataset projection; safetensors stores shared tensors once."""


def save_ranker(model: RankingCrossAttentionTransformer, path: Path) -> None:
    """Write a ranker's weights as safetensors."""
    shared = model.shares_projection
    own = {k: v for k, v in model.state_dict().items() if not (shared and k.startswith(_SHARED))}
    write_bytes(path, save({name: tensor.detach().cpu().contiguous() for name, tensor in own.items()}))


def load_ranker(model: RankingCrossAttentionTransformer, path: Path) -> None:
    """Read weights that :func:`save_ranker` wrote into ``model``."""
    weights = read_weights(path)
    if model.shares_projection:
        weights |= {f"{_SHARED}{part}": weights[f"dataset_projection.{part}"] for part in ("weight", "bias")}
    model.load_state_dict(weights)
    model.eval()


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a file by name.

    Raises:
        ArtifactError: it is missing or damaged, or holds a value that is not finite.
    """
    check(path)
    try:
        weights = load_file(path)
    except (OSError, SafetensorError, *UNFIT) as error:
        raise ArtifactError(f"{path}: missing or damaged ({error}); run ptmrec reproduce again") from None
    wrong = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if wrong:
        raise ArtifactError(f"{path}: tensor {wrong[0]!r} holds values that are not finite; run ptmrec reproduce again")
    return weights
