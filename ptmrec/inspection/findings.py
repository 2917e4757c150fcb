"""What an inspection finds, and the report it hands over."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA = 1
"""Number of the form of a report's JSON."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: name of what was checked, such as ``dead_block``; stable, for scripts.
        severity: ``ok``, ``advice`` (worth doing) or ``fault`` (spoils the result).
        what: what was found, with numbers and places.
        why: why that matters.
        do: what to do about it; empty where nothing is to be done.
    """

    check: str
    severity: str
    what: str
    why: str
    do: str = ""


@dataclass(frozen=True)
class Report:
    """What one colleague says about one subject.

    Attributes:
        colleague: ``data``, ``model`` or ``trainer``.
        subject: what was inspected, as the user named it.
        findings: in the order they were looked at; the last one is advice.
        facts: numbers and tables behind them, fit for JSON.
    """

    colleague: str
    subject: str
    findings: tuple[Finding, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What spoils the result."""
        return tuple(finding for finding in self.findings if finding.severity == "fault")

    @property
    def status(self) -> int:
        """Exit status of the command: 1 with any fault, else 0."""
        return int(bool(self.faults))

    def found(self, check: str) -> bool:
        """Whether a check ended in a fault."""
        return any(finding.check == check for finding in self.faults)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, with the number of its form."""
        head = {"schema": SCHEMA, "colleague": self.colleague, "subject": self.subject, "faults": len(self.faults)}
        return {**head, "findings": [asdict(finding) for finding in self.findings], "facts": self.facts}

    def to_json(self) -> str:
        """The report as JSON; NaN and infinity become text, which JSON has no numbers for."""
        return json.dumps(_plain(self.to_dict()), indent=1, ensure_ascii=False, allow_nan=False)

    def lines(self) -> list[str]:
        """The report for people: one line per finding, and what to do with the reason below what is not in order."""
        shown = []
        for finding in self.findings:
            word = "FAULT" if finding.severity == "fault" else finding.severity
            shown.append(f"{word:8}{finding.what}")
            if finding.do:
                shown.append(f"        {finding.do} ({finding.why})")
        return shown


def close_report(colleague: str, subject: str, findings: Iterable[Finding], facts: dict[str, Any]) -> Report:
    """A report that ends in advice: the first fault to mend, else the first advice, else to go on.

    Args:
        colleague: who reports.
        subject: what about.
        findings: what was found.
        facts: what is behind it.
    """
    findings = tuple(findings)
    todo = sorted((finding for finding in findings if finding.do), key=lambda finding: finding.severity != "fault")
    last = ("nothing speaks against it", "every check passed", f"go on with this {colleague}")
    if todo:
        last = (f"first: {todo[0].check.replace('_', ' ')}", todo[0].why, todo[0].do)
    return Report(colleague, subject, (*findings, Finding("next", "advice", *last)), facts)


def _plain(value: Any) -> Any:
    """Data with floats JSON knows."""
    if isinstance(value, dict):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return str(value)
    return value
