"""The trained recommender as files: an ensemble of rankers, the autoencoder, and the tokens of the zoo."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ptmrec.config.sections import AutoEncoderConfig, RankerConfig
from ptmrec.dataloader.dataset_tokens import pad_tokens
from ptmrec.dataloader.model_datasets import (
    MODEL_TOKENS,
    SPEC_NAME,
    ModelEmbeddingDataset,
    write_all_model_tokens,
)
from ptmrec.errors import ArtifactError
from ptmrec.files import atomic_write, read_json, write_folder, write_json
from ptmrec.model.build import build_autoencoder, build_ranker, encode_parameters
from ptmrec.model.model_encoder import AutoEncoder
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer
from ptmrec.recommender.ties import tied_with_best

_SHARED = "fusion.projections.source."
"""The source view may share the dataset projection; safetensors stores shared tensors once."""


@dataclass(frozen=True)
class Prediction:
    """What the ensemble says about models on one data set, each ``(N,)``.

    Attributes:
        scores: mean score, larger is better.
        accuracy: expected accuracy, 0 to 1.
        spread: its standard deviation, from the members' own spreads and their disagreement.
        samples: ``(K, S, N)`` scores of each of K members on each of S draws, whose mean is ``scores``.
    """

    scores: np.ndarray
    accuracy: np.ndarray
    spread: np.ndarray
    samples: np.ndarray


@torch.inference_mode()
def predict(
    members: list[RankingCrossAttentionTransformer], model_tokens: np.ndarray, dataset_tokens: np.ndarray, regime: str
) -> Prediction:
    """Mean answer of rankers over the draws of a data set's tokens.

    Args:
        members: trained rankers.
        model_tokens: ``(N, D)``, NaN where a view is missing.
        dataset_tokens: ``(S, M, E)`` or ``(M, E)``.
        regime: ``low_data`` or ``fine_tuning``.
    """
    draws = dataset_tokens if dataset_tokens.ndim == 3 else dataset_tokens[None]
    tokens, mask = pad_tokens(list(draws))
    mask = None if mask.all() else mask  # torch's check of a mask imports sympy, which takes a second
    models = torch.from_numpy(model_tokens).expand(len(draws), *model_tokens.shape)
    answers = [member.eval().answer(models, tokens, regime, mask) for member in members]
    scores, level, spread = (torch.cat(part).double().numpy() for part in zip(*answers, strict=True))
    total = np.sqrt((spread**2).mean(axis=0) + level.var(axis=0))
    return Prediction(scores.mean(axis=0), level.mean(axis=0), total, scores.reshape(len(members), len(draws), -1))


@dataclass(frozen=True)
class Recommender:
    """Everything needed to rank models for new images.

    Attributes:
        members: trained rankers.
        spread_scale: factor on the stated spread of accuracies, found on validation data sets.
        autoencoder: makes the ``embedding`` view of a model that is not in the zoo.
        ranker_config: settings of the rankers.
        autoencoder_config: settings of the autoencoder.
        view_dims: length of each view, in order.
        encoder: name and hash of the image encoder the dataset tokens came from.
        model_names: ``(N,)`` models whose tokens are stored.
        model_tokens: ``(N, D)`` float32.
        trained_on: data sets the rankers learned from.
    """

    members: list[RankingCrossAttentionTransformer]
    spread_scale: float
    autoencoder: AutoEncoder
    ranker_config: RankerConfig
    autoencoder_config: AutoEncoderConfig
    view_dims: dict[str, int]
    encoder: str
    model_names: tuple[str, ...]
    model_tokens: np.ndarray
    trained_on: tuple[str, ...]

    def predict(self, model_tokens: np.ndarray, dataset_tokens: np.ndarray, regime: str) -> Prediction:
        """The ensemble's answer with calibrated spread; arguments as in :func:`predict`."""
        answer = predict(self.members, model_tokens, dataset_tokens, regime)
        return replace(answer, spread=answer.spread * self.spread_scale)

    def rank(self, model_tokens: np.ndarray, names: list[str], dataset_tokens: np.ndarray, regime: str) -> pd.DataFrame:
        """Models best first with ``rank, model, score, expected_accuracy, accuracy_std, tied_with_best``."""
        answer = self.predict(model_tokens, dataset_tokens, regime)
        frame = pd.DataFrame(
            {
                "model": names,
                "score": answer.scores,
                "expected_accuracy": answer.accuracy,
                "accuracy_std": answer.spread,
                "tied_with_best": tied_with_best(answer.samples),
            }
        )
        frame = frame.sort_values(["score", "model"], ascending=[False, True], ignore_index=True)
        frame.insert(0, "rank", np.arange(1, len(frame) + 1))
        return frame

    def tokens_of(self, names: list[str]) -> np.ndarray:
        """Stored tokens ``(n, D)`` of models of the zoo."""
        return self.model_tokens[[self.model_names.index(name) for name in names]]

    def embed_views(self, views: dict[str, np.ndarray]) -> np.ndarray:
        """Token ``(D,)`` of a model from its extracted views."""
        embedding = encode_parameters(self.autoencoder, views["parameters"][None])[0]
        return np.concatenate([{**views, "embedding": embedding}[view] for view in self.view_dims])

    def save(self, folder: Path) -> None:
        """Write all files into a fresh folder, which then takes the place of the old one."""
        write_folder(folder, self._write)

    def _write(self, folder: Path) -> None:
        for index, member in enumerate(self.members):
            save_ranker(member, folder / f"ranker_{index}.safetensors")
        encoder = {k: v for k, v in self.autoencoder.state_dict().items() if not k.startswith("decoder.")}
        _save(encoder, folder / "autoencoder.safetensors", half=True)
        write_all_model_tokens(folder / MODEL_TOKENS, self.model_names, self.model_tokens, self.view_dims)
        spec = {
            "members": len(self.members),
            "spread_scale": self.spread_scale,
            "ranker": vars(self.ranker_config),
            "autoencoder": vars(self.autoencoder_config),
            "parameter_length": int(self.autoencoder.mean.numel()),
            "view_dims": self.view_dims,
            "dataset_dim": int(self.members[0].dataset_mean.numel()),
            "encoder": self.encoder,
            "trained_on": list(self.trained_on),
        }
        write_json(folder / SPEC_NAME, spec)

    @classmethod
    def load(cls, folder: Path) -> "Recommender":
        """Read what :meth:`save` wrote.

        Raises:
            ArtifactError: a file is missing, damaged, or does not fit the specification.
        """
        if not (folder / SPEC_NAME).is_file():
            raise ArtifactError(f"{folder}: no recommender there; make one with: ptmrec reproduce")
        spec = read_json(folder / SPEC_NAME)
        try:
            return cls._from_spec(folder, spec)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ArtifactError(f"{folder / SPEC_NAME}: does not fit this version or its weights ({reason})") from None

    @classmethod
    def _from_spec(cls, folder: Path, spec: dict[str, Any]) -> "Recommender":
        ranker_config, autoencoder_config = RankerConfig(**spec["ranker"]), AutoEncoderConfig(**spec["autoencoder"])
        members = []
        for index in range(spec["members"]):
            member = build_ranker(ranker_config, spec["view_dims"], spec["dataset_dim"])
            load_ranker(member, folder / f"ranker_{index}.safetensors")
            members.append(member)
        autoencoder = build_autoencoder(autoencoder_config, spec["parameter_length"])
        weights = {k: v.float() for k, v in _load(folder / "autoencoder.safetensors").items()}
        decoder = {k: v for k, v in autoencoder.state_dict().items() if k.startswith("decoder.")}
        autoencoder.load_state_dict({**decoder, **weights})
        tokens = ModelEmbeddingDataset(folder / MODEL_TOKENS, views=tuple(spec["view_dims"]))
        return cls(
            members,
            float(spec["spread_scale"]),
            autoencoder.eval(),
            ranker_config,
            autoencoder_config,
            spec["view_dims"],
            spec["encoder"],
            tuple(tokens.names),
            tokens.vectors,
            tuple(spec["trained_on"]),
        )


