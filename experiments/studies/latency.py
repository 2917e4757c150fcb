"""How far latency can be estimated: families held out, a new device, and what operations alone cannot say."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from ptmrec.config.sections import PathsConfig
from ptmrec.hardware.devices import CALIBRATING, fit_timings
from ptmrec.hardware.estimates import conformal_factor, leave_families_out
from ptmrec.hardware.timings import Timings, read_timings

LIMIT_MS = 20.0
"""The limit that predictions are held against."""
NEW_DEVICE = (5, 10, 20, 50)
"""Models that are measured on a new device."""
OPERATIONS, COUNTS = "operations", "operations, activations, parameters"
OTHER_TIME, FEW_MEASURED = "and the time on the {device}", "{device}'s regression and {count} models measured"
"""Inputs of the estimates, as the rows name them."""
REPEATS = 20
ONE_GMAC = (0.9, 1.1)


def latency_findings(paths: PathsConfig, seed: int = 0) -> pd.DataFrame:
    """Every finding as rows.

    Args:
        paths: where tables lie.
        seed: of the models measured on a new device.

    Returns:
        ``finding, device, inputs, models`` and, where they apply: ``median_error`` (share of the true time),
        ``wrong_side`` (share of models put on the wrong side of :data:`LIMIT_MS`), ``factor`` (of the interval that
        holds nine in ten), ``low`` and ``high`` (milliseconds, or correlations).
    """
    timings = read_timings(paths.published, paths.devices)
    rows = [_spread(timings[device]) for device in CALIBRATING]
    for device, other in zip(CALIBRATING, reversed(CALIBRATING), strict=True):
        rows += _families_out(timings[device], timings[other])
        rows += _new_device(timings[device], timings[other], seed)
    return pd.DataFrame([*rows, _phones([one for one in timings.values() if one.source.startswith("AI Hub")])])


def _spread(own: Timings) -> dict:
    """Times of models of about 1e9 multiply-accumulates."""
    alike = own.ms[(own.counts[:, 0] >= ONE_GMAC[0]) & (own.counts[:, 0] <= ONE_GMAC[1])]
    found = {"finding": "about 1 GMAC", "device": own.device, "inputs": "", "models": len(alike)}
    return {**found, "low": alike.min(), "high": alike.max()}


def _families_out(own: Timings, other: Timings) -> list[dict]:
    there = np.array([other.by_model.get(model, np.nan) for model in own.models])
    rows = own.counted & np.isfinite(there)
    counts, ms, families = own.counts[rows], own.ms[rows], tuple(np.array(own.families)[rows])
    inputs = {
        OPERATIONS: counts[:, :1],
        COUNTS: counts,
        OTHER_TIME.format(device=other.device): np.column_stack([counts, there[rows]]),
    }
    place = {"finding": "families held out", "device": own.device, "models": len(ms)}
    return [
        {**place, "inputs": name, **_errors(ms, leave_families_out(values, ms, families))}
        for name, values in inputs.items()
    ]


def _new_device(own: Timings, other: Timings, seed: int) -> list[dict]:
    """A few models are measured on a device; another's regression, shifted and tilted by them, says the rest."""
    both = [model for model in own.models if model in other.by_model]
    places = np.array([own.models.index(model) for model in both])
    places = places[own.counted[places]]
    regression = fit_timings(other).regression
    foretold, ms = regression.predict(np.log(own.counts[places])), own.ms[places]
    generator, rows = np.random.default_rng(seed), []
    for count in NEW_DEVICE:
        errors = []
        for _ in range(REPEATS):
            measured = generator.choice(len(ms), count, replace=False)
            rest = np.setdiff1d(np.arange(len(ms)), measured)
            slope, shift = np.polyfit(foretold[measured], np.log(ms[measured]), 1)
            errors.append(_errors(ms[rest], np.exp(slope * foretold[rest] + shift)))
        means = {name: float(np.mean([one[name] for one in errors])) for name in errors[0]}
        inputs = FEW_MEASURED.format(device=other.device, count=count)
        rows.append({"finding": "new device", "device": own.device, "inputs": inputs, "models": len(ms), **means})
    return rows


def _errors(true: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    return {
        "median_error": float(np.median(np.abs(predicted / true - 1))),
        "wrong_side": float(np.mean((predicted <= LIMIT_MS) != (true <= LIMIT_MS))),
        "factor": conformal_factor(true, predicted),
    }


def _phones(devices: list[Timings]) -> dict:
    """How alike pairs of AI Hub's devices rank the same models."""
    found = []
    for first, second in combinations(devices, 2):
        both = sorted(set(first.models) & set(second.models))
        found.append(spearmanr([first.by_model[m] for m in both], [second.by_model[m] for m in both]).statistic)
    place = {"finding": "rank correlation of two devices", "device": f"{len(devices)} of AI Hub", "inputs": ""}
    return {**place, "models": max(map(len, devices)), "low": min(found), "high": float(np.median(found))}
