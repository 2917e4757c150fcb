"""README.md, docs/ and CONTRIBUTING: short, with links that lead somewhere and commands that are there and run."""

import json
import os
import pydoc
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import bibtexparser
import click
import nbformat
import papermill
import pytest
import torch
import yaml
from bibtexparser.bparser import BibTexParser
from cli_calls import call
from conftest import write_images

import ptmrec
from experiments.report.readme import REGION, list_pages
from ptmrec.cli import main
from ptmrec.config.parser import ConfigParser
from ptmrec.images.user_images import read_user_images

ROOT = Path(__file__).resolve().parents[1]

PAGES = [*list_pages(ROOT), ROOT / "CONTRIBUTING.md"]

LARGEST = 6144
"""Bytes of the README, markup included."""

NOT_RUN = {
    "zoo add": "needs a network",
    "zoo remove": "needs an added model; run by tests/recommender/test_sharing.py",
    **dict.fromkeys(("zoo export", "zoo import"), "needs an added model; run by tests/recommender/test_sharing.py"),
    **dict.fromkeys(("zoo build", "zoo real", "zoo repeat", "zoo reference"), "needs the image sets"),
    **dict.fromkeys(("extract", "train", "evaluate"), "takes minutes; tested on small runs"),
    "zoo verify": "run by tests/experiments/test_cli.py",
    **dict.fromkeys(("measure", "recommend --measure"), "waits for a quiet machine; tested on its own"),
    "recommend --time-limit": "takes the time it is given",
    **dict.fromkeys(("tune", "predict"), "takes the time it is given; run by tests/recommender/test_tune.py"),
}
"""Commands in the pages' blocks that are only parsed here, and why; whatever else stands there is run."""

