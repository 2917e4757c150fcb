"""Unfinished files and folders: what they are called, what permissions they get, and those that kills left behind."""

import functools
import hashlib
import os
import re
import shutil
import socket
import stat
from contextlib import suppress
from pathlib import Path

TEMPORARY = ".tmp"
"""How the names of unfinished files and folders end; they also begin with a dot."""
LONGEST_STEM = 40
"""Characters that the name of a temporary keeps of what it is to become: systems bound the length of names."""


def is_temporary(path: Path) -> bool:
    """Whether a file or folder is one that a write made and a kill left behind."""
    return path.name.startswith(".") and path.name.endswith(TEMPORARY)


def temporary_prefix(name: str) -> str:
    """How the name of a temporary of this process begins; it says whose it is.

    Args:
        name: of the file or folder it is to become.
    """
    return f".{name[:LONGEST_STEM]}-{_place()}-{os.getpid()}-"


@functools.cache
def _place() -> str:
    """Where process numbers mean the same: this boot of this machine, and of containers this one."""
    parts = [socket.gethostname()]
    for read in (
        lambda: Path("/proc/sys/kernel/random/boot_id").read_text(),
        lambda: os.readlink("/proc/self/ns/pid"),
    ):
        with suppress(OSError):
            parts.append(read())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]


def remove_stale(folder: Path) -> None:
    """Remove the temporaries in a folder whose processes have ended here.

    Those of live processes, and of other machines that share the folder, stay, and so do old contents that were only
    moved aside.
    """
    if os.name != "posix":  # elsewhere there is no asking for a process without ending it
        return
    own = re.compile(rf"\..*-{_place()}-(\d{{1,10}})-\w+{re.escape(TEMPORARY)}", re.DOTALL)
    with suppress(OSError):  # who may not list the folder cannot tidy it
        for name in [name for name in os.listdir(folder) if name.endswith(TEMPORARY)]:
            found = own.fullmatch(name)
            if found and not is_alive(int(found[1])):
                _remove(folder / name)


def is_alive(process: int) -> bool:
    """Whether a process of this number is there."""
    try:
        os.kill(process, 0)  # signal 0 only asks
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _remove(path: Path) -> None:
    with suppress(OSError):  # another process tidies, too
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def mode_of(path: Path, new: int) -> int:
    """Permissions for what is put in a place: those of what is there, else what the umask leaves of ``new``."""
    with suppress(OSError):
        return stat.S_IMODE(path.stat().st_mode) & 0o777
    mask = os.umask(0o077)  # there is no asking without setting; for the moment others get less, never more
    os.umask(mask)
    return new & ~mask
