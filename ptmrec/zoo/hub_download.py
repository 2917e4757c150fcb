"""Downloads that go on where they were cut, checked against what the server states before anything is used."""

import hashlib
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ptmrec.core.errors import ArtifactError, describe_os_error, one_line
from ptmrec.core.files import file_hash
from ptmrec.core.log import logger
from ptmrec.core.progress import progress

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

PARTIAL = ".incomplete"
"""How the name of a file ends of which a part is here; older versions of the Hub's library have the same."""
MIB = 2**20
TRIES = 20
"""Times that a download is gone on with by itself, each after something of it came."""
HASHES = {64: "SHA-256", 40: "git's hash"}
HEXADECIMAL = re.compile("[0-9a-f]+")


class DamagedError(ArtifactError):
    """A file is not the one that the server states."""


class UnreachableError(ArtifactError):
    """There is no network, or the server does not answer."""


@dataclass(frozen=True)
class Stated:
    """What a server states of a file.

    Attributes:
        name: of the file; size: in bytes, None where that is not said.
        digest: its SHA-256 (of a large file) or the hash git has of it; empty where neither is said.
    """

    name: str
    size: int | None = None
    digest: str = ""

    def problem(self, path: Path) -> str:
        """What is wrong with a file of that name; empty when it is the one."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            return f"it has {size:,} bytes, not the {self.size:,} that the server states"
        known = file_hash if len(self.digest) == 64 else git_hash
        if is_hash(self.digest) and known(path) != self.digest:
            return f"its {HASHES[len(self.digest)]} is not the one that the server states"
        return ""


def is_hash(text: str) -> bool:
    """Whether a text is a hash that files can be checked by."""
    return len(text) in HASHES and HEXADECIMAL.fullmatch(text) is not None


def git_hash(path: Path) -> str:
    """Hash under which git keeps a file."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def download(url: str, target: Path, stated: Stated, what: str) -> Path:
    """Fetch a file unless it is here; a part of it that an earlier download left is gone on with.

    Args:
        url: where it is.
        target: where it is to lie.
        stated: what it has to be.
        what: the source, as messages name it.

    Raises:
        DamagedError: what came is not what was stated; nothing of it is kept.
        ArtifactError: it cannot be fetched.
    """
    from filelock import FileLock

    partial = target.with_name(target.name + PARTIAL)
    with fetching(what):
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(".lock")):
            if target.is_file():
                return target
            for _ in range(TRIES):
                if _append(url, partial, stated, what):
                    break
                logger.info("%s: %s was cut; goes on where it was", what, stated.name)
            else:
                raise UnreachableError(f"{what}: {stated.name} was cut {TRIES} times; try again, which goes on there")
            problem = stated.problem(partial)
            if problem:
                partial.unlink()
                raise DamagedError(f"{what}: {stated.name} came damaged: {problem}; fetch it again later")
            os.replace(partial, target)
    return target


def fetch_address(url: str, target: Path, largest: int) -> Path:
    """Fetch a file from an address; of what the server states of it, size and SHA-256, all is checked.

    Args:
        url: the address.
        target: where it is to lie; a file of before is replaced.
        largest: bytes of the largest file that is taken.

    Raises:
        ArtifactError: it cannot be fetched, is larger, or not what was stated.
    """
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import hf_raise_for_status

    if not url.startswith(("https://", "http://")):
        raise ArtifactError(f"{url}: no address of a file; it begins with https://")
    with fetching(url):
        plain = {"Accept-Encoding": "identity"}
        said = get_session().head(url, headers=plain, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT, follow_redirects=True)
        hf_raise_for_status(said)
    told = [part.headers for part in (*said.history, said)]  # the Hub says it before it sends elsewhere
    size = next((head["X-Linked-Size"] for head in told if "X-Linked-Size" in head), told[-1].get("Content-Length", ""))
    tag = next((head["X-Linked-ETag"] for head in told if "X-Linked-ETag" in head), "").strip('"')
    stated = Stated(url.rpartition("/")[2], int(size) if size.isdecimal() else None, tag if len(tag) == 64 else "")
    refuse_large(url, stated, largest)
    target.unlink(missing_ok=True)
    return download(url, target, stated, url)