OTHERS = {
    "make",
    "sbatch",
    "pip",
    "conda",
    "accelerate",
    *(f".venv/bin/{name}" for name in ("uv", "jupyter", "papermill", "pre-commit")),
}
"""What else may stand at the beginning of a line of shell."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(path), re.MULTILINE | re.DOTALL)


def prose(path: Path) -> str:
    return re.sub(r"^```.*?^```$", "", text_of(path), flags=re.MULTILINE | re.DOTALL)


def shell_lines(path: Path) -> list[str]:
    return [line for block in blocks(path, "sh") for line in block.splitlines()]


def code_spans(path: Path) -> list[str]:
    """Code within sentences that begins like a command."""
    return re.findall(r"`((?:\.venv/bin/\S+|ptmrec|make|accelerate|pip|conda) [^`]+)`", prose(path))


def commands(lines: list[str]) -> list[list[str]]:
    """Every command as words."""
    found = []
    for line in lines:
        plain = re.sub(r"(^|\s)#.*", "", line)
        for piece in re.split(r"\|\||&&|;|\w+=\$\(|\)", plain):
            words = shlex.split(piece)
            if "-m" in words and words[words.index("-m") + 1] == "ptmrec":
                found.append(["ptmrec", *words[words.index("-m") + 2 :]])
            if words:
                found.append(words)
    return found


def is_ours(words: list[str]) -> bool:
    return words[0].removeprefix(".venv/bin/") == "ptmrec"


def parse(words: Sequence[str]) -> str:
    """The name of a command of ours that takes these words, such as ``zoo list``; raises what click does."""
    names, command, parent, left = [], main, None, [word for word in words if word != "--help"]
    while left or not isinstance(command, click.Group):
        context = command.make_context(names[-1] if names else "ptmrec", left, parent=parent)
        if not isinstance(command, click.Group):
            break
        name, command, left = command.resolve_command(context, [*context._protected_args, *context.args])
        names.append(name)
        parent = context
    return " ".join(names)


SHOWN = list(
    dict.fromkeys(tuple(words[1:]) for path in PAGES for words in commands(shell_lines(path)) if is_ours(words))
)
"""Arguments of our commands in the blocks of all pages."""


def is_run(words: tuple[str, ...]) -> bool:
    try:
        name = parse(words)
    except click.UsageError:
        return False  # which another test says
    return name not in NOT_RUN and not any(f"{name} {word}" in NOT_RUN for word in words)


def anchors(path: Path) -> set[str]:
    """Anchors of headings as GitHub makes them."""
    titles = re.findall(r"^#+ +(.+?)\s*$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title).lower()).replace(" ", "-") for title in titles}


def test_the_readme_is_short():
    assert (ROOT / "README.md").stat().st_size <= LARGEST


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_and_pictures_lead_somewhere(path):
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(path))
    for target in targets:
        if re.match(r"https?://|mailto:", target):
            continue
        place, _, anchor = target.partition("#")
        file = Path(os.path.normpath(path.parent / place)) if place else path
        assert file.is_relative_to(ROOT) and file.exists(), target
        assert not anchor or anchor in anchors(file), target
    if path.parent.name == "docs":
        assert "../README.md" in targets


@pytest.mark.parametrize("path", [*PAGES, *(ROOT / "thesis").glob("*.md")], ids=lambda path: path.stem)
def test_modules_and_files_that_are_named_are_there(path):
    """A page named `ptmrec.relations.shortlist` long after that had moved."""
    groups = re.findall(r'entry-points\."([\w.]+)"', text_of(ROOT / "pyproject.toml"))
    for name in re.findall(r"`((?:ptmrec|experiments|torture|benchmarks)(?:\.\w+)+)`", text_of(path)):
        assert name in groups or pydoc.locate(name), name
    folders = "ptmrec|experiments|torture|benchmarks|tests|constants|notebooks|thesis|cluster"
    for name in re.findall(rf"`((?:{folders})/[\w./-]+)`", text_of(path)):
        assert (ROOT / name).exists(), name


def test_every_page_can_be_reached_from_the_readme():
    linked = set(re.findall(r"\]\(([^)#\s]+)\)", text_of(ROOT / "README.md")))
    assert {path.relative_to(ROOT).as_posix() for path in PAGES} - {"README.md"} <= linked


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_commands_targets_and_jobs_are_there(path):
    makefile = text_of(ROOT / "Makefile")
    for words in commands([*shell_lines(path), *code_spans(path)]):
        if is_ours(words):
            parse(words[1:])
            continue
        assert words[0] in OTHERS, words
        if words[0] == "make":
            for target in (word for word in words[1:] if "=" not in word):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), words
            for name in (word.partition("=")[0] for word in words[1:] if "=" in word):
                assert re.search(rf"^{name} \?=", makefile, re.MULTILINE), words
        if words[0].endswith("papermill"):
            given = {name for flag, name in pairwise(words) if flag == "-p"}
            assert given and given <= set(papermill.inspect_notebook(str(ROOT / words[1]))), words
        if words[0] == "sbatch":
            assert [word for word in words if word.endswith(".sbatch") and (ROOT / word).is_file()], words


def test_a_command_or_an_option_that_is_not_there_is_found():
    for line in ("recommend my_images/ --prest fast", "recomend x", "zoo lst", "measure", "zoo add a b"):
        with pytest.raises(click.UsageError):
            parse(line.split())
    assert parse(["zoo", "list", "--profile", "smoke"]) == "zoo list" and parse(["--help"]) == ""


def test_reasons_for_not_running_are_needed():
    shown = [(parse(words), words) for words in SHOWN]
    names = {name for name, _ in shown} | {f"{name} {word}" for name, words in shown for word in words}
    assert {*NOT_RUN} <= names


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with what the pages' commands name."""
    folder = tmp_path_factory.mktemp("pages")
    write_images(folder / "my_images", {"cat": 12, "dog": 12})
    rows = [f"{name}/{index}.png,{name}" for name in ("cat", "dog") for index in range(12)]
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows]))
    (folder / "mine.csv").write_text("model,accuracy,images\ngoogle/vit-base-patch16-224,0.8,200\n")
    rows = [f"m{model},d{place},probe,top-1,{0.5 + model / 20}" for model in range(6) for place in range(4)]
    (folder / "table.csv").write_text("\n".join(["model,dataset,regime,metric,value", *rows]))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("words", [words for words in SHOWN if is_run(words)], ids=" ".join)
def test_what_the_pages_show_runs(words, images, monkeypatch):
    monkeypatch.chdir(images)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    if words[:2] == ("inspect", "trainer"):
        call("new", "trainer", "my_trainer", "--pattern", "dict")
    done = call(*words)
    allowed = (0, 1) if words[0] == "inspect" else (0,)  # 1: something was found in images of noise
    assert done.exit_code in allowed and "Traceback" not in done.output, done.output
    assert done.output


