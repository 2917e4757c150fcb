"""The plan of devices for a model: its memory and latency on every known device."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from ptmrec.benchmark.published import read_published
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.files import read_json
from ptmrec.hardware.counting import count_activations, count_flops, peak_memory
from ptmrec.hardware.devices import UNKNOWN, Device, Devices
from ptmrec.hardware.timings import architecture
from ptmrec.recommender.added_models import find_models
from ptmrec.zoo.snapshot import Snapshot

USUAL = 224
"""Of several sizes of the same weights the one nearest to this is meant."""
RUNTIME_MIB = 300
"""Memory that a runtime such as torch takes beside the model, roughly."""


@dataclass(frozen=True)
class Needs:
    """Needs of a model on every device.

    Attributes:
        model: its name.
        known_as: architecture@size, as tables name it.
        counts: ``(3,)`` of :data:`~ptmrec.hardware.timings.COUNTED`, NaN = not known.
        memory_mib: of one image.
        memory_basis: ``counted``, or ``weights alone`` where the graph is not at hand.
        here_ms: median on the machine of the committed costs; None when it is not in that table.
    """

    model: str
    known_as: str
    counts: np.ndarray
    memory_mib: float
    memory_basis: str
    here_ms: float | None = None


def find_needs(name: str, config: ConfigParser) -> Needs:
    """Find the needs of a model, from its weights, or of a published timm model from its card.

    Args:
        name: a model as ``ptmrec measure`` takes it, or an architecture or weights of timm's tables.
        config: the configuration.

    Raises:
        ConfigError: an unknown model.
        ArtifactError: it cannot be rebuilt.
    """
    paths = config.get(PathsConfig)
    plain, table = name.removeprefix("timm:"), paths.published / "timm.json"
    cards = read_published(table).cards if table.is_file() else {}
    by_size = sorted(cards.items(), key=lambda item: abs(item[1]["input_size"] - USUAL))
    for published, card in by_size:
        if plain in (published, card["weights"], str(card["weights"]).partition(".")[0]):
            counts = [card.get("gmacs") or np.nan, card.get("macts") or np.nan, card["num_params"]]
            stored = 4 * card["num_params"] / 2**20
            return Needs(published, architecture(published, card), np.array(counts, float), stored, "weights alone")
    (snapshot,) = find_models([name], config)[:1]
    return _needs(snapshot, read_json(paths.costs))


def _needs(snapshot: Snapshot, costs: dict[str, Any]) -> Needs:
    model, size = snapshot.load(), snapshot.card.input_size
    images = torch.zeros(1, 3, size, size)
    counts = [count_flops(model, images) / 2e9, count_activations(model, images) / 1e6, snapshot.card.num_params]
    entry = costs["models"].get(snapshot.name)
    known_as = f"{snapshot.card.architecture.get('model', snapshot.name)}@{size}"
    here = entry["threads"]["1"]["latency_p50_ms"] if entry else None
    return Needs(snapshot.name, known_as, np.array(counts), peak_memory(model, images) / 2**20, "counted", here)


def plan(needs: Needs, paths: PathsConfig, max_latency: float | None = None) -> pd.DataFrame:
    """List every device with the costs of the model on it, the least powerful first.

    Args:
        needs: of the model.
        paths: where profiles and tables lie.
        max_latency: milliseconds that nine of ten images stay within.

    Returns:
        ``device, kind, watts, memory_gib, fits`` (its memory: yes, no, unknown), ``latency_ms, latency_low_ms,
        latency_high_ms, basis`` and, with a limit, ``keeps``: yes when the upper end keeps it, perhaps when only the
        lower end does, no, or unknown.
    """
    devices = Devices(paths.published, paths.devices, read_json(paths.costs)["real_machine"]["processor"])
    rows = [_row(devices.find(name), needs, max_latency) for name in devices.names]
    frame = pd.DataFrame(rows).sort_values(["watts", "device"], na_position="last", ignore_index=True)
    return frame if max_latency else frame.drop(columns="keeps")


def list_devices(paths: PathsConfig) -> pd.DataFrame:
    """Every device with its profile and the number of models timed on it, with their sources."""
    devices = Devices(paths.published, paths.devices, "")
    rows = []
    for name in devices.names:
        profile, timings = devices.profiles.get(name, UNKNOWN), devices.timings.get(name)
        rows.append(
            {
                "device": name,
                "kind": profile.kind,
                "memory_gib": profile.memory_gib or np.nan,
                "gflops": profile.gflops,
                "watts": profile.watts,
                "models_timed": len(timings) if timings else 0,
                "source": "; ".join(part.source for part in (profile, timings) if part and part.source),
            }
        )
    return pd.DataFrame(rows)


def _row(device: Device, needs: Needs, max_latency: float | None) -> dict[str, Any]:
    profile = device.profile
    found, basis = device.latency(needs.counts, needs.here_ms, needs.known_as)
    memory = profile.memory_gib
    return {
        "device": device.name,
        "kind": profile.kind,
        "watts": profile.watts,
        "memory_gib": memory or np.nan,
        "fits": _answer(needs.memory_mib + RUNTIME_MIB <= 1024 * memory) if memory else "unknown",
        "latency_ms": found.value,
        "latency_low_ms": found.low,
        "latency_high_ms": found.high,
        "keeps": _keeps(found.low, found.high, max_latency or np.inf),
        "basis": basis,
    }


def _keeps(low: float, high: float, limit: float) -> str:
    if not np.isfinite(high):
        return "unknown"
    return _answer(high <= limit) if high <= limit or low > limit else "perhaps"


def _answer(true: bool) -> str:
    return "yes" if true else "no"
