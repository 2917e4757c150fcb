from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ptmrec.config.parser import ConfigParser
from ptmrec.hardware.measurement import Measurement
from ptmrec.recommender import measuring
from ptmrec.recommender.ranking import recommend

pytestmark = pytest.mark.slow
DIGITS = load_digits()
IMAGES = np.repeat((DIGITS.images[:100] * 255 / 16).astype(np.uint8)[..., None], 3, axis=3)


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Asks on a machine where the first model of the table is far too slow and every other one as fast as it says."""
    config = ConfigParser(overrides={"paths.artifacts": str(tmp_path)})
    measured = []

    def measure_models(snapshots, settings):
        for snapshot in snapshots:
            measured.append(snapshot.name)
            high = 99.0 if len(measured) == 1 else 0.5
            part = {"latency_p50_ms": 0.4, "latency_p90_ms": 0.4, "latency_high_ms": high, "throughput": 1.0}
            rest = {name: 1.0 for name in ("file_mib", "gmacs", "macts", "peak_memory_mib", "energy_j", "busy")}
            yield Measurement(
                *(snapshot.name, "hash", {"processor": "toy"}, 1),
                **{"process_memory_mib": None, "threads": {"1": part}, "energy_basis": "estimated", **rest},
            )

    monkeypatch.setattr(measuring, "measure_models", measure_models)

    def run(**options):
        return recommend(IMAGES, DIGITS.target[:100], regime="low_data", config=config, **options), measured

    return run


def test_what_is_shown_was_measured_and_keeps_the_limit(ask):
    answer, measured = ask(measure="top", n=3, max_latency="5ms")
    board = answer.leaderboard()
    assert set(board["latency_basis"]) == {"measured"} and board["latency_high_ms"].max() <= 5
    assert measured[0] not in set(answer.frame["model"]), "the table was wrong about it"
    out = {row["model"]: row["value"] for row in answer.rejected}
    assert out[measured[0]] == "99 ms"
    assert len(measured) == len(set(measured)) == 4, "three shown, and the one that took a place in vain"


def test_marked_measurements_are_made_again_and_then_do_not_bind(ask, monkeypatch):
    """Twin networks at 10 and .3 ms on a busy machine: neither number counts."""
    answer, measured = ask(measure="top", n=2, max_latency="5ms")
    usual = measuring.measure_models

    def busy(snapshots, settings):
        for found in usual(snapshots, settings):
            part = {**found.threads["1"], "latency_high_ms": 99.0}
            yield replace(found, threads={"1": part}, marks=("the machine was loaded (90% busy)",))

    monkeypatch.setattr(measuring, "measure_models", busy)
    monkeypatch.setattr(measuring, "save_measurement", lambda *_: pytest.fail("a marked number is not kept"))
    again, measured = ask(measure="all", max_latency="1ms", max_params="20k")
    board = again.leaderboard(all_models=True)
    assert set(board["latency_basis"]) == {"table"} and "not used: the machine was loaded" in board["cost_basis"][0]
    assert max(measured.count(name) for name in board["model"]) == measuring.TRIES


def test_candidates_are_run_on_the_images_after_that(ask):
    answer, measured = ask(measure="top", n=2, verify=1, max_latency="5ms")
    assert answer.verification is not None and answer.frame["verified"].sum() == 1
    again = replace(answer, count=2).leaderboard()
    assert "measured" in set(again["latency_basis"])
