"""A zoo build in shards of the models: each trains its models and measures them on every target."""

import shutil
from dataclasses import replace
from pathlib import Path

from experiments.sharding import Shard
from experiments.shards import ShardedWork
from experiments.zoo_build.pieces import CELL_KINDS, build_zoo, cell_path
from experiments.zoo_build.plan import plan_models
from experiments.zoo_build.publish import build_everything
from ptmrec.benchmark.image_sets import INDEX_NAME, read_image_sets
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import GroundTruthConfig, PathsConfig, ZooConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import file_hash, read_json, write_text
from ptmrec.pipeline.step import Step
from ptmrec.zoo.snapshot import weight_files


class ZooShards(ShardedWork):
    """Shards of a zoo build; their pieces lie where those of a build on one machine lie, and serve it.

    Args:
        config: the configuration; pieces go to ``artifacts/zoo_build``.
        images: folder of image sets; the configured one without it.

    Raises:
        ArtifactError: the table of the image sets is missing or damaged.
    """

    def __init__(self, config: ConfigParser, images: Path | None = None) -> None:
        self.config, self.paths = config, config.get(PathsConfig)
        self.images, self.work = images or self.paths.images, self.paths.artifacts / "zoo_build"
        self.zoo, self.truth = config.get(ZooConfig), config.get(GroundTruthConfig)
        self.targets = list(read_splits(self.paths.splits).all)
        read_image_sets(self.images / INDEX_NAME)
        inputs = [self.images / INDEX_NAME, self.paths.splits]  # the table names the hash of every image set
        settings = [replace(self.zoo, workers=1, every=1), self.truth]
        key = Step("zoo_build", inputs, settings, build_zoo, self.work).key()
        names = [plan.name for plan in plan_models(self.zoo)]
        super().__init__("zoo", "ptmrec zoo build", self.work / "shards", self.work, key, names)

    def _work(self, shard: Shard, models: list[str]) -> list[Path]:
        for name in models:
            self._begin(name)
        self._remove_changed(shard)
        build_zoo(self.images, self.work, self.zoo, self.truth, self.targets, models)
        cells = [
            cell_path(self.work, kind, target, name)
            for name in models
            for kind in CELL_KINDS
            for target in self.targets
        ]
        snapshots = [file for name in models for file in sorted((self.work / "models" / name).iterdir())]
        return snapshots + cells

    def _begin(self, name: str) -> None:
        """Note what the pieces of a model are made with: those of a stopped shard are kept, but not mixed."""
        mark = self.folder / "begun" / f"{name}.key"
        if mark.is_file() and mark.read_text(encoding="utf-8") != self.key:
            pieces = f"{self.work / 'models' / name} and its cells in {', '.join(CELL_KINDS)}"
            raise ArtifactError(
                f"{mark}: {name} was begun by other versions, or with other settings or code; "
                f"remove this file, {pieces}, or all of {self.work}"
            )
        write_text(mark, self.key)

    def _remove_changed(self, shard: Shard) -> None:
        """Remove pieces of a finished shard that are not what its manifest describes; a build keeps what it finds."""
        path = self.manifest_path(shard)
        files = read_json(path).get("files", {}) if path.is_file() else {}
        for file in (self.root / name for name in self._changed(files)):
            if file.is_relative_to(self.work / "models"):
                shutil.rmtree(file.parent, ignore_errors=True)
            else:
                file.unlink(missing_ok=True)

    def _hashes(self, models: list[str]) -> dict[str, str]:
        folders = {name: self.work / "models" / name for name in models}
        return {name: "+".join(map(file_hash, weight_files(folder))) for name, folder in folders.items()}

    def merge(self, count: int | None = None) -> None:
        """Finish the build with the pieces of all shards.

        Raises:
            ArtifactError: a shard is missing, or was made by other versions or from other data, settings or code.
            ConfigError: nobody says how many shards there are.
        """
        self.check(count)
        build_everything(self.config, self.images)
