"""The doctor: lists installed parts and those that work without network."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import EncoderConfig, PathsConfig
from ptmrec.core.errors import PtmrecError
from ptmrec.dataloader.model_datasets import find_recommender
from ptmrec.zoo.real import INSTALL, read_real
from ptmrec.zoo.snapshot import read_zoo

LIBRARIES = ("torch", "timm", "open_clip_torch", "safetensors", "huggingface_hub")
EXTRAS = {"jupyterlab": "notebooks", "ipywidgets": "the panel of notebook 00", "papermill": "make reproduce"}
PROGRAMS = {"latexmk": "make thesis", "chromium": "make test-browser"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name.
        works: whether it is there and can be used.
        found: version, place, or what is wrong.
        serves: what it is for.
        needed: whether ``ptmrec recommend`` needs it.
    """

    what: str
    works: bool
    found: str
    serves: str
    needed: bool = False

    def to_dict(self) -> dict[str, str]:
        """A row of the table."""
        state = "ok" if self.works else "MISSING" if self.needed else "not there"
        return {"what": self.what, "state": state, "found": self.found, "for": self.serves}


def examine(config: ConfigParser) -> list[Finding]:
    """Examine libraries, committed files, models, and parts that need a network."""
    paths = config.get(PathsConfig)
    findings = [Finding("python", True, platform.python_version(), "everything", True)]
    findings += [_library(name, "recommend, offline", True) for name in LIBRARIES]
    findings += [_library(name, serves, False) for name, serves in EXTRAS.items()]
    findings += [_program(name, serves) for name, serves in PROGRAMS.items()]
    findings.append(_try("zoo", "models to rank, offline", lambda: f"{len(read_zoo(paths.zoo))} models in {paths.zoo}"))
    findings.append(_try("recommender", "the ranking, offline", lambda: str(find_recommender(paths))))
    findings.append(_encoder(config))
    findings.append(_real(paths))
    return [*findings, _hub()]


def _library(name: str, serves: str, needed: bool) -> Finding:
    try:
        return Finding(name, True, version(name), serves, needed)
    except PackageNotFoundError:
        return Finding(name, False, "not installed; run: make install", serves, needed)


def _program(name: str, serves: str) -> Finding:
    place = shutil.which(name)
    return Finding(name, bool(place), place or f"not installed; {serves} says how", serves)


def _try(what: str, serves: str, look) -> Finding:
    try:
        return Finding(what, True, look(), serves, True)
    except PtmrecError as error:
        return Finding(what, False, str(error), serves, True)


def _encoder(config: ConfigParser) -> Finding:
    settings, folder = config.get(EncoderConfig), config.get(PathsConfig).encoder
    if settings.model == "embedded":
        return Finding("encoder", folder.is_dir(), f"embedded, {folder}", "reading your images, offline", True)
    return Finding("encoder", True, f"{settings.model}, {settings.pretrained}", "reading your images", True)


def _real(paths: PathsConfig) -> Finding:
    every, there = read_real(paths.real, installed_only=False), read_real(paths.real)
    found = ", ".join(snapshot.name for snapshot in there) or f"none of {len(every)}; run: {INSTALL}"
    return Finding("real models", bool(there), found, "models with ImageNet weights, offline")


def _hub() -> Finding:
    """The Hub is not called: a doctor that waits for a network is no help without one."""
    from huggingface_hub import constants

    cache, offline = Path(constants.HF_HUB_CACHE), os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes")
    held = len(list(cache.glob("models--*"))) if cache.is_dir() else 0
    state = "HF_HUB_OFFLINE is set" if offline else "not called here"
    return Finding("Hub", held > 0, f"{held} models in {cache}; {state}", "zoo add of a Hub id; without network: these")
