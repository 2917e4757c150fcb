"""Files of a model on the Hub: fetching them, finding the weights, measuring their size. Pickles are never touched."""

import math
import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import write_text
from ptmrec.zoo.card import CARD_NAME, CLIP_CONFIG
from ptmrec.zoo.hub_download import DamagedError, Stated, UnreachableError, download, fetching, is_hash, refuse_large
from ptmrec.zoo.snapshot import INDEX_NAME, WEIGHTS_NAME, no_weights, read_shapes, weight_files

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")
"""``owner/name``, and a revision when one is wanted: ``owner/name@revision``."""
PATTERNS = ("*.json", "*.safetensors", "README.md")
"""Files that are fetched."""
SAFE = ".safetensors"
SHARED = "registrations"
"""In place of a library: all safetensors of a repository are wanted."""
CONNECT = "connect, or give a folder that holds its config.json and safetensors"
CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
BUFFERS = ("running_mean", "running_var", "num_batches_tracked", "relative_position_index", "attn_mask")
"""How the names of tensors end that are no parameters."""


def hub_folder(hub_id: str, offline: bool = False, library: str = "") -> Path:
    """Folder of a repository's files in the local cache; they are fetched when they are not there.

    Args:
        hub_id: ``owner/name``, with ``@revision`` when one is wanted.
        offline: look into the cache only.
        library: timm or open_clip, where its weights alone are wanted: it knows its models.

    Raises:
        UnreachableError: it is not in the cache and cannot be reached.
        ArtifactError: it does not exist, holds pickled weights only, or its files are not those the Hub has.
    """
    repository = Repository(hub_id)
    folder = repository.folder
    try:
        _check_complete(folder, library)  # another program may have fetched a part of it
    except ArtifactError:
        if offline:
            raise ArtifactError(f"{hub_id}: its weights are not in the local cache; fetch them again") from None
    else:
        return _intact(folder)
    lacking = _lacking(folder)
    try:
        folder = repository.fetch(library)
    except UnreachableError as error:
        raise UnreachableError(f"{error}; {lacking} in the local cache; {CONNECT}") from None
    _check_complete(folder, library)
    return folder


def bytes_to_fetch(hub_id: str, library: str = "") -> int:
    """Bytes that :func:`hub_folder` has to fetch, 0 when all is here.

    Raises:
        ArtifactError: as there.
    """
    repository = Repository(hub_id)
    try:
        _check_complete(repository.folder, library)
    except ArtifactError:
        return sum(file.size or 0 for file in repository.wanted(library)[1])
    return 0


class Repository:
    """A repository on the Hub and its place in the local cache, which other programs share.

    Args:
        hub_id: ``owner/name``, with ``@revision`` when another than ``main`` is wanted.

    Raises:
        ArtifactError: it is none.
    """

    def __init__(self, hub_id: str) -> None:
        from huggingface_hub.utils import validate_repo_id

        self.hub_id, (self.name, _, revision) = hub_id, hub_id.partition("@")
        with fetching(hub_id):
            validate_repo_id(self.name)
        if revision and {"", "..", "."} & {*revision.split("/")}:  # a path of its own, were it joined to another
            raise ArtifactError(f"{hub_id[:120]}: no revision; check what stands behind the @")
        self.revision = revision or "main"

    @property
    def place(self) -> Path:
        """Its folder in the cache."""
        try:
            from huggingface_hub import constants
        except ValueError as error:
            raise ArtifactError(f"HF_ENDPOINT is no address ({error}); unset it, or write https://SERVER") from None

        return Path(constants.HF_HUB_CACHE).expanduser() / f"models--{self.name.replace('/', '--')}"

    @property
    def folder(self) -> Path:
        """The files of its revision that are here."""
        reference = self.place / "refs" / self.revision
        commit = reference.read_text(errors="replace").strip() if reference.is_file() else self.revision
        return self.place / "snapshots" / commit

    def wanted(self, library: str = "") -> tuple[str, list[Stated]]:
        """Its commit, and what the Hub states of the files that are fetched.

        Raises:
            ArtifactError: it cannot be reached, does not exist, or holds no safetensors.
        """
        from huggingface_hub import HfApi, constants

        with fetching(self.hub_id):
            told = HfApi().model_info(
                self.name, revision=self.revision, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT, files_metadata=True
            )
        listed = {file.rfilename: file for file in told.siblings or ()}
        names = [name for name in listed if _is_fetched(name)]
        weights = _weights_of(names, library)
        if not weights:
            raise ArtifactError(f"{self.hub_id}: {no_weights(list(listed))}")
        if not is_hash(str(told.sha)):
            raise ArtifactError(f"{self.hub_id}: the server names no commit; check HF_ENDPOINT")
        found = [listed[name] for name in names if name in weights or not name.endswith(SAFE)]
        stated = [Stated(f.rfilename, f.size, f.lfs.sha256 if f.lfs else f.blob_id or "") for f in found]
        return str(told.sha), stated

    def fetch(self, library: str = "", largest: float = math.inf) -> Path:
        """Fetch its files, each checked before it is put where other programs find it.

        Args:
            library: see :func:`hub_folder`.
            largest: bytes of the largest file that is taken.

        Raises:
            ArtifactError: see :func:`hub_folder`.
        """
        from huggingface_hub import constants, hf_hub_url

        commit, files = self.wanted(library)
        folder = self.place / "snapshots" / commit
        for file in files:
            refuse_large(self.hub_id, file, largest)
        for file in files:
            path = folder / file.name
            url = hf_hub_url(self.name, file.name, revision=commit, endpoint=constants.ENDPOINT)
            if path.is_file() and not file.problem(path):
                continue
            if not is_hash(file.digest):
                path.unlink(missing_ok=True)
                download(url, path, file, self.hub_id)
                continue
            blob = self.place / "blobs" / file.digest
            if blob.is_file() and file.problem(blob):
                blob.unlink()
            download(url, blob, file, self.hub_id)
            _link(path, blob)
        if commit != self.revision:
            write_text(self.place / "refs" / self.revision, commit)
        return folder


