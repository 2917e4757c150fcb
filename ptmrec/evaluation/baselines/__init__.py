"""Rankers to compare with; one file each, one signature. Importing the package registers all of them."""

import ptmrec.evaluation.baselines.static  # noqa: I001  the order of import is the order of the rows
import ptmrec.evaluation.baselines.nearest
import ptmrec.evaluation.baselines.kernel_ridge
import ptmrec.evaluation.baselines.learned_tokens
import ptmrec.evaluation.baselines.measured  # noqa: F401
from ptmrec.evaluation.baselines.base import BASELINES, Evidence, build_baselines, register_baseline

__all__ = ["BASELINES", "Evidence", "build_baselines", "register_baseline"]
