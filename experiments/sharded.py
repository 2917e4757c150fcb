"""What is made in shards: the views of the models, and a zoo build."""

import hashlib
import json
import platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from experiments.shards import ShardedWork
from experiments.zoo_build.image_sets import INDEX_NAME, read_image_sets
from experiments.zoo_build.pieces import CELL_KINDS, build_zoo, cell_path
from experiments.zoo_build.plan import plan_models
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import GroundTruthConfig, PathsConfig, ZooConfig
from ptmrec.dataloader.model_datasets import read_model_tokens, write_model_tokens
from ptmrec.pipeline.project import Project
from ptmrec.pipeline.step import Step
from ptmrec.pipeline.views import extract_views
from ptmrec.zoo.card import CARD_NAME


def with_versions(key: str) -> str:
    """A key that also holds what bits may depend on beside data, settings and code, which machines may not share."""
    versions = [platform.python_version(), *map(version, ("torch", "numpy", "ptmrec"))]
    return hashlib.sha256(json.dumps([key, versions]).encode()).hexdigest()


def view_shards(project: Project) -> ShardedWork:
    """The views of a project's models in shards, a file each; a merge makes them the result of the project's step."""
    step, snapshots = project.views_step(), {snapshot.name: snapshot for snapshot in project.zoo}
    key = with_versions(step.key())
    folder = project.paths.artifacts / "shards" / "views" / key[:16]

    def is_done(name: str) -> bool:
        return (folder / f"{name}.npz").is_file()

    def work(names: list[str]) -> None:
        extract_views(project, folder, [snapshots[name] for name in names])

    return ShardedWork("views", "ptmrec extract", folder, key, list(snapshots), is_done, work)


def merge_views(project: Project, work: ShardedWork) -> None:
    """Make the views of all shards the result of the project's step, unless that is there."""

    def join(folder: Path) -> None:
        for name in work.names:
            write_model_tokens(folder, name, read_model_tokens(work.folder, name))  # read, or damage would go on

    project.run(project.views_step(), instead=join)


def zoo_shards(config: ConfigParser, images: Path | None = None) -> ShardedWork:
    """A zoo build in shards of the models: each trains its models and measures them on every target.

    The files lie where those of a build on one machine lie, and serve it; only shards tell what they are made with.

    Args:
        config: the configuration; pieces go to ``artifacts/zoo_build``.
        images: folder of image sets; the configured one without it.

    Raises:
        ArtifactError: the table of the image sets is missing or damaged.
    """
    paths, zoo, truth = config.get(PathsConfig), config.get(ZooConfig), config.get(GroundTruthConfig)
    images, folder, targets = images or paths.images, paths.artifacts / "zoo_build", list(read_splits(paths.splits).all)
    read_image_sets(images / INDEX_NAME)
    inputs = [images / INDEX_NAME, paths.splits]  # the table names the hash of every image set
    key = Step("zoo_build", inputs, [replace(zoo, workers=1, every=1), truth], build_zoo, folder).key()

    def is_done(name: str) -> bool:
        cells = (cell_path(folder, kind, target, name) for kind in CELL_KINDS for target in targets)
        return (folder / "models" / name / CARD_NAME).is_file() and all(cell.is_file() for cell in cells)

    def work(names: list[str]) -> None:
        build_zoo(images, folder, zoo, truth, targets, names)

    names = [plan.name for plan in plan_models(zoo)]
    return ShardedWork("zoo", "ptmrec zoo build", folder, with_versions(key), names, is_done, work)