def _weights_of(names: Sequence[str], library: str) -> list[str]:
    """Those of a repository's files that :func:`model_files` takes."""
    clip = [name for name in CLIP_WEIGHTS if name in names]
    if clip and (library == "open_clip" or not {WEIGHTS_NAME, INDEX_NAME} & {*names}):
        return clip[:1]
    if WEIGHTS_NAME in names and library != SHARED:
        return [WEIGHTS_NAME]
    return [name for name in names if name.endswith(SAFE)]


def _link(path: Path, blob: Path) -> None:
    """Put a blob into a folder; where the system has no links it is moved there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(os.path.relpath(blob, path.parent))
    except OSError:
        blob.rename(path)


def _check_complete(folder: Path, library: str) -> None:
    """Raise unless a folder holds weights and, where it is needed, a configuration."""
    model_files(folder, library)
    if not library and not any((folder / name).is_file() for name in (CARD_NAME, CLIP_CONFIG)):
        raise ArtifactError(f"{folder}: no {CARD_NAME} there; {CONNECT}")


def _lacking(folder: Path) -> str:
    """What the cache does not have of a repository."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if not names:
        return "nothing of it is"
    if not any(name.endswith(SAFE) for name in names):
        return f"{no_weights(names)}; nothing else of it is"
    return f"no {CARD_NAME} or not all weights are"


def _intact(folder: Path) -> Path:
    """The folder, after its files were compared with what the Hub states of them.

    In the Hub's cache a file is a link to a blob that is called what the Hub states: the SHA-256 of a large file, git's
    hash of a small one. Where the system has no links nothing is stated.

    Raises:
        DamagedError: a file has another hash.
    """
    for path in sorted(folder.iterdir()):
        blob = Path(os.readlink(path)) if path.is_symlink() else Path()
        if blob.parent.name != "blobs" or not path.is_file() or not _is_fetched(path.name):
            continue
        problem = Stated(path.name, digest=blob.name).problem(path)
        if problem:
            place = os.path.normpath(path.parent / blob)
            raise DamagedError(f"{path}: damaged, {problem}; remove it and {place}, then add it again")
    return folder


def _is_fetched(name: str) -> bool:
    """Whether a file is one of those that are fetched, none of them in a folder."""
    return "/" not in name and any(fnmatchcase(name, pattern) for pattern in PATTERNS)


def model_files(folder: Path, library: str = "") -> list[Path]:
    """Safetensors of a Hub-style folder, whatever its library calls them.

    Args:
        folder: the folder.
        library: that is to read them: many repositories hold the weights of open_clip beside those of another.

    Raises:
        ArtifactError: there are none, several without an index, or a part is missing.
    """
    named = [folder / name for name in CLIP_WEIGHTS if (folder / name).is_file()]
    if named and library == "open_clip":
        return named[:1]
    if (folder / WEIGHTS_NAME).is_file() or (folder / INDEX_NAME).is_file():
        return weight_files(folder)
    found = named[:1] or sorted(folder.glob("*.safetensors"))
    if len(found) > 1:
        raise ArtifactError(f"{folder}: {len(found)} safetensors and no {INDEX_NAME}; which one is the model?")
    return found or weight_files(folder)


def count_parameters(files: Sequence[Path]) -> int:
    """Numbers in the tensors of safetensors files, buffers left out; only their headers are read.

    Raises:
        ArtifactError: a file is damaged.
    """
    return sum(math.prod(shape) for name, shape in read_shapes(files).items() if not name.endswith(BUFFERS))
