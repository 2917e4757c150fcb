from diagram_checks import assert_a_good_diagram
from matplotlib.text import Text

from experiments.figures import diagrams


def test_overview():
    assert_a_good_diagram(diagrams.draw_problem_overview)
    told = [text.get_text() for text in diagrams.draw_problem_overview().findobj(Text)]
    assert [sign for sign in ("M", "D", "H") if any(rf"\mathcal{{{sign}}}" in text for text in told)] == ["M", "D", "H"]
    assert any(r"\pi" in text for text in told)


def test_architecture():
    assert_a_good_diagram(diagrams.draw_architecture, 18)
    assert_a_good_diagram(diagrams.draw_architecture, 7)
