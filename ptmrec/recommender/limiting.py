"""Limits on an answer: which models keep them, what each limit cuts, and what a step of relief would gain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ptmrec.config.sections import PathsConfig
from ptmrec.errors import NothingLeftError
from ptmrec.files import read_json
from ptmrec.hardware.limits import (
    Costs,
    Limits,
    broken,
    costs_of,
    count_cut,
    nearest_misses,
    relieved,
    say_value,
)
from ptmrec.hardware.quantities import say_quantity
from ptmrec.zoo.real import is_real
from ptmrec.zoo.snapshot import Snapshot

if TYPE_CHECKING:
    from ptmrec.recommender.session import Session


@dataclass(frozen=True)
class Limiting:
    """Limits, and what they do to an answer.

    Attributes:
        limits: what was asked for.
        costs: what each model costs, by name, those cut included.
        cut: how many models break each limit.
        relief: ``limit, to, model, gain`` for each limit whose next step would bring a better first model; the gain
            in expected accuracy.
    """

    limits: Limits = field(default_factory=Limits)
    costs: Mapping[str, Costs] = field(default_factory=dict)
    cut: Mapping[str, int] = field(default_factory=dict)
    relief: tuple[dict[str, Any], ...] = ()

    def sentences(self) -> list[str]:
        """What the limits cut, and what a step of relief would gain."""
        names = [name for name in self.limits.to_dict() if self.cut.get(name)]
        lines = [f"{self.cut[name]} models break {say_limit(self.limits, name)}" for name in names]
        for step in self.relief:
            gain = f"{100 * step['gain']:+.1f} points expected"
            lines.append(f"{step['to']} instead of {say_limit(self.limits, step['limit'])}: {gain} ({step['model']})")
        return lines


def say_limit(limits: Limits, name: str) -> str:
    """A limit in words, such as ``20 ms``."""
    return ", ".join(limits.licences) if name == "licences" else say_quantity(getattr(limits, name), name)


def measure_up(snapshots: Sequence[Snapshot], paths: PathsConfig) -> dict[str, Costs]:
    """Costs of models by name, from their cards and the committed measurements.

    Raises:
        ArtifactError: the table of measured costs is damaged.
    """
    table = read_json(paths.costs)
    machines = {real: table["real_machine" if real else "machine"]["processor"] for real in (False, True)}
    bases = {real: f"table ({machine}, 1 thread)" for real, machine in machines.items()}
    return {s.name: costs_of(s.card, table["models"].get(s.name), bases[is_real(s)]) for s in snapshots}


def keep_limits(
    snapshots: Sequence[Snapshot], limits: Limits, paths: PathsConfig
) -> tuple[list[Snapshot], Limiting, list[dict[str, str]]]:
    """Models that keep all limits.

    Returns:
        The models, what the limits did, and the others with the limit that each breaks.

    Raises:
        NothingLeftError: no model keeps them; names the nearest misses and the limit that binds.
    """
    costs = measure_up(snapshots, paths)
    rows = {name: broken(own, limits) for name, own in costs.items()}
    kept = [snapshot for snapshot in snapshots if not rows[snapshot.name]]
    limiting = Limiting(limits, costs, count_cut(list(costs.values()), limits))
    if not kept:
        misses = nearest_misses(costs, limits)
        named = ", ".join(f"{name} ({say_value(costs[name], limit)})" for name, limit in misses)
        binding = max(limiting.cut, key=limiting.cut.get) if limiting.cut else ""
        what = (
            f"the limit that binds is {say_limit(limits, binding)}; nearest: {named}" if binding else "the zoo is empty"
        )
        raise NothingLeftError(f"no model is left: {what}")
    out = [
        {"model": name, "limit": say_limit(limits, own[0]), "value": say_value(costs[name], own[0])}
        for name, own in rows.items()
        if own
    ]
    return kept, limiting, out


def find_relief(limiting: Limiting, session: "Session", snapshots: Sequence[Snapshot]) -> Limiting:
    """The same with what a step of relief of each limit would gain.

    Args:
        limiting: what the limits did.
        session: the answer within the limits.
        snapshots: every model there is.
    """
    if not limiting.limits:
        return limiting
    within = replace(session, verification=None).frame["expected_accuracy"].iloc[0]
    steps = []
    for name in limiting.limits.to_dict():
        wider = relieved(limiting.limits, name)
        more = [snapshot for snapshot in snapshots if not broken(limiting.costs[snapshot.name], wider)]
        best = replace(session, snapshots=more, verification=None).frame.iloc[0]
        if best["expected_accuracy"] > within:
            to = "any licence" if name == "licences" else say_limit(wider, name)
            gain = float(best["expected_accuracy"] - within)
            steps.append({"limit": name, "to": to, "model": best["model"], "gain": gain})
    return replace(limiting, relief=tuple(steps))
