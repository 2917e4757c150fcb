r"""Sentences that compare are claims: ``\claim{name}{sentence}``, bound to their words and to a check on the results.

A comparing word outside a claim, other words than the claim may use, or a check that the results no longer pass stops
the build by name. The claims are in :mod:`experiments.thesis.claims`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from experiments.thesis.macros import Macros
from ptmrec.core.errors import ArtifactError

_COMPARING = re.compile(
    r"\b(?:more|most(?:ly)?|less|least|fewer|fewest|better|best|betters|worse|worst|greater|greatest|stronger|strongest"
    r"|weaker|weakest|higher|highest|lowers?|lowest|larger|largest|smaller|smallest|closer|closest|nearer|cheaper"
    r"|cheapest|faster|fastest|slower|slowest|harder|hardest|easier|easiest|wider|narrower|longer|shorter|sooner|than"
    r"|outperforms?|beats?|exceeds?|surpass(?:es)?|match(?:es)?|behind|ahead|grows?|growth|rises?|raises?|falls?|drops?"
    r"|shrinks?|doubles|halves|gains?|loses?|improves?|helps?|hurts?|adds?|earns?|saves?|pays?|nothing(?! was measured)"
    r"|no (?:other|difference|benefit)|too (?:much|little|well|high|low|far|many|few)|as (?:good|bad|well|much|little)"
    r"|hard for|hard to beat|failed|fails?|above|below|unlike|alike)\b",
    re.IGNORECASE,
)
_NEGATING = re.compile(r"\b(?:not?|never|cannot|neither|nor|none|nothing|without)\b", re.IGNORECASE)
_CLAIM = re.compile(r"\\claim\{([\w-]+)\}\{")
_NUMBER = re.compile(r"\\num\{([^{}]*)\}")


class Number(float):
    """A number of the text, with the ends of its interval where it has one."""

    low: float
    high: float

    def __new__(cls, mean: float, low: float, high: float) -> "Number":
        """A mean, and the lower and upper end of its interval."""
        own = super().__new__(cls, mean)
        own.low, own.high = low, high
        return own

    @property
    def positive(self) -> bool:
        """The interval lies above zero."""
        return self.low > 0

    @property
    def negative(self) -> bool:
        """The interval lies below zero."""
        return self.high < 0

    @property
    def undecided(self) -> bool:
        """The interval holds zero: no difference is shown."""
        return self.low <= 0 <= self.high


class Numbers:
    """Numbers by the name of their macro: intervals as they were found, all others as the text prints them.

    Args:
        macros: of the thesis.
    """

    def __init__(self, macros: Macros) -> None:
        self._macros = macros

    def __getattr__(self, name: str) -> Number:
        """The number of a macro.

        Raises:
            ArtifactError: no result makes it.
        """
        if name not in self._macros.texts:
            raise ArtifactError(f"a claim needs \\{name}, which no result makes")
        if name in self._macros.intervals:
            return Number(*self._macros.intervals[name])
        printed = _NUMBER.fullmatch(self._macros.texts[name])
        return Number(*[float(printed[1]) if printed else float("nan")] * 3)


@dataclass(frozen=True)
class Claim:
    """A sentence that compares.

    Args:
        words: its comparing words and its negations, in their order.
        holds: whether the numbers bear it out; ``None`` where it says how something is built.
    """

    words: str
    holds: Callable[[Numbers], bool] | None


def split_claims(text: str) -> tuple[str, list[tuple[str, str]]]:
    r"""The text without its claims, and the claims with their sentences.

    Raises:
        ArtifactError: a claim that does not end.
    """
    rest, found, at = [], [], 0
    while match := _CLAIM.search(text, at):
        end = _closing(text, match.end(), match[1])
        rest.append(text[at : match.start()])
        found.append((match[1], text[match.end() : end]))
        at = end + 1
    return "".join([*rest, text[at:]]), found


def unwrap(text: str) -> str:
    r"""The text with each ``\claim{name}{sentence}`` replaced by its sentence."""
    while match := _CLAIM.search(text):
        end = _closing(text, match.end(), match[1])
        text = text[: match.start()] + text[match.end() : end] + text[end + 1 :]
    return text


def _closing(text: str, start: int, name: str) -> int:
    depth = 1
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0) if text[place - 1] != "\\" else 0
        if not depth:
            return place
    raise ArtifactError(f"claim {name} does not end")


def comparing_words(text: str, negations: bool = False) -> str:
    """Comparing words of a sentence, small, in their order; names of commands and of what they refer to are none.

    Args:
        text: the sentence.
        negations: with the words that turn a comparison round.
    """
    bare = re.sub(r"\\(?:ref|eqref|label|cite[pt]?|input)\{[^{}]*\}|\\resultfigure\{[^{}]*\}|\\[A-Za-z]+", " ", text)
    found = {match.span(): match[0] for match in _COMPARING.finditer(bare)}
    if negations:
        inside = [range(*span) for span in found]
        others = (match for match in _NEGATING.finditer(bare) if not any(match.start() in span for span in inside))
        found |= {match.span(): match[0] for match in others}
    return " ".join(" ".join(found[span].lower().split()) for span in sorted(found))


def check_claims(sources: Mapping[str, str], claims: Mapping[str, Claim]) -> Iterator[str]:
    """What is wrong with the claims as text: each is made once, with the words that its check is about."""
    made = Counter()
    for file, text in sources.items():
        for name, sentence in split_claims(text)[1]:
            made[name] += 1
            if name not in claims:
                yield f"{file}: claim {name} has no check"
            elif (words := comparing_words(sentence, negations=True)) != claims[name].words:
                yield f"{file}: claim {name} says '{words}', its check is about '{claims[name].words}'"
    yield from (f"claim {name} is made {made[name]} times, not once" for name in claims if made[name] != 1)


def false_claims(macros: Macros, claims: Mapping[str, Claim]) -> list[str]:
    """What the results contradict."""
    numbers = Numbers(macros)
    wrong = [name for name, claim in claims.items() if claim.holds is not None and not claim.holds(numbers)]
    return [f"claim {name} ('{claims[name].words}') is not what the results say" for name in wrong]
