"""The commands about machines: measure and plan."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ptmrec.cli.context import FilePath, TimeLimit, format_option, read_config, say, show
from ptmrec.config.sections import HardwareConfig, PathsConfig
from ptmrec.core.errors import ConfigError
from ptmrec.hardware.limits import format_number, parse_quantity

if TYPE_CHECKING:
    import pandas as pd

    from ptmrec.config.parser import ConfigParser
    from ptmrec.zoo.snapshot import Snapshot


@click.command()
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("--save", is_flag=True, help="Keep the measurements; recommend then uses them on this machine.")
@click.option("--threads", type=click.IntRange(min=1), help="Number of threads; default: [hardware] threads.")
@click.option("--wait", type=TimeLimit(), help="Wait so long for a quiet machine, such as 30s; default: 10s.")
@click.option("--again", is_flag=True, help="Measure what was measured and kept before, too.")
@format_option()
@click.option("-o", "output", type=FilePath(), help="Also write a CSV with timm's columns.")
@click.pass_context
def measure(
    ctx: click.Context,
    models: tuple[str, ...],
    save: bool,
    threads: int | None,
    wait: float | None,
    again: bool,
    style: str,
    output: Path | None,
) -> None:
    """Measure the costs of models on this machine: latency query by query, throughput, memory, energy, operations.

    MODEL is a name or pattern (resnet-*) of the zoo or of what was added, or a source such as timm:resnet50?random.
    About five seconds a model, and as long as it takes until the machine is quiet. What was measured and kept before
    is shown again unless the weights have changed. A mark says why a number should not be relied on.
    """
    from ptmrec.hardware.saved import write_device_table
    from ptmrec.recommender.added_models import find_models

    if output is not None and output.suffix.lower() != ".csv":
        raise ConfigError(f"{output}: a device table is written as .csv; give this ending")
    config = read_config(ctx)
    settings = config.get(HardwareConfig)
    settings = replace(settings, threads=threads or settings.threads, wait=settings.wait if wait is None else wait)
    found = find_models(models, config)
    records = _records(found, settings, config, save, again)
    if output is not None:
        write_device_table(output, records, [snapshot.card.input_size for snapshot in found])
    show([_row(record, style) for record in records], style)
    say(*_bases(records, save, config.get(PathsConfig).artifacts, output), err=True)


def _records(
    found: "list[Snapshot]", settings: HardwareConfig, config: "ConfigParser", save: bool, again: bool
) -> list[dict[str, Any]]:
    """Measurements of the models, saved ones unchanged; each new one is saved at once."""
    from ptmrec.core.progress import progress
    from ptmrec.hardware.machine import describe_machine
    from ptmrec.hardware.measurement import measure_models
    from ptmrec.hardware.saved import MEASUREMENTS, find_saved, save_measurement

    folder, machine = config.get(PathsConfig).artifacts / MEASUREMENTS, describe_machine()
    kept = {s.name: None if again else find_saved(folder, s, machine, settings.threads) for s in found}
    new = [snapshot for snapshot in found if kept[snapshot.name] is None]
    for measured in progress(measure_models(new, settings) if new else [], "measuring", len(new)):
        kept[measured.model] = measured.to_dict()
        if save:
            save_measurement(folder, measured)
    return [kept[snapshot.name] for snapshot in found]


def _row(record: dict[str, Any], style: str) -> dict[str, Any]:
    (threads, part), marks = next(iter(record["threads"].items())), "; ".join(record["marks"])
    if style != "table":
        flat = {name: value for name, value in record.items() if name not in ("threads", "machine", "marks")}
        return {**flat, **{k: v for k, v in part.items() if k != "batches"}, "threads": threads, "marks": marks}
    return {
        "model": record["model"],
        "p50_ms": part["latency_p50_ms"],
        "p90_ms": part["latency_p90_ms"],
        "p90_at_most": part["latency_high_ms"],
        "images/s": part["throughput"],
        "MiB": round(record["peak_memory_mib"], 1),
        "GMACs": round(record["gmacs"], 4),
        "mJ": round(1e3 * record["energy_j"], 3),
        "marks": marks,
    }


def _bases(records: list[dict[str, Any]], save: bool, artifacts: Path, output: Path | None) -> list[str]:
    machine, threads = records[0]["machine"], next(iter(records[0]["threads"]))
    bases = sorted({record["energy_basis"] for record in records})
    here = f"{machine['processor']}, {machine['cores']} cores, torch {machine['torch']}"
    lines = [
        f"basis: measured on this machine ({here}), threads: {threads}; float32; latency: batch 1; energy: "
        + ", ".join(bases)
    ]
    if any(record["marks"] for record in records):
        lines.append("marked numbers should not be relied on: close other programs, then measure --again")
    lines += [f"written: {output}"] if output is not None else []
    return [*lines, f"kept under {artifacts}" if save else "next: add --save to let recommend use these numbers"]


@click.command()
@click.argument("model", required=False)
@click.option("--max-latency", metavar="20ms", help="Say which devices keep it.")
@click.option("--devices", is_flag=True, help="List the devices that are known, with their sources.")
@format_option()
@click.pass_context
def plan(ctx: click.Context, model: str | None, max_latency: str | None, devices: bool, style: str) -> None:
    """Say which device MODEL needs: memory and latency on every device that is known, the least powerful first.

    MODEL is a name of the zoo, a source as measure takes it, or an architecture or weights of timm's tables, such as
    resnet50. Times are from tables or estimated, with an interval that holds nine in ten models; never measured there.
    """
    if (model is None) != devices:
        raise click.UsageError("give a model, or --devices")
    from ptmrec.recommender.planning import find_needs, list_devices
    from ptmrec.recommender.planning import plan as run

    config = read_config(ctx)
    paths = config.get(PathsConfig)
    if devices:
        show(list_devices(paths), style)
        return
    limit = parse_quantity(max_latency, "time", "max_latency") if max_latency else None
    needs = find_needs(model, config)
    frame = run(needs, paths, limit)
    show(_brief(frame) if style == "table" else frame, style)
    say(f"{needs.model}: {needs.memory_mib:.1f} MiB ({needs.memory_basis}), batch 1, float32", err=True)
    if style == "table":
        known = (basis for basis in dict.fromkeys(frame["basis"]) if not basis.startswith("not known"))
        say(*(f"basis: {basis}" for basis in known), err=True)
    if limit is not None:
        sure = frame.loc[(frame["keeps"] == "yes") & (frame["fits"] != "no"), "device"]
        say(f"sure to keep {max_latency}: {', '.join(sure) or 'no device that is known'}", err=True)


def _brief(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The columns a terminal has room for."""
    span = [
        f"{format_number(low)}-{format_number(high)}" if low < high else ""
        for low, high in zip(frame["latency_low_ms"], frame["latency_high_ms"], strict=True)
    ]
    kept = frame[[name for name in ("device", "kind", "memory_gib", "fits", "latency_ms", "keeps") if name in frame]]
    return kept.assign(
        latency_ms=frame["latency_ms"].round(2),
        nine_in_ten=span,
        basis=frame["basis"].str.split().str[0].replace("not", "not known"),
    )
