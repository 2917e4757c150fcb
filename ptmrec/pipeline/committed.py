"""The committed files a configuration names, as objects."""

from functools import cached_property
from pathlib import Path

from ptmrec.benchmark.battery import read_battery
from ptmrec.benchmark.ground_truth import GroundTruth, read_ground_truth
from ptmrec.benchmark.splits import Splits, read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import (
    AutoEncoderConfig,
    DatasetTokenConfig,
    ExtractConfig,
    PathsConfig,
    RankerConfig,
    ZooConfig,
)
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json
from ptmrec.core.trust import expect
from ptmrec.dataloader.dataset_tokens import DatasetTokenDataset, kind_of_shots
from ptmrec.zoo.card import Card
from ptmrec.zoo.real import is_real, read_models
from ptmrec.zoo.snapshot import Snapshot, read_zoo


def watch_committed(paths: PathsConfig) -> None:
    """Let this process read the committed files only as they were committed; results are outputs and may change.

    Raises:
        ArtifactError: the manifest is damaged.
    """
    if paths.manifest.is_file():
        hashes = read_json(paths.manifest)
        if not isinstance(hashes, dict) or not all(isinstance(value, str) for value in hashes.values()):
            raise ArtifactError(f"{paths.manifest}: expected an object: file -> hash; restore it with git")
        expect(paths.manifest.parent, {name: own for name, own in hashes.items() if not name.startswith("results/")})


class ProjectFiles:
    """A configuration and the committed files it names.

    Args:
        config: the configuration of the run.
    """

    def __init__(self, config: ConfigParser) -> None:
        self.config = config
        self.paths = config.get(PathsConfig)
        watch_committed(self.paths)
        self.extract_config = config.get(ExtractConfig)
        self.autoencoder_config = config.get(AutoEncoderConfig)
        self.ranker_config = config.get(RankerConfig)

    @cached_property
    def zoo(self) -> list[Snapshot]:
        """Snapshots of the zoo and of the real models that are installed; in the smoke profile a part of the zoo."""
        every = self.config.get(ZooConfig).every
        return read_models(self.paths) if every == 1 else read_zoo(self.paths.zoo)[::every]

    @cached_property
    def cards(self) -> dict[str, Card]:
        """Cards by model name."""
        return {snapshot.name: snapshot.card for snapshot in self.zoo}

    @cached_property
    def real_files(self) -> list[Path]:
        """Cards and weights of the real models."""
        return [path for snapshot in self.zoo if is_real(snapshot) for path in (snapshot.folder, snapshot.weights)]

    @property
    def embedded(self) -> tuple[str, ...]:
        """Names of the models of the zoo proper, which teach; the real ones, of another size, do not."""
        return tuple(snapshot.name for snapshot in self.zoo if not is_real(snapshot))

    @cached_property
    def splits(self) -> Splits:
        """Roles of the data sets."""
        return read_splits(self.paths.splits)

    def models(self, *roles: str) -> tuple[str, ...]:
        """Names of the models with some roles (``train``, ``validation``, ``blind``), sorted; all without roles."""
        return tuple(name for name, card in self.cards.items() if not roles or self.splits.model_role(card) in roles)

    @cached_property
    def truth(self) -> GroundTruth:
        """Measured accuracies."""
        return read_ground_truth(self.paths.ground_truth).only(list(self.cards))

    @cached_property
    def estimators(self) -> dict[str, dict[str, dict[str, float]]]:
        """Measured LogME and k-NN scores: data set -> model -> scores."""
        return read_json(self.paths.estimators)

    @cached_property
    def battery_sets(self) -> tuple[str, ...]:
        """Known data sets whose images the battery holds: every model can be run on them."""
        return tuple(name for name in read_battery(self.paths.battery) if name in self.splits.known)

    @property
    def token_folder(self) -> Path:
        """Dataset tokens made from the configured number of images per class."""
        return self.paths.dataset_tokens / kind_of_shots(self.config.get(DatasetTokenConfig).shots)

    def dataset_tokens(self, *splits: str) -> DatasetTokenDataset:
        """Dataset tokens of some split folders."""
        return DatasetTokenDataset(self.token_folder, splits)
