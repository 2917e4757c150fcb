"""Whether labels have to do with the images: neighbours that share a label, beside what shuffled labels give."""

from collections.abc import Callable

import numpy as np
import torch

from ptmrec.inspection.findings import Finding
from ptmrec.inspection.scan import Scan

NEIGHBOURS = 5
PERMUTATIONS = 300
LEVEL = 0.02
"""Share of shuffles that may agree as well as the labels do before they look shuffled."""
MOST = 2000
"""Images compared, drawn by chance."""
LEAST = 24
"""Images from which on an answer means something."""


def agreement(features: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """How often the nearest other images share a label.

    Args:
        features: ``(n, d)``.
        labels: ``(n,)`` class indices.

    Returns:
        Share of the :data:`NEIGHBOURS` nearest others with the image's own label, its mean over shuffled labels, and
        the share of shuffles that reach it (p, from a permutation test).
    """
    count = min(NEIGHBOURS, len(labels) - 1)
    points = torch.as_tensor(features, dtype=torch.float32)
    apart = torch.cdist(points, points).fill_diagonal_(torch.inf)
    near = apart.topk(count, largest=False).indices.numpy()
    own = float((labels[near] == labels[:, None]).mean())
    generator = np.random.default_rng(0)
    null = []
    for _ in range(PERMUTATIONS):
        shuffled = generator.permutation(labels)
        null.append(float((shuffled[near] == shuffled[:, None]).mean()))
    return own, float(np.mean(null)), (1 + sum(value >= own for value in null)) / (1 + PERMUTATIONS)


def check_labels(scan: Scan, encode: Callable[[list], np.ndarray] | None = None) -> tuple[list[Finding], dict]:
    """Whether the labels look shuffled.

    Args:
        scan: the images; copies to the pixel are counted once, or each would be its own neighbour.
        encode: asked for better features ``(n, d)`` of places of files where pixels show nothing.
    """
    first = sorted({digest: index for index, digest in reversed(list(enumerate(scan.digests)))}.values())
    names, labels = np.unique([scan.labels[index] for index in first], return_inverse=True)
    why = "a model cannot learn labels that have nothing to do with the images"
    if len(names) < 2 or len(first) < LEAST:
        return [], {}
    chosen = np.sort(np.random.default_rng(0).permutation(len(first))[:MOST])
    kept, labels = np.array(first)[chosen], labels[chosen]
    colours = scan.colour.reshape(len(scan.colour), -1).astype(np.float32)
    answers = {"form": agreement(scan.forms[kept], labels), "colour": agreement(colours[kept], labels)}
    basis = min(answers, key=lambda name: answers[name][2])
    own, null, p = answers[basis]
    p = min(1.0, p * len(answers))  # the better of two answers: Bonferroni's correction
    if p > LEVEL and encode is not None:
        basis = "the encoder's features"
        own, null, p = agreement(encode([scan.paths[index] for index in kept]), labels)
    facts = {"agreement": round(own, 4), "by_chance": round(null, 4), "p": round(p, 4), "basis": basis}
    what = f"{own:.0%} of the nearest images share a label, {null:.0%} would by chance (p = {p:.3f}, by {basis})"
    if p > LEVEL:
        do = (
            "look at a few images of each class beside their label; check the order of files and labels; ptmrec "
            "recommend says whether its reference models tell the classes apart"
        )
        return [Finding("shuffled_labels", "fault", what, why, do)], facts
    return [Finding("shuffled_labels", "ok", what, why)], facts
