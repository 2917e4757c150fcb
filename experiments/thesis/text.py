r"""Checks of the thesis's text: no number typed by hand, no comparison outside a claim, nothing that nothing makes."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from experiments.thesis.comparisons import comparing_words, split_claims, unwrap
from experiments.thesis.macros import plain

_ARGUMENTS = re.compile(
    r"\\(?:cite|citep|citet|ref|eqref|label|input|includegraphics|resultfigure|url|href|usepackage|documentclass"
    r"|bibliography|bibliographystyle|begin|end|definecolor)\*?(?:\[[^\]]*\])?(?:\{[^{}]*\})+"
)
_SUBSCRIPT = re.compile(r"[_^](?:\{[^{}]*\}|\w)")
_CITATION = re.compile(r"\\cite[pt]?\*?(?:\[[^\]]*\])*\{([^{}]*)\}")
_FIGURE = re.compile(r"\\resultfigure(?:\[[^\]]*\])?\{([^{}]*)\}")
_MACRO = re.compile(r"\\([A-Z][A-Za-z]+)")
PERSONAL = ("acknowledgments-refined.tex",)
"""Files that thank and report nothing."""
STANDARD = {"FloatBarrier", "Bigl", "Bigr", "LaTeX", "TeX"}
"""Commands with a capital that LaTeX and its packages bring."""


def read_sources(folder: Path) -> dict[str, str]:
    """Text of each .tex file of the thesis by name, comments left out."""
    paths = sorted(folder.glob("*.tex"))
    return {path.name: re.sub(r"(?<!\\)%.*", "", path.read_text(encoding="utf-8")) for path in paths}


def sentences(text: str) -> Iterator[str]:
    """Sentences of LaTeX text; a paragraph, an item or a caption ends one."""
    for block in re.split(r"\n\s*\n|\\item|\\caption\{|\\(?:sub)*section\*?\{|\\begin\{|\\end\{", unwrap(text)):
        yield from (part.strip() for part in re.split(r"(?<=[.!?:])\s+(?=[A-Z\\`$])", block) if part.strip())


def typed_numbers(text: str) -> list[str]:
    """Sentences that hold a digit typed by hand and cite nothing it could come from.

    What stands in subscripts, in arguments of references, and in the preamble is no result.
    """
    body = text.partition(r"\begin{document}")[2] or text
    found = []
    for sentence in sentences(body):
        bare = _SUBSCRIPT.sub("", _ARGUMENTS.sub("", sentence))
        if re.search(r"\d", bare) and not _CITATION.search(sentence):
            found.append(" ".join(sentence.split()))
    return found


def loose_comparisons(text: str) -> list[str]:
    """Sentences that compare without being a claim, and cite nothing they could come from."""
    body = text.partition(r"\begin{document}")[2] or text
    loose = [sentence for sentence in sentences(split_claims(body)[0]) if not _CITATION.search(sentence)]
    return [" ".join(sentence.split()) for sentence in loose if comparing_words(sentence)]


def used_figures(sources: Mapping[str, str]) -> list[str]:
    """Names of the figures the text shows, in order."""
    return list(dict.fromkeys(name for text in sources.values() for name in _FIGURE.findall(text) if "#" not in name))


def unknown_macros(sources: Mapping[str, str], macros: Mapping[str, str]) -> list[str]:
    """Commands with a capital letter that neither LaTeX nor a result defines."""
    used = {name for text in sources.values() for name in _MACRO.findall(text)}
    return sorted(used - set(macros) - STANDARD)


def check_text(sources: Mapping[str, str], macros: Mapping[str, str]) -> list[str]:
    """What is wrong with the text, a line for each.

    Args:
        sources: text of each file, see :func:`read_sources`.
        macros: generated macros by name.
    """
    problems = []
    for file, text in sources.items():
        problems += [f"{file}: a number typed by hand: {sentence}" for sentence in typed_numbers(text)]
        loose = [] if file in PERSONAL else loose_comparisons(text)
        problems += [f"{file}: compares, but is no claim: {sentence}" for sentence in loose]
        unknown = unknown_macros({file: text}, macros)
        problems += [f"{file}: \\{name} is used, but no result makes it" for name in unknown]
    everything = "\n".join(sources.values())
    for name in used_figures(sources):
        if rf"\ref{{fig:{name}}}" not in everything:
            problems.append(f"figure {name} is shown, but no sentence refers to it")
    return problems


def supported_sentence(figure: str, sources: Mapping[str, str], macros: Mapping[str, str]) -> str:
    """The first sentence of the thesis that refers to a figure, numbers put in; empty when there is none.

    The appendix is looked through last, for it says where the rest speaks of its figures; a caption is no sentence.
    """
    for name in sorted(sources, key=lambda name: name.startswith("appendix")):
        for sentence in sentences(sources[name]):
            if rf"\ref{{fig:{figure}}}" in sentence and not sentence.startswith(r"\resultfigure"):
                return plain(re.sub(r"^\w+\*?\}\s*", "", sentence), macros)  # what ends an equation
    return ""
