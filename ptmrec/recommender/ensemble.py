"""The trained recommender as files: its knowledge, and an ensemble of rankers with the tokens of the zoo."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ptmrec.config.sections import RankerConfig
from ptmrec.core.errors import ArtifactError, first_line
from ptmrec.core.files import check_hashes, read_json, write_folder, write_hashes, write_json
from ptmrec.dataloader.dataset_tokens import pad_tokens
from ptmrec.dataloader.model_datasets import (
    KNOWLEDGE,
    MODEL_TOKENS,
    SPEC_NAME,
    ModelEmbeddingDataset,
    write_all_model_tokens,
)
from ptmrec.recommender.knowledge import Knowledge
from ptmrec.recommender.knowledge_files import read_knowledge, write_knowledge
from ptmrec.relations.linear import COLUMNS

if TYPE_CHECKING:  # an answer without a correction reads no networks
    from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer

RANKERS = "ranker_"
"""Prefix of the rankers' files."""


@torch.inference_mode()
def predict(
    members: "list[RankingCrossAttentionTransformer]",
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
class Networks:
    """Networks of the correction.

    Attributes:
        members: trained rankers.
        model_names: ``(N,)`` models whose tokens are stored.
        model_tokens: ``(N, D)`` float32.
    """

    members: "list[RankingCrossAttentionTransformer]"
    model_names: tuple[str, ...]
    model_tokens: np.ndarray

    def tokens_of(self, names: list[str]) -> np.ndarray:
        """Stored tokens ``(n, D)`` of models of the zoo."""
        return self.model_tokens[[self.model_names.index(name) for name in names]]


@dataclass(frozen=True)
class Recommender:
    """Everything needed to rank models for new images.

    Attributes:
        epochs: how long the rankers were trained; 0: their correction is zero and the linear part answers alone.
        ranker_config: settings of the rankers.
        view_dims: length of each view, in order.
        encoder: name and hash of the image encoder the dataset tokens came from.
        trained_on: data sets the rankers learned from.
        knowledge: what relations of models to new images are computed from.
        read_networks: gives the networks; an answer without a correction never asks for them.
    """

    epochs: int
    ranker_config: RankerConfig
    view_dims: dict[str, int]
    encoder: str
    trained_on: tuple[str, ...]
    knowledge: Knowledge
    read_networks: Callable[[], Networks]

    @cached_property
    def networks(self) -> Networks:
        """The rankers and the tokens they read.

        Raises:
            ArtifactError: a file of theirs is missing, damaged, or does not fit the specification.
        """
        return self.read_networks()

    def save(self, folder: Path) -> None:
        """Write all files into a fresh folder, which then takes the place of the old one."""
        write_folder(folder, self._write)

    def _write(self, folder: Path) -> None:
        from ptmrec.model.ranker_files import save_ranker

        networks = self.networks
        for index, member in enumerate(networks.members):
            save_ranker(member, folder / f"{RANKERS}{index}.safetensors")
        write_all_model_tokens(folder / MODEL_TOKENS, networks.model_names, networks.model_tokens, self.view_dims)
        spec = {
            "members": len(networks.members),
            "epochs": self.epochs,
            "ranker": vars(self.ranker_config),
            "view_dims": self.view_dims,
            "dataset_dim": int(networks.members[0].dataset_mean.numel()),
            "encoder": self.encoder,
            "trained_on": list(self.trained_on),
        }
        write_knowledge(folder / KNOWLEDGE, self.knowledge)
        write_json(folder / SPEC_NAME, spec)
        write_hashes(folder)

    @classmethod
    def load(cls, folder: Path) -> "Recommender":
        """Read a saved recommender; its networks are read when they are first used.

        Raises:
            ArtifactError: a file is missing, damaged, or does not fit the specification.
        """
        if not (folder / SPEC_NAME).is_file():
            raise ArtifactError(f"{folder}: no recommender there; make one with: ptmrec reproduce")
        check_hashes(folder, (SPEC_NAME, KNOWLEDGE))
        spec = read_json(folder / SPEC_NAME)
        with _fitting(folder):
            return cls(
                int(spec["epochs"]),
                RankerConfig(**spec["ranker"]),
                dict(spec["view_dims"]),
                spec["encoder"],
                tuple(spec["trained_on"]),
                read_knowledge(folder / KNOWLEDGE),
                partial(_read_networks, folder, spec),
            )


def _read_networks(folder: Path, spec: dict[str, Any]) -> Networks:
    from ptmrec.model.build import build_ranker
    from ptmrec.model.ranker_files import load_ranker

    check_hashes(folder, (RANKERS, MODEL_TOKENS))
    with _fitting(folder):
        members = []
        for index in range(spec["members"]):
            config = RankerConfig(**spec["ranker"])
            member = build_ranker(config, spec["view_dims"], spec["dataset_dim"], len(COLUMNS))
            load_ranker(member, folder / f"{RANKERS}{index}.safetensors")
            members.append(member)
        tokens = ModelEmbeddingDataset(folder / MODEL_TOKENS, views=tuple(spec["view_dims"]))
        return Networks(members, tuple(tokens.names), tokens.vectors)


@contextmanager
def _fitting(folder: Path) -> Iterator[None]:
    """Turn errors of files that do not fit the specification into one line."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ArtifactError(
            f"{folder / SPEC_NAME}: does not fit this version or its weights ({first_line(error)})"
        ) from None
