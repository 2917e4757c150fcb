"""Saved measurements: one file a model, in a folder a machine."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json, write_json, write_text
from ptmrec.core.log import logger
from ptmrec.core.text import csv_text
from ptmrec.zoo.snapshot import Snapshot

if TYPE_CHECKING:
    from ptmrec.hardware.measurement import Measurement

MEASUREMENTS = "measurements"
"""Folder of the measurements, below that of the artifacts."""
FIELDS = ("model", "hash", "machine", "peak_memory_mib", "threads")
TIMM = {
    "infer_samples_per_sec": "throughput",
    "infer_step_time": "latency_p50_ms",
    "param_count": "num_params",
    "infer_gmacs": "gmacs",
    "infer_macts": "macts",
}
"""Names of timm's tables (parameters in millions there) and ours."""


def machine_folder(folder: Path, machine: dict[str, Any]) -> Path:
    """The folder of one machine; another processor, core count, torch or system is another machine."""
    words = "-".join(str(machine["processor"]).replace("/", " ").split())
    return folder / f"{words[:40]}-{hashlib.sha256(json.dumps(machine, sort_keys=True).encode()).hexdigest()[:8]}"


def save_measurement(folder: Path, found: "Measurement") -> Path:
    """Save a measurement; an earlier one of this model on this machine is replaced."""
    return write_json(machine_folder(folder, found.machine) / f"{found.model}.json", found.to_dict())


def _read(path: Path) -> dict[str, Any] | None:
    try:
        record = read_json(path)
        missing = [name for name in FIELDS if not isinstance(record, dict) or name not in record]
        if missing or not all("latency_p90_ms" in part for part in record["threads"].values()):
            raise ArtifactError(f"{path}: no measurement of this version; measure again with --save")
    except ArtifactError as error:
        logger.warning("a measurement is left out (%s)", error)
        return None
    return record


def find_saved(folder: Path, snapshot: Snapshot, machine: dict[str, Any], threads: int) -> dict[str, Any] | None:
    """The measurement of a model with these very weights on this machine; None when there is none."""
    path = machine_folder(folder, machine) / f"{snapshot.name}.json"
    record = _read(path) if path.is_file() else None
    if record is None or str(threads) not in record["threads"] or record["hash"] != snapshot.digest():
        return None
    return record


def write_device_table(path: Path, records: Sequence[dict[str, Any]], sizes: Sequence[int | None]) -> Path:
    """Write measurements as one device's CSV, with the columns of timm's tables first, then ours.

    Args:
        path: the file.
        records: measurements of one machine.
        sizes: height and width of the images of each.
    """
    import pandas as pd  # takes longer to import than a small model to measure

    rows = []
    for record, size in zip(records, sizes, strict=True):
        threads, part = next(iter(record["threads"].items()))
        known = {**record, **part}
        known["num_params"] = round(record["num_params"] / 1e6, 4)
        row = {"model": record["model"], "infer_img_size": size, "infer_batch_size": 1}
        row |= {theirs: known[ours] for theirs, ours in TIMM.items()}
        row |= {name: part[name] for name in ("latency_p90_ms", "latency_high_ms", "queries")}
        row |= {"threads": threads, "peak_memory_mib": record["peak_memory_mib"], "energy_j": record["energy_j"]}
        row |= {"energy_basis": record["energy_basis"], "marks": "; ".join(record["marks"])}
        rows.append(row | {"device": record["machine"]["processor"], "hash": record["hash"]})
    return write_text(path, csv_text(pd.DataFrame(rows, dtype=object)))
