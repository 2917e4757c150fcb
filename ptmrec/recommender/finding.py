"""Models by name, as commands take them: of the zoo, added ones, or a source of one model."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError
from ptmrec.core.words import suggest
from ptmrec.recommender.registered import REGISTERED, read_registered_snapshots
from ptmrec.zoo.real import read_models
from ptmrec.zoo.snapshot import Snapshot
from ptmrec.zoo.sources import open_source


def find_models(names: Sequence[str], config: ConfigParser) -> list[Snapshot]:
    """Models by name, each once, in the order they are asked for.

    Args:
        names: names of the zoo and of added models, patterns such as ``resnet-*``, or sources as ``ptmrec zoo add``
            takes them.
        config: the configuration.

    Raises:
        ConfigError: a name nobody knows, or a pattern nothing fits.
    """
    paths = config.get(PathsConfig)
    known = {snapshot.name: snapshot for snapshot in read_models(paths)}
    known |= {snapshot.name: snapshot for snapshot in read_registered_snapshots(paths.artifacts / REGISTERED)}
    found: dict[str, Snapshot] = {}
    for name in names:
        fitting = [known[name]] if name in known else [s for other, s in known.items() if fnmatchcase(other, name)]
        for snapshot in fitting or [_open(name, list(known), paths)]:
            found[snapshot.name] = snapshot
    return list(found.values())


def _open(name: str, known: list[str], paths: PathsConfig) -> Snapshot:
    if any(sign in name for sign in "*[") or not any(sign in name for sign in "/:."):
        raise ConfigError(f"no model {name!r} in the zoo{suggest(name, known)}")
    return open_source(name, paths)