@pytest.mark.slow
@pytest.mark.parametrize("path", list_pages(ROOT), ids=lambda path: path.stem)
def test_python_of_the_pages_runs(path, images, monkeypatch):
    monkeypatch.chdir(images)
    for code in blocks(path, "python"):
        names = {"ptmrec": ptmrec, "torch": torch, "num_classes": 2}
        exec(code, names)
        assert "\nassert " in code or (callable(names["transform"]) and names["width"] > 0)
        for line in re.findall(r"`(rec\.\w+)[^`]*`", prose(path)) if "rec" in names else ():
            assert callable(getattr(names["rec"], line.partition(".")[2]))


class Targets(HTMLParser):
    """What a page leads to and shows, and the places in it that others may lead to."""

    def __init__(self, path):
        super().__init__()
        self.leads, self.places = [], set()
        self.feed(text_of(path))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.leads += [found[name] for name in ("href", "src") if found.get(name)]
        self.places |= {found[name] for name in ("id", "name") if found.get(name)}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it, any warning an error, with one notebook of a run."""
    folder = tmp_path_factory.mktemp("site")
    notebook = nbformat.read(ROOT / "notebooks" / "01_data_prep.ipynb", 4)
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.outputs = [nbformat.v4.new_output("stream", text="printed by the run")]
    run = folder / "artifacts" / "runs" / "20260101_000000"
    run.mkdir(parents=True)
    nbformat.write(notebook, run / "01_data_prep.ipynb")
    (folder / "own.ini").write_text("[paths]\nartifacts = artifacts\n")
    (line,) = re.findall(
        r"^\t\$\(BIN\)/sphinx-build (.*) artifacts/docs/html$", text_of(ROOT / "Makefile"), re.MULTILINE
    )
    words = [sys.executable, "-m", "sphinx", *line.replace("artifacts", str(folder)).split(), str(folder / "html")]
    environment = os.environ | {"PTMREC_CONFIG": str(folder / "own.ini")}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr[-3000:]
    return folder / "html"


@pytest.mark.slow
def test_the_site_leads_somewhere_and_shows_the_last_run(site):
    pages = {path: Targets(path) for path in site.rglob("*.html")}
    assert {site / path.relative_to(ROOT).with_suffix(".html") for path in PAGES} <= set(pages)
    lost = []
    for path, page in pages.items():
        for target in page.leads:
            place, _, anchor = unquote(target).partition("#")
            if re.match(r"\w+:|//", target) or path.name in ("search.html", "genindex.html"):
                continue
            file = Path(os.path.normpath(path.parent / place.partition("?")[0])) if place else path
            if not file.exists() or (anchor and file in pages and anchor not in pages[file].places):
                lost.append(f"{path.relative_to(site)}: {target}")
    assert not lost
    shown = {path.stem: text_of(path) for path in (site / "notebooks").glob("*.html")}
    assert "printed by the run" in shown["01_data_prep"]
    assert [name for name, text in shown.items() if "No run is here" not in text] == ["01_data_prep"]
    described = pages[site / "docs" / "reference.html"].places
    assert {f"ptmrec.{name}" for name in ptmrec.__all__} <= described


def test_the_account_shown_is_the_one_that_is_given(tmp_path):
    folder = write_images(tmp_path / "my_images", {"cat": 52, "dog": 52})
    (folder / "cat" / "notes.txt").write_text("x")
    (folder / "dog" / "photo.heic").write_bytes(b"x")
    found = read_user_images(folder)
    (line,) = found.account.lines(len(found.images))
    assert f"\n{line}\n" in text_of(ROOT / "docs" / "inputs.md")


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """The root of the project as the command sees it: pages with empty regions, and what was committed."""
    (tmp_path / "constants").mkdir()
    (tmp_path / "docs").mkdir()
    for name in ("zoo", "real"):
        (tmp_path / "constants" / name).symlink_to(ROOT / "constants" / name)
    shutil.copytree(ROOT / "constants" / "results", tmp_path / "constants" / "results")
    for path in list_pages(ROOT):
        (tmp_path / path.relative_to(ROOT)).write_text(REGION.sub(r"\1\3", text_of(path)))
    read = ConfigParser.__init__

    def reread(self, *arguments, **named):
        read(self, *arguments, **named)
        self.root = tmp_path

    monkeypatch.setattr(ConfigParser, "__init__", reread)
    return tmp_path


@pytest.mark.slow
def test_the_command_writes_the_pages_and_says_what_is_damaged(clone):
    done = call("readme")
    assert done.exit_code == 0 and done.stdout.split() == [str(path) for path in list_pages(clone)], done.output
    assert [text_of(path) for path in list_pages(clone)] == [text_of(path) for path in list_pages(ROOT)]
    path = clone / "constants" / "results" / "zoo.json"
    path.write_text(json.dumps(json.loads(text_of(path)) | {"models": "many"}))
    done = call("readme")
    (line,) = done.stderr.splitlines()
    assert done.exit_code == 2 and line.startswith(f"Error: {path}: field 'models' is 'many', no number")


@pytest.mark.slow
def test_the_command_copies_a_run_first(clone, monkeypatch):
    monkeypatch.setattr("experiments.report.readme.draw_figures", lambda *folders: [])  # drawn by the test above
    run = Path(shutil.copytree(clone / "constants" / "results", clone / "run" / "results"))
    facts = json.loads(text_of(run / "zoo.json"))
    (run / "zoo.json").write_text(json.dumps(facts | {"models": 4321}))
    done = call("--set", f"paths.artifacts={clone / 'run'}", "readme", "--copy")
    assert done.exit_code == 0, done.output
    pages = {path.name: text_of(path) for path in list_pages(clone)}
    assert "4321 networks" in pages["README.md"] and "4321 models" in pages["zoo.md"]
    assert pages["results.md"] == text_of(ROOT / "docs" / "results.md")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_pages_name_no_place_of_a_machine_and_compare_nothing_by_hand(path):
    text = text_of(path)
    assert not re.search(r"(?<![\w.])/(?:work|root|home|tmp|usr|opt|mnt)/|pypi|anaconda\.org", text)
    if path.name != "CONTRIBUTING.md":
        words = r"better|worse|best estimator|faster|slower|outperform\w*|beats?|superior|stronger|strongest|wins?"
        by_hand = REGION.sub("", re.sub(r"^```.*?^```$|^\|.*$", "", text, flags=re.MULTILINE | re.DOTALL))
        assert not re.search(rf"\b(?:{words})\b", by_hand), re.search(rf"\b(?:{words})\b", by_hand)


THESIS = Path(__file__).resolve().parents[1] / "thesis"

WHERE = {"inproceedings": "booktitle", "article": "journal", "misc": "howpublished", "techreport": "institution"}
"""What says where an entry of a type was published; other types are not used."""

_CITE = re.compile(r"\\[cC]ite[a-zA-Z]*\*?(?:\[[^\]]*\])*\{([^}]*)\}")


def entries_of(path: Path) -> list[dict[str, str]]:
    """Entries of one file; one that the parser cannot read would otherwise be left out silently."""
    text = path.read_text(encoding="utf-8")
    parser = BibTexParser(common_strings=True, ignore_nonstandard_types=False)
    entries = bibtexparser.loads(text, parser=parser).entries
    assert len(entries) == len(re.findall(r"^@", text, re.MULTILINE)), f"{path.name}: an entry that cannot be read"
    return entries


def all_entries(folder: Path) -> list[tuple[str, dict[str, str]]]:
    return [(path.name, entry) for path in sorted(folder.glob("*.bib")) for entry in entries_of(path)]


def cited_keys(folder: Path) -> set[str]:
    """Keys in the ``\\cite`` commands of the folder's LaTeX files, comments left out."""
    keys = set()
    for path in sorted(folder.rglob("*.tex")):
        text = re.sub(r"(?<!\\)%.*", "", path.read_text(encoding="utf-8"))
        keys |= {key.strip() for group in _CITE.findall(text) for key in group.split(",")}
    return keys


