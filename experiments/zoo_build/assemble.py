"""Joining the builder's cells into the files of measurements the project commits."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.benchmark.ground_truth import write_records
from ptmrec.config.sections import GroundTruthConfig
from ptmrec.core.files import write_text
from ptmrec.zoo.card import Card

SOURCE = "measured by ptmrec zoo build"


def assemble_ground_truth(
    cells: Iterable[dict[str, Any]], cards: dict[str, Card], config: GroundTruthConfig, path: Path
) -> Path:
    """Join the builder's cells into one file: dataset -> one record per model and regime, a line each.

    Args:
        cells: measurements, one per model and data set, see :func:`~experiments.zoo_build.measure.measure_cell`.
        cards: cards by model name.
        config: how they were measured.
        path: the JSON file to write.
    """
    truth: dict[str, list[dict[str, Any]]] = {}
    for cell in cells:
        card = cards[cell["model_name"]]
        truth.setdefault(cell["dataset"], []).extend(
            [low_data_record(cell, card, config), fine_tuning_record(cell, card, config)]
        )
    return write_records(path, truth)


def _record(
    card: Card, regime: str, values: list[float], recipe: dict[str, Any], source: str = SOURCE
) -> dict[str, Any]:
    return {
        "model_name": card.name,
        "model_type": card.family,
        "accuracy": round(float(np.mean(values)), 5),
        "trained_on_dataset": card.source_dataset,
        "accuracy_std": round(float(np.std(values, ddof=1)), 5) if len(values) > 1 else 0.0,
        "accuracies": [round(value, 5) for value in values],
        "regime": regime,
        "recipe": recipe,
        "source": source,
    }


def low_data_record(
    cell: dict[str, Any], card: Card, config: GroundTruthConfig, source: str = SOURCE
) -> dict[str, Any]:
    """The record of a cell in the low data regime; ``by_shots`` only where the cell has it."""
    measured = cell["low_data"]
    recipe = {"shots": config.shots, "probe": "logistic regression", "penalty": measured["penalty"]}
    record = _record(card, "low_data", measured["accuracies"], recipe, source)
    if "by_shots" not in measured:
        return record
    by_shots = {
        shots: [round(float(np.mean(values)), 5), round(float(np.std(values)), 5)]
        for shots, values in measured["by_shots"].items()
    }
    return {**record, "by_shots": by_shots}


def fine_tuning_record(
    cell: dict[str, Any], card: Card, config: GroundTruthConfig, source: str = SOURCE
) -> dict[str, Any]:
    """The record of a cell in the fine-tuning regime."""
    measured = cell["fine_tuning"]
    recipe = {
        "steps": config.steps,
        "batch_size": config.batch_size,
        "optimiser": "AdamW, one-cycle",
        "learning_rate": measured["learning_rate"],
    }
    return _record(card, "fine_tuning", measured["accuracies"], recipe, source)


def assemble_estimates(cells: Iterable[dict[str, Any]], path: Path) -> Path:
    """Join the estimators' scores into one file: data set -> model -> scores, a line each."""
    estimates: dict[str, dict[str, Any]] = {}
    for cell in cells:
        scores = {key: value for key, value in cell.items() if key not in ("model_name", "dataset")}
        estimates.setdefault(cell["dataset"], {})[cell["model_name"]] = scores
    return write_estimates(path, estimates)


def write_estimates(path: Path, estimates: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write ``data set -> model -> scores`` as JSON with one model per line, numbers rounded."""
    blocks = []
    for dataset, rows in estimates.items():
        rounded = {name: {key: _rounded(value) for key, value in scores.items()} for name, scores in rows.items()}
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(scores)}" for name, scores in rounded.items())
        blocks.append(f"{json.dumps(dataset)}: {{\n{lines}\n }}")
    return write_text(path, "{\n " + ",\n ".join(blocks) + "\n}\n")


def _rounded(value: float | dict[str, float]) -> float | dict[str, float]:
    """Six significant digits: scores of different estimators differ by orders of magnitude."""
    if isinstance(value, dict):
        return {key: float(f"{part:.3g}") for key, part in value.items()}
    return float(f"{value:.6g}")
