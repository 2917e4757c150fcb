"""Explaining the features of models by the references."""

from pathlib import Path

from ptmrec.config.sections import RelationConfig
from ptmrec.core.progress import progress
from ptmrec.extractors.explanation import probe_images
from ptmrec.pipeline.committed import ProjectFiles
from ptmrec.recommender.references import References
from ptmrec.relations.transport import TransportMaps, write_transport
from ptmrec.zoo.features import extract_features


def explain_zoo(files: ProjectFiles, folder: Path) -> None:
    """Write the transport of every model into a folder; those that are there already stay."""
    images = probe_images(files.config.get(RelationConfig), files.paths.battery, files.splits.known)
    maps = TransportMaps(References(files.config).coordinates(images))
    for snapshot in progress(files.zoo, "explaining models"):
        if not (folder / f"{snapshot.name}.npz").is_file():
            write_transport(folder, snapshot.name, maps, extract_features(snapshot.load(), images))
