"""One-dimensional k-means of one large tensor against libraries."""

import faiss
import kmeans1d
import numpy as np
from sklearn.cluster import KMeans

from benchmarks.timing import Row, compare, take_turns
from ptmrec.extractors.kmeans import sorted_centres

VALUES, K, SAMPLE = 512 * 512 * 9, 50, 20_000
"""A 3 x 3 convolution of 512 to 512 channels."""
FAISS_SAMPLE = 256
"""Values per centre that faiss takes unless told otherwise."""


def inertia(values: np.ndarray, centres: np.ndarray) -> float:
    """Sum of squared distances to the nearest centre."""
    ordered = np.sort(np.asarray(centres, dtype=np.float64).reshape(-1))
    places = np.searchsorted((ordered[1:] + ordered[:-1]) / 2, values)
    return float(((values - ordered[places]) ** 2).sum())


def _faiss(values: np.ndarray, everything: bool) -> np.ndarray:
    more = {"max_points_per_centroid": len(values)} if everything else {}
    means = faiss.Kmeans(1, K, **more)
    means.train(values[:, None])
    return means.centroids


def run() -> list[Row]:
    """Time and inertia against faiss (default, which subsamples, and on all points), and the exact optimum."""
    faiss.omp_set_num_threads(1)
    values = np.random.default_rng(0).standard_t(5, VALUES).astype(np.float32)
    ways = {
        "ours": lambda: sorted_centres(values, K),
        "faiss.Kmeans": lambda: _faiss(values, False),
        "faiss.Kmeans, all points": lambda: _faiss(values, True),
        "np.sort (floor)": lambda: np.sort(values),
    }
    found = {name: inertia(values, ways[name]()) for name in list(ways)[:3]}
    work = f"k-means of {VALUES / 1e6:.2f} M values, k = {K}"
    share = found["ours"] / found["faiss.Kmeans"]
    reaches = {"faiss.Kmeans": 0.25, "faiss.Kmeans, all points": None, "np.sort (floor)": None}
    rows = compare(work, take_turns(ways, 5), "ours", reaches)
    rows.append(Row("its inertia", "faiss.Kmeans", found["ours"], found["faiss.Kmeans"], share, share, share, 0.2, ""))
    sampled = kmeans1d.cluster(values[: FAISS_SAMPLE * K].astype(np.float64), K).centroids
    share = found["ours"] / inertia(values, sampled)
    peer = f"kmeans1d (exact) on {FAISS_SAMPLE * K:,} of the values"
    rows.append(Row("its inertia", peer, found["ours"], found["ours"] / share, share, share, share, 1.0, ""))
    few = values[:SAMPLE].astype(np.float64)
    exact = inertia(few, kmeans1d.cluster(few, K).centroids)
    fitted = KMeans(K, n_init=1, random_state=0).fit(few[:, None])
    mine = inertia(few, sorted_centres(few, K))
    work = f"its inertia on {SAMPLE} of the values"
    for peer, theirs in (("kmeans1d (exact)", exact), ("scikit-learn", inertia(few, fitted.cluster_centers_))):
        reach = None if "exact" in peer else 1.05  # nothing is below the optimum
        rows.append(Row(work, peer, mine, theirs, *[mine / theirs] * 3, reach, ""))
    return rows
