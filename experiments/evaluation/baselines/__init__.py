"""Rankers to compare with; one file each, one signature. Importing the package registers all of them."""

import experiments.evaluation.baselines.static  # noqa: I001  the order of import is the order of the rows
import experiments.evaluation.baselines.nearest
import experiments.evaluation.baselines.kernel_ridge
import experiments.evaluation.baselines.learned_tokens
import experiments.evaluation.baselines.measured  # noqa: F401
from experiments.evaluation.baselines.base import BASELINES, Evidence, build_baselines, register_baseline

__all__ = ["BASELINES", "Evidence", "build_baselines", "register_baseline"]
