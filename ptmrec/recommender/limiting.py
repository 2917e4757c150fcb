"""Limits on an answer: which models keep them, what each limit cuts, and what a step of relief would gain."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ptmrec.core.errors import NothingLeftError
from ptmrec.hardware.limits import (
    Costs,
    Limits,
    broken,
    count_cut,
    nearest_misses,
    relieved,
    say_value,
)
from ptmrec.hardware.quantities import say_quantity
from ptmrec.recommender.costing import CostBook
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
        device: what the costs are for, with its ``name``.
    """

    limits: Limits = field(default_factory=Limits)
    costs: Mapping[str, Costs] = field(default_factory=dict)
    cut: Mapping[str, int] = field(default_factory=dict)
    relief: tuple[dict[str, Any], ...] = ()
    device: Mapping[str, Any] = field(default_factory=dict)

    def sentences(self) -> list[str]:
        """What the limits cut, and what a step of relief would gain."""
        names = [name for name in self.limits.to_dict() if self.cut.get(name)]
        verbs = {name: "model breaks" if self.cut[name] == 1 else "models break" for name in names}
        lines = [f"{self.cut[name]} {verb} {say_limit(self.limits, name)}" for name, verb in verbs.items()]
        for step in self.relief:
            gain = f"{100 * step['gain']:+.1f} points expected"
            lines.append(f"{step['to']} instead of {say_limit(self.limits, step['limit'])}: {gain} ({step['model']})")
        return lines


def say_limit(limits: Limits, name: str) -> str:
    """A limit in words, such as ``20 ms``."""
    return ", ".join(limits.licences) if name == "licences" else say_quantity(getattr(limits, name), name)


def keep_limits(
    snapshots: Sequence[Snapshot], limits: Limits, book: CostBook
) -> tuple[list[Snapshot], Limiting, list[dict[str, str]]]:
    """Models that keep all limits.

    Args:
        snapshots: the models.
        limits: what was asked for.
        book: knows what they cost.

    Returns:
        The models, what the limits did, and the others with the limit that each breaks.

    Raises:
        NothingLeftError: no model keeps them; names the nearest misses and the limit that binds.
    """
    costs = book.costs(snapshots)
    kept, limiting, out = divide(costs, limits)
    limiting = replace(limiting, device=book.said)
    return [snapshot for snapshot in snapshots if snapshot.name in kept], limiting, out


def divide(costs: Mapping[str, Costs], limits: Limits) -> tuple[set[str], Limiting, list[dict[str, str]]]:
    """Names of the models that keep all limits; see :func:`keep_limits`.

    Raises:
        NothingLeftError: none does.
    """
    rows = {name: broken(own, limits) for name, own in costs.items()}
    kept = {name for name, own in rows.items() if not own}
    limiting = Limiting(limits, costs, count_cut(list(costs.values()), limits))
    if not kept:
        raise NothingLeftError(_say_nothing_left(costs, limits, limiting.cut))
    out = [
        {"model": name, "limit": say_limit(limits, own[0]), "value": say_value(costs[name], own[0])}
        for name, own in rows.items()
        if own
    ]
    return kept, limiting, out


def _say_nothing_left(costs: Mapping[str, Costs], limits: Limits, cut: Mapping[str, int]) -> str:
    if not cut:
        return "no model is left: the zoo is empty"
    binding = max(cut, key=cut.get)
    if all(own.kind == "unknown" for own in costs.values()) and binding not in ("max_params", "max_flops", "licences"):
        basis = next(iter(costs.values())).basis
        return f"no model is left: {say_limit(limits, binding)} cannot be shown to be kept by any ({basis})"
    named = ", ".join(f"{name} ({say_value(costs[name], limit)})" for name, limit in nearest_misses(costs, limits))
    return f"no model is left: the limit that binds is {say_limit(limits, binding)}; nearest: {named}"


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
            steps.append(relief_step(name, wider, best["model"], best["expected_accuracy"] - within))
    return replace(limiting, relief=tuple(steps))


def relief_step(name: str, wider: Limits, model: str, gain: float) -> dict[str, Any]:
    """What one step of relief of a limit would bring, see :class:`Limiting`."""
    to = "any licence" if name == "licences" else say_limit(wider, name)
    return {"limit": name, "to": to, "model": model, "gain": float(gain)}
