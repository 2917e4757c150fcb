"""Making the views of models."""

from collections.abc import Sequence
from pathlib import Path

from ptmrec.core.progress import progress
from ptmrec.dataloader.dataset_tokens import SPLITS
from ptmrec.dataloader.model_datasets import write_model_tokens
from ptmrec.extractors.views import ViewExtractor
from ptmrec.pipeline.committed import ProjectFiles
from ptmrec.zoo.snapshot import Snapshot


def extract_views(files: ProjectFiles, folder: Path, snapshots: Sequence[Snapshot] | None = None) -> None:
    """Write the views of some models, or of all, into a folder; those that are there already stay."""
    extractor = ViewExtractor(files.extract_config, files.dataset_tokens(*SPLITS).mean_tokens())
    for snapshot in progress(files.zoo if snapshots is None else snapshots, "extracting views"):
        if not (folder / f"{snapshot.name}.npz").is_file():
            write_model_tokens(folder, snapshot.name, extractor.extract(snapshot))
