"""Tables of the notebooks as a reader wants them: words for keys, numbers with the digits that tell, no NaN."""

import re
from numbers import Real

import pandas as pd

from ptmrec.plots.style import REGIME_LABELS

NAMES = {
    **{
        **dict.fromkeys((r"$\tau_w$", "tau_w"), "tau_w"),
        "tau_w_default": "tau_w, scipy's default",
        "r5": "top-five recall",
        "kendall": "Kendall's tau",
    },
    **{"regret1": "points lost", "regret1_caps": "points lost under caps", "mae": "error of accuracy", "k": "passes"},
    **{"gain": "gain", "gain_low": "gain, low", "gain_high": "gain, high", "hit5": "best in first five"},
    **{"regret1_low": "points lost, low", "regret1_high": "points lost, high", "ndcg5": "NDCG@5"},
    **{"low_80": "80 %, low", "high_80": "80 %, high", "expected_accuracy": "expected accuracy"},
    **{"latency_high_ms": "milliseconds, upper bound", "latency_basis": "latency from", "gflops": "GFLOPs"},
    **{"rule_value": "best rule's value", "wrong_side": "wrong side of the limit", "median_error": "median error"},
    **{"latency_p90_ms": "90th percentile of latency (ms)", "latency_p50_ms": "median latency (ms)"},
    **{"num_params": "parameters", "more": "more than ours", "of_best": "of the best", **REGIME_LABELS},
}
"""Keys of results, by the words that stand for them."""


def digits(value: float) -> str:
    """A number with three digits that tell, a count in full; nothing for NaN."""
    if pd.isna(value):
        return ""
    if float(value).is_integer() or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def shown(frame: pd.DataFrame) -> pd.DataFrame:
    """A table with words for keys, wherever they stand, and its numbers as text."""
    text = frame.map(lambda cell: digits(cell) if isinstance(cell, Real) and not isinstance(cell, bool) else cell)
    text = text.astype(object).where(text.notna(), "").map(words)
    return text.rename(index=words, columns=words).rename_axis(index=words, columns=words)


def words(key: object) -> object:
    """A key in words, such as the name of a column or a data set; whatever is no key stays."""
    if not isinstance(key, str):
        return key
    return NAMES.get(key, key.replace("_", " ") if _KEY.fullmatch(key) else key)


_KEY = re.compile(r"[a-z0-9]+(_[a-z0-9]+)+")
