"""The trained recommender as files: an ensemble of rankers, the autoencoder, and the tokens of the zoo."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ptmrec.config.sections import AutoEncoderConfig, RankerConfig
from ptmrec.dataloader.dataset_tokens import pad_tokens
from ptmrec.dataloader.model_datasets import (
    KNOWLEDGE,
    MODEL_TOKENS,
    SPEC_NAME,
    ModelEmbeddingDataset,
    write_all_model_tokens,
)
from ptmrec.errors import ArtifactError
from ptmrec.files import check_hashes, read_json, write_folder, write_hashes, write_json
from ptmrec.model.build import build_autoencoder, build_ranker
from ptmrec.model.model_encoder import AutoEncoder
from ptmrec.model.ranker_files import load_ranker, read_weights, save_ranker, save_tensors
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer
from ptmrec.recommender.knowledge import Knowledge
from ptmrec.recommender.knowledge_files import read_knowledge, write_knowledge
from ptmrec.relations.linear import COLUMNS


@torch.inference_mode()
def predict(
    members: list[RankingCrossAttentionTransformer],
    model_tokens: np.ndarray,
    dataset_tokens: np.ndarray,
    regime: str,
    relations: np.ndarray | None = None,
) -> np.ndarray:
    """Scores ``(K, S, N)`` of K rankers on S draws of a data set's tokens; without relations their corrections alone.

    Args:
        members: trained rankers.
        model_tokens: ``(N, D)``, NaN where a view is missing.
        dataset_tokens: ``(S, M, E)`` or ``(M, E)``.
        regime: ``low_data`` or ``fine_tuning``.
        relations: ``(N, R)`` of the models to the data set.
    """
    draws = dataset_tokens if dataset_tokens.ndim == 3 else dataset_tokens[None]
    tokens, mask = pad_tokens(list(draws))
    mask = None if mask.all() else mask  # torch's check of a mask imports sympy, which takes a second
    models = torch.from_numpy(model_tokens).expand(len(draws), *model_tokens.shape)
    pairs = None if relations is None else torch.from_numpy(relations).float().expand(len(draws), *relations.shape)
    answers = [member.eval()(models, tokens, regime, mask, pairs) for member in members]
    return torch.stack(answers).double().numpy()


@dataclass(frozen=True)
class Recommender:
    """Everything needed to rank models for new images.

    Attributes:
        members: trained rankers.
        epochs: how long they were trained; 0: their correction is zero and the linear part answers alone.
        autoencoder: makes the ``embedding`` view of a model that is not in the zoo.
        ranker_config: settings of the rankers.
        autoencoder_config: settings of the autoencoder.
        view_dims: length of each view, in order.
        encoder: name and hash of the image encoder the dataset tokens came from.
        model_names: ``(N,)`` models whose tokens are stored.
        model_tokens: ``(N, D)`` float32.
        trained_on: data sets the rankers learned from.
        knowledge: what relations of models to new images are computed from.
    """

    members: list[RankingCrossAttentionTransformer]
    epochs: int
    autoencoder: AutoEncoder
    ranker_config: RankerConfig
    autoencoder_config: AutoEncoderConfig
    view_dims: dict[str, int]
    encoder: str
    model_names: tuple[str, ...]
    model_tokens: np.ndarray
    trained_on: tuple[str, ...]
    knowledge: Knowledge

    def tokens_of(self, names: list[str]) -> np.ndarray:
        """Stored tokens ``(n, D)`` of models of the zoo."""
        return self.model_tokens[[self.model_names.index(name) for name in names]]

    def save(self, folder: Path) -> None:
        """Write all files into a fresh folder, which then takes the place of the old one."""
        write_folder(folder, self._write)

    def _write(self, folder: Path) -> None:
        for index, member in enumerate(self.members):
            save_ranker(member, folder / f"ranker_{index}.safetensors")
        encoder = {k: v for k, v in self.autoencoder.state_dict().items() if not k.startswith("decoder.")}
        save_tensors(encoder, folder / "autoencoder.safetensors", half=True)
        write_all_model_tokens(folder / MODEL_TOKENS, self.model_names, self.model_tokens, self.view_dims)
        spec = {
            "members": len(self.members),
            "epochs": self.epochs,
            "ranker": vars(self.ranker_config),
            "autoencoder": vars(self.autoencoder_config),
            "parameter_length": int(self.autoencoder.mean.numel()),
            "view_dims": self.view_dims,
            "dataset_dim": int(self.members[0].dataset_mean.numel()),
            "encoder": self.encoder,
            "trained_on": list(self.trained_on),
        }
        write_knowledge(folder / KNOWLEDGE, self.knowledge)
        write_json(folder / SPEC_NAME, spec)
        write_hashes(folder)

    @classmethod
    def load(cls, folder: Path) -> "Recommender":
        """Read what :meth:`save` wrote.

        Raises:
            ArtifactError: a file is missing, damaged, or does not fit the specification.
        """
        if not (folder / SPEC_NAME).is_file():
            raise ArtifactError(f"{folder}: no recommender there; make one with: ptmrec reproduce")
        check_hashes(folder)
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
            member = build_ranker(ranker_config, spec["view_dims"], spec["dataset_dim"], len(COLUMNS))
            load_ranker(member, folder / f"ranker_{index}.safetensors")
            members.append(member)
        autoencoder = build_autoencoder(autoencoder_config, spec["parameter_length"])
        weights = {k: v.float() for k, v in read_weights(folder / "autoencoder.safetensors").items()}
        decoder = {k: v for k, v in autoencoder.state_dict().items() if k.startswith("decoder.")}
        autoencoder.load_state_dict({**decoder, **weights})
        tokens = ModelEmbeddingDataset(folder / MODEL_TOKENS, views=tuple(spec["view_dims"]))
        return cls(
            members,
            int(spec["epochs"]),
            autoencoder.eval(),
            ranker_config,
            autoencoder_config,
            spec["view_dims"],
            spec["encoder"],
            tuple(tokens.names),
            tokens.vectors,
            tuple(spec["trained_on"]),
            read_knowledge(folder / KNOWLEDGE),
        )
