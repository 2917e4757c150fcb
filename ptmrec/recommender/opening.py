"""The recommender and its references, read once a process for as long as their files stay as they are."""

from pathlib import Path

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, RelationConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.dataloader.model_datasets import find_recommender
from ptmrec.recommender.ensemble import Recommender
from ptmrec.recommender.references import References

_opened: dict[tuple, tuple[Recommender, References]] = {}
"""The last one opened, by its settings and the state of its files."""


def open_recommender(config: ConfigParser) -> tuple[Recommender, References]:
    """The recommender in force and the references it needs; a second question need not read them again.

    Raises:
        ArtifactError: a file is missing or damaged, or the encoder is not the one the ranker was trained with.
    """
    key = _state(config)
    if key not in _opened:
        found = _read(config)
        _opened.clear()
        _opened[key] = found
    return _opened[key]


def _read(config: ConfigParser) -> tuple[Recommender, References]:
    recommender, references = Recommender.load(find_recommender(config.get(PathsConfig))), References(config)
    encoder = references.encoder
    if f"{encoder.name}:{encoder.hash}" != recommender.encoder:
        raise ArtifactError(
            f"encoder {encoder.name}:{encoder.hash} is not the one the ranker was trained with "
            f"({recommender.encoder}); change [encoder] back or run: ptmrec reproduce"
        )
    return recommender, references


def _state(config: ConfigParser) -> tuple:
    """All settings, and time of change and size of every file that is read."""
    paths = config.get(PathsConfig)
    bank = [paths.zoo / name for name in config.get(RelationConfig).references]
    folders = (find_recommender(paths), paths.encoder, paths.reference, *bank)
    return repr(config.to_dict()), *map(_marks, folders)


def _marks(folder: Path) -> tuple:
    stats = {str(path): path.stat() for path in sorted(folder.rglob("*"))}
    return tuple((name, status.st_mtime_ns, status.st_size) for name, status in stats.items())