def citation_problems(folder: Path) -> list[str]:
    """Citations without an entry and entries that nothing cites, one line each."""
    known, cited = {entry["ID"] for _, entry in all_entries(folder)}, cited_keys(folder)
    return [
        *(f"{key}: cited, but in no bibliography" for key in sorted(cited - known)),
        *(f"{key}: in a bibliography, but never cited" for key in sorted(known - cited)),
    ]


ENTRIES = all_entries(THESIS)


@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=[entry["ID"] for _, entry in ENTRIES])
def test_an_entry_is_whole(name, entry):
    for field in ("author", "title", "year", WHERE[entry["ENTRYTYPE"]]):
        assert entry.get(field, "").strip(), f"{name}: {entry['ID']} has no {field}"
    assert re.fullmatch(r"(19|20)\d\d", entry["year"])
    assert re.fullmatch(r"\d+(--\d+)?", entry.get("pages", "1"))
    for field, value in entry.items():
        assert value.isascii(), f"{field}: accents as LaTeX writes them"
        assert value.count("{") == value.count("}"), field
    people = entry["author"].split(" and ")
    assert all(re.fullmatch(r"[^,]+, [^,]+", person) for person in people), "Family, Given"
    assert "others" not in people, "all authors"


@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=[entry["ID"] for _, entry in ENTRIES])
def test_styles_keep_the_capitals_of_names(name, entry):
    """Styles of BibTeX write titles small, except in braces and after a colon."""
    unprotected = re.sub(r"\{[^{}]*\}", "", entry["title"])
    assert not re.findall(r"\b[A-Z]*[a-z]*[A-Z]{2,}\w*|\bHugging\b|\bOctober\b", unprotected), entry["title"]


