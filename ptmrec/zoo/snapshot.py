"""Hub-style snapshots: a folder with ``config.json`` and safetensors weights (one file or shards).

torch is imported where weights are touched: listing a zoo reads cards only.
"""

import hashlib
import math
import os
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ptmrec.core.errors import UNFIT, ArtifactError, one_line, reading
from ptmrec.core.files import read_json, write_bytes, write_json
from ptmrec.core.log import logger
from ptmrec.core.places import find_clone
from ptmrec.core.trust import check
from ptmrec.zoo.card import CARD_NAME, Card, read_card
from ptmrec.zoo.shaping import Held, check_number

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ptmrec.zoo.architectures import SmallModel

WEIGHTS_NAME = "model.safetensors"
INDEX_NAME = "model.safetensors.index.json"
PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl"})
"""How the names of pickled weights end; they are never read."""
POINTER = b"version https://git-lfs"
"""How a file begins that Git LFS has not fetched."""
WRAPPERS = ("module.", "_orig_mod.")
"""What wrappers put before the names of a model's tensors."""
WINDOW = 2**26
"""Bytes of a file that are mapped into memory at a time: mapped pages count as memory until the file is closed."""


@dataclass(frozen=True)
class Snapshot:
    """A model folder whose card has been read; the weights stay on disk until asked for."""

    folder: Path
    card: Card

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.card.name

    @property
    def is_small(self) -> bool:
        """Whether it is one of the small networks that this package defines."""
        return self.card.architecture.get("library") == "ptmrec"

    @property
    def source(self) -> str:
        """Where somebody finds the model: its folder, for a committed one within the project."""
        root, folder = find_clone(), self.folder.absolute()
        return str(folder.relative_to(root)) if root and folder.is_relative_to(root) else str(folder)

    def tensors(self, backwards: bool = False) -> Iterator[tuple[str, "Tensor"]]:
        """Name and tensor of each weight, one at a time, in the order the model defines them or against it."""
        held = self._in_memory()
        if held is not None:
            yield from held[::-1] if backwards else held
            return
        files = self._files()
        for file in files[::-1] if backwards else files:
            yield from read_tensors(file, backwards)

    def _in_memory(self) -> "list[tuple[str, Tensor]] | None":
        """The weights of a model that has no safetensors; None where its files hold them."""
        return None

    def _files(self) -> list[Path]:
        return weight_files(self.folder)

    def digest(self) -> str:
        """SHA-256 over names and numbers of the tensors: registrations belong to weights, not to names."""
        import torch

        digest = hashlib.sha256()
        for name, tensor in self.tensors():
            digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
            digest.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()

    def load(self) -> "SmallModel":
        """Rebuild the model in evaluation mode, float32.

        Raises:
            ArtifactError: the architecture is not one of ours, or the weights do not fit it.
        """
        from ptmrec.zoo.architectures import build_model  # reading a zoo needs no network

        if not self.is_small:
            raise ArtifactError(f"{self.folder}: cannot rebuild architecture {dict(self.card.architecture)}")
        try:
            classes = check_number("num_classes", self.card.architecture.get("num_classes"))
            # Of our networks nothing but the number of classes has no bound, and the weights hold it as a length. A
            # build without memory, as real models have it, would import torch's compiler: two seconds for each answer.
            if not any(classes in shape for shape in read_shapes(weight_files(self.folder)).values()):
                raise ArtifactError(f"num_classes {classes} does not fit the weights")
            model = build_model(self.card.family, str(self.card.architecture.get("size")), classes)
        except ArtifactError as error:
            raise ArtifactError(f"{self.folder}: {error}; mend the architecture in {CARD_NAME}") from None
        wanted = model.state_dict()
        weights = {unwrapped(name, wanted): t.float() if t.is_floating_point() else t for name, t in self.tensors()}
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()
            raise ArtifactError(f"{self.folder}: weights do not fit the card's architecture ({reason})") from None
        return model.eval()


def check_finite(snapshot: Snapshot) -> None:
    """Refuse weights that are not numbers: one in the classifier alone would show in no feature.

    Raises:
        ArtifactError: a tensor holds NaN or infinity; masks are zeros and infinities, which they may be.
    """
    for name, tensor in snapshot.tensors():
        if not tensor.is_floating_point() or (finite := tensor.float().isfinite()).all():
            continue
        if tensor.isnan().any() or tensor[finite].any():
            what = f"tensor {name!r} holds values that are not finite"
            raise ArtifactError(f"{snapshot.source}: {what}; its weights are damaged, fetch them again")


def weight_files(folder: Path) -> list[Path]:
    """Safetensors files of a snapshot in order; shards are taken from the index.

    Raises:
        ArtifactError: no safetensors (pickled weights are never read), or the index points outside.
    """
    if (folder / WEIGHTS_NAME).is_file():
        return [folder / WEIGHTS_NAME]
    if (folder / INDEX_NAME).is_file():
        return _read_index(folder)
    raise ArtifactError(f"{folder}: {no_weights([path.name for path in folder.glob('*')])}")


def no_weights(names: Sequence[str]) -> str:
    """Why files of these names cannot be used as weights, for an error."""
    pickles = sorted(name for name in names if Path(name).suffix in PICKLES)
    if pickles:
        return f"weights as pickles only ({pickles[0]}), which are never read; ask its author for safetensors"
    return f"no {WEIGHTS_NAME} there"


