"""What somebody can ask the panel of notebook 00, and the answer as the panel shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ptmrec.benchmark.battery import BatterySet, read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.dataloader.image_files import list_folders
from ptmrec.errors import ConfigError, DataError
from ptmrec.explorer.drawing import plot_models
from ptmrec.recommender.ranking import recommend
from ptmrec.recommender.recommendation import Recommendation

PRESETS = {"fast": 0, "balanced": 3, "best": 8}
"""Candidates that each preset runs on the images."""
DEMO = "demo:"
"""What stands before the name of an image set of the battery; anything else is a path."""
FIRST_DEMO = "euro_coins"
"""The one image set of the battery that no recommender has learned from: the others are recognised."""


@dataclass(frozen=True)
class Findings:
    """An answer, as much of it as the panel needs.

    Attributes:
        frame: models best first, with at least the columns ``rank, model, parameters, trained_on, expected_accuracy,
            low_80, high_80, low_95, high_95, tied_with_best``.
        plot: draws some rows of the frame on axes.
        explain: a sentence about why the model of this name ranks where it does.
        remarks: what to read beside the table, a sentence each.
    """

    frame: pd.DataFrame
    plot: Callable[[pd.DataFrame, Axes], Any]
    explain: Callable[[str], str]
    remarks: tuple[str, ...] = ()


class Asker:
    """Asks the recommender of a configuration.

    Args:
        config: the configuration.
    """

    def __init__(self, config: ConfigParser) -> None:
        self._config = config
        self._battery = read_battery(config.get(PathsConfig).battery)

    @property
    def demos(self) -> dict[str, str]:
        """Images that can be asked about without any of one's own, each with a few words about it."""
        names = sorted(self._battery, key=lambda name: name != FIRST_DEMO)
        return {DEMO + name: _describe(self._battery[name]) for name in names}

    def __call__(self, images: str, preset: str) -> Findings:
        """Rank the models for images.

        Args:
            images: path of a folder or NPZ, or ``demo:`` and the name of an image set of the battery.
            preset: how many candidates are run on the images, see :data:`PRESETS`.

        Raises:
            ConfigError: unknown preset or demo.
            DataError, ArtifactError: see :func:`ptmrec.recommender.ranking.recommend`.
        """
        if preset not in PRESETS:
            raise ConfigError(f"preset {preset!r}: choose one of {', '.join(PRESETS)}")
        if not images.strip():
            raise DataError("type the path of a folder of images, or choose a demo")
        source, labels = self._demo(images) if images.startswith(DEMO) else (images.strip(), None)
        found = recommend(source, labels, verify=PRESETS[preset] or None, config=self._config)
        classes = tuple(sorted(set(labels))) if labels else _folder_classes(Path(images.strip()), found.part)
        return from_recommendation(found, classes)

    def _demo(self, images: str) -> tuple[Any, list[str]]:
        name = images.removeprefix(DEMO)
        if name not in self._battery:
            raise ConfigError(f"demo {name!r}: choose one of {', '.join(self._battery)}")
        chosen = self._battery[name]
        return chosen.images, [chosen.class_names[label] for label in chosen.labels]


def from_recommendation(found: Recommendation, class_names: tuple[str, ...] = ()) -> Findings:
    """The panel's view of a recommendation.

    Args:
        found: the recommendation.
        class_names: names of the classes of the images, in ascending order.
    """
    sentences = {reasons.model: reasons.sentence(class_names) for reasons in found.reasons}
    return Findings(
        found.frame,
        plot_models,
        lambda model: sentences.get(model) or _place(found.frame, model),
        tuple(_remarks(found)),
    )


def _place(frame: pd.DataFrame, model: str) -> str:
    """What the table knows of a model whose score is not taken apart."""
    row = frame.set_index("model").loc[model]
    best = frame.iloc[0]
    away = best["expected_accuracy"] - row["expected_accuracy"]
    tie = "tied with" if row["tied_with_best"] else f"{100 * away:.0f} points below"
    return (
        f"{model}: rank {row['rank']} of {len(frame)}, trained on {row['trained_on']}, {tie} the first model, "
        f"{best['model']}; only the scores of the first models are taken apart"
    )


def _remarks(found: Recommendation) -> list[str]:
    """Sentences without the folder of the recommender, which says nothing to who asks."""
    verified = "" if found.verification is None else found.verification.describe()
    kind = f"{found.num_classes} classes" if found.num_classes else "unlabelled"
    used = f"{found.images_used} of {found.images_there} images used ({kind}), {len(found)} models ranked"
    plan = f"for {found.regime.replace('_', ' ').replace('fine tuning', 'fine-tuning')}"
    lines = [*found.notes, found.describe_tie(), verified, f"{used} {plan}"]
    return [line[0].upper() + line[1:].removesuffix(".") + "." for line in lines if line]


def _describe(part: BatterySet) -> str:
    return f"demo: {part.name.replace('_', ' ')} ({len(part.class_names)} classes, {len(part.labels)} images)"


def _folder_classes(path: Path, part: str) -> tuple[str, ...]:
    folder = path.expanduser() / part
    return tuple(sub.name for sub in list_folders(folder)) if folder.is_dir() else ()
