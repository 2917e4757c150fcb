"""What came of a number of trials."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Outcome:
    """Trials of one kind.

    Attributes:
        name: what was done, with its number in the matrix.
        tried: number of trials.
        survived: trials after which everything was right.
        refused: of those, trials that one line of ours ended.
        failures: what was wrong after the others, the first ten of them.
        seconds: how long they took.
    """

    name: str
    tried: int = 0
    survived: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, right: bool, otherwise: str, count: int = 1, refused: bool = False) -> None:
        """Take in trials that went well or not."""
        self.tried += count
        self.survived += count * right
        self.refused += count * (right and refused)
        if not right and len(self.failures) < 10:
            self.failures.append(otherwise[:300])

    def row(self) -> dict[str, Any]:
        """As a row of the table."""
        return {
            "what": self.name,
            "tried": self.tried,
            "survived": self.survived,
            "refused": self.refused,
            "failed": self.tried - self.survived,
            "seconds": round(self.seconds, 1),
        }
