"""Every sentence of the thesis that compares is bound to its words and to the results."""

import re
from pathlib import Path

import pandas as pd
import pytest

from experiments.thesis.build import generate
from experiments.thesis.claims import CLAIMS
from experiments.thesis.comparisons import (
    Claim,
    Number,
    Numbers,
    check_claims,
    comparing_words,
    false_claims,
    split_claims,
    unwrap,
)
from experiments.thesis.macros import Macros
from experiments.thesis.numbers import make_macros
from experiments.thesis.results import Results
from experiments.thesis.text import PERSONAL, check_text, loose_comparisons, read_sources
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError

ROOT = Path(__file__).resolve().parents[3]
OPPOSITES = {
    **{"more": "less", "better": "worse", "best": "worst", "larger": "smaller", "lower": "higher", "lowers": "raises"},
    **{"falls": "rises", "gain": "loss", "loses": "gains", "below": "above", "fewer": "more", "narrower": "wider"},
    **{"no difference": "a difference", "nothing": "something", "behind": "beside", "helps": "hurts", "not": "now"},
    **{"closer": "further", "faster": "slower", "slower": "faster", "rise": "fall", "highest": "lowest"},
}
"""Wrong words, by the right ones they are planted for."""


@pytest.fixture(scope="module")
def sources():
    return read_sources(ROOT / "thesis")


@pytest.fixture
def macros(config, run):
    return make_macros(config, Results(config.get(PathsConfig)))


def problems(sources):
    loose = [sentence for file in sources if file not in PERSONAL for sentence in loose_comparisons(sources[file])]
    return [*check_claims(sources, CLAIMS), *loose]


def plant(sources, right, wrong):
    """The sources once for each place where a claim says ``right``, with ``wrong`` in that place."""
    for file, text in sources.items():
        for _, sentence in split_claims(text)[1]:
            for match in re.finditer(rf"\b{right}\b", sentence):
                changed = sentence[: match.start()] + wrong + sentence[match.end() :]
                yield sources | {file: text.replace(sentence, changed)}


def test_each_comparison_of_the_thesis_is_a_claim_with_a_check(sources):
    assert problems(sources) == []
    assert len(CLAIMS) >= 50


def test_planted_words_are_found_each(sources):
    planted = [changed for pair in OPPOSITES.items() for changed in plant(sources, *pair)]
    assert len(planted) >= 10
    assert [changed for changed in planted if len(problems(changed)) != 1] == []


def test_a_word_planted_outside_the_claims_is_found(sources):
    for file in sorted(set(sources) - {*PERSONAL, "thesis.tex"}):
        planted = sources[file].replace("\\end{abstract}", "") + "\n\nCross-Select outperforms every other method.\n"
        assert len(problems(sources | {file: planted})) == 1, file


def test_each_claim_holds_on_the_results(macros):
    assert false_claims(macros, CLAIMS) == []


def test_each_check_looks_at_the_results(macros):
    """Where no number is a number, nothing is borne out but what says how something is built."""
    unknown = Macros(dict.fromkeys(macros.texts, r"\emph{not measured}"))
    judged = {name: claim for name, claim in CLAIMS.items() if claim.holds is not None}
    assert len(false_claims(unknown, CLAIMS)) == len(judged) >= len(CLAIMS) - 3


def test_a_result_that_turns_round_stops_the_sentence(config, run, cards):
    path = run.results / "quadrants_summary.csv"
    frame = pd.read_csv(path)
    row = (frame["group"] == "known models, blind data") & (frame["method"] == "LogME")
    frame.loc[row & (frame["regime"] == "low_data"), ["gain_low", "gain_high"]] = (-0.2, -0.1)
    frame.to_csv(path, index=False)
    with pytest.raises(ArtifactError, match="claim looking-without-passes .* is not what the results say"):
        generate(config, cards)
    assert not (config.get(PathsConfig).thesis_output / "generated").exists()


def test_numbers_are_those_of_the_macros():
    made = Macros({"Alone": r"\num{-3}", "Unknown": "not measured"})
    made.interval("Gain", (0.02, 0.001, 0.03), "here")
    numbers = Numbers(made)
    own = numbers.Gain
    assert (own, own.low, own.high) == (0.02, 0.001, 0.03), "not as they are rounded"
    assert own.positive and not own.negative and not own.undecided
    assert numbers.Alone.negative and not numbers.Alone.undecided and numbers.GainOnly == 0.02
    nothing = numbers.Unknown
    assert not (nothing.positive or nothing.negative or nothing.undecided)
    assert Number(0, -1, 1).undecided
    with pytest.raises(ArtifactError, match="Nowhere"):
        numbers.Nowhere  # noqa: B018


def test_claims_are_told_from_what_stands_around_them():
    text = r"One \claim{a}{is \emph{more} than \Tau{}.} Two \claim{b-c}{less}."
    assert split_claims(text) == ("One  Two .", [("a", r"is \emph{more} than \Tau{}."), ("b-c", "less")])
    assert unwrap(text) == r"One is \emph{more} than \Tau{}. Two less."
    with pytest.raises(ArtifactError, match="claim a does not end"):
        split_claims(r"\claim{a}{is {more}")


def test_what_compares():
    assert comparing_words(r"It is Better\emph{than} \BestOfAll{} (Figure~\ref{fig:worst}).") == "better than"
    assert comparing_words("Families of which nothing was measured.") == ""
    assert comparing_words("No better, and not less.", negations=True) == "no better not less"


def test_a_claim_is_made_once_with_its_words():
    claims = {"a": Claim("more", None), "lost": Claim("less", None)}
    sources = {"x.tex": r"\claim{a}{more} \claim{a}{less} \claim{new}{better}"}
    assert list(check_claims(sources, claims)) == [
        "x.tex: claim a says 'less', its check is about 'more'",
        "x.tex: claim new has no check",
        "claim a is made 2 times, not once",
        "claim lost is made 0 times, not once",
    ]


def test_what_is_cited_may_compare():
    assert loose_comparisons(r"It is up to 3,000 times faster~\citep{you2021logme}.") == []
    assert loose_comparisons("It is faster.") == ["It is faster."]
    assert any("compares, but is no claim" in line for line in check_text({"a.tex": "It is faster."}, {}))
