"""A run in small: the committed results, toy ones for those that are not committed, and a page for each figure."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.outputs import Outputs
from experiments.studies.ablations import BANKS, IMAGES, KNOWN_COUNTS, PROBES
from experiments.studies.latency import latency_findings
from experiments.thesis.text import read_sources, used_figures
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.files import read_json
from ptmrec.plots.style import REGIME_LABELS
from ptmrec.relations.pairs import RELATIONS
from ptmrec.zoo.card import read_card

ROOT = Path(__file__).resolve().parents[3]
COMMITTED = ROOT / "constants" / "results"
TARGETS = ("cifar10", "mnist", "gtsrb")
AWAY = dict(zip(TARGETS, (-0.9, 0.4, 0.5), strict=True))
"""How far each target lies from the mean of all."""
SHOWN = ("Cross-Select", "mean rank", "random order", "successive halving")


def passes():
    """Of every target what the committed summary says of their mean."""
    means = pd.read_csv(COMMITTED / "passes_summary.csv")
    means = means[means["k"].isin((0, 1, 3, 8)) & means["method"].isin(SHOWN)]
    return pd.concat([means.assign(target=target, regret1=means["regret1"] + away) for target, away in AWAY.items()])[
        ["regime", "target", "method", "k", "tau_w", "regret1"]
    ].pipe(vary)


def vary(frame):
    """One pass, or eight short runs, make some targets better and some worse."""
    pair = frame["regime"] + frame["k"].astype(str)
    one = (frame["method"] == "Cross-Select") & pair.isin(["low_data1", "fine_tuning8"])
    frame.loc[one, "regret1"] += frame.loc[one, "target"].map(AWAY)
    return frame


def ablations():
    changes = {("full", ""): 0.0, ("skills", "estimated"): -0.1}
    changes |= {("one relation", name): -0.2 for name in RELATIONS}
    changes |= {("relation left out", name): -0.01 for name in RELATIONS}
    changes |= {("bank", name): 0.0 for name in BANKS} | {("probes", name): 0.0 for name in PROBES}
    changes |= {("images", name): -0.05 for name in IMAGES}
    changes |= {("known data sets", str(count)): -0.4 / count for count in KNOWN_COUNTS}
    changes |= {("one relation", "skill_transport"): -0.01, ("relation left out", "skill_transport"): -0.02}
    wide = {("one relation", "skill_transport"), ("relation left out", "skill_transport")}
    return pd.DataFrame(
        [
            {"what": what, "value": value, "regime": regime, "target": target}
            | {"tau_w": 0.7 + change + away * (0.1 if (what, value) in wide else 0.001)}
            for (what, value), change in changes.items()
            for regime in REGIME_LABELS
            for target, away in AWAY.items()
        ]
    )


def coverage():
    return pd.DataFrame(
        [
            {"group": group, "regime": regime, "k": k, "dataset": target, "level": level}
            | {"coverage": level - k / 100 + 0.5 * away, "width": 0.3 - k / 100, "doubted": False}
            for group in ("left-out data", "shuffled labels", "blind data")
            for regime in REGIME_LABELS
            for target, away in AWAY.items()
            for level in (0.8, 0.95)
            for k in ((0, 1, 3, 8) if (group, regime) == ("left-out data", "low_data") else (0,))
        ]
    )


def calibration():
    return pd.DataFrame(
        [
            {"group": group, "dataset": target, "regime": regime, "k": 0, "expected": 0.5, "measured": 0.55}
            for group in ("left-out data", "blind data")
            for regime in REGIME_LABELS
            for target in TARGETS
        ]
    )


def quadrants():
    methods = ("Cross-Select", "LogME", "mean rank", "ridge, features, four draws")
    return pd.DataFrame(
        [
            {"quadrant": "known models, blind data", "regime": regime, "method": method, "target": target}
            | {"tau_w": 0.6 + away}
            for regime in REGIME_LABELS
            for method in methods
            for target, away in AWAY.items()
        ]
    )


def configure(folder):
    places = {"artifacts": "artifacts", "figures": "figures", "thesis_output": "thesis"}
    return ConfigParser(None, "default", {f"paths.{key}": str(folder / name) for key, name in places.items()})


@pytest.fixture
def config(tmp_path):
    return configure(tmp_path)


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    """Folder of a whole run."""
    folder = tmp_path_factory.mktemp("run")
    config = configure(folder)
    outputs = Outputs(config, "toy")
    for name in ("quadrants_summary", "summary", "published_summary", "hardware_choice_summary", "tune_summary"):
        outputs.table(pd.read_csv(COMMITTED / f"{name}.csv"), name)
    real = pd.DataFrame({"model": "lite", "dataset": TARGETS, "predicted": 0.9, "measured": [0.7, 0.8, 0.9]})
    for make in (passes, ablations, coverage, calibration, quadrants):
        outputs.table(make(), make.__name__)
    outputs.table(real, "real_models")
    outputs.table(latency_findings(config.get(PathsConfig)), "latency_estimates")
    outputs.facts(read_json(COMMITTED / "zoo.json"), "zoo")
    nearest = {"nearest_same_family": 0.9, "nearest_same_source": 0.1}
    outputs.facts({"validation_reconstruction": 0.1, **nearest}, "autoencoder")
    taus = {f"validation_tau_w_{name}": 0.6 for name in ("linear", "best", "last")}
    outputs.facts({"seeds": 3, **taus}, "training")
    for name in used_figures(read_sources(ROOT / "thesis")):
        outputs.figure(Figure(figsize=(5.9, 2)), name, f"A page for {name}.")
    return folder


@pytest.fixture
def run(config, whole_run, tmp_path):
    """Outputs of a whole run, which a test may change."""
    shutil.copytree(whole_run, tmp_path, dirs_exist_ok=True)
    return Outputs(config, "toy")


@pytest.fixture(scope="session")
def cards():
    return [read_card(folder) for folder in sorted((ROOT / "constants" / "zoo").iterdir())[:40]]
