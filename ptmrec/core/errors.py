"""The errors a user can cause. Each message is one line: what, where, what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 400
"""Characters of the longest message; of a longer one the middle goes, as its ends say where and what to do."""
_INVISIBLE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours and moves of the cursor
    r"|\x1b\].*?(?:\x07|\x1b\\)"  # titles and links
    r"|[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
)


class PtmrecError(Exception):
    """Base of every error that the command line shows as one line, with its exit status.

    Whatever text from outside stands in its message, it stays one line and steers no terminal.
    """

    status = 2

    def __init__(self, message: object = "") -> None:
        super().__init__(_INVISIBLE.sub(" ", str(message)))


class ConfigError(PtmrecError):
    """A value in a configuration file, environment variable or override cannot be used."""


class ArtifactError(PtmrecError):
    """A file (card, weights, tokens, ground truth, checkpoint) is missing, damaged or inconsistent."""


class NoWeightsError(ArtifactError):
    """A model is known by its registration only, and cannot be run here."""


class DataError(PtmrecError):
    """Images or labels given by the user cannot be used."""

    status = 4


class NothingLeftError(PtmrecError):
    """No model is left to recommend."""

    status = 3


class TrainingError(PtmrecError):
    """Training had to stop (for example a non-finite loss); the last good checkpoint is kept."""


UNFIT = (
    *(KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError, MemoryError),
    *(RuntimeError, AssertionError),
)
"""What code raises that meets content it does not expect."""


@contextmanager
def reading(path: object, hint: str = "restore or rebuild it") -> Iterator[None]:
    """Let whatever goes wrong while a file's content is taken apart be an :class:`ArtifactError` that names it.

    Args:
        path: the file.
        hint: what to do.
    """
    try:
        yield
    except OSError as error:
        absent = isinstance(error, FileNotFoundError) and str(error.filename) == str(path)
        reason = "file not found" if absent else f"cannot be read ({describe_os_error(error)})"
        raise ArtifactError(f"{path}: {reason}") from None
    except UNFIT as error:
        reason = one_line(f"{type(error).__name__}: {error}")
        raise ArtifactError(f"{path}: its content does not fit ({reason}); {hint}") from None


def one_line(message: object) -> str:
    """A message as one line of at most :data:`LONGEST` characters, without what would steer a terminal."""
    text = " ".join(_INVISIBLE.sub(" ", str(message)).split())
    text = text.encode("utf-8", "backslashreplace").decode()  # half a surrogate pair cannot be written anywhere
    half = (LONGEST - 5) // 2
    return text if len(text) <= LONGEST else f"{text[:half]} ... {text[-half:]}"


def first_line(error: BaseException) -> str:
    """What an error of another library says, or its kind where it says nothing, in 200 characters at most."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def brief(error: BaseException) -> str:
    """All that such an error says in one line, or its kind where it says nothing, in 200 characters at most."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def describe_os_error(error: OSError) -> str:
    """What the operating system refused, and for which file."""
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    reason = error.strerror or str(error) or type(error).__name__
    return one_line(f"{' -> '.join(names)}: {reason}" if names else reason)
