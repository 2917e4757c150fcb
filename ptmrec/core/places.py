"""Where the committed files lie, and where runs write: within the clone, or apart from an installed package.

A wheel carries ``constants/`` within the package. What an installed package writes goes to folders of the user's own.
"""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
NAME = PACKAGE.name
OWNER_ONLY = 0o700


def find_clone(package: Path = PACKAGE) -> Path | None:
    """The clone that the package is run from; None when it is installed."""
    return package.parent if (package.parent / "pyproject.toml").is_file() else None


def committed_folder() -> Path:
    """The folder that holds ``constants/``."""
    return find_clone() or PACKAGE


def output_folder() -> Path:
    """The folder that artifacts, figures and the thesis go to."""
    return find_clone() or _user_folder("user_data_path")


def make_log_folder() -> Path | None:
    """The folder of the log, made when it is missing; None where none can be written.

    Within the clone it is ``artifacts/logs``. Else it is the user's own and open to nobody else: in one that users
    share, the first of them would steer where the others write.
    """
    clone = find_clone()
    if clone is not None and os.access(clone, os.W_OK):
        folder, mode = clone / "artifacts" / "logs", 0o777
    else:
        folder, mode = _user_folder("user_log_path"), OWNER_ONLY
    try:
        folder.mkdir(mode, parents=True, exist_ok=True)
        if mode == OWNER_ONLY:
            folder.chmod(mode)  # which also fails where the folder is somebody else's
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def _user_folder(kind: str) -> Path:
    import platformdirs  # not needed within a clone

    return getattr(platformdirs, kind)(NAME, appauthor=False)
