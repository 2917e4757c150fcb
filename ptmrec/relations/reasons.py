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
LITTLE = 0.05
"""Part of a score that is not worth a word."""


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
            f"good on {_joined(self.liked()) or 'known data sets'}": SKILLS,
            "learned from images like these": ("source_encoder", "source_reference"),
            "its size": ("size",),
            "accurate where it was trained": ("source_accuracy",),
            "models like it do well here": (KIN_SKILLS,),
        }
        sums = {words: sum(self.relations[name] for name in names) for words, names in kinds.items()}
        best = max(sums, key=sums.get)
        return best if sums[best] > 0 else "nothing speaks for it"

    def liked(self) -> list[str]:
        """The two known data sets whose skill speaks most for the model, if they do."""
        best = sorted(self.evidence, key=lambda name: -self.evidence[name])[:2]
        return [name for name in best if self.evidence[name] > 0]

    def words(self, class_names: tuple[str, ...] = ()) -> list[str]:
        """The reasons without numbers, a sentence each: what it did well on, your classes, its size."""
        parts, liked = self.relations, self.liked()
        source = parts["source_encoder"] + parts["source_reference"]
        said = [f"It did well on {_joined(liked)}, of the known data sets most like these images."] if liked else []
        for value, good, bad in (
            (
                parts["transport"],
                "Its features separate your classes better than those of most models.",
                "Its features separate your classes worse than those of most models.",
            ),
            (
                source,
                "It learned from images more like these than most models did.",
                "It learned from images less like these than most models did.",
            ),
            (parts[KIN_SKILLS], "Models like it do well on such images.", "Models like it do badly on such images."),
            (parts["size"], "Models of its size tend to do well.", "Models of its size tend to do badly."),
        ):
            said += [good if value > 0 else bad] if abs(value) > LITTLE else []
        worst = [_class_name(place, class_names) for place in self.worst_classes]
        return [*said, *([f"Of your classes it is expected to mix up {_joined(worst, '')} first."] if worst else [])]

    def sentence(self, class_names: tuple[str, ...] = ()) -> str:
        """In words: the relations and data sets that weigh most, and the worst classes."""
        parts = sorted(self.relations.items(), key=lambda item: -abs(item[1]))[:3]
        carried = sorted(self.evidence.items(), key=lambda item: -abs(item[1]))[:3]
        said = ", ".join(f"{name.replace('_', ' ')} {value:+.2f}" for name, value in parts)
        sets = ", ".join(f"{name} {value:+.2f}" for name, value in carried)
        worst = [
            f"{_class_name(place, class_names)} ({share:.0%} right)" for place, share in self.worst_classes.items()
        ]
        hard = f"; expected to separate worst: {', '.join(worst)}" if worst else ""
        return f"{self.model}: {said}; skill carried by {sets}{hard}"


def _class_name(place: int, names: tuple[str, ...]) -> str:
    return names[place] if place < len(names) else f"class {place}"


def _joined(names: list[str], gap: str = " ") -> str:
    """Names in a sentence; ``gap`` stands for the underscores in them."""
    names = [name.replace("_", gap or "_") for name in names]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


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
