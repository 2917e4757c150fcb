"""The combined loader against bare reads of the files it is made from."""

import json

import numpy as np

from benchmarks.timing import Row, compare, take_turns
from ptmrec.benchmark.ground_truth import _read
from ptmrec.config.parser import ConfigParser
from ptmrec.dataloader.combined_similarity_dataloader import build_combined_similarity_loader, default_sources


def run() -> list[Row]:
    """Time to make the loader and read every list once, against reading the same NPZ files and no more."""
    sources = default_sources(ConfigParser())
    files = [sources.model_tokens / f"{name}.npz" for name in sources.models]
    files += sorted((sources.dataset_tokens / "train").glob("*.npz")) + [sources.relations]

    def bare() -> None:
        for path in files:
            with np.load(path, allow_pickle=False) as archive:
                for name in archive.files:
                    archive[name]

    def anew() -> None:
        _read.cache_clear()
        list(build_combined_similarity_loader(sources))

    def bare_with_truth() -> None:
        bare()
        json.loads(sources.ground_truth.read_text())

    ways = {
        "ours": lambda: list(build_combined_similarity_loader(sources)),
        "bare NPZ reads": bare,
        "ours, anew": anew,
        "bare NPZ reads and json.loads": bare_with_truth,
    }
    seconds, work = take_turns(ways, 7), f"combined loader, {len(files)} files"
    rows = compare(work, seconds, "ours", {"bare NPZ reads": 1.2})
    first = f"{work}, and the ground truth for the first time"
    return rows + compare(first, seconds, "ours, anew", {"bare NPZ reads and json.loads": None})
