"""The combined loader against bare reads of the files it is made from."""

import numpy as np

from benchmarks.timing import Row, compare, take_turns
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

    ways = {"ours": lambda: list(build_combined_similarity_loader(sources)), "bare NPZ reads": bare}
    return compare(f"combined loader, {len(files)} files", take_turns(ways, 5), "ours", {"bare NPZ reads": 1.2})
