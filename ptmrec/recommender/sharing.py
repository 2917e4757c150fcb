"""Registrations in one file, without weights: what one person's machine found of a model, all can rank it by.

A file is safetensors. Its header holds JSON: the schema, the known data sets and the reference space that the numbers
are about, and for each model its card, the SHA-256 of the weights it belongs to, and costs that were measured. Its
tensors are, for each model, the map from reference coordinates to features in 8 bits, and its scores on known data
sets. Maps of more than :data:`WIDTH` columns are turned into as many, whose inner products are those of the first
principal components.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import UNFIT, ArtifactError, ConfigError, one_line, reading
from ptmrec.core.files import read_json, write_bytes, write_json
from ptmrec.core.log import logger
from ptmrec.core.words import suggest
from ptmrec.hardware.saved import MEASUREMENTS, machine_folder
from ptmrec.recommender.added_models import ADDED, all_models, read_added
from ptmrec.recommender.knowledge_files import read_knowledge, to_bytes
from ptmrec.relations.samples import read_space
from ptmrec.zoo.card import Card, card_from
from ptmrec.zoo.hub_download import fetch_address
from ptmrec.zoo.hub_files import HUB_ID, SHARED, Repository

if TYPE_CHECKING:
    from ptmrec.recommender.knowledge import Knowledge
    from ptmrec.zoo.python_model import SharedSnapshot

SCHEMA = 1
SUFFIX = ".safetensors"
FETCHED = "fetched"
"""Folder of files from elsewhere, below that of the artifacts."""
HEADER = "ptmrec"
"""Key of the JSON in the header."""
WIDTH = 256
"""Columns of the widest map that is shared: virtual features of a new image are as many."""
LARGEST = 2**30
"""Bytes of the largest file: some ten thousand models."""
MOST = 20_000
"""Most models in a file."""


@dataclass(frozen=True)
class Registration:
    """What registration found of one model.

    Attributes:
        card: of the model.
        weights: SHA-256 of the weights it belongs to.
        found: numbers of :class:`~ptmrec.recommender.probing.Prober`.
        costs: measurements, see :class:`~ptmrec.hardware.measurement.Measurement`, each with its machine.
    """

    card: Card
    weights: str
    found: Mapping[str, np.ndarray]
    costs: Sequence[Mapping[str, Any]] = ()


def subject_of(knowledge: "Knowledge", reference: Path) -> dict[str, Any]:
    """What the numbers of a registration are about: the known data sets in order, and the reference space."""
    space = read_space(reference)
    digest = hashlib.sha256(f"{space.names} {space.dims}".encode())
    for values in (space.mean, space.basis):
        digest.update(np.ascontiguousarray(values, np.float64))
    return {"datasets": [sample.name for sample in knowledge.samples], "space": digest.hexdigest()}


def narrow(transport: np.ndarray) -> np.ndarray:
    """A map ``(r, d)`` of at most :data:`WIDTH` columns with nearly the same inner products of virtual features.

    Its principal components, turned at random so that all columns vary alike, since features are standardised.
    """
    if transport.shape[1] <= WIDTH:
        return transport
    vectors, sizes, _ = np.linalg.svd(np.asarray(transport, np.float64), full_matrices=False)
    kept = min(WIDTH, len(sizes))
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(kept, kept)))[0]
    return (vectors[:, :kept] * sizes[:kept]) @ turn


def write_shared(path: Path, registrations: Sequence[Registration], subject: Mapping[str, Any]) -> Path:
    """Write registrations of models of different names, about one :func:`subject_of`, as one file, atomically."""
    tensors, models = {}, {}
    for one in registrations:
        name = one.card.name
        models[name] = {"card": one.card.to_dict(), "weights": one.weights, "costs": list(one.costs)}
        tensors[f"{name}/map"], tensors[f"{name}/rows"] = to_bytes(narrow(one.found["transport"]))
        scores = [one.found["transported"], one.found["few_shot"]]
        tensors[f"{name}/scores"] = np.stack(scores).astype(np.float32)
        tensors[f"{name}/explained"] = np.array([one.found["explained"]], np.float32)
    header = json.dumps({"schema": SCHEMA, **subject, "models": models}, allow_nan=False)
    return write_bytes(path, save(tensors, {HEADER: header}))


def read_shared(path: Path) -> tuple[dict[str, Any], list[Registration]]:
    """What :func:`write_shared` wrote: the subject, and the registrations.

    Raises:
        ArtifactError: the file is none of this schema, damaged, or too large.
    """
    with reading(path, AGAIN):
        if path.stat().st_size > LARGEST:
            raise ArtifactError(f"{path}: larger than {LARGEST >> 20} MiB; import it in parts")
        try:
            with safe_open(path, framework="np") as handle:
                header = (handle.metadata() or {}).get(HEADER)
                if header is None:
                    raise ArtifactError(f"{path}: holds no registrations; they are made with: ptmrec zoo export FILE")
                stated = json.loads(header)
                if stated.get("schema") != SCHEMA:
                    raise ArtifactError(f"{path}: of schema {str(stated.get('schema'))[:20]}, not {SCHEMA}; {AGAIN}")
                models = stated["models"]
                if not isinstance(models, dict) or len(models) > MOST:
                    raise ArtifactError(f"{path}: lists no models, or more than {MOST:,}; {AGAIN}")
                listed = set(handle.keys())
                if listed != {f"{name}/{part}" for name in models for part in PARTS}:
                    raise ArtifactError(f"{path}: its numbers are not those of the models it lists; {AGAIN}")
                subject = {"datasets": list(stated["datasets"]), "space": str(stated["space"])}
                return subject, [_registration(path, handle, subject, *item) for item in models.items()]
        except SafetensorError as error:
            raise ArtifactError(f"{path}: damaged, or no file of registrations ({one_line(error)}); {AGAIN}") from None


AGAIN = "export it again with this version"
PARTS = ("map", "rows", "scores", "explained")


def _registration(path: Path, handle: Any, subject: Mapping[str, Any], name: str, stated: Any) -> Registration:
    card = card_from(stated["card"], path, gaps=True)
    parts = {part: handle.get_tensor(f"{name}/{part}") for part in PARTS}
    columns, rows, scores = parts["map"], parts["rows"], parts["scores"]
    fit = (
        columns.dtype == np.int8 and columns.ndim == 2 and 0 < columns.shape[1] <= WIDTH,
        rows.dtype == np.float32 and rows.shape == columns.shape[:1] and np.isfinite(rows).all(),
        scores.dtype == np.float32 and scores.shape == (2, len(subject["datasets"])) and np.isfinite(scores[0]).all(),
        parts["explained"].shape == (1,) and np.isfinite(parts["explained"]).all(),
        card.name == name and isinstance(stated["weights"], str) and len(stated["weights"]) == 64,
        isinstance(stated["costs"], list) and all(isinstance(part, dict) for part in stated["costs"]),
    )
    if not all(fit) or np.isinf(scores).any():
        raise ArtifactError(f"{path}: the numbers of {name[:60]} are damaged; {AGAIN}")
    found = {"transport": columns * rows[:, None], "explained": parts["explained"][0]}
    return Registration(
        card, stated["weights"], {**found, "transported": scores[0], "few_shot": scores[1]}, stated["costs"]
    )


def read_imported(folder: Path) -> "Iterator[tuple[Path, SharedSnapshot, dict[str, np.ndarray]]]":
    """File, model and numbers of every registration that was imported; of those of one name the first counts.

    Beside the numbers stand the ``datasets`` they are about.
    A damaged file is left out, and a line says so.
    """
    seen = set()
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []:
        try:
            subject, registrations = read_shared(path)
        except ArtifactError as error:
            logger.warning("imported registrations are left out (%s); import them again, or remove the file", error)
            continue
        from ptmrec.zoo.python_model import SharedSnapshot

        about = np.array(subject["datasets"])
        for one in registrations:
            if one.card.name not in seen:
                seen.add(one.card.name)
                yield path, SharedSnapshot(Path(one.card.name), one.card, one.weights), {**one.found, "datasets": about}


def export_registrations(path: Path, names: Sequence[str], paths: PathsConfig) -> list[str]:
    """Write registrations of added models as one file and return their names; all that were run, where none is named.

    Raises:
        ConfigError: no such model was added, or none.
    """
    added = {snapshot.name: (snapshot, found) for snapshot, found in read_added(paths.artifacts / ADDED).ran}
    for name in names:
        if name not in added:
            raise ConfigError(f"no model {name!r} was added and run{suggest(name, added)}")
    if not added:
        raise ConfigError("no model was added and run; add one with: ptmrec zoo add SOURCE")
    kept = []
    for name in dict.fromkeys(names or added):
        snapshot, found = added[name]
        digest = snapshot.digest()
        kept.append(Registration(_public(snapshot.card), digest, found, _measured(paths, name, digest)))
    write_shared(path, kept, _subject(paths))
    return [one.card.name for one in kept]


def _public(card: Card) -> Card:
    """A card that does not say in which folder of whose machine the model lies."""
    source = str(card.architecture.get("source", ""))
    if not Path(source).is_absolute():
        return card
    return replace(card, architecture={**card.architecture, "source": Path(source).name})


def _subject(paths: PathsConfig) -> dict[str, Any]:
    from ptmrec.dataloader.model_datasets import KNOWLEDGE, find_recommender

    return subject_of(read_knowledge(find_recommender(paths) / KNOWLEDGE), paths.reference)


def _measured(paths: PathsConfig, name: str, digest: str) -> list[dict[str, Any]]:
    """Measurements of these weights that were saved here."""
    found = []
    for path in sorted((paths.artifacts / MEASUREMENTS).glob(f"*/{name}.json")):
        record = read_json(path)
        if isinstance(record, dict) and record.get("hash") == digest:
            found.append(record)
    return found


def import_registrations(source: Path | str, paths: PathsConfig) -> list[str]:
    """Take over registrations of a file, or of all files of a folder; nothing of a file that does not fit.

    Args:
        source: the file or folder, the address of a file, or the Hub id of a repository of such files.
        paths: where added models lie.

    Returns:
        The names of the models.

    Raises:
        ArtifactError: a file cannot be fetched, is damaged, about other data sets or references, or of other weights
            than those of a model of the name that is here.
    """
    text, source = str(source), Path(source)
    if "://" in text or (not os.path.exists(source) and HUB_ID.fullmatch(text)):
        return _import_from(text, paths)
    files = sorted(source.glob(f"*{SUFFIX}")) if source.is_dir() else [source]
    if not files or not all(path.is_file() for path in files):
        raise ArtifactError(f"{source}: no file of registrations there; they are made with: ptmrec zoo export FILE")
    here = {name: one for name, one in all_models(paths).items() if not getattr(one, "problem", "")}
    subject, new, read = _subject(paths), {}, []
    for path in files:
        own, registrations = read_shared(path)
        if own != subject:
            raise ArtifactError(f"{path}: about other known data sets or references than those here; {AGAIN}")
        for one in registrations:
            name = one.card.name
            known = here[name].digest() if name in here else new.setdefault(name, one.weights)
            if known != one.weights:
                raise ArtifactError(
                    f"{path}: {name} is a registration of other weights than those of that name here; "
                    "remove or rename one of the two"
                )
        read.append((path.read_bytes(), registrations))
    for data, registrations in read:
        write_bytes(paths.artifacts / ADDED / f"{hashlib.sha256(data).hexdigest()[:32]}{SUFFIX}", data)
        _keep_costs(registrations, paths)
    return [one.card.name for _, registrations in read for one in registrations]


def _import_from(source: str, paths: PathsConfig) -> list[str]:
    """Take over registrations from an address or the Hub; messages name these."""
    address = "://" in source
    if address:
        target = paths.artifacts / FETCHED / hashlib.sha256(source.encode()).hexdigest()
        place = fetch_address(source, target, LARGEST)
    else:
        place = Repository(source).fetch(SHARED, LARGEST)
    try:
        return import_registrations(place, paths)
    except ArtifactError as error:
        raise ArtifactError(str(error).replace(str(place), source)) from None
    finally:
        if address:
            place.unlink()


def _keep_costs(registrations: Sequence[Registration], paths: PathsConfig) -> None:
    """Save measurements of other machines, or of this one before it forgot them; those that are here stay."""
    for one in registrations:
        for record in one.costs:
            try:
                path = machine_folder(paths.artifacts / MEASUREMENTS, record["machine"]) / f"{one.card.name}.json"
            except UNFIT:
                continue
            if not path.exists():
                write_json(path, dict(record))
