import pandas as pd
import pytest

from experiments.thesis.macros import Macros, camel, number, plain
from ptmrec.core.errors import ArtifactError


def test_names_are_letters_only():
    assert camel("k-NN, features") == "KNNFeatures"
    assert camel("images: 1 per class") == "ImagesOnePerClass"
    with pytest.raises(KeyError):
        camel("draw", 9999)


def test_numbers_are_rounded_and_signed():
    assert number(0.685) == r"\num{0.69}" or number(0.685) == r"\num{0.68}"
    assert number(1234.5, 0) == r"\num{1234}"
    assert number(0.1, 2, signed=True) == r"\num{+0.10}"
    with pytest.raises(ArtifactError, match="no number"):
        number(float("nan"))


def test_an_interval_is_two_macros():
    macros = Macros()
    row = pd.Series({"tau_w": 0.5, "tau_w_low": 0.25, "tau_w_high": 0.75})
    macros.row("TauBlindFamilies", row, "tau_w", "results/summary.csv: notebook 04")
    assert macros.texts == {
        "TauBlindFamilies": r"\num{0.50} [\num{0.25}, \num{0.75}]",
        "TauBlindFamiliesOnly": r"\num{0.50}",
    }
    assert macros.latex().splitlines() == [
        "% results/summary.csv: notebook 04",
        r"\newcommand{\TauBlindFamilies}{\num{0.50} [\num{0.25}, \num{0.75}]}",
        r"\newcommand{\TauBlindFamiliesOnly}{\num{0.50}}",
    ]


@pytest.mark.parametrize("name", ["Tau3", "Tau_x"])
def test_a_name_latex_cannot_read_is_refused(name):
    with pytest.raises(ArtifactError, match="letters"):
        Macros().add(name, "1", "here")


def test_a_name_is_given_once():
    macros = Macros()
    macros.add("Tau", "1", "here")
    with pytest.raises(ArtifactError, match="twice"):
        macros.add("Tau", "2", "there")


def test_plain_text_of_a_sentence():
    macros = {"Tau": r"\num{0.50} [\num{0.25}, \num{0.75}]", "Level": r"\num{95}"}
    text = r"On \emph{blind} data \tauw{} is \Tau{}~\citep{a}, at \Level\,\% (Figure~\ref{fig:x})."
    assert plain(text, macros) == "On blind data tau_w is 0.50 [0.25, 0.75] [a], at 95% (Figure [fig:x])."
