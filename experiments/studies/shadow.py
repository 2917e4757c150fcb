"""Shadow: a ranking by what models cost shadows the ranking for the task, and both vote.

Copeland's method counts the pairs a candidate wins. Taken as a weighted majority of two rankings it would follow the
heavier one in every pair; here each ranking's own counts are weighted and added, so that a model a little worse and
much cheaper can win.
"""

from collections.abc import Mapping

import numpy as np

DEFAULT_WEIGHT = 0.25
"""Weight of the hardware ranking beside the ranking for the task, whose weight is the rest."""


def copeland(scores: np.ndarray) -> np.ndarray:
    """Pairs each candidate wins less those it loses, over the number of others, -1 to 1.

    Args:
        scores: ``(N,)`` larger is better; NaN loses against every number and ties with NaN.
    """
    known = np.where(np.isnan(scores), -np.inf, scores)
    ordered, count = np.sort(known), len(scores)
    below = np.searchsorted(ordered, known, side="left")
    above = count - np.searchsorted(ordered, known, side="right")
    return (below - above) / max(count - 1, 1)


def shadow(task: np.ndarray, costs: Mapping[str, np.ndarray], weight: float = DEFAULT_WEIGHT) -> np.ndarray:
    """Votes for each candidate, larger is better.

    Args:
        task: ``(N,)`` scores for the task.
        costs: one or more costs ``(N,)``, smaller is better, which share the weight alike.
        weight: of all costs together, 0 to 1.

    Raises:
        ValueError: a weight outside of 0 to 1, or no cost.
    """
    if not 0 <= weight <= 1 or not costs:
        raise ValueError(f"weight {weight} of {len(costs)} costs: give at least one cost and a weight of 0 to 1")
    votes = [copeland(-np.asarray(cost, dtype=float)) for cost in costs.values()]
    return (1 - weight) * copeland(task) + weight * np.mean(votes, axis=0)
