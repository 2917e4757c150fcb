"""From results to the thesis's PDF: numbers, tables and figures are put in place, the text is checked, LaTeX runs."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from experiments.report.latex import escape
from experiments.thesis.claims import CLAIMS
from experiments.thesis.comparisons import check_claims, false_claims
from experiments.thesis.macros import Macros
from experiments.thesis.numbers import make_macros
from experiments.thesis.results import Results
from experiments.thesis.settings import write_settings
from experiments.thesis.tables import write_tables
from experiments.thesis.text import check_text, read_sources, unknown_macros, used_figures
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, PtmrecError
from ptmrec.core.files import atomic_write, write_folder, write_text
from ptmrec.core.log import logger
from ptmrec.zoo.card import Card

PACKAGES = "latexmk texlive-latex-recommended texlive-latex-extra texlive-fonts-recommended texlive-science"
"""Debian's packages of all that the thesis uses."""
STYLES = ("siunitx.sty", "booktabs.sty", "accsupp.sty", "natbib.sty", "mathptmx.sty", "utmr8t.tfm", "t1txtt.fd")
MAIN = "thesis"
_WARNINGS = re.compile(
    r"(LaTeX Warning: (?:Reference|Citation|There were|Label).*|Package natbib Warning:.*|Warning--.*"
    r"|I couldn't open .*|I didn't find .*|Overfull \\[hv]box.*)"
)


class LatexError(PtmrecError):
    """LaTeX is missing, or did not take the thesis."""


def generate(config: ConfigParser, cards: list[Card]) -> Macros:
    """Write numbers and tables to ``generated/`` and the figures the text shows to ``figures/``.

    In the smoke profile a number that nothing makes says so in the text, and claims are not judged; in all others
    both stop the build.

    Args:
        config: the configuration of the run.
        cards: cards of the measured models.

    Raises:
        ArtifactError: results are missing or stale, the text uses what no result makes, or says what they
            contradict; each is named.
    """
    paths = config.get(PathsConfig)
    sources = read_sources(paths.thesis)
    names = used_figures(sources)
    results = Results(paths, names)
    macros, folder = make_macros(config, results), paths.thesis_output / "generated"
    if config.profile == "smoke":
        for name in unknown_macros(sources, macros.texts):
            macros.add(name, r"\emph{not measured}", "the smoke profile, whose zoo has no room for it")
    problems = [*check_text(sources, macros.texts), *check_claims(sources, CLAIMS)]
    if not problems and config.profile != "smoke":
        problems = false_claims(macros, CLAIMS)
    if problems:
        raise ArtifactError("; ".join(problems))
    write_text(folder / "numbers.tex", macros.latex())
    write_tables(results, cards, folder)
    write_settings(config, folder)
    lines = [rf"\figuretext{{{name}}}{{{escape(alt)}}}" for name, alt in results.alternatives().items()]
    write_text(folder / "alternatives.tex", "\n".join(lines) + "\n")
    for name in names:
        source = paths.figures / f"{name}.pdf"
        atomic_write(
            paths.thesis_output / "figures" / source.name, lambda to, source=source: shutil.copyfile(source, to)
        )
    return macros


def check_latex() -> None:
    """Refuse to go on without LaTeX.

    Raises:
        LatexError: naming what is missing and the packages that bring it.
    """
    missing = [name for name in ("latexmk", "pdflatex", "bibtex", "kpsewhich") if not shutil.which(name)]
    if not missing:
        missing = [name for name in STYLES if subprocess.run(["kpsewhich", name], capture_output=True).returncode]
    if missing:
        raise LatexError(
            f"LaTeX is not complete here ({', '.join(missing)} missing); on Debian and Ubuntu: "
            f"apt-get install --no-install-recommends {PACKAGES}"
        )


def compile_pdf(paths: PathsConfig) -> Path:
    """Compile the thesis with latexmk, from nothing: what a stopped LaTeX leaves would stop the next.

    Returns:
        The PDF, in ``build/``. When LaTeX fails, the one of before stays, and beside it the log says why.

    Raises:
        LatexError: LaTeX is missing, stopped, or warned of references, citations or lines that stick out.
    """
    check_latex()
    return write_folder(paths.thesis_output / "build", lambda fresh: _run_latex(paths, fresh)) / f"{MAIN}.pdf"


def _run_latex(paths: PathsConfig, fresh: Path) -> None:
    environment = os.environ | {
        # This run's outputs first: beside the sources may lie what another run wrote there.
        "TEXINPUTS": os.pathsep.join([str(paths.thesis_output), ".", ""]),
        "max_print_line": "1000",
    }
    options = ["-pdf", "-interaction=nonstopmode", "-halt-on-error", "-file-line-error", f"-outdir={fresh}"]
    command = ["latexmk", *options, f"{MAIN}.tex"]
    done = subprocess.run(command, cwd=paths.thesis, env=environment, capture_output=True, text=True, errors="replace")
    log = fresh / f"{MAIN}.log"
    said = log.read_text(errors="replace") if log.is_file() else done.stdout
    problems = [] if done.returncode else find_warnings(fresh)
    if done.returncode or problems:
        kept = write_text(paths.thesis_output / "build" / log.name, said)
        why = f"the PDF is not as it should be: {'; '.join(problems)}" if problems else f"LaTeX stopped: {_error(said)}"
        raise LatexError(f"{why}; see {kept}")


def find_warnings(build: Path) -> list[str]:
    """Warnings of the last run about references, citations, bibliography entries and lines that stick out."""
    texts = [path.read_text(errors="replace") for path in (build / f"{MAIN}.log", build / f"{MAIN}.blg")]
    return list(dict.fromkeys(match[1].strip() for text in texts for match in _WARNINGS.finditer(text)))


def _error(said: str) -> str:
    lines = [line for line in said.splitlines() if re.match(r"(!|\S+\.(tex|sty|bbl):\d+:)", line)]
    return (lines or said.strip().splitlines()[-1:] or ["no message"])[0]


def build_thesis(config: ConfigParser, cards: list[Card]) -> Path:
    """Numbers, tables, figures, then the PDF. LaTeX is looked for first.

    Raises:
        LatexError: see :func:`compile_pdf`.
        ArtifactError: see :func:`generate`.
    """
    check_latex()
    macros = generate(config, cards)
    logger.info("%d numbers for the thesis", len(macros.texts))
    return compile_pdf(config.get(PathsConfig))
