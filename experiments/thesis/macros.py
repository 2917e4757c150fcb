r"""Numbers as LaTeX macros: ``\TauBlindFamilies`` is a mean with its interval, ``\TauBlindFamiliesOnly`` the mean."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from ptmrec.core.errors import ArtifactError
from ptmrec.core.words import visible

WORDS = {
    **dict(enumerate("Zero One Two Three Four Five Six Seven Eight Nine Ten".split())),
    **{12: "Twelve", 14: "Fourteen", 16: "Sixteen", 20: "Twenty", 32: "ThirtyTwo", 50: "Fifty", 64: "SixtyFour"},
    **{80: "Eighty", 95: "NinetyFive"},
}
"""Numbers in the names of macros, where LaTeX allows letters only."""


def camel(*parts: object) -> str:
    """A name from words and small numbers: ``k-NN, features`` is ``KNNFeatures``.

    Raises:
        KeyError: a number that has no word.
    """
    words = re.findall(r"[A-Za-z]+|\d+", " ".join(map(str, parts)))
    return "".join(WORDS[int(word)] if word.isdigit() else word[0].upper() + word[1:] for word in words)


def number(value: float, decimals: int = 2, signed: bool = False) -> str:
    r"""A number for siunitx's ``\num``, which sets minus signs and groups of digits.

    Raises:
        ArtifactError: it is no finite number.
    """
    if not abs(value) < float("inf"):
        raise ArtifactError(f"a result is {value}, which is no number to print; run `make reproduce`")
    return rf"\num{{{value:{'+' if signed else ''}.{decimals}f}}}"


def cell(row: pd.Series, column: str) -> float:
    """The number of a row in a column.

    Raises:
        ArtifactError: there is none.
    """
    if pd.isna(row[column]):
        raise ArtifactError(f"column {column!r} is empty where a number is needed; run `make reproduce`")
    return row[column]


_SIGNS = {"~": " ", r"\,": "", r"\%": "%", "``": '"', "''": '"', "--": "-", r"\tauw": "tau_w"}


@dataclass
class Macros:
    """Macros by name, in the order they were made, with what they come from."""

    texts: dict[str, str] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """Mean, lower and upper end of those that have an interval, before they were rounded."""

    def add(self, name: str, text: str, origin: str) -> None:
        """Add one macro.

        Raises:
            ArtifactError: the name is taken, or none for LaTeX.
        """
        if not name.isalpha() or name in self.texts:
            raise ArtifactError(f"macro \\{name}: {'made twice' if name in self.texts else 'letters only, please'}")
        self.texts[name], self.origins[name] = text, origin

    def interval(
        self, name: str, values: Iterable[float], origin: str, decimals: int = 2, signed: bool = False
    ) -> None:
        """Add a mean with its interval, and the mean alone.

        Args:
            name: the macro's name.
            values: mean, lower and upper end.
            origin: what it comes from.
            decimals: so many.
            signed: show the sign also of what is positive.
        """
        self.intervals[name] = tuple(map(float, values))
        mean, low, high = (number(value, decimals, signed) for value in self.intervals[name])
        self.add(name, f"{mean} [{low}, {high}]", origin)
        self.add(f"{name}Only", mean, origin)

    def row(
        self, name: str, row: pd.Series, columns: str, origin: str, decimals: int = 2, signed: bool = False
    ) -> None:
        """Add an interval from the columns ``<columns>``, ``<columns>_low`` and ``<columns>_high``."""
        values = [cell(row, f"{columns}{end}") for end in ("", "_low", "_high")]
        self.interval(name, values, origin, decimals, signed)

    def latex(self) -> str:
        """The definitions, each group below a comment that names its origin."""
        lines, last = [], None
        for name, text in self.texts.items():
            if self.origins[name] != last:
                last = self.origins[name]
                lines += ["", f"% {visible(last)}"]
            lines.append(rf"\newcommand{{\{name}}}{{{text}}}")
        return "\n".join(lines).strip() + "\n"


def plain(text: str, macros: Mapping[str, str]) -> str:
    r"""LaTeX text as plain words, macros and ``\num`` replaced by what they stand for."""
    text = re.sub(r"\\([A-Z][A-Za-z]+)(\{\})?", lambda match: macros.get(match[1], match[0]), text)
    text = re.sub(r"\\(num|emph|textbf|texttt)\{([^{}]*)\}", r"\2", text)
    text = re.sub(r"\\(?:cite|citep|citet|ref|label)\{([^{}]*)\}", r"[\1]", text)
    for old, new in _SIGNS.items():
        text = text.replace(old, new)
    return " ".join(text.replace("{}", "").split())
