"""From tables (CSV) of scores by published methods to the files of :mod:`ptmrec.benchmark.published_scores`."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.zoo_build.published_sources import ABOUT
from ptmrec.benchmark.published_scores import FOLDER, Origin, PublishedScores, write_scores
from ptmrec.errors import ArtifactError

_PRINTED = {
    "H-Score": (0.328, 0.738, 0.616, 0.797, 0.784, 0.395, 0.610, 0.918),
    "NCE": (0.501, 0.752, 0.771, 0.694, 0.617, 0.403, 0.696, 0.892),
    "LEEP": (0.244, 0.014, 0.704, 0.601, 0.620, -0.111, 0.680, 0.509),
    "NLEEP": (-0.725, 0.599, 0.622, 0.768, 0.776, 0.074, 0.787, 0.730),
    "LogME": (0.540, 0.666, 0.677, 0.802, 0.798, 0.429, 0.628, 0.870),
    "PACTranDirichlet": (0.031, 0.200, 0.665, 0.717, 0.620, -0.236, 0.616, 0.565),
    "OTCE": (-0.241, -0.011, -0.157, 0.569, 0.573, -0.165, 0.402, 0.218),
    "LFC": (0.279, -0.165, 0.243, 0.346, 0.418, -0.722, 0.215, -0.344),
    "GBC": (-0.744, -0.055, -0.265, 0.758, 0.544, -0.102, 0.163, 0.457),
    "Model Spider": (0.506, 0.761, 0.785, 0.909, 1.000, 0.695, 0.788, 0.954),
}
"""Weighted tau of each method on each data set, as the README of Model Spider prints it."""

_PRINTED_ON = ("Aircraft", "Caltech101", "Cars", "CIFAR10", "CIFAR100", "DTD", "Pet", "SUN397")
_NOTES = {
    "modelspider10": [
        "Scores of nine published estimators; cited is the README's table, weightedtau(accuracy, score, rank=None).",
        "69 of its 72 cells follow from these scores; LogME and LEEP on Aircraft do when those are rounded to three "
        "decimals first. N-LEEP on Aircraft (-.725) does not follow: the scores give -.766.",
        "Model Spider's own scores are not released. Its row is of the number of re-ranked models (0 to 10) that did "
        "best on the test, and was scored on tie-broken ranks.",
    ],
    "lovm": [
        "Features of ModelGPT (eval_table_features.csv): ImageNet accuracy, and text features that need class names "
        "and the model's text tower but no image.",
        "classes counts the lines of the source's file of class names.",
    ],
}


def transcribe_scores(folder: Path, target: Path) -> list[Path]:
    """Write the scores of published methods as JSON.

    Args:
        folder: the CSV tables (LOVM's texts in ``lovm/``).
        target: folder of the published zoos; the files go to ``scores/`` in it.

    Returns:
        The files written.

    Raises:
        ArtifactError: a table is missing, damaged, or lacks a column, a pair or a text.
    """
    made = [_model_spider(folder), _lovm(folder)]
    return [write_scores(target / FOLDER / f"{scores.about.name}.json", scores) for scores in made]


def _model_spider(folder: Path) -> PublishedScores:
    frame = _read(folder / "modelspider_baseline_scores.csv", "Dataset", "Model")
    cited = {method: dict(zip(_PRINTED_ON, row, strict=True)) for method, row in _PRINTED.items()}
    return _scores("modelspider10", frame, frame.columns[2:], {}, cited)


def _lovm(folder: Path) -> PublishedScores:
    path = folder / "lovm_modelgpt_features.csv"
    frame = _read(path, "dataset", "model_fullname", "IN-score", "superclass_metric")
    features = frame.loc[:, "IN-score":"superclass_metric"].columns
    texts = {kind: _texts(folder / "lovm" / f"dataset_{kind}s.json") for kind in ("domain", "task")}
    facts: dict[str, dict[str, Any]] = {}
    for dataset in frame["dataset"].unique():
        names = folder / "lovm" / "classnames" / f"{dataset}.txt"
        try:
            count = len(names.read_text().splitlines())
            facts[dataset] = {"classes": count, **{kind: said[dataset] for kind, said in texts.items()}}
        except FileNotFoundError:
            raise ArtifactError(f"{names}: file not found; transcribing needs every published table") from None
        except KeyError:
            raise ArtifactError(f"{folder / 'lovm'}: no domain or no task of {dataset!r}") from None
    return _scores("lovm", frame.drop(columns=["model"]), features, facts, {}, ("dataset", "model_fullname"))


def _texts(path: Path) -> dict[str, str]:
    # Not read as JSON: the source's file lacks a comma.
    try:
        return {key: value.strip() for key, value in re.findall(r'"([^"]+)"\s*:\s*"([^"]+)"', path.read_text())}
    except FileNotFoundError:
        raise ArtifactError(f"{path}: file not found; transcribing needs every published table") from None


def _read(path: Path, *columns: str) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path)
    except FileNotFoundError:
        raise ArtifactError(f"{path}: file not found; transcribing needs every published table") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path}: not readable as CSV ({error})") from None
    if missing := [column for column in columns if column not in frame]:
        raise ArtifactError(f"{path}: no column {missing[0]!r}; it has {', '.join(map(str, frame.columns))}")
    return frame


def _scores(
    name: str,
    frame: pd.DataFrame,
    columns: pd.Index,
    facts: dict[str, dict[str, Any]],
    cited: dict[str, dict[str, float]],
    keys: tuple[str, str] = ("Dataset", "Model"),
) -> PublishedScores:
    about = ABOUT[name]
    if frame.duplicated(list(keys)).any():
        row = frame[frame.duplicated(list(keys))].iloc[0]
        raise ArtifactError(f"{name}: {row[keys[1]]!r} is there twice on {row[keys[0]]!r}; mend the CSV file")
    datasets, models = (tuple(map(str, frame[key].unique())) for key in keys)
    values = [
        frame.pivot(index=keys[0], columns=keys[1], values=column).loc[list(datasets), list(models)]
        for column in columns
    ]
    origin = Origin(name, about.source, about.commit, about.licence, _NOTES[name])
    stacked = np.stack([value.to_numpy(np.float64) for value in values])
    return PublishedScores(origin, tuple(columns), datasets, models, stacked, facts, cited)
