import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from experiments.thesis.build import MAIN, PACKAGES, LatexError, build_thesis, check_latex, find_warnings, generate
from experiments.thesis.text import read_sources
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


def test_the_pdf_follows_the_results(config, run, cards):
    """Compiled twice from the same results it has the same bytes; from a changed number, others."""
    pdf = build_thesis(config, cards)
    first = pdf.read_bytes()
    assert first.startswith(b"%PDF") and find_warnings(pdf.parent) == []
    assert not re.search(r"\d+pk\b", (pdf.parent / "thesis.log").read_text(errors="replace")), "a font as bitmaps"
    shutil.rmtree(pdf.parent)
    assert build_thesis(config, cards).read_bytes() == first
    path = run.results / "quadrants_summary.csv"
    frame = pd.read_csv(path)
    ours = frame["method"] == "ridge on relations"
    frame.loc[ours & (frame["group"] == "blind families, known data"), "tau_w"] += 0.1
    frame.to_csv(path, index=False)
    assert build_thesis(config, cards).read_bytes() != first


def test_another_runs_numbers_beside_the_sources_are_not_set(config, run, cards, tmp_path):
    """A clone that a run was made in: `make test` after `make reproduce` failed."""
    changed = copy_sources(config, tmp_path)
    for name in ("numbers.tex", "headline.tex", "alternatives.tex"):
        path = tmp_path / "sources" / "generated" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\\undefinedbyanybody")
    assert build_thesis(changed, cards).read_bytes().startswith(b"%PDF")


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
    with pytest.raises(ArtifactError, match="TauBlindFamilies is used"):
        generate(config, cards)
    macros = generate(ConfigParser(None, "smoke", paths), cards)
    assert macros.texts["TauBlindFamilies"] == r"\emph{not measured}"
    assert "TauBlindFamilies" in "".join(read_sources(ROOT / "thesis").values())
    assert MAIN == "thesis"
