from pathlib import Path

import pytest

from experiments.thesis.text import (
    check_text,
    read_sources,
    sentences,
    supported_sentence,
    typed_numbers,
    unknown_macros,
    used_figures,
)

ROOT = Path(__file__).resolve().parents[3]


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
    sources = {"a.tex": r"It is \TauNowhere{} there. \resultfigure{lost}{A caption.} 7 more."}
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
        assert len(supported_sentence(name, sources, {}).split()) > 4, name
    assert [sentence for text in sources.values() for sentence in typed_numbers(text)] == []


def test_what_the_thesis_has_to_say_about_its_beginning():
    text = (ROOT / "thesis" / "section-1-2-refined.tex").read_text()
    assert all(label in text for label in (r"\label{sec:motivation}", r"\label{subsec:problem-formulation}"))
    assert text.count(r"\item ") == 4, "assumptions"
    assert "exponential" not in text
    assert "Pika pika!" in (ROOT / "thesis" / "acknowledgments-refined.tex").read_text()
