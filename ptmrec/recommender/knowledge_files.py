"""Knowledge on disk: a folder of its own inside the recommender's."""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from ptmrec.config.sections import PROBED
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json, read_npz, write_bytes, write_json, write_npz
from ptmrec.core.trust import check
from ptmrec.recommender.knowledge import Knowledge, RegimeKnowledge
from ptmrec.relations.expected import ExpectedAccuracy
from ptmrec.relations.linear import COLUMNS, LinearRanker
from ptmrec.relations.posterior import KnownErrors
from ptmrec.relations.samples import read_samples, write_samples
from ptmrec.relations.scores import SCORES_NAME, PairScores, read_scores, write_scores
from ptmrec.zoo.card import Card

MODELS, TRANSPORTS, FITTED, SAMPLES = "models.json", "transports.safetensors", "fitted.npz", "samples"
STEPS = 127
"""Largest number of 8 bits: maps are kept in steps of their rows' typical size and their columns' largest value."""


def write_knowledge(folder: Path, knowledge: Knowledge) -> None:
    """Write everything into a folder that is being made."""
    folder.mkdir(parents=True)
    cards = {name: card.to_dict() for name, card in knowledge.cards.items()}
    write_json(folder / MODELS, {"cards": cards, "base": knowledge.base.tolist()})
    write_scores(folder / SCORES_NAME, {"known": knowledge.scores})
    for sample in knowledge.samples:
        write_samples(folder / SAMPLES, [sample])
    maps = {}
    for name, values in zip(knowledge.cards, knowledge.transports, strict=True):
        maps[name], maps[f"{name}/rows"] = to_bytes(values)
    write_bytes(folder / TRANSPORTS, save(maps))
    write_npz(folder / FITTED, _fitted_arrays(knowledge))


def read_knowledge(folder: Path) -> Knowledge:
    """Read knowledge that :func:`write_knowledge` wrote.

    Raises:
        ArtifactError: a file is missing, damaged, or does not fit the others.
    """
    models, arrays = read_json(folder / MODELS), read_npz(folder / FITTED)
    try:
        cards = {name: Card(**card) for name, card in models["cards"].items()}
        base = np.array(models["base"], dtype=bool)
        scores = read_scores(folder / SCORES_NAME)["known"].only(_known(arrays), list(cards))
        check(folder / TRANSPORTS)
        maps = load_file(folder / TRANSPORTS)
        regimes = {name: _regime(arrays, name, scores) for name in dict.fromkeys(key.split("/")[0] for key in arrays)}
        transports = tuple(maps[name] * maps[f"{name}/rows"][:, None] for name in cards)
    except (KeyError, TypeError, ValueError, OSError, SafetensorError) as error:
        raise ArtifactError(f"{folder}: damaged or of another version ({error}); run: ptmrec reproduce") from None
    samples = tuple(read_samples(folder / SAMPLES, name)[0] for name in scores.datasets)
    if base.shape != (len(cards),) or any(m.shape[:1] != s.coordinates.shape[1:] for m in transports for s in samples):
        raise ArtifactError(f"{folder}: its files do not fit together; run: ptmrec reproduce")
    return Knowledge(cards, base, samples, scores, transports, regimes)


def to_bytes(transport: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A map ``(r, d)`` in 8 bits, and the size ``(r,)`` of its rows to multiply them with.

    The size of a column is lost: columns are standardised before they count.
    """
    exact = np.asarray(transport, np.float64)
    rows = np.maximum(np.sqrt((exact**2).mean(axis=1)), 1e-12)
    even = exact / rows[:, None]
    largest = np.maximum(np.abs(even).max(axis=0), 1e-12)
    return np.round(even / largest * STEPS).astype(np.int8), rows.astype(np.float32)


def _fitted_arrays(knowledge: Knowledge) -> dict[str, np.ndarray]:
    arrays = {}
    for regime, known in knowledge.regimes.items():
        parts = {
            "datasets": np.array(list(known.ranker.skills), np.str_),
            "skills": np.stack(list(known.ranker.skills.values())).astype(np.float32),
            "measured": known.ranker.measured,
            "ranker": known.ranker.weights,
            **{f"expected_{key}": value for key, value in known.expected.to_arrays().items()},
            "errors_expected": known.errors.expected.astype(np.float32),
            "errors_measured": known.errors.measured.astype(np.float32),
            "share": np.array(known.errors.share),
        }
        if regime != PROBED:  # whose probes are among the scores
            parts["errors_probes"] = known.errors.probes.astype(np.float32)
        arrays |= {f"{regime}/{key}": value for key, value in parts.items()}
    return arrays


def _known(arrays: dict[str, np.ndarray]) -> list[str]:
    return [str(name) for name in next(value for key, value in arrays.items() if key.endswith("/datasets"))]


def _regime(arrays: dict[str, np.ndarray], regime: str, scores: PairScores) -> RegimeKnowledge:
    own = {key.removeprefix(f"{regime}/"): value for key, value in arrays.items() if key.startswith(f"{regime}/")}
    skills = dict(zip((str(name) for name in own["datasets"]), own["skills"].astype(np.float64), strict=True))
    if own["ranker"].shape != (len(COLUMNS),):
        raise ValueError(f"weights of {regime} are of another number of relations")

    def named(prefix: str) -> dict[str, np.ndarray]:
        return {key.removeprefix(prefix): value for key, value in own.items() if key.startswith(prefix)}

    ranker = LinearRanker(own["ranker"], skills, own["measured"].astype(bool))
    tables = {key: values.astype(np.float64) for key, values in named("errors_").items()}
    tables = tables if regime != PROBED else {**tables, "probes": scores.probe}
    errors = KnownErrors(**tables, share=float(own["share"]))
    if any(table.shape != scores.probe.shape for table in tables.values()):
        raise ValueError(f"accuracies of {regime} are of other models or data sets")
    return RegimeKnowledge(ranker, ExpectedAccuracy.from_arrays(named("expected_")), errors)
