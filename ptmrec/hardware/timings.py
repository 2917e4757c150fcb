"""Published latencies: one table a device, with the counts of each model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ptmrec.benchmark.published import PublishedZoo, read_published
from ptmrec.core.errors import ArtifactError
from ptmrec.core.text import read_rows

COUNTED = ("gmacs", "macts", "num_params")
"""Counts of a model: 1e9 multiply-accumulates, 1e6 activations, parameters."""
AI_HUB = {"runtime": "tflite", "precision": "float"}
"""Of AI Hub's runtimes the one that most devices have."""


@dataclass(frozen=True)
class Timings:
    """Latencies of n models on one device.

    Attributes:
        device: its name.
        source: where the numbers come from and how they were measured.
        models: ``(n,)`` architecture@size.
        families: ``(n,)``.
        counts: ``(n, 3)`` see :data:`COUNTED`; NaN = not known.
        ms: ``(n,)`` milliseconds of one image.
    """

    device: str
    source: str
    models: tuple[str, ...]
    families: tuple[str, ...]
    counts: np.ndarray
    ms: np.ndarray

    def __len__(self) -> int:
        return len(self.models)

    @cached_property
    def by_model(self) -> dict[str, float]:
        """Milliseconds by architecture@size."""
        return dict(zip(self.models, map(float, self.ms), strict=True))

    @property
    def counted(self) -> np.ndarray:
        """Models ``(n,)`` bool with all counts."""
        return np.isfinite(self.counts).all(axis=1)


def read_timings(published: Path, devices: Path) -> dict[str, Timings]:
    """Every table of latencies: timm's processors, AI Hub's devices, and device tables as ``ptmrec measure -o`` writes.

    Args:
        published: folder of the published tables.
        devices: folder of device tables (CSV).

    Raises:
        ArtifactError: a table is damaged.
    """
    tables = {published / "timm.json": _of_timm, published / "aihub.json": _of_ai_hub}
    found = [own for path, take in tables.items() if path.is_file() for own in take(read_published(path))]
    found += [_of_table(path) for path in sorted(devices.glob("*.csv"))]
    return {timings.device: timings for timings in found if len(timings)}


def architecture(name: str, card: Mapping[str, Any]) -> str:
    """Name of a latency: weights of one architecture at one size take as long."""
    return f"{str(card.get('weights', name)).partition('.')[0]}@{card.get('input_size')}"


def _of_timm(zoo: PublishedZoo) -> Iterator[Timings]:
    for device, how in zoo.about.devices.items():
        rows = {}
        for name, card in zoo.cards.items():
            ms = card.get("speed", {}).get(device, {}).get("latency_ms")
            if ms:
                rows[architecture(name, card)] = (card, ms)
        yield _timings(device, f"timm ({zoo.about.origin}), {how}", rows)


def _of_ai_hub(zoo: PublishedZoo) -> Iterator[Timings]:
    rows = {}
    for row in zoo.latencies:
        if all(row.get(key) == value for key, value in AI_HUB.items()):
            card = zoo.cards[row["model"]]
            rows.setdefault(row["device"], {})[architecture(row["model"], card)] = (card, row["latency_ms"])
    for device, own in rows.items():
        yield _timings(device, f"AI Hub ({zoo.about.origin}), {' '.join(AI_HUB.values())}, batch 1", own)


def _of_table(path: Path) -> Timings:
    rows, write = {}, "write it with: ptmrec measure -o"
    lines = read_rows(path, write)
    try:
        for line in lines:
            counts = {"gmacs": float(line["infer_gmacs"]), "macts": float(line["infer_macts"])}
            card = {**counts, "num_params": 1e6 * float(line["param_count"]), "family": line["model"].split("_")[0]}
            name = line["model"].removesuffix("-random")
            rows[f"{name}@{line['infer_img_size']}"] = (card, float(line["infer_step_time"]))
        device = lines[0]["device"]
    except (KeyError, ValueError, IndexError) as error:
        raise ArtifactError(f"{path}: no device table ({error!r}); {write}") from None
    return _timings(device, f"{path.name}, measured query by query", rows)


def _timings(device: str, source: str, rows: Mapping[str, tuple[Mapping[str, Any], float]]) -> Timings:
    counts = [[card.get(name) or np.nan for name in COUNTED] for card, _ in rows.values()]
    families = tuple(str(card["family"]) for card, _ in rows.values())
    ms = np.array([ms for _, ms in rows.values()], dtype=float)
    return Timings(device, source, tuple(rows), families, np.array(counts, dtype=float).reshape(-1, 3), ms)
