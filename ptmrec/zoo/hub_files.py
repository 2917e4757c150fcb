"""Files of a model on the Hub: fetching them, finding the weights, measuring their size. Pickles are never touched."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from ptmrec.errors import ArtifactError
from ptmrec.log import logger
from ptmrec.zoo.snapshot import INDEX_NAME, PICKLES, WEIGHTS_NAME, read_shapes, weight_files

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")
"""``owner/name``, and a revision when one is wanted: ``owner/name@revision``."""
PATTERNS = ("*.json", "*.safetensors", "README.md")
"""Files that are fetched."""
CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
BUFFERS = ("running_mean", "running_var", "num_batches_tracked", "relative_position_index", "attn_mask")
"""How the names of tensors end that are no parameters."""


def hub_folder(hub_id: str, offline: bool = False) -> Path:
    """Folder of a repository's files in the local cache; they are fetched when they are not there.

    Args:
        hub_id: ``owner/name``, with ``@revision`` when one is wanted.
        offline: look into the cache only.

    Raises:
        ArtifactError: it cannot be reached and is not in the cache, does not exist, or holds pickled weights only.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repo, _, revision = hub_id.partition("@")
    wanted = {"repo_id": repo, "revision": revision or None, "allow_patterns": list(PATTERNS)}
    cached = None
    try:
        cached = Path(snapshot_download(**wanted, local_files_only=True))
        model_files(cached)  # another program may have fetched a part of it
        return cached
    except HFValidationError as error:
        raise ArtifactError(f"{hub_id[:120]}: no id of a repository ({_said(error)[:120]}); check its name") from None
    except (LocalEntryNotFoundError, ArtifactError):
        if offline:
            raise ArtifactError(f"{hub_id}: its weights are not in the local cache; fetch them again") from None
    try:
        folder = Path(snapshot_download(**wanted))
    except LocalEntryNotFoundError:
        if cached is not None and find_pickles([path.name for path in cached.iterdir()]):
            model_files(cached)  # says what is wrong with it
        raise ArtifactError(
            f"{hub_id}: not in the local cache, and the Hub cannot be reached; "
            "connect, or give a folder that holds its config.json and safetensors"
        ) from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ArtifactError(f"{hub_id}: cannot be fetched from the Hub ({_said(error)}); check its name") from None
    _refuse_pickles(hub_id, repo, revision, folder)
    return folder


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
