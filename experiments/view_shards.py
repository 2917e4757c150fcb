"""Views of the models in shards, which become what ``ptmrec extract`` on one machine would have made."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from experiments.sharding import Shard
from experiments.shards import ShardedWork
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import file_hash, read_npz, remove_temporaries, write_npz
from ptmrec.dataloader.model_datasets import read_model_tokens, write_model_tokens
from ptmrec.pipeline.project import Project
from ptmrec.pipeline.views import extract_views
from ptmrec.zoo.real import is_real
from ptmrec.zoo.snapshot import weight_files

_BETWEEN = "/"
"""Between a model's name and a view's, in the name of an array."""


class ViewShards(ShardedWork):
    """Shards of the views of a project's models: ``<i>-of-<n>.npz`` with an array ``<model>/<view>`` each.

    A shard that is stopped goes on from the last model it finished, on whatever machine.

    Args:
        project: the project.
    """

    def __init__(self, project: Project) -> None:
        self.project, self.step = project, project.views_step()
        self._snapshots = {snapshot.name: snapshot for snapshot in project.zoo}
        folder = project.paths.artifacts / "shards" / "views"
        super().__init__("views", "ptmrec extract", folder, folder, self.step.key(), list(self._snapshots))

    def _work(self, shard: Shard, models: list[str]) -> list[Path]:
        target = self.manifest_path(shard).with_suffix(".npz")
        partial = self.folder / f".{target.stem}.partial-{self.key[:16]}"
        partial.mkdir(exist_ok=True)
        remove_temporaries(partial)
        extract_views(self.project, partial, [self._snapshots[name] for name in models])
        arrays = {
            f"{name}{_BETWEEN}{view}": vector
            for name in models
            for view, vector in read_model_tokens(partial, name).items()
        }
        write_npz(target, arrays)
        for left in self.folder.glob(f".{target.stem}.partial-*"):
            shutil.rmtree(left, ignore_errors=True)
        return [target]

    def _hashes(self, models: list[str]) -> dict[str, str]:
        return {name: self._weights_hash(name) for name in models}

    def _weights_hash(self, name: str) -> str:
        snapshot = self._snapshots[name]
        files = [snapshot.weights] if is_real(snapshot) else weight_files(snapshot.folder)
        return "+".join(file_hash(file) for file in files)

    def merge(self, count: int | None = None) -> Path:
        """Join the shards into the result of the project's step, unless that is there; gives its folder.

        Raises:
            ArtifactError: a shard is missing, or was made by other versions or from other data, settings or code.
            ConfigError: nobody says how many shards there are.
        """
        return self.project.run(self.step, instead=lambda folder: self._join(folder, count))

    def _join(self, folder: Path, count: int | None) -> None:
        for shard in self.check(count):
            for name, views in self._views(shard):
                write_model_tokens(folder, name, views)

    def _views(self, shard: Shard) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
        path, grouped = self.manifest_path(shard).with_suffix(".npz"), defaultdict(dict)
        for key, vector in read_npz(path).items():
            name, _, view = key.partition(_BETWEEN)
            grouped[name][view] = vector
        if list(grouped) != shard.share(self.models):
            raise ArtifactError(f"{path}: it holds other models than shard {shard}; delete it and make it again")
        yield from grouped.items()
