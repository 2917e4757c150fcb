"""Labels in a CSV beside a folder of images."""

import csv
from pathlib import Path

from ptmrec.errors import DataError

FILE_COLUMNS = ("file", "filename", "file_name", "image", "path", "name")
LABEL_COLUMNS = ("label", "class", "class_name", "target", "category")
NAMED = 3
"""Missing files an error names."""


def read_label_file(path: Path, folder: Path) -> dict[Path, str]:
    """Label of each image file of a folder.

    Args:
        path: CSV with a head; columns ``file`` and ``label`` (or other common names), or two columns.
        folder: what the file names are relative to.

    Raises:
        DataError: no such file, no such columns, a label missing, or images that are not there; named.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            head, *rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a CSV with a head and rows"
        raise DataError(
            f"{path}: cannot be read as labels ({reason}); write a line 'file,label' and one per image"
        ) from None
    place, label = _columns(head, path)
    found = {}
    for number, row in enumerate((row for row in rows if row), start=2):
        if len(row) <= max(place, label) or not row[label].strip():
            raise DataError(f"{path}: line {number}: no label; give one for each image, or leave the line away")
        found[folder / row[place].strip()] = row[label].strip()
    missing = [str(file.relative_to(folder)) for file in found if not file.is_file()]
    if missing or not found:
        named = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
        what = f"{len(missing)} image(s) are not in {folder}: {named}" if missing else "no image is listed"
        raise DataError(f"{path}: {what}; mend the list")
    return found


def _columns(head: list[str], path: Path) -> tuple[int, int]:
    names = [name.strip().lower() for name in head]
    file = [place for place, name in enumerate(names) if name in FILE_COLUMNS]
    label = [place for place, name in enumerate(names) if name in LABEL_COLUMNS]
    if file and label:
        return file[0], label[0]
    if len(names) == 2:
        return 0, 1
    raise DataError(f"{path}: columns are {', '.join(head)}; name one 'file' and one 'label'")
