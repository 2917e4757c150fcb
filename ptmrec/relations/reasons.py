"""Why a model ranks where it does: exact for the linear part, which is a sum."""

from dataclasses import dataclass

import numpy as np

from ptmrec.relations.linear import LinearRanker
from ptmrec.relations.pairs import RELATIONS, PairTable, shares, skill_logits
from ptmrec.relations.ridge import ridge_left_out_classes
from ptmrec.relations.samples import DatasetSample

SKILLS = ("skill_encoder", "skill_reference", "skill_transport", "mean_skill")
"""Relations that are means of skills on known data sets, in the order of their logits."""
KIN_SKILLS = "siblings"
"""Name of what all skills of siblings add together."""
WORST = 3


@dataclass(frozen=True)
class Reasons:
    """What makes the score of one model for one data set.

    Attributes:
        model: its name.
        relations: what each relation adds to the score, beside the mean over the known models; what the siblings of a
            model that was never measured add is one of them.
        evidence: what each known data set adds through the model's skill there; these sum to what the four relations
            that are mean skills add, the mean over the known models not taken off.
        worst_classes: indices of the classes that transport separates worst, worst first, and how many of their
            images are right when they are left out.
    """

    model: str
    relations: dict[str, float]
    evidence: dict[str, float]
    worst_classes: dict[int, float]

    def phrase(self) -> str:
        """What speaks most for the model, in a few words."""
        kinds = {
            "its features separate your classes": ("transport",),
            f"good on {self._carried()}": SKILLS,
            "learned from images like these": ("source_encoder", "source_reference"),
            "its size": ("size",),
            "accurate where it was trained": ("source_accuracy",),
            "models like it do well here": (KIN_SKILLS,),
        }
        sums = {words: sum(self.relations[name] for name in names) for words, names in kinds.items()}
        best = max(sums, key=sums.get)
        return best if sums[best] > 0 else "nothing speaks for it"

    def _carried(self) -> str:
        best = sorted(self.evidence, key=lambda name: -self.evidence[name])[:2]
        return " and ".join(name.replace("_", " ") for name in best) or "known data sets"

    def sentence(self, class_names: tuple[str, ...] = ()) -> str:
        """In words: the relations and data sets that weigh most, and the worst classes."""
        parts = sorted(self.relations.items(), key=lambda item: -abs(item[1]))[:3]
        carried = sorted(self.evidence.items(), key=lambda item: -abs(item[1]))[:3]
        said = ", ".join(f"{name.replace('_', ' ')} {value:+.2f}" for name, value in parts)
        sets = ", ".join(f"{name} {value:+.2f}" for name, value in carried)
        worst = [
            f"{class_names[place] if place < len(class_names) else f'class {place}'} ({share:.0%} right)"
            for place, share in self.worst_classes.items()
        ]
        hard = f"; separated worst: {', '.join(worst)}" if worst else ""
        return f"{self.model}: {said}; skill carried by {sets}{hard}"


def explain_score(
    ranker: LinearRanker,
    pairs: PairTable,
    target: str,
    place: int,
    sample: DatasetSample | None,
    transport: np.ndarray,
) -> Reasons:
    """Reasons of one model.

    Args:
        ranker: the linear ranker.
        pairs: models and data sets.
        target: the data set.
        place: position of the model.
        sample: images of the target, for the classes; without it no class is named.
        transport: ``(r, d)`` of the model.
    """
    inputs = ranker.inputs(pairs, target)
    inputs = inputs - np.where(np.abs(inputs).any(axis=1)[:, None], inputs, 0)[pairs.base].mean(axis=0)
    measured, new, siblings = np.split(inputs[place] * ranker.weights, [len(RELATIONS), 2 * len(RELATIONS)])
    own = dict(zip(RELATIONS, (measured + new).tolist(), strict=True))
    return Reasons(
        list(pairs.cards)[place],
        own | {KIN_SKILLS: float(siblings.sum())},
        evidence_of(ranker, pairs, target, place),
        {} if sample is None else _worst(sample, transport),
    )


def evidence_of(ranker: LinearRanker, pairs: PairTable, target: str, place: int) -> dict[str, float]:
    """What each known data set adds to a model's score through its skill there."""
    others = [name for name in ranker.skills if name != target]
    table = np.stack([ranker.skills[name] for name in others])[:, [place]]
    weights = ranker.weights[: len(RELATIONS)] if ranker.measured[place] else ranker.weights[len(RELATIONS) :]
    total = np.zeros(len(others))
    for name, logits in zip(SKILLS, skill_logits(pairs.likeness(target, others)), strict=True):
        total += weights[RELATIONS.index(name)] * (shares(table, logits) * np.nan_to_num(table))[:, 0]
    return dict(zip(others, total.tolist(), strict=True))


def _worst(sample: DatasetSample, transport: np.ndarray) -> dict[int, float]:
    if len(np.unique(sample.labels)) < 2:
        return {}
    found = ridge_left_out_classes(sample.coordinates @ np.asarray(transport, np.float64), sample.labels)
    order = [label for label in sorted(found, key=found.get) if found[label] < 1]
    return {label: found[label] for label in order[:WORST]}
