"""The account of what was read: found = used + left out, each with its reason, and what was read otherwise."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

NAMED = 3
"""Examples that are named for each reason."""


@dataclass
class Account:
    """What became of everything that was found.

    Attributes:
        left_out: reason -> how many were left out for it.
        examples: reason -> names of the first of them, where they have names.
        notes: what was read otherwise than it stands, a phrase each.
    """

    left_out: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def leave(self, why: str, names: Iterable[object] = (), count: int | None = None) -> None:
        """Leave some out: those of these names, or so many without a name."""
        names = [str(name) for name in names]
        if names or count:
            self.left_out[why] = self.left_out.get(why, 0) + (len(names) if count is None else count)
            self.examples[why] = [*self.examples.get(why, ()), *names][:NAMED]

    def note(self, text: str) -> None:
        """Say once that something was read otherwise than it stands."""
        if text not in self.notes:
            self.notes.append(text)

    def found(self, used: int) -> int:
        """How many there were, when so many are used."""
        return used + sum(self.left_out.values())

    def lines(self, used: int) -> list[str]:
        """The account in words; empty when all was used as it stands."""
        out = self.found(0)
        left = [f"found {self.found(used)} = used {used} + left out {out}: {self.why()}"] if out else []
        return left + ([f"read as: {'; '.join(self.notes)}"] if self.notes else [])

    def why(self) -> str:
        """Reasons why some were left out, with their numbers; empty when none was."""
        return "; ".join(self._reason(reason) for reason in self.left_out)

    def to_dict(self) -> dict[str, Any]:
        """As JSON: reasons with numbers and examples, and notes."""
        out = [{"why": why, "count": n, "examples": self.examples[why]} for why, n in self.left_out.items()]
        return {"left_out": out, "notes": self.notes}

    def _reason(self, why: str) -> str:
        named = self.examples[why]
        more = ", ..." if len(named) < self.left_out[why] else ""
        return f"{self.left_out[why]} {why}" + (f" ({', '.join(named)}{more})" if named else "")
