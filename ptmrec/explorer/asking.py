"""Questions of the panel of notebook 00, and their answers."""

from ptmrec.benchmark.battery import DEMO as FIRST_DEMO
from ptmrec.benchmark.battery import BatterySet, read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError, DataError
from ptmrec.recommender.recommendation import Recommendation
from ptmrec.recommender.request import recommend

DEMO = "demo:"
"""Prefix of image sets of the battery; anything else is a path."""


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

    def __call__(self, images: str, preset: str) -> Recommendation:
        """Rank the models for images.

        Args:
            images: path of a folder or NPZ, or ``demo:`` and the name of an image set of the battery.
            preset: how many candidates are run on the images, see :data:`~ptmrec.config.sections.PRESETS`.

        Raises:
            ConfigError: unknown preset or demo.
            DataError, ArtifactError: see :func:`ptmrec.recommender.request.recommend`.
        """
        source, labels = images.strip(), None
        if not source:
            raise DataError("type the path of a folder of images, or choose a demo")
        if source.startswith(DEMO):
            name = source.removeprefix(DEMO)
            if name not in self._battery:
                raise ConfigError(f"demo {name!r}: choose one of {', '.join(self._battery)}")
            chosen = self._battery[name]
            source, labels = chosen.images, [chosen.class_names[label] for label in chosen.labels]
        return recommend(source, labels, preset=preset, config=self._config)


def _describe(part: BatterySet) -> str:
    return f"demo: {part.name.replace('_', ' ')} ({len(part.class_names)} classes, {len(part.labels)} images)"
