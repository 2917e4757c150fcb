"""Files of a model on the Hub: fetching them, finding the weights, measuring their size. Pickles are never touched."""

import hashlib
import math
import os
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import file_hash
from ptmrec.core.log import logger
from ptmrec.zoo.snapshot import INDEX_NAME, PICKLES, WEIGHTS_NAME, read_shapes, weight_files

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")
"""``owner/name``, and a revision when one is wanted: ``owner/name@revision``."""
PATTERNS = ("*.json", "*.safetensors", "README.md")
"""Files that are fetched."""
CONFIGS = ("config.json", "open_clip_config.json")
CONNECT = "connect, or give a folder that holds its config.json and safetensors"
HEXADECIMAL = re.compile("[0-9a-f]+")
CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
BUFFERS = ("running_mean", "running_var", "num_batches_tracked", "relative_position_index", "attn_mask")
"""How the names of tensors end that are no parameters."""


def hub_folder(hub_id: str, offline: bool = False, configured: bool = True) -> Path:
    """Folder of a repository's files in the local cache; they are fetched when they are not there.

    Args:
        hub_id: ``owner/name``, with ``@revision`` when one is wanted.
        offline: look into the cache only.
        configured: whether its configuration is needed; other libraries, which know their models, fetch weights only.

    Raises:
        ArtifactError: it cannot be reached and is not in the cache, does not exist, holds pickled weights only, or its
            files are not those the Hub has.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    repo, _, revision = hub_id.partition("@")
    wanted = {"repo_id": repo, "revision": revision or None, "allow_patterns": list(PATTERNS)}
    cached = None
    try:
        cached = Path(snapshot_download(**wanted, local_files_only=True))
        _check_complete(cached, configured)  # another program may have fetched a part of it
        return _intact(cached)
    except HFValidationError as error:
        raise ArtifactError(f"{hub_id[:120]}: no id of a repository ({_said(error)[:120]}); check its name") from None
    except DamagedError:
        raise
    except (LocalEntryNotFoundError, ArtifactError):
        if offline:
            raise ArtifactError(f"{hub_id}: its weights are not in the local cache; fetch them again") from None
    try:
        folder = Path(snapshot_download(**wanted))
        _refuse_pickles(hub_id, repo, revision, folder)
        _check_complete(folder, configured)
    except LocalEntryNotFoundError:
        raise ArtifactError(f"{hub_id}: {_lacking(cached)}, and the Hub cannot be reached; {CONNECT}") from None
    except (OSError, ValueError) as error:  # errors of HTTP are among the first
        raise ArtifactError(f"{hub_id}: cannot be fetched from the Hub ({_said(error)}); {_advice(error)}") from None
    return _intact(folder)


class DamagedError(ArtifactError):
    """A file in the cache is not the one the Hub has."""


def _check_complete(folder: Path, configured: bool) -> None:
    """Raise unless a folder holds weights and, where it is needed, a configuration."""
    model_files(folder)
    if configured and not any((folder / name).is_file() for name in CONFIGS):
        raise ArtifactError(f"{folder}: no {CONFIGS[0]} there; {CONNECT}")


def _lacking(cached: Path | None) -> str:
    """What the cache does not have of a repository."""
    if cached is None:
        return "not in the local cache"
    names = [path.name for path in cached.iterdir()]
    if not any(name.endswith(".safetensors") for name in names):
        return f"{no_weights(names)}; nothing else of it is in the local cache"
    return f"no {CONFIGS[0]} or not all weights in the local cache"


def _advice(error: Exception) -> str:
    """What to do about a failed download."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    if isinstance(error, GatedRepoError):
        return "its owner gives access on request: ask on its page, then log in"
    if isinstance(error, RepositoryNotFoundError | RevisionNotFoundError | ValueError):
        return "check its name"
    if isinstance(error, HfHubHTTPError):
        return "try again later"
    if "Consistency check failed" in str(error):
        return "the download was cut short or changed on its way; add it again"
    return "mend this, then add it again"


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
        stated = blob.name
        known = {64: file_hash, 40: git_hash}.get(len(stated)) if HEXADECIMAL.fullmatch(stated) else None
        if known is not None and known(path) != stated:
            place = os.path.normpath(path.parent / blob)
            cause = "damaged, its hash is not the one that the Hub states"
            raise DamagedError(f"{path}: {cause}; remove it and {place}, then add it again")
    return folder


def _is_fetched(name: str) -> bool:
    """Whether a file is one of those that are fetched."""
    return any(fnmatchcase(name, pattern) for pattern in PATTERNS)


def git_hash(path: Path) -> str:
    """Hash under which git keeps a file."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _refuse_pickles(hub_id: str, repo: str, revision: str, folder: Path) -> None:
    """Pickles are not fetched: the Hub says whether there are some where safetensors are missing."""
    from huggingface_hub import HfApi

    if any(folder.glob("*.safetensors")):
        return
    names = [path.name for path in folder.iterdir()]
    try:
        names += HfApi().list_repo_files(repo, revision=revision or None)
    except Exception as error:  # only the sentence is the poorer for it
        logger.debug("%s: its files cannot be listed (%s)", repo, error)
    raise ArtifactError(f"{hub_id}: {no_weights(names)}")


def no_weights(names: Sequence[str]) -> str:
    """Why files of these names cannot be used as weights, for an error."""
    pickles = find_pickles(names)
    if pickles:
        return f"weights as pickles only ({pickles[0]}), which are never read; ask its author for safetensors"
    return f"no {WEIGHTS_NAME} there"


def find_pickles(names: Sequence[str]) -> list[str]:
    """Those names that are of pickled files."""
    return sorted(name for name in names if Path(name).suffix in PICKLES)


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
    found = sorted(folder.glob("*.safetensors"))
    if named:
        return named[:1]
    if len(found) == 1:
        return found
    if found:
        raise ArtifactError(f"{folder}: {len(found)} safetensors and no {INDEX_NAME}; which one is the model?")
    raise ArtifactError(f"{folder}: {no_weights([path.name for path in folder.iterdir()])}")


def count_parameters(files: Sequence[Path], prefix: str = "") -> int:
    """Numbers in the tensors of safetensors files, buffers left out; only their headers are read.

    Args:
        files: the files.
        prefix: count only tensors whose name begins so.

    Raises:
        ArtifactError: a file is damaged.
    """
    shapes = read_shapes(files).items()
    return sum(math.prod(shape) for name, shape in shapes if name.startswith(prefix) and not name.endswith(BUFFERS))


def _said(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