def save_ranker(model: RankingCrossAttentionTransformer, path: Path) -> None:
    """Write a ranker's weights as safetensors."""
    shared = model.shares_projection
    _save({k: v for k, v in model.state_dict().items() if not (shared and k.startswith(_SHARED))}, path)


def load_ranker(model: RankingCrossAttentionTransformer, path: Path) -> None:
    """Read weights that :func:`save_ranker` wrote into ``model``."""
    weights = _load(path)
    if model.shares_projection:
        weights |= {f"{_SHARED}{part}": weights[f"dataset_projection.{part}"] for part in ("weight", "bias")}
    model.load_state_dict(weights)
    model.eval()


def _save(state: dict[str, torch.Tensor], path: Path, half: bool = False) -> None:
    kept = {k: (v.half() if half and v.ndim > 1 else v).detach().cpu().contiguous() for k, v in state.items()}
    atomic_write(path, lambda temporary: save_file(kept, temporary))


def _load(path: Path) -> dict[str, torch.Tensor]:
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path}: missing or damaged ({error}); run ptmrec reproduce again") from None
    wrong = [name for name, tensor in weights.items() if not torch.isfinite(tensor).all()]
    if wrong:
        raise ArtifactError(f"{path}: tensor {wrong[0]!r} holds values that are not finite; run ptmrec reproduce again")
    return weights
