"""Whether the stated accuracies and their spread can be trusted."""

import pandas as pd
from scipy.stats import norm


def interval_coverage(frame: pd.DataFrame, level: float = 0.9) -> pd.Series:
    """Share of measured accuracies inside the central normal interval of a level, by group and regime.

    Args:
        frame: one row per target and model: ``group, regime, expected, std, measured``.
        level: level of the interval.
    """
    inside = (frame["measured"] - frame["expected"]).abs() <= norm.ppf((1 + level) / 2) * frame["std"]
    return inside.groupby([frame["group"], frame["regime"]], sort=False).mean()
