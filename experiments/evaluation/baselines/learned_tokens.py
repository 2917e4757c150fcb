"""Model Spider's idea at the size of this zoo: a learned token per model, and attention to the data set's tokens.

After Zhang et al., "Model Spider" (NeurIPS 2023): model tokens are learned from measurements on known data sets, and
go with the tokens of a data set through one self-attention block, from which a linear head scores each model. A model
without measurements has no token; all such models get the same score.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from experiments.evaluation.baselines.base import Evidence, register_baseline
from experiments.evaluation.compare import Target
from ptmrec.config.sections import REGIMES
from ptmrec.dataloader.combined_similarity_dataloader import true_ranks
from ptmrec.loss.ranking_loss import ranking_loss

STEPS, BATCH, CLASSES, LEARNING_RATE, WEIGHT_DECAY = 60, 4, 10, 1e-2, 0.05
"""The learning rate is the better of .003 and .01 on the known data sets, each left out in turn."""
WIDTH, HEADS = 32, 2
"""Length of the tokens inside the block, and its attention heads."""
KEPT = 32


class TokenAttention(nn.Module):
    """Scores of models that are known by nothing but a token of their own, learned from their measurements.

    Args:
        models: number of models N.
        dataset_dim: length E of a data set's tokens.
        regimes: number of scores R of each model.
    """

    def __init__(self, models: int, dataset_dim: int, regimes: int) -> None:
        super().__init__()
        self.models = nn.Parameter(0.1 * torch.randn(models, WIDTH))
        self.dataset = nn.Sequential(nn.LayerNorm(dataset_dim), nn.Linear(dataset_dim, WIDTH))
        self.block = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 2 * WIDTH, activation="gelu", batch_first=True, norm_first=True
        )
        self.head = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, regimes))

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Scores ``(B, N, R)`` of all N models in R regimes on B data sets.

        Args:
            tokens: ``(B, M, E)``, M of each data set.
            mask: ``(B, M)`` bool, True = there; all without it.
        """
        count, models = tokens.shape[1], self.models.expand(len(tokens), -1, -1)
        hidden = None
        if mask is not None:
            hidden = torch.cat([~mask, mask.new_zeros(models.shape[:2])], dim=1)
        joint = torch.cat([self.dataset(tokens), models], dim=1)
        return self.head(self.block(joint, src_key_padding_mask=hidden)[:, count:])


_trained: dict[tuple, TokenAttention] = {}
"""The last networks by all they were trained on: both regimes of a target ask for the same one."""


@register_baseline("learned tokens, self-attention")
def learned_tokens(target: Target, evidence: Evidence) -> np.ndarray:
    """Scores ``(N,)`` of a network trained on the known data sets without the target."""
    known = evidence.others(target)
    skills = np.stack([evidence.skills(regime, known) for regime in REGIMES])
    measured = ~np.isnan(skills).all(axis=(0, 1))
    scores = np.zeros(len(measured))
    if measured.sum() > 1:
        network = _network([evidence.tokens[name] for name in known], skills[:, :, measured])
        tokens = torch.from_numpy(np.asarray(target.tokens, np.float32))
        with torch.no_grad():
            scores[measured] = network(tokens)[:, :, REGIMES.index(target.regime)].mean(dim=0).numpy()
    return scores


def _network(tokens: Sequence[np.ndarray], skills: np.ndarray) -> TokenAttention:
    key = (skills.tobytes(), *(part.tobytes() for part in tokens))
    if key not in _trained:
        while len(_trained) >= KEPT:
            del _trained[next(iter(_trained))]
        _trained[key] = train_tokens(tokens, skills)
    return _trained[key]


def train_tokens(tokens: Sequence[np.ndarray], skills: np.ndarray, steps: int = STEPS) -> TokenAttention:
    """Train the network of one block.

    Args:
        tokens: of each of K data sets, ``(S, M, E)``: S draws of its images; M may differ.
        skills: ``(R, K, N)`` skills of N models there in R regimes, NaN = not measured.
        steps: of AdamW, with a learning rate that falls to 0.
    """
    draws, mask = _padded([part[:, :CLASSES] for part in tokens])
    ranks = torch.from_numpy(np.apply_along_axis(true_ranks, 2, skills)).float()
    picked = np.random.default_rng(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = TokenAttention(skills.shape[2], draws.shape[-1], len(skills))
        optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in range(steps):
            lists = picked.choice(len(tokens), min(BATCH, len(tokens)), replace=False)
            seen = draws[lists, picked.integers(draws.shape[1], size=len(lists))]
            scores = network(seen, mask[lists]).permute(2, 0, 1).flatten(0, 1)
            optimiser.zero_grad()
            ranking_loss(scores, ranks[:, lists].flatten(0, 1)).backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def _padded(tokens: Sequence[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens ``(K, S, M, E)`` with zeros after those of each data set, and which are there ``(K, M)``."""
    longest = max(part.shape[1] for part in tokens)
    padded = [np.pad(part, ((0, 0), (0, longest - part.shape[1]), (0, 0))) for part in tokens]
    mask = np.arange(longest) < np.array([part.shape[1] for part in tokens])[:, None]
    return torch.from_numpy(np.stack(padded).astype(np.float32)), torch.from_numpy(mask)
