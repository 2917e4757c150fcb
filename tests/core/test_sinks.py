"""Whatever text comes from outside, each way out has one function that makes it harmless, and nothing goes past it."""

import ast
import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure
from toy_answer import make_frame

from experiments.report.latex import escape, export_table
from ptmrec.core.progress import progress
from ptmrec.core.text import csv_text, format_rows
from ptmrec.core.words import STEERING, figure_text, html_text, markdown_text
from ptmrec.plots.pareto import plot_pareto
from ptmrec.plots.recommendation import plot_recommendation
from ptmrec.plots.style import picture, words
from ptmrec.plots.tuned import plot_report

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((*(ROOT / "ptmrec").rglob("*.py"), *(ROOT / "experiments").rglob("*.py")))
HOSTILE = (
    *(
        "=1+1",
        "@a",
        "\x1b[2J",
        "a\nb",
        "a\r# b",
        "<script>x</script>",
        '" onload="x',
        "|b|",
        "`c`",
        "$\\frac{$",
        "$x^$",
        "$\\input{/etc/passwd}$",
    ),
    *("\\input{/etc/passwd}", "a_b%c&d#e~f^g", "\u202eabc", "![x](http://a.b)", "[x](javascript:y)", "---\nlicense: x"),
    *("\ud800", "'", '"', "\\", "''; rm -rf x", "\u2028", "-->", "]]>", "{{x}}", "%(x)s"),
)
WAYS_OUT = {
    **dict.fromkeys(("echo", "secho", "style", "echo_via_pager"), {"ptmrec/cli/context.py"}),
    "confirm": {"ptmrec/cli/recommend.py"},
    "prompt": {"ptmrec/cli/inspect.py"},
    "Console": {"ptmrec/cli/context.py"},
    **dict.fromkeys(("to_csv", "writerow", "writerows", "DictWriter"), {"ptmrec/core/text.py"}),
    **dict.fromkeys(("to_html", "to_latex", "to_markdown", "to_string", "to_excel"), set()),
}
"""Calls that bring text out, and the only modules that make them."""
STREAMS = {"ptmrec/core/log.py", "ptmrec/core/progress.py", "experiments/notebooks.py"}
"""Modules that write to stderr or stdout themselves."""
MARKUP = re.compile(r"</?[a-z]+[\s>]|<[a-z]+$|\\[a-zA-Z]{2,}|^---|^# |^\| ")
HARMLESS = {"html_text", "escape", "markdown_text", "_quoted", "visible", "len", "int"}
"""Functions whose result may stand in HTML, LaTeX or Markdown."""
OWN = {
    "ptmrec/explorer/panel.py": {
        *("colour", "small", "role", "look", "warned", "_OLD", "' '.join(map(html_text, said))", "vector(figure, ALT)"),
    },
    "ptmrec/plots/style.py": {"size"},
    "ptmrec/recommender/page.py": {
        *("_BOX", "_LINE", "_PICTURE", "_STYLE", "styles[name]", "whole", "look", "first", "name", "text", "title"),
        *("head", "cells", "rows", "body", "table", "lines", "said", "numbers", "tags", "data", "svg", "meta", "start"),
        *("''.join(cells)", "''.join(rows)", "'<br>'.join(map(html_text, lines))", "pictures_html(groups)"),
        *("ptmrec.__version__", "time.strftime('%d %B %Y')"),
    },
    "ptmrec/recommender/tune_report.py": {
        *("front", "interval", "made.judged", "made.steps", "run.steps", "images.part", "REPORT", "shares", "share"),
        *("tried", "python", "block"),
    },
    "experiments/report/latex.py": {"caption", "name", "columns"},
    "experiments/report/measuring.py": {
        "' | '.join(heads)",
        "' | '.join([name, *cells, _band(row('half', 1, 200.0), 100, 1)])",
    },
    "experiments/thesis/build.py": {"name"},
    "experiments/thesis/macros.py": {"name", "text", "value"},
    "experiments/thesis/text.py": {"name", "figure"},
    "experiments/thesis/tables.py": {"group"},
    **dict.fromkeys(("experiments/report/engineering.py", "experiments/report/results.py"), {
        "' | '.join((str(cell) for cell in cells))"
    }),
}  # fmt: skip
"""What stands in markup as it is: made of harmless parts, of the module's own words, or of checked results."""


