"""What somebody can ask the panel of notebook 00, and the answer as the panel shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from ptmrec.benchmark.battery import DEMO as FIRST_DEMO
from ptmrec.benchmark.battery import BatterySet, read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.errors import ConfigError, DataError
from ptmrec.plots.recommendation import plot_recommendation
from ptmrec.recommender.ranking import PRESETS, recommend
from ptmrec.recommender.recommendation import Recommendation, count_of

DEMO = "demo:"
"""What stands before the name of an image set of the battery; anything else is a path."""


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
            preset: how many candidates are run on the images, see :data:`~ptmrec.recommender.ranking.PRESETS`.

        Raises:
            ConfigError: unknown preset or demo.
            DataError, ArtifactError: see :func:`ptmrec.recommender.ranking.recommend`.
        """
        if preset not in PRESETS:
            raise ConfigError(f"preset {preset!r}: choose one of {', '.join(PRESETS)}")
        if not images.strip():
            raise DataError("type the path of a folder of images, or choose a demo")
        source, labels = self._demo(images) if images.startswith(DEMO) else (images.strip(), None)
        return from_recommendation(recommend(source, labels, preset=preset, config=self._config))

    def _demo(self, images: str) -> tuple[Any, list[str]]:
        name = images.removeprefix(DEMO)
        if name not in self._battery:
            raise ConfigError(f"demo {name!r}: choose one of {', '.join(self._battery)}")
        chosen = self._battery[name]
        return chosen.images, [chosen.class_names[label] for label in chosen.labels]


def from_recommendation(found: Recommendation) -> Findings:
    """The panel's view of a recommendation."""
    classes = () if found.session is None else found.session.chosen.class_names

    def explain(model: str) -> str:
        reasons = found.explain(model)
        phrase = reasons.phrase()
        return f"{phrase[0].upper()}{phrase[1:]}. {reasons.sentence(classes)}."

    return Findings(found.leaderboard(all_models=True), plot_recommendation, explain, tuple(_remarks(found)))


def _remarks(found: Recommendation) -> list[str]:
    """Sentences without the folder of the recommender, which says nothing to who asks."""
    kind = count_of(found.num_classes, "class") if found.num_classes else "unlabelled"
    used = f"{found.images_used} of {found.images_there} images used ({kind}), {count_of(len(found), 'model')} ranked"
    plan = f"for {found.regime.replace('fine_tuning', 'fine-tuning').replace('_', ' ')}"
    lines = [*found.remarks()[:-1], f"{used} {plan}"]
    return [line[0].upper() + line[1:].removesuffix(".") + "." for line in lines]


def _describe(part: BatterySet) -> str:
    return f"demo: {part.name.replace('_', ' ')} ({len(part.class_names)} classes, {len(part.labels)} images)"
