import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from experiments.thesis.build import MAIN, PACKAGES, LatexError, build_thesis, check_latex, find_warnings, generate
from experiments.thesis.text import (
    check_text,
    read_sources,
    sentences,
    supported_sentence,
    typed_numbers,
    unknown_macros,
    used_figures,
)
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError

ROOT = Path(__file__).resolve().parents[3]


def copy_sources(config, tmp_path):
    """The thesis's sources in a folder of their own, and the configuration that finds them there."""
    shutil.copytree(
        ROOT / "thesis", tmp_path / "sources", ignore=shutil.ignore_patterns("build", "generated", "figures")
    )
    paths = config.to_dict()["paths"]
    changed = {name: paths[name] for name in ("artifacts", "figures", "thesis_output")}
    places = {f"paths.{name}": value for name, value in changed.items()}
    return ConfigParser(None, "default", places | {"paths.thesis": str(tmp_path / "sources")})


def test_without_latex_the_packages_are_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LatexError, match=f"latexmk, pdflatex, bibtex, kpsewhich missing.*{PACKAGES}"):
        check_latex()


def test_the_makefile_installs_the_same_packages():
    assert f"LATEX := {PACKAGES}\n" in (ROOT / "Makefile").read_text()


def test_the_pdf_follows_the_results(config, run, cards, tmp_path):
    """Compiled twice from the same results it has the same bytes; from a changed number, others.

    Files that a killed LaTeX tore are not read again: half a ``thesis.aux`` stopped each build after it.
    Another run's numbers beside the sources are not set: in a clone `make test` after `make reproduce` failed.
    """
    config = copy_sources(config, tmp_path)
    for name in ("numbers.tex", "headline.tex", "alternatives.tex"):
        path = tmp_path / "sources" / "generated" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\\undefinedbyanybody")
    pdf = build_thesis(config, cards)
    first = pdf.read_bytes()
    assert first.startswith(b"%PDF") and find_warnings(pdf.parent) == []
    assert not re.search(r"\d+pk\b", (pdf.parent / "thesis.log").read_text(errors="replace")), "a font as bitmaps"
    for path in pdf.parent.iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert build_thesis(config, cards).read_bytes() == first
    path = run.results / "quadrants_summary.csv"
    frame = pd.read_csv(path)
    ours = frame["method"] == "Cross-Select"
    frame.loc[ours & (frame["group"] == "blind families, known data"), "tau_w"] += 0.1
    frame.to_csv(path, index=False)
    assert build_thesis(config, cards).read_bytes() != first


def test_figures_and_their_texts_are_put_in_place(config, run, cards):
    generate(config, cards)
    output = config.get(PathsConfig).thesis_output
    texts = (output / "generated" / "alternatives.tex").read_text()
    shown = {path.stem for path in (output / "figures").iterdir()}
    assert shown == set(re.findall(r"\\figuretext\{(\w+)\}", texts))
    assert r"\figuretext{passes}{A page for passes.}" in texts


def test_a_number_typed_into_the_text_stops_the_build(config, run, cards, tmp_path):
    changed = copy_sources(config, tmp_path)
    with (tmp_path / "sources" / "section-conclusion.tex").open("a") as file:
        file.write("On new models it reaches 0.64 at once.\n")
    with pytest.raises(ArtifactError, match="section-conclusion.tex: a number typed by hand: On new models"):
        generate(changed, cards)
    assert not (config.get(PathsConfig).thesis_output / "generated").exists()


def test_an_unknown_citation_stops_the_build(config, run, cards, tmp_path):
    changed = copy_sources(config, tmp_path)
    with (tmp_path / "sources" / "section-conclusion.tex").open("a") as file:
        file.write("As others say~\\citep{nobody2020nothing}.\n")
    with pytest.raises(LatexError, match="nobody2020nothing"):
        build_thesis(changed, cards)


def test_the_smoke_profile_says_what_it_did_not_measure(config, run, cards, tmp_path):
    paths = {f"paths.{name}": config.to_dict()["paths"][name] for name in ("artifacts", "figures", "thesis_output")}
    path = run.results / "quadrants_summary.csv"
    frame = pd.read_csv(path)
    frame[~frame["group"].str.startswith("blind")].to_csv(path, index=False)
    with pytest.raises(ArtifactError, match="TauBlindFamiliesOnly is used"):
        generate(config, cards)
    macros = generate(ConfigParser(None, "smoke", paths), cards)
    assert macros.texts["TauBlindFamiliesOnly"] == r"\emph{not measured}"
    assert "TauBlindFamiliesOnly" in "".join(read_sources(ROOT / "thesis").values())
    assert MAIN == "thesis"


@pytest.mark.parametrize(
    "sentence",
    [
        "The ranker reaches 0.64 on blind families.",
        r"It gains \tauw{} = .05 on new models.",
        r"In Figure~\ref{fig:a} it loses 3 points.",
        r"\caption{All 28 data sets.}",
        r"Agreement is $0.4$ there.",
    ],
)
def test_a_number_typed_by_hand_is_found(sentence):
    assert len(typed_numbers(f"Good words. {sentence} More words.")) == 1


@pytest.mark.parametrize(
    "sentence",
    [
        r"The ranker reaches \TauBlindFamilies{} on blind families.",
        r"Others report 0.800~\citep{zhang2023modelspider}.",
        r"See Figure~\ref{fig:table2} and \input{generated/table2}.",
        r"Let \(\zoo = \{m_1, \dots, m_N\}\) be a zoo.",
        r"A square $x^2$ is no result.",
    ],
)
def test_references_subscripts_and_cited_numbers_are_none(sentence):
    assert typed_numbers(f"Good words. {sentence} More words.") == []


def test_comments_are_no_text(tmp_path):
    (tmp_path / "a.tex").write_text("Words. % 0.64 was here\nHalf is 50\\,\\% of it.\n")
    text = read_sources(tmp_path)["a.tex"]
    assert "0.64" not in text and "50" in text


def test_sentences_end_with_points_items_and_captions():
    text = "One thing. Another one\n\n\\item A third; still.\n\\caption{A fourth}"
    assert len(list(sentences(text))) == 4


def test_what_nothing_makes_and_nothing_shows_is_named():
    sources = {"a.tex": r"It is \TauNowhere{} there. \resultfigure{lost}{A caption.} 7 again."}
    problems = check_text(sources, {"TauSomewhere": "1"})
    assert len(problems) == 3
    assert "TauNowhere" in problems[1] and "figure lost" in problems[2]
    assert unknown_macros(sources, {"TauNowhere": "1"}) == []


def test_the_thesis_has_no_typed_number_and_shows_each_figure_once_with_a_sentence():
    sources = read_sources(ROOT / "thesis")
    names = used_figures(sources)
    assert len(names) >= 20
    assert sum(text.count(r"\resultfigure") for text in sources.values()) == len(names)
    for name in names:
        said = supported_sentence(name, sources, {})
        assert len(said.split()) > 4 and not re.match(r"\\|\w+\}", said), name
    assert [sentence for text in sources.values() for sentence in typed_numbers(text)] == []


def test_what_the_thesis_has_to_say_about_its_beginning():
    text = (ROOT / "thesis" / "section-1-2-refined.tex").read_text()
    assert all(label in text for label in (r"\label{sec:motivation}", r"\label{subsec:problem-formulation}"))
    assert text.count(r"\item ") == 4, "assumptions"
    assert "exponential" not in text
    assert "Pika pika!" in (ROOT / "thesis" / "acknowledgments-refined.tex").read_text()