def refuse_large(what: str, stated: Stated, largest: float) -> None:
    """Raise where a file is larger than what is taken, or nobody says how large it is."""
    if largest < math.inf and (stated.size is None or stated.size > largest):
        held = "of unknown size" if stated.size is None else f"{stated.size >> 20:,} MiB"
        raise ArtifactError(f"{what}: {stated.name} is {held}, and at most {int(largest) >> 20:,} MiB are taken")


def _append(url: str, partial: Path, stated: Stated, what: str) -> bool:
    """Fetch what is left of a file; False when it was cut after something of it had come."""
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

    there = partial.stat().st_size if partial.is_file() else 0
    if there and there == stated.size:
        return True
    own = build_hf_headers() if url.startswith(f"{constants.ENDPOINT}/") else {}  # nobody else gets the Hub's token
    headers = {**own, "Accept-Encoding": "identity", **({"Range": f"bytes={there}-"} if there else {})}
    with get_session().stream("GET", url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as answer:
        if answer.status_code == 416:  # more is here than there is
            partial.unlink()
            return False
        hf_raise_for_status(answer)
        there = there if answer.status_code == 206 else 0
        begun, size = there, stated.size or there + int(answer.headers.get("Content-Length", 0))
        shown = _bar(f"{what} {stated.name}" if stated.name not in what else what, there, size)
        with partial.open("ab" if there else "wb") as file:
            try:
                for chunk in answer.iter_bytes():
                    before, there = there, there + file.write(chunk)
                    for _ in range((there - begun) // MIB - (before - begun) // MIB):
                        next(shown, None)
                    if stated.size is not None and there > stated.size:
                        break
            except http_errors():
                if there == begun:
                    raise
                return False
            finally:
                shown.close()
    return True


def _bar(name: str, there: int, size: int) -> Iterator[int]:
    """A bar that goes on by a MiB whenever it is asked for one."""
    goes_on = f" from {there / MIB:,.0f} MiB on" if there else ""
    yield from progress(range((size - there) // MIB), f"fetching {name}{goes_on}, {size / MIB:,.1f} MiB", leave=False)


def http_errors() -> type[Exception]:
    """What the Hub's HTTP client raises; of which library it is depends on the version."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError.__bases__[0]


@contextmanager
def fetching(what: str) -> Iterator[None]:
    """Let whatever goes wrong with the network or the disk be an :class:`ArtifactError` that says what to do.

    Args:
        what: the source, as messages name it.
    """
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    try:
        yield
    except HFValidationError as error:
        reason = one_line(error)[:120]
        raise ArtifactError(f"{what[:120]}: no id of a repository ({reason}); check its name") from None
    except HfHubHTTPError as error:
        raise ArtifactError(f"{what}: {_refusal(error)}") from None
    except OfflineModeIsEnabled:
        raise UnreachableError(f"{what}: the Hub cannot be reached (HF_HUB_OFFLINE is set)") from None
    except http_errors() as error:
        raise UnreachableError(f"{what}: {_silence(error)}") from None
    except OSError as error:
        reason = describe_os_error(error)
        raise ArtifactError(f"{what}: cannot be fetched ({reason}); mend this, then try again") from None


def _silence(error: Exception) -> str:
    """What happened to a question without an answer."""
    from huggingface_hub import constants

    if "Timeout" in type(error).__name__ and "Connect" not in type(error).__name__:
        seconds = constants.HF_HUB_DOWNLOAD_TIMEOUT
        return f"no answer within {seconds:g} s; try again, or wait longer: HF_HUB_DOWNLOAD_TIMEOUT={6 * seconds:g}"
    return f"the Hub cannot be reached ({one_line(error)[:100] or type(error).__name__})"


def _refusal(error: "HfHubHTTPError") -> str:
    """What a server refuses, and what to do."""
    from huggingface_hub import errors

    status = error.response.status_code
    advice = {
        errors.GatedRepoError: "its owner gives access on request; ask on its page, then log in with: hf auth login",
        errors.RepositoryNotFoundError: "there is no such repository; check its name, or log in if it is private",
        errors.RevisionNotFoundError: "there is no such revision; check what stands behind the @",
        errors.EntryNotFoundError: "a file is not there; check the address, or ask its author to mend it",
    }
    for kind, words in advice.items():
        if isinstance(error, kind):
            return f"{words} (status {status})"
    later = "try again later" if status >= 500 or status == 429 else "check the address"
    return f"the server refuses it with status {status}; {later}"