def check_links(folder: Path) -> None:
    """Refuse links that lead out of a model's folder; in the Hub's cache they lead to its blobs.

    Raises:
        ArtifactError: naming the first.
    """
    root = Path(os.path.realpath(folder))
    blobs = root.parent.parent / "blobs" if root.parent.name == "snapshots" else root
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        target = Path(os.path.realpath(path))
        if path.is_symlink() and not (target.is_relative_to(root) or target.is_relative_to(blobs)):
            raise ArtifactError(f"{path}: a link out of the folder, which is not followed; put the file itself there")


def _read_index(folder: Path) -> list[Path]:
    path = folder / INDEX_NAME
    index = read_json(path)
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise ArtifactError(f"{path}: expected a weight_map: tensor -> file")
    files = [folder / name for name in sorted(set(places.values()))]
    with reading(path):  # the system refuses to look for names that are too long
        bad = [file for file in files if file.parent != folder or not file.is_file()]
    if bad:
        raise ArtifactError(f"{path}: shard {bad[0].name[:80]!r} is missing or outside")
    return files


def count_held(files: Sequence[Path]) -> Held:
    """What safetensors files hold, buffers as well; only their headers are read.

    Raises:
        ArtifactError: a file is damaged.
    """
    shapes = read_shapes(files).values()
    return Held(len(shapes), sum(map(math.prod, shapes)))


def read_shapes(files: Sequence[Path]) -> dict[str, tuple[int, ...]]:
    """Name and shape of each tensor of safetensors files; only their headers are read.

    Raises:
        ArtifactError: a file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    shapes = {}
    for file in files:
        try:
            with safe_open(file, framework="np") as handle:
                shapes |= {name: tuple(handle.get_slice(name).get_shape()) for name in handle.keys()}
        except (SafetensorError, OSError, *UNFIT) as error:
            raise ArtifactError(_why_damaged(file, error)) from None
    return shapes


def read_tensors(file: Path, backwards: bool = False) -> Iterator[tuple[str, "Tensor"]]:
    """Stream ``(name, tensor)`` out of one safetensors file, in the order of its data section or against it.

    No more than :data:`WINDOW` bytes and one tensor are in memory, however large the file is.

    Raises:
        ArtifactError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    check(file)
    try:
        with safe_open(file, framework="pt") as handle:
            waiting = list(handle.offset_keys())
        waiting = waiting if backwards else waiting[::-1]
        while waiting:
            read = 0
            with safe_open(file, framework="pt") as handle:
                while waiting and read < WINDOW:
                    name = waiting.pop()
                    tensor = handle.get_tensor(name)
                    read += tensor.nbytes
                    yield name, tensor
                    del tensor
    except (SafetensorError, OSError, *UNFIT) as error:
        raise ArtifactError(_why_damaged(file, error)) from None


def _why_damaged(file: Path, error: Exception) -> str:
    """Why a file cannot be read as safetensors, for an error."""
    try:
        with file.open("rb") as opened:
            pointer = opened.read(len(POINTER)) == POINTER
    except OSError:
        pointer = False
    if pointer:
        return f"{file}: a pointer of Git LFS, not the weights themselves; run in its folder: git lfs pull"
    return f"{file}: damaged safetensors ({one_line(error)}); fetch or rebuild it"


def unwrapped(name: str, wanted: Container[str]) -> str:
    """Name of a tensor without what DataParallel and torch.compile put before it, unless the model has it so."""
    while name not in wanted and name.startswith(WRAPPERS):
        name = name.partition(".")[2]
    return name


def write_snapshot(folder: Path, card: Card, model: "nn.Module", half: bool = True) -> Snapshot:
    """Write card and weights; the card comes last, so a folder with a card is complete.

    Args:
        folder: made if missing.
        card: the card.
        model: its ``state_dict`` is stored, floats in half precision if ``half``.
        half: store float16 instead of float32.
    """
    from safetensors.torch import save

    state = {}
    for name, tensor in model.state_dict().items():
        stored = tensor.detach().cpu()
        state[name] = (stored.half() if half and stored.is_floating_point() else stored).contiguous()
    write_bytes(folder / WEIGHTS_NAME, save(state))
    write_json(folder / CARD_NAME, card.to_dict())
    return Snapshot(folder, card)


def read_snapshot(folder: Path) -> Snapshot:
    """The snapshot in one folder.

    Raises:
        ArtifactError: no card or no weights there.
    """
    check_links(folder)
    weight_files(folder)
    return Snapshot(folder, read_card(folder))


def holds_model(folder: Path) -> bool:
    """Whether a folder holds a part of a model at least: a card, weights or pickles."""
    return any(
        path.name == CARD_NAME or path.suffix in {".safetensors", *PICKLES}
        for path in folder.iterdir()
        if path.is_file()
    )


def read_zoo(folder: Path | str, read: Callable[[Path], Snapshot] = read_snapshot) -> list[Snapshot]:
    """All snapshots of a zoo folder, sorted by name; a sub-folder that holds nothing of a model is passed over.

    Args:
        folder: the folder.
        read: reads the folder of a model.

    Raises:
        ArtifactError: no such folder, a folder with weights but no card or the reverse, or two models of one name.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: no zoo there; build one with: ptmrec zoo build")
    snapshots: dict[str, Snapshot] = {}
    for path in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        if not holds_model(path):
            logger.warning("%s: no model (neither %s nor weights); passed over", path, CARD_NAME)
            continue
        snapshot = read(path)
        if snapshot.name in snapshots:
            taken = snapshots[snapshot.name].folder
            raise ArtifactError(f"{path}: model name {snapshot.name!r} is already taken by {taken}")
        snapshots[snapshot.name] = snapshot
    if not snapshots:
        raise ArtifactError(f"{folder}: no models there; build a zoo with: ptmrec zoo build")
    return [snapshots[name] for name in sorted(snapshots)]
