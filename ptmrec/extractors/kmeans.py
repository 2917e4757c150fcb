"""One-dimensional k-means on sorted, binned values."""

import numpy as np

BINS = 4096
BLOCK = 32768
"""Values that are binned at a time."""
ROUNDING = 1e-7
"""Share of a bin within which a value is compared with the edge itself."""
STEPS = 30


def sorted_centres(values: np.ndarray, k: int) -> np.ndarray:
    """Sorted k-means centres of scalars.

    One dimension has an order, so no general library is needed: the values are binned, and Lloyd's step is
    two look-ups in cumulative sums. Centres start at quantiles of the cube root of the density, the optimal
    density of a quantiser (Panter and Dite, 1951); plain quantiles end in poor optima on heavy tails.

    Args:
        values: finite numbers of any shape.
        k: number of centres.

    Returns:
        ``(k,)`` float64 ascending, or the sorted distinct values when there are at most ``k``.
    """
    flat = np.asarray(values).reshape(-1)
    many = len(np.unique(flat[: 2 * BINS])) > BINS  # or all are sorted, which costs as much as everything else
    if not many:
        points, counts = np.unique(flat.astype(np.float64), return_counts=True)
        if len(points) <= k:
            return points
        sums, many = points * counts, len(points) > BINS
    if many:
        counts, sums = bin_values(flat)
        counts, sums = counts[counts > 0], sums[counts > 0]
        points = sums / counts
    return _lloyd(points, counts.astype(np.float64), sums, _start(points, counts, k))


def bin_values(flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count and sum of the values in each of :data:`BINS` equal bins, in one pass that stays in the cache.

    Args:
        flat: ``(n,)`` finite numbers that are not all the same.

    Returns:
        ``(BINS,)`` int64 and float64, as two calls of :func:`numpy.histogram` give them.
    """
    low, high = float(flat.min()), float(flat.max())
    edges, scale = np.linspace(low, high, BINS + 1), BINS / (high - low)
    counts, sums = np.zeros(BINS, np.int64), np.zeros(BINS)
    doubles, shares, whole = np.empty(BLOCK), np.empty(BLOCK), np.empty(BLOCK, np.intp)
    for start in range(0, len(flat), BLOCK):
        block = flat[start : start + BLOCK]
        values, share, places = doubles[: len(block)], shares[: len(block)], whole[: len(block)]
        values[...] = block
        np.subtract(values, low, out=share)
        share *= scale
        places[...] = share
        share -= places
        if share.min() < ROUNDING or share.max() > 1 - ROUNDING:  # so near an edge the multiplication may be wrong
            near = np.flatnonzero((share < ROUNDING) | (share > 1 - ROUNDING))
            places[near] = _place(values[near], np.minimum(places[near], BINS - 1), edges)
        counts += np.bincount(places, minlength=BINS)
        sums += np.bincount(places, weights=values, minlength=BINS)
    return counts, sums


def _place(values: np.ndarray, places: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Bins of values, from bins that may be one off."""
    places = places - (values < edges[places])
    return places + ((values >= edges[places + 1]) & (places < BINS - 1))


def _start(points: np.ndarray, counts: np.ndarray, k: int) -> np.ndarray:
    """``k`` distinct points; several centres in one gap of a heavy tail would stay empty for ever."""
    widths = np.gradient(points)
    mass = np.cumsum(np.cbrt(counts / widths) * widths)
    chosen = np.unique(np.searchsorted(mass, (np.arange(k) + 0.5) / k * mass[-1]))
    unused = np.setdiff1d(np.arange(len(points)), chosen)
    extra = unused[np.linspace(0, len(unused) - 1, k - len(chosen)).round().astype(int)]
    return points[np.sort(np.concatenate([chosen, extra]))]


def _lloyd(points: np.ndarray, counts: np.ndarray, sums: np.ndarray, centres: np.ndarray) -> np.ndarray:
    total_counts = np.concatenate([[0.0], np.cumsum(counts)])
    total_sums = np.concatenate([[0.0], np.cumsum(sums)])
    for _ in range(STEPS):
        cuts = np.searchsorted(points, (centres[1:] + centres[:-1]) / 2)
        bounds = np.concatenate([[0], cuts, [len(points)]])
        members = np.diff(total_counts[bounds])
        moved = np.where(members > 0, np.diff(total_sums[bounds]) / np.maximum(members, 1), centres)
        if np.allclose(moved, centres, rtol=0, atol=1e-12):
            break
        centres = moved
    return np.sort(centres)