def test_no_key_is_in_two_places():
    counts = Counter(entry["ID"].lower() for _, entry in ENTRIES)
    assert [key for key, count in counts.items() if count > 1] == []


def test_facts_that_public_bibliographies_get_wrong():
    entries = {entry["ID"]: entry for _, entry in ENTRIES}
    assert entries["jiang2023ptmtorrent"]["year"] == "2023" and "ding2024ptmtorrent" not in entries
    assert len(entries["jiang2024peatmoss"]["author"].split(" and ")) == 9
    assert "Bielanski" in entries["jiang2024peatmoss"]["author"]
    assert "doi" not in entries["jiang_empirical_2023"], "two sources give two"
    assert "pages" not in entries["jajal2024interoperability"], "the last one is not known"


def test_citation_problems_name_what_does_not_fit(tmp_path):
    (tmp_path / "a.bib").write_text("@misc{one, title = {A}}\n\n@misc{two, title = {B}}\n")
    (tmp_path / "b.bib").write_text("@misc{three, title = {C}}\n")
    (tmp_path / "t.tex").write_text(
        "By~\\citep[see][p.~3]{one, lost} and \\citet*{two}, 5\\% of \\citeauthor{four}. % \\cite{three}\n\\nocite{*}\n"
    )
    assert cited_keys(tmp_path) == {"one", "two", "lost", "four"}
    assert citation_problems(tmp_path) == [
        "four: cited, but in no bibliography",
        "lost: cited, but in no bibliography",
        "three: in a bibliography, but never cited",
    ]
    (tmp_path / "t.tex").write_text("\\cite{one,two}\\Citet{three}\n")
    assert citation_problems(tmp_path) == []


def test_an_entry_that_cannot_be_read_is_not_left_out(tmp_path):
    (tmp_path / "a.bib").write_text("@misc{one, title = {A}}\n@misc{two title = {B}\n")
    with pytest.raises(AssertionError, match="a.bib: an entry that cannot be read"):
        all_entries(tmp_path)


def test_every_citation_has_its_entry_and_every_entry_is_cited():
    assert citation_problems(THESIS) == []


def test_the_citation_is_of_this_version_and_has_what_readers_of_it_require():
    """By the schema 1.2.0 of the Citation File Format, as far as its keys are used here."""
    citation = yaml.safe_load(text_of(ROOT / "CITATION.cff"))
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    texts = {"cff-version", "message", "title", "type", "version", "license"}
    assert {key for key, value in citation.items() if isinstance(value, str)} == texts
    released = f"## {project['version']} (unreleased)" not in text_of(ROOT / "CHANGELOG.md")
    assert set(citation) == {*texts, "authors", "keywords", *(["date-released"] if released else [])}
    assert citation["cff-version"] == "1.2.0" and citation["type"] in ("software", "dataset")
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert not released or type(citation["date-released"]) is date, "written as YYYY-MM-DD"
    assert citation["authors"] and all(
        {"name"} == set(author) or {"family-names", "given-names"} <= set(author) for author in citation["authors"]
    )
    assert len(set(citation["keywords"])) == len(citation["keywords"]) > 0
    assert all(isinstance(word, str) for word in citation["keywords"])
