import numpy as np
import pytest
from sklearn.linear_model import RidgeCV

from ptmrec.hardware.estimates import (
    FEWEST,
    PENALTIES,
    Estimate,
    conformal_factor,
    fit_latency,
    leave_families_out,
)

GENERATOR = np.random.default_rng(0)
INPUTS = np.exp(GENERATOR.normal(size=(60, 2)))
FAMILIES = tuple(f"family {place % 12}" for place in range(60))
POWER = 3 * INPUTS[:, 0] ** 0.8 * INPUTS[:, 1] ** 0.3


def test_a_power_law_is_found():
    model = fit_latency(INPUTS, POWER, FAMILIES)
    found = [model.estimate(row) for row in INPUTS]
    assert [one.value for one in found] == pytest.approx(POWER, rel=0.02) and model.factor < 1.05
    assert found[7].low < POWER[7] < found[7].high


def test_nothing_is_said_of_models_unlike_those_of_the_table():
    model = fit_latency(INPUTS, POWER, FAMILIES)
    assert model.estimate(INPUTS.max(axis=0) * 2) is None
    assert model.estimate(np.array([1.0, np.nan])) is None


def test_small_tables_say_nothing():
    assert fit_latency(INPUTS[: FEWEST - 1], POWER[: FEWEST - 1], FAMILIES[: FEWEST - 1]) is None
    assert fit_latency(INPUTS, POWER, ("one",) * 60) is None


def test_families_are_left_out_whole():
    """A family of its own behaviour is foretold badly, since nothing of it is seen; as fitted on the others by hand."""
    odd = np.array([name == "family 3" for name in FAMILIES])
    ms = np.where(odd, 100 * POWER, POWER)
    predicted = leave_families_out(INPUTS, ms, FAMILIES)
    assert np.median(predicted[odd] / ms[odd]) < 0.1
    two = tuple("a" if place < 30 else "b" for place in range(60))
    by_hand, logs = np.empty(60), np.log(INPUTS)
    for rest, out in ((slice(0, 30), slice(30, 60)), (slice(30, 60), slice(0, 30))):
        middle, scale = logs[rest].mean(axis=0), logs[rest].std(axis=0)
        fitted = RidgeCV(PENALTIES).fit((logs[rest] - middle) / scale, np.log(POWER[rest]))
        by_hand[out] = np.exp(fitted.predict((logs[out] - middle) / scale))
    assert leave_families_out(INPUTS, POWER, two) == pytest.approx(by_hand)


def test_the_interval_holds_as_many_as_it_says():
    noise = np.exp(GENERATOR.normal(0, 0.3, 4000))
    factor = conformal_factor(noise[:2000], np.ones(2000))
    assert np.mean(np.abs(np.log(noise[2000:])) <= np.log(factor)) == pytest.approx(0.9, abs=0.02)
    assert np.isinf(conformal_factor(noise[:8], np.ones(8))), "eight cases say nothing about nine in ten"


def test_an_interval_around_a_value():
    assert Estimate.around(10, 2) == Estimate(10, 5, 20) == Estimate(5, 2.5, 10).times(2)
