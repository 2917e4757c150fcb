"""The bibliographies of the thesis: every entry whole, in one file only, and citations that find theirs."""

import re
from collections import Counter
from pathlib import Path

import bibtexparser
import pytest
from bibtexparser.bparser import BibTexParser

THESIS = Path(__file__).resolve().parents[1] / "thesis"
WHERE = {"inproceedings": "booktitle", "article": "journal", "misc": "howpublished"}
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


def test_each_part_of_the_thesis_has_its_bibliography():
    parts = Counter(name for name, _ in ENTRIES)
    assert parts == {
        "references-motivation.bib": 13,
        "references-method.bib": 5,
        "references-zoo.bib": 1,
        "references-experiments.bib": 7,
    }


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


def test_every_citation_in_the_thesis_finds_its_entry():
    assert cited_keys(THESIS) <= {entry["ID"] for _, entry in ENTRIES}


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
