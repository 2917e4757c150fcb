"""Tables and single numbers as LaTeX files, each saying where it came from."""

import re
from pathlib import Path

import pandas as pd

from ptmrec.files import write_text
from ptmrec.plots.style import REGIME_LABELS


def export_table(frame: pd.DataFrame, name: str, folder: Path, caption: str, origin: str) -> Path:
    """Write a frame as a LaTeX table (booktabs) that the thesis inputs.

    Args:
        frame: text and numbers as they shall appear; the index is not shown.
        name: file name and label.
        folder: where the thesis looks for it.
        caption: caption.
        origin: what made it, for the comment on top.
    """
    escaped = frame.map(lambda value: escape(value) if isinstance(value, str) else value)
    escaped.columns = [escape(str(column)) for column in frame.columns]
    latex = escaped.style.hide(axis="index").to_latex(
        hrules=True, caption=caption, label=f"tab:{name}", position="t", position_float="centering"
    )
    return write_text(folder / f"{name}.tex", f"% {origin}\n{latex}")


def export_number(value: float | int | str, name: str, folder: Path, origin: str) -> Path:
    r"""Write one number for ``\input`` in running text; no line break follows it."""
    return write_text(folder / f"{name}.tex", f"% {origin}\n{value}%\n")


def escape(text: str) -> str:
    """Escape what LaTeX would read as a command; ``$...$`` is left as it is."""
    parts = re.split(r"(\$[^$]*\$)", text)
    return "".join(part if part.startswith("$") else re.sub(r"([&%#_{}])", r"\\\1", part) for part in parts)


def results_table(summary: pd.DataFrame, group: str) -> pd.DataFrame:
    """The rows of a group as they appear in the thesis: tau_w with interval, gain, regret, cost."""
    rows = []
    for (regime, method), part in summary[summary["group"] == group].groupby(["regime", "method"], sort=False):
        row = part.iloc[0]
        is_ours = method == "Cross-Select"
        rows.append(
            {
                "regime": REGIME_LABELS[regime],
                "method": method,
                "$\\tau_w$": f"{row['tau_w']:.2f} [{row['tau_w_low']:.2f}, {row['tau_w_high']:.2f}]",
                "of ceiling": f"{100 * row['of_ceiling']:.0f} %",
                "ours minus this": "" if is_ours else _signed(row),
                "NDCG@5": f"{row['ndcg5']:.2f}",
                "hit@5": f"{row['hit5']:.2f}",
                "regret": f"{row['regret1']:.1f}",
            }
        )
    return pd.DataFrame(rows)


def _signed(row: pd.Series) -> str:
    return f"{row['gain']:+.2f} [{row['gain_low']:+.2f}, {row['gain_high']:+.2f}]"
