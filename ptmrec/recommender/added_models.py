"""Added models: each is opened, run once and saved, read again by every answer, and ranked like any other.

Nothing of them is fine-tuned. Their skills on known data sets are estimated, see :mod:`ptmrec.relations.registration`;
those that cannot be run here are ranked by their cards, as the known model nearest to each. Listing them imports
nothing heavy.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError, ConfigError, one_line, reading
from ptmrec.core.files import is_temporary, read_json, read_npz, write_folder, write_json, write_npz
from ptmrec.core.log import logger
from ptmrec.core.progress import progress
from ptmrec.core.words import suggest
from ptmrec.zoo.card import Card
from ptmrec.zoo.real import read_models
from ptmrec.zoo.snapshot import Snapshot, read_snapshot
from ptmrec.zoo.sources import from_record, open_source, record_of

if TYPE_CHECKING:
    from ptmrec.recommender.knowledge import Knowledge, RegimeKnowledge
    from ptmrec.recommender.references import References
    from ptmrec.relations.pairs import PairTable
    from ptmrec.zoo.hub import HubSnapshot

PATH_NAME, NUMBERS_NAME = "model.json", "registered.npz"
ADDED = "registered"
"""Folder of added models, below that of the artifacts."""
AXES = {"transport": 2, "explained": 0, "transported": 1, "few_shot": 1}
"""Arrays that are saved of a model that was run, and the number of axes of each."""


def write_added(folder: Path, snapshot: Snapshot, found: dict[str, np.ndarray] | None = None) -> Path:
    """Save the numbers of a model and where its files lie.

    Args:
        folder: of all added models.
        snapshot: the model.
        found: numbers from :class:`~ptmrec.recommender.probing.Prober`; None for a model known by its card only.

    Returns:
        The model's own folder there; it replaces that of another model of its name.
    """

    def write(fresh: Path) -> None:
        weights = {} if found is None else {"weights": snapshot.digest()}
        write_json(fresh / PATH_NAME, {**record_of(snapshot), **weights})
        if found is not None:
            write_npz(fresh / NUMBERS_NAME, {name: np.asarray(values, np.float32) for name, values in found.items()})

    return write_folder(folder / snapshot.name, write)


def check_name(folder: Path, snapshot: Snapshot) -> None:
    """Refuse a model of whose name another one was added; the same one, which may have changed, takes its own place.

    Raises:
        ConfigError: the other one was added from elsewhere.
    """
    path = folder / snapshot.name
    if not (path / PATH_NAME).is_file():
        return
    try:
        with reading(path / PATH_NAME):
            before, now = (_origin(record) for record in (read_json(path / PATH_NAME), record_of(snapshot)))
    except ArtifactError:
        return  # a damaged record is no model, and may be replaced
    if before != now:
        raise ConfigError(
            f"{snapshot.name}: a model of this name was added from {before}; rename one of the two, or remove {path}"
        )


def _origin(record: Mapping[str, Any]) -> str:
    """Where a model that was written down comes from."""
    architecture = (record.get("card") or {}).get("architecture") or {}
    return str(architecture.get("source") or record["folder"])


@dataclass(frozen=True)
class AddedModels:
    """The models that were added.

    Attributes:
        ran: those that were run, with the numbers of each.
        card_only: those that cannot be run, of which only the card is known.
    """

    ran: tuple[tuple[Snapshot, dict[str, np.ndarray]], ...] = ()
    card_only: "tuple[HubSnapshot, ...]" = ()


def read_added(folder: Path) -> AddedModels:
    """Read the models that were added; none without the folder.

    A model whose files are gone or damaged is left out, and a line says so.
    """
    ran, card_only = [], []
    for path, snapshot in _read(folder):
        if getattr(snapshot, "problem", ""):  # that of a HubSnapshot
            card_only.append(snapshot)
            continue
        try:
            ran.append((snapshot, _read_numbers(path / NUMBERS_NAME)))
        except ArtifactError as error:
            _leave_out(path, error)
    taken = {snapshot.name for snapshot in (*(one for one, _ in ran), *card_only)}
    ran += [(one, found) for _, one, found in _imported(folder) if one.name not in taken]
    return AddedModels(tuple(ran), tuple(card_only))


def _imported(folder: Path) -> "Iterator[tuple[Path, Snapshot, dict[str, np.ndarray]]]":
    """Registrations that were imported; nothing is imported for a folder without any."""
    if folder.is_dir() and any(path.suffix == ".safetensors" for path in folder.iterdir()):
        from ptmrec.recommender.sharing import read_imported

        yield from read_imported(folder)


def _read_numbers(path: Path) -> dict[str, np.ndarray]:
    found = read_npz(path, tuple(AXES))
    axes = {name: found[name].ndim for name in AXES}
    if axes != AXES or not all(np.isfinite(found[name]).all() for name in AXES if name != "few_shot"):
        raise ArtifactError(f"{path}: damaged or of another version (its arrays are of another form)")
    return found


def added_snapshots(folder: Path) -> list[Snapshot]:
    """Snapshots of all models that were added and are still there."""
    own = [snapshot for _, snapshot in _read(folder)]
    taken = {snapshot.name for snapshot in own}
    return own + [one for _, one, _ in _imported(folder) if one.name not in taken]


def all_models(paths: PathsConfig, installed_only: bool = True) -> dict[str, Snapshot]:
    """All of :func:`~ptmrec.zoo.real.read_models`, by name, and then the added ones, which replace others of a name."""
    added = {snapshot.name: snapshot for snapshot in added_snapshots(paths.artifacts / ADDED)}
    own = {snapshot.name: snapshot for snapshot in read_models(paths, installed_only)}
    return {name: one for name, one in own.items() if name not in added} | added


def remove_added(folder: Path, name: str) -> Path:
    """Take a model, damaged or not, out of the folder of added ones and return the folder or file that is gone.

    The files that it was added from stay.

    Raises:
        ConfigError: no such model was added, or it was imported in one file with others.
    """
    own = {path.name: path for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else {}
    if name in own:
        shutil.rmtree(own[name])
        return own[name]
    files = {snapshot.name: path for path, snapshot, _ in _imported(folder)}
    if name not in files:
        raise ConfigError(f"no model {name!r} was added{suggest(name, (*own, *files))}")
    others = [other for other, path in files.items() if path == files[name] and other != name]
    if others:
        raise ConfigError(f"{name} was imported with {', '.join(others)}; remove {files[name]} to take all of them out")
    files[name].unlink()
    return files[name]


def _read(folder: Path) -> Iterator[tuple[Path, Snapshot]]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if not path.is_dir() or is_temporary(path):
            continue
        try:
            with reading(path / PATH_NAME, "damaged or of another version"):
                snapshot = from_record(read_json(path / PATH_NAME))
                if snapshot.name != path.name:
                    raise ArtifactError(f"its files are now those of {snapshot.name}")
        except ArtifactError as error:
            _leave_out(path, error)
        else:
            yield path, snapshot


def _leave_out(path: Path, error: Exception) -> None:
    """Say in one line why an added model is left out, and how not to read this again."""
    logger.warning("%s is left out (%s); add it again, or remove %s", path.name, one_line(error), path)


def find_models(names: Sequence[str], config: ConfigParser) -> list[Snapshot]:
    """Find models by name, each once, in the order of the names.

    Args:
        names: names of the zoo and of added models, patterns such as ``resnet-*``, or sources as ``ptmrec zoo add``
            takes them.
        config: the configuration.

    Raises:
        ConfigError: an unknown name, or a pattern that fits none.
    """
    paths = config.get(PathsConfig)
    known = all_models(paths)
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


def _fitting(added: AddedModels, knowledge: "Knowledge", folder: Path) -> AddedModels:
    """Leave out models whose numbers are about other data sets or another reference space than the present ones."""
    sizes, space = {len(knowledge.samples)}, knowledge.transports[0].shape[0]
    fitting, names, imported = [], [sample.name for sample in knowledge.samples], 0
    for snapshot, found in added.ran:
        lengths, about = {len(found["transported"]), len(found["few_shot"])}, list(found.get("datasets", names))
        if lengths == sizes and found["transport"].shape[0] == space and about == names:
            fitting.append((snapshot, found))
        elif "datasets" in found:
            imported += 1
        else:
            _leave_out(folder / snapshot.name, ArtifactError("it was added with other known data sets or references"))
    if imported:
        what = (
            "imported registrations are left out (made with other known data sets or references); import new ones, or"
        )
        logger.warning("%d %s remove the .safetensors in %s", imported, what, folder)
    return replace(added, ran=tuple(fitting))


def with_added(
    folder: Path, knowledge: "Knowledge", snapshots: Sequence[Snapshot]
) -> "tuple[Knowledge, list[Snapshot], dict[str, str]]":
    """Extend knowledge and candidates by the models that were added; they replace others of their name.

    Returns:
        Knowledge, candidates, and for each model that is known by its card only its stand-in.
    """
    added = _fitting(read_added(folder), knowledge, folder)
    if added.ran:
        knowledge = extend(knowledge, [(snapshot.card, found) for snapshot, found in added.ran])
    knowledge, stand_ins = extend_by_card(knowledge, added.card_only)
    new = [*(snapshot for snapshot, _ in added.ran), *added.card_only]
    names = {snapshot.name for snapshot in new}
    return knowledge, [*(snapshot for snapshot in snapshots if snapshot.name not in names), *new], stand_ins


def nearest_by_card(card: Card, cards: dict[str, Card]) -> str:
    """The known model nearest to a card: of its family where there is one, then by the logarithm of the size."""
    kin = [name for name, known in cards.items() if known.family == card.family] or list(cards)
    size = np.log(max(card.num_params, 1))
    return min(kin, key=lambda name: (abs(np.log(cards[name].num_params) - size), name))


def extend_by_card(knowledge: "Knowledge", snapshots: Sequence[Snapshot]) -> "tuple[Knowledge, dict[str, str]]":
    """Extend knowledge by models of which only cards are known.

    The nearest known model, its stand-in, lends each what running it would have shown; size and source are its own.

    Returns:
        The knowledge, and model -> stand-in.
    """
    found, stand_ins, names = [], {}, list(knowledge.cards)
    known = {name: card for name, card in knowledge.cards.items() if name not in {s.name for s in snapshots}}
    scores = knowledge.scores
    for snapshot in snapshots:
        stand_in = stand_ins[snapshot.name] = nearest_by_card(snapshot.card, known)
        index = names.index(stand_in)
        lent = {"transported": scores.transport[:, index], "few_shot": scores.few_shot[:, index]}
        found.append((snapshot.card, {"transport": knowledge.transports[index], **lent}))
    return extend(knowledge, found) if found else knowledge, stand_ins


def extend(knowledge: "Knowledge", found: Sequence[tuple[Card, dict[str, np.ndarray]]]) -> "Knowledge":
    """Extend knowledge by models, each with the numbers of a ``Prober``; they replace others of their name."""
    from ptmrec.recommender.knowledge import Knowledge
    from ptmrec.relations.pairs import PairTable

    cards = {card.name: card for card, _ in found}
    kept = [name for name in knowledge.cards if name not in cards]
    rows = [list(knowledge.cards).index(name) for name in kept]
    old = knowledge.scores.only(knowledge.scores.datasets, kept)
    tables = [np.stack([numbers[key] for _, numbers in found], axis=1) for key in ("transported", "few_shot")]
    scores = old.with_models(list(cards), *tables)
    base = np.append(knowledge.base[rows], np.zeros(len(cards), dtype=bool))
    every = {**{name: knowledge.cards[name] for name in kept}, **cards}
    pairs = PairTable(every, scores, base)
    regimes = {name: _extend_regime(known, rows, len(cards), pairs) for name, known in knowledge.regimes.items()}
    transports = (*(knowledge.transports[row] for row in rows), *(numbers["transport"] for _, numbers in found))
    return Knowledge(every, base, knowledge.samples, scores, transports, regimes)


def _extend_regime(known: "RegimeKnowledge", rows: list[int], count: int, pairs: "PairTable") -> "RegimeKnowledge":
    from ptmrec.relations.registration import estimate_skills

    ranker, unmeasured = known.ranker, np.full(count, np.nan)
    measured = np.append(ranker.measured[rows], np.zeros(count, dtype=bool))
    own = {
        name: np.append(np.where(ranker.measured, row, np.nan)[rows], unmeasured) for name, row in ranker.skills.items()
    }
    estimated = estimate_skills(pairs, own)
    skills = {name: np.where(measured, row, estimated[name]) for name, row in own.items()}
    errors = known.errors.only(np.array([*rows, *[-1] * count]))
    return replace(known, ranker=replace(ranker, skills=skills, measured=measured), errors=errors)


def _is_known(snapshot: Snapshot, cards: Mapping[str, Card], zoo: Path) -> bool:
    """Whether a model is one of those the knowledge is about: an added one, or one of the zoo with the same weights."""
    card, twin = cards.get(snapshot.name), zoo / snapshot.name
    if card is None or card is snapshot.card or card != Card(**snapshot.card.to_dict()):
        return card is not None and card is snapshot.card
    if not twin.is_dir() or twin.resolve() == snapshot.folder.resolve():
        return True
    return snapshot.digest() == read_snapshot(twin).digest()


def register(
    knowledge: "Knowledge", references: "References", snapshots: Sequence[Snapshot], config: ConfigParser
) -> "Knowledge":
    """Extend knowledge to all of some models; unknown ones are run first.

    A model is known when its card, as it comes back from JSON, is the same, and so are its weights.
    """
    zoo = config.get(PathsConfig).zoo
    new = [snapshot for snapshot in snapshots if not _is_known(snapshot, knowledge.cards, zoo)]
    if not new:
        return knowledge
    from ptmrec.recommender.probing import Prober

    prober = Prober(knowledge, references, config)
    found = [(snapshot.card, prober.run(snapshot)) for snapshot in progress(new, "running new models")]
    return extend(knowledge, found)
