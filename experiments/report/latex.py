"""Tables as LaTeX files, each saying where it came from.

Tables fit the 426 pt (5.9 in) of the thesis's text.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ptmrec.core.files import write_text
from ptmrec.core.words import visible
from ptmrec.plots.style import REGIME_LABELS


def export_table(
    frame: pd.DataFrame, name: str, folder: Path, caption: str, origin: str, group: str = "", columns: str = ""
) -> Path:
    r"""Write a frame as a LaTeX table (booktabs, ``\footnotesize``) that the thesis inputs.

    Args:
        frame: text and numbers as they shall appear; the index is not shown.
        name: file name and label.
        folder: where the thesis looks for it.
        caption: caption.
        origin: what made it, for the comment on top.
        group: column whose values become headings above their rows instead of a column, which saves width.
        columns: LaTeX's column letters; without them the first is left-aligned, the rest right.
    """
    shown = frame.drop(columns=group) if group else frame
    lines = [_row(shown.columns), r"\midrule"]
    blocks = frame.groupby(group, sort=False).groups.items() if group else [("", frame.index)]
    for place, (heading, index) in enumerate(blocks):
        if group:
            lines += [r"\addlinespace"] * bool(place)
            lines.append(rf"\multicolumn{{{len(shown.columns)}}}{{@{{}}l}}{{\emph{{{escape(str(heading))}}}}} \\")
        lines += [_row(values) for values in shown.loc[index].itertuples(index=False)]
    columns = columns or "l" + "r" * (len(shown.columns) - 1)
    latex = [
        rf"% {visible(origin)}",
        r"\begin{table}[t]",
        r"\centering\footnotesize\setlength{\tabcolsep}{3.5pt}",
        rf"\caption{{{caption}}}",
        rf"\label{{tab:{name}}}",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        *lines,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return write_text(folder / f"{name}.tex", "\n".join(latex) + "\n")


def _row(values: Iterable[object]) -> str:
    return " & ".join(_MINUS.sub("$-$", escape(str(value))) for value in values) + r" \\"


_MINUS = re.compile(r"(?<![\w.-])-(?=\d)")
"""A hyphen that is a sign, as before a number in a cell."""


_MATHS = re.compile(
    r"(\$(?:\\mathbf\{[\d.]+\}|\\(?:tau|varepsilon|beta|lambda)\b|\\tau(?=_)|[A-Za-z\d.+-])+(?:_\w)?\$)"
)
_SPECIAL = str.maketrans(
    {sign: rf"\{sign}" for sign in "&%#_{}$"}
    | {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
)


def escape(text: str) -> str:
    """Escape what LaTeX would read as a command; ``$...$`` of plain letters, numbers and our symbols stays."""
    parts = _MATHS.split(visible(text))
    return "".join(part if place % 2 else part.translate(_SPECIAL) for place, part in enumerate(parts))


def results_table(summary: pd.DataFrame, group: str, ours: str = "Cross-Select") -> pd.DataFrame:
    """The rows of a group as they appear in the thesis: tau_w and regret with intervals, paired gain, NDCG@5."""
    columns = ["regime", "method", "$\\tau_w$", "ours minus this", "NDCG@5", "regret"]
    rows = []
    for (regime, method), part in summary[summary["group"] == group].groupby(["regime", "method"], sort=False):
        row = part.iloc[0]
        tau = f"{row['tau_w']:.2f} [{row['tau_w_low']:.2f}, {row['tau_w_high']:.2f}]"
        gain = "" if method == ours else _signed(row)
        regret = f"{row['regret1']:.1f} [{row['regret1_low']:.1f}, {row['regret1_high']:.1f}]"
        rows.append((REGIME_LABELS[regime], method, tau, gain, f"{row['ndcg5']:.2f}", regret))
    return pd.DataFrame(rows, columns=columns)


def _signed(row: pd.Series) -> str:
    return f"{row['gain']:+.2f} [{row['gain_low']:+.2f}, {row['gain_high']:+.2f}]"
