"""The answer to somebody's images, for the command line, scripts and notebooks alike."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from ptmrec.recommender.verify import Verification
    from ptmrec.relations.reasons import Reasons

SHOWN = 10
"""Models shown in a notebook."""


@dataclass(frozen=True)
class Recommendation:
    """Models ranked for images.

    Attributes:
        frame: models best first: ``rank, model, family, parameters, trained_on, score, expected_accuracy, low_80,
            high_80, low_95, high_95`` (intervals around it), ``tied_with_best``, and ``verified`` when candidates
            were run; accuracies from 0 to 1.
        regime: ``low_data`` or ``fine_tuning``.
        images_there: images of the data set.
        images_used: images the ranking was made from.
        num_classes: classes of the data set, 0 when unlabelled.
        part: folder of the training part that was used, empty when the data set has no parts.
        ranked_by: folder of the recommender.
        notes: sentences about how far the answer can be trusted.
        verification: what running candidates on the images gave and cost; None when none was run.
        reasons: why the first models rank where they do.
    """

    frame: "pd.DataFrame"
    regime: str
    images_there: int
    images_used: int
    num_classes: int
    part: str
    ranked_by: Path
    notes: tuple[str, ...] = ()
    verification: "Verification | None" = None
    reasons: "tuple[Reasons, ...]" = ()

    @property
    def best(self) -> str:
        """Name of the model ranked first."""
        return str(self.frame["model"].iloc[0])

    @property
    def num_tied(self) -> int:
        """Models that are not told apart from the best, itself included."""
        return int(self.frame["tied_with_best"].sum())

    def __len__(self) -> int:
        return len(self.frame)

    def readable(self, count: int | None = None) -> "pd.DataFrame":
        """The first ``count`` models in few enough columns for a terminal; ``1=`` marks a tie with the best."""
        frame = self.frame.head(len(self) if count is None else count)
        tied = frame["tied_with_best"] & (self.num_tied > 1)
        rank = ["1=" if equal else str(rank) for rank, equal in zip(frame["rank"], tied, strict=True)]
        parts = zip(*(frame[name] for name in ("expected_accuracy", "low_80", "high_80")), strict=True)
        kept = frame[["rank", "model", "parameters", "trained_on", "score"]].round({"score": 3})
        kept = kept.assign(rank=rank, accuracy=[f"{value:.2f} ({low:.2f}-{high:.2f})" for value, low, high in parts])
        kept = kept.rename(columns={"parameters": "params", "trained_on": "trained on"})
        return kept.assign(run=frame["verified"].map({True: "yes", False: ""})) if "verified" in frame else kept

    def describe_tie(self) -> str:
        """One sentence about the models tied with the best; empty when there are none."""
        if self.num_tied < 2:
            return ""
        together = bool(self.frame["tied_with_best"].head(self.num_tied).all())
        who = f"the first {self.num_tied} models" if together else f"{self.num_tied} models, marked 1=,"
        return f"{who} are tied: they differ by less than their uncertainty"

    def describe(self) -> str:
        """One line: how many images there are and were used, the regime, and what ranked how many models."""
        images = f"{self.images_used} of {self.images_there} images used"
        part = f" (training part {self.part}/)" if self.part else ""
        kind = f"{self.num_classes} classes" if self.num_classes else "unlabelled images"
        regime = self.regime.replace("_", " ")
        return f"{images}{part}, {kind}; regime {regime}; {len(self)} models ranked by {self.ranked_by}"

    def remarks(self) -> list[str]:
        """What to read beside the table, a sentence each."""
        verified = "" if self.verification is None else self.verification.describe()
        return [line for line in (*self.notes, self.describe_tie(), verified, self.describe()) if line]

    def _repr_html_(self) -> str:
        from html import escape

        lines = "<br>".join(escape(line) for line in self.remarks())
        return f"{self.readable(SHOWN).to_html(index=False)}<p>{lines}</p>"
