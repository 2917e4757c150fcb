"""A run in small: the committed results, toy ones for those that are not committed, and a page for each figure."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from experiments.outputs import Outputs
from experiments.studies.ablations import BANKS, IMAGES, KNOWN_COUNTS, PROBES
from experiments.studies.hardware_choice import BESIDE, FILTER, FUSION, LARGEST, SHADOW, SOFT_FUSION, SOFT_SHADOW
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


def passes():
    methods = {"Cross-Select": (0, 1, 3, 8), "mean rank": (0, 1, 3, 8), "random order": (0, 1, 3, 8)}
    methods["successive halving"] = (0, 1, 3, 8)
    return pd.DataFrame(
        [
            {"regime": regime, "target": target, "method": method, "k": k, "tau_w": 0.5, "regret1": 4.0 - place - k / 8}
            for regime in REGIME_LABELS
            for place, target in enumerate(TARGETS)
            for method, counts in methods.items()
            for k in counts
        ]
    )


def ablations():
    changes = [("full", ""), *(("one relation", name) for name in RELATIONS), ("skills", "estimated")]
    changes += [("relation left out", name) for name in RELATIONS]
    changes += [("bank", name) for name in BANKS] + [("probes", name) for name in PROBES]
    changes += [("images", name) for name in IMAGES] + [("known data sets", str(count)) for count in KNOWN_COUNTS]
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {"what": what, "value": value, "regime": regime, "target": target, "tau_w": generator.uniform()}
            for what, value in changes
            for regime in REGIME_LABELS
            for target in TARGETS
        ]
    )


def coverage():
    return pd.DataFrame(
        [
            {"group": group, "regime": regime, "k": k, "dataset": target, "level": level}
            | {"coverage": level - k / 100, "width": 0.3}
            for group in ("left-out data", "shuffled labels", "blind data")
            for regime in REGIME_LABELS
            for target in TARGETS
            for level in (0.8, 0.95)
            for k in ((0, 1, 3, 8) if (group, regime) == ("left-out data", "low_data") else (0,))
        ]
    )


def hardware_choice():
    ways = (FILTER, LARGEST, *BESIDE.values(), SHADOW, SOFT_SHADOW, FUSION, SOFT_FUSION)
    return pd.DataFrame(
        [
            {
                "regime": regime,
                "method": method,
                "targets": 3,
                "accuracy": 0.7,
                "violations": 0.5 * (method in (SOFT_SHADOW, SOFT_FUSION)),
            }
            | {"regret": 0.01 * place, "regret_low": 0.005 * place, "regret_high": 0.02 * place}
            | {"gain": 0.01 * place, "gain_low": -0.01 * place, "gain_high": 0.02 * place}
            for regime in REGIME_LABELS
            for place, method in enumerate(dict.fromkeys(ways))
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
    for name in ("quadrants_summary", "summary", "published_summary"):
        outputs.table(pd.read_csv(COMMITTED / f"{name}.csv"), name)
    real = pd.DataFrame({"model": "lite", "dataset": TARGETS, "predicted": 0.9, "measured": [0.7, 0.8, 0.9]})
    for name, frame in (("passes", passes()), ("ablations", ablations()), ("coverage", coverage())):
        outputs.table(frame, name)
    outputs.table(real, "real_models")
    outputs.table(hardware_choice(), "hardware_choice_summary")
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
