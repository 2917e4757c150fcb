"""Model Spider's table of estimators on its zoo of 10 models (Zhang et al., NeurIPS 2023), from its score file."""

import numpy as np
import pandas as pd

from ptmrec.benchmark.published import PublishedZoo
from ptmrec.benchmark.published_scores import PublishedScores
from ptmrec.evaluation.metrics import weighted_tau

ROUNDED = {("LogME", "Aircraft"): 3, ("LEEP", "Aircraft"): 3}
"""Method and data set -> decimals the source seems to have rounded scores to before it ranked: the ties this makes
give the printed cells. Rounding every method there would break PACTran's; no rounding gives N-LEEP's."""

PRINTED_DIGITS = 3
"""Decimals of the printed table."""


def estimator_taus(zoo: PublishedZoo, scores: PublishedScores, rounded: bool = True) -> pd.DataFrame:
    """Weighted tau of every published estimator on every data set.

    Args:
        zoo: accuracies of fine-tuned models.
        scores: what the estimators said.
        rounded: round the scores named in :data:`ROUNDED` first.

    Returns:
        One row per cell: ``method, target, value`` (``weightedtau(accuracy, score, rank=None)``), ``printed`` (NaN
        where the source prints none) and ``equal`` (same to the printed decimals).

    Raises:
        ArtifactError: a model or data set of the zoo has no score.
    """
    values = scores.aligned(zoo.datasets, zoo.models)
    rows = []
    for method, matrix in zip(scores.columns, values, strict=True):
        for target, said, true in zip(zoo.datasets, matrix, zoo.accuracy, strict=True):
            digits = ROUNDED.get((method, target)) if rounded else None
            value = weighted_tau(true, said if digits is None else said.round(digits))
            rows.append((method, target, value, scores.cited.get(method, {}).get(target, np.nan)))
    frame = pd.DataFrame(rows, columns=["method", "target", "value", "printed"])
    # Half a unit of the last printed decimal, and a tenth of it for binary fractions.
    return frame.assign(equal=(frame["value"] - frame["printed"]).abs() <= 0.55 * 10**-PRINTED_DIGITS)
