"""Images that are there twice: to the pixel, or nearly."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

import numpy as np

from ptmrec.core.words import first_few
from ptmrec.inspection.findings import Finding
from ptmrec.inspection.scan import Scan

MAX_BITS = 8
"""Bits of 64 in which the hashes of near-duplicates may differ."""
LEAST_CORRELATION = 0.985
"""Correlation of the grey thumbnails of near-duplicates: hashes alone take simple pictures for each other."""
LEAST_SHARE = 0.02
"""Share of the images from which on duplicates within a part are a fault; a few are normal in collections."""
CHUNK = 512
MOST_PAIRS = 50_000
"""Pairs after which the search ends: many copies of one image make a square of pairs."""
SHOWN = 3


def exact_groups(scan: Scan) -> list[list[int]]:
    """Groups of images with the same pixels, largest first."""
    places = defaultdict(list)
    for index, digest in enumerate(scan.digests):
        places[digest].append(index)
    return sorted((group for group in places.values() if len(group) > 1), key=len, reverse=True)


def near_pairs(scan: Scan) -> list[tuple[int, int]]:
    """Pairs of images that look alike to the eye but are not the same to the pixel, at most :data:`MOST_PAIRS`.

    Compared by hash in chunks, so that memory grows with the number of images, not with its square.
    """
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(scan.hashes), CHUNK):
        apart = np.bitwise_count(scan.hashes[start : start + CHUNK, None] ^ scan.hashes[None, start:])
        rows, columns = np.nonzero(apart <= MAX_BITS)
        rows, columns = rows[columns > rows] + start, columns[columns > rows] + start
        for place in range(0, len(rows), CHUNK):
            first, second = rows[place : place + CHUNK], columns[place : place + CHUNK]
            alike = np.einsum("nd,nd->n", scan.forms[first], scan.forms[second]) >= LEAST_CORRELATION
            found = zip(first[alike].tolist(), second[alike].tolist(), strict=True)
            pairs += [pair for pair in found if scan.digests[pair[0]] != scan.digests[pair[1]]]
            if len(pairs) >= MOST_PAIRS:
                return pairs[:MOST_PAIRS]
    return pairs


def check_duplicates(scan: Scan) -> tuple[list[Finding], dict]:
    """Findings on duplicates within parts, across parts and with two labels; and the numbers behind them."""
    groups, pairs = exact_groups(scan), near_pairs(scan)
    linked = [(group[0], other) for group in groups for other in group[1:]]
    findings = [
        _within(scan, linked, "exact_duplicates", "the same to the pixel"),
        _within(scan, pairs, "near_duplicates", "nearly the same"),
        _across(scan, groups, linked, pairs),
        _conflicts(scan, groups),
    ]
    facts = {
        "exact_groups": [[scan.name(index) for index in group] for group in groups[:20]],
        "near_pairs": [[scan.name(first), scan.name(second)] for first, second in pairs[:20]],
        "exact": len(linked),
        "near": len(pairs),
    }
    return [finding for finding in findings if finding], facts


def _within(scan: Scan, pairs: list[tuple[int, int]], check: str, what: str) -> Finding:
    kept = [pair for pair in pairs if scan.parts[pair[0]] == scan.parts[pair[1]]]
    why = "a model counts them several times, and a split by chance puts copies on both sides"
    if not kept:
        return Finding(check, "ok", f"no two images of a part are {what}", why)
    images = len({second for _, second in kept})
    severity = "fault" if images >= max(2, LEAST_SHARE * len(scan.paths)) else "advice"
    what = f"{images} of {len(scan.paths)} images are {what} as another: {_shown(scan, kept)}"
    return Finding(check, severity, what, why, "keep one of each")


def _across(
    scan: Scan, groups: list[list[int]], linked: list[tuple[int, int]], pairs: list[tuple[int, int]]
) -> Finding | None:
    if len(set(scan.parts)) < 2:
        return None
    why = "what a model has learned by heart is then counted as skill"
    further = [pair for group in groups for pair in _apart(scan, combinations(group[1:], 2))[:SHOWN]]
    exact, near = _apart(scan, linked) + further, _apart(scan, pairs)
    if not exact and not near:
        return Finding("leak", "ok", "no image is in two parts", why)
    judged = sum(part != "train" for part in scan.parts)
    severity = "fault" if exact or len(near) >= max(2, LEAST_SHARE * judged) else "advice"
    what = f"{len(exact)} pair(s) of images the same to the pixel and {len(near)} nearly the same lie in two parts"
    return Finding("leak", severity, f"{what}: {_shown(scan, exact + near)}", why, "take them out of test/ and val/")


def _apart(scan: Scan, pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those pairs whose images lie in two parts."""
    return [(first, second) for first, second in pairs if scan.parts[first] != scan.parts[second]]


def _conflicts(scan: Scan, groups: list[list[int]]) -> Finding | None:
    if len(set(scan.labels)) < 2:
        return None
    why = "no model can be right about both"
    wrong = [group for group in groups if len({scan.labels[index] for index in group}) > 1]
    if not wrong:
        return Finding("two_labels", "ok", "no image has two labels", why)
    pairs = [(group[0], next(i for i in group if scan.labels[i] != scan.labels[group[0]])) for group in wrong]
    what = f"{len(wrong)} image(s) stand in two classes: {_shown(scan, pairs)}"
    return Finding("two_labels", "fault", what, why, "find out which label is right and take the other out")


def _shown(scan: Scan, pairs: list[tuple[int, int]]) -> str:
    return first_few([f"{scan.name(first)} and {scan.name(second)}" for first, second in pairs], "; ", SHOWN)