def test_nothing_is_written_past_the_function_for_it():
    found = []
    for path in MODULES:
        module = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                stream = re.match(r"(sys\.(stdout|stderr)|tqdm)\.write", called) and module not in STREAMS
                if stream or module not in WAYS_OUT.get(called.rpartition(".")[2], {module}):
                    found.append(f"{module}:{node.lineno}: {called}()")
            elif isinstance(node, ast.JoinedStr):
                found += [f"{module}:{node.lineno}: {{{text}}} in markup" for text in loose(node, OWN.get(module, ()))]
    assert not found


def loose(node, own):
    """Placeholders of an f-string with markup that no harmless function filled."""
    words_of_it = "".join(part.value for part in node.values if isinstance(part, ast.Constant))
    for part in node.values if MARKUP.search(words_of_it) else ():
        if isinstance(part, ast.FormattedValue) and part.format_spec is None:
            call = isinstance(part.value, ast.Call) and ast.unparse(part.value.func).rpartition(".")[2]
            text = ast.unparse(part.value)
            if call not in HARMLESS and text not in own:
                yield text


def test_a_way_past_them_is_found():
    node = ast.parse('f"<b>{name}</b>{html_text(name)}{share:.2f}"').body[0].value
    assert list(loose(node, set())) == ["name"] and not list(loose(node, {"name"}))


class Tags(HTMLParser):
    """Tags and attributes of a page, and its text."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("text", HOSTILE)
def test_each_function_makes_text_harmless(text):
    page = Tags()
    page.feed(f'<p title="{html_text(text)}">{html_text(text)}</p>')
    assert [tag for tag, _ in page.tags] == ["p"] and list(page.tags[0][1]) == ["title"]
    assert not STEERING.search("".join(page.text)) and "".join(page.text) == page.tags[0][1]["title"]
    shown = markdown_text(text)
    assert "<" not in shown and not STEERING.search(shown) and not re.search(r"(?<!\\)(\\\\)*[`*\[\]|~$]", shown)
    cells = list(csv.reader(io.StringIO(csv_text(pd.DataFrame({text: [text], "n": [1]})))))
    (heading, _), (cell, _) = cells
    assert heading == cell and cell[0] not in "=+-@" and not STEERING.search(cell)
    assert list(csv.reader(io.StringIO(format_rows([{text: text}], "csv")))) == [[heading], [cell]]
    assert json.loads(format_rows([{"a": text}], "json")) == [{"a": text}]
    Figure().text(0, 0, figure_text(text)).get_window_extent()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_a_command_of_latex(text, tmp_path):
    table = export_table(pd.DataFrame({"a": [text], "b": ["$x$"]}), "t", tmp_path, "c", f"of {text}").read_text()
    assert table.startswith("% of ") and table.count("\n") == 13
    row = table.splitlines()[9].removesuffix(r" & $x$ \\")
    assert row == escape(text)
    left = re.sub(r"\\[&%#_{}$]|\\text\w+\{\}", "", row)
    assert not re.search(r"[&%#_{}$\\^~]", left)


def test_a_figure_takes_hostile_names():
    for text in ("$\\frac{$", " ".join(HOSTILE)[:60]):
        frame = make_frame().assign(
            model=[text, f"b{text}", "c"], latency_high_ms=[1.0, 2.0, 3.0], latency_basis="known"
        )
        for plot in (plot_recommendation, plot_pareto):
            picture(plot(frame.assign(on_pareto=True)).figure)
    names = [text.encode("utf-8", "replace").decode() for text in HOSTILE]
    counts = [[1] * len(names[:15])] * 15
    picture(plot_report(pd.DataFrame(counts).to_numpy(), names[:15], []))
    assert words(["a_$b"]) == [r"a \$b"]


def test_progress_steers_no_terminal(monkeypatch, capsys):
    monkeypatch.setenv("PTMREC_PROGRESS", "plain")
    list(progress(range(20), "running \x1b[2J\nError: x"))
    assert "\x1b" not in capsys.readouterr().err
