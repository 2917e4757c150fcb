"""The Pareto front: models of which none is at least as good and as cheap, and better in one of the two."""

import numpy as np


def pareto_front(gains: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Models on the front of gain against cost.

    Args:
        gains: ``(n,)`` larger is better.
        costs: ``(n,)`` smaller is better; NaN = not known, never on the front.

    Returns:
        ``(n,)`` bool. Of models with the same gain and cost all are on it, or none.
    """
    front = np.zeros(len(gains), dtype=bool)
    order = np.lexsort((-gains, costs))  # cheapest first, of the same cost the best first; NaN last
    best, paid = -np.inf, np.nan
    for place in order[: int(np.isfinite(costs).sum())]:
        front[place] = gains[place] > best or (gains[place] == best and costs[place] == paid)
        if gains[place] > best:
            best, paid = gains[place], costs[place]
    return front
