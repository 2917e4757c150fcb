"""Which models the embedded zoo holds: every family and size on several sources, and the oddities of real hubs."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from ptmrec.config.sections import ZooConfig

MIXTURE, NOTHING = "mixture", "none"
"""What a card names as its source when a model was trained on several sources, or not trained at all."""


@dataclass(frozen=True)
class ModelPlan:
    """One model to train.

    Attributes:
        name: name of the model.
        family: architecture family.
        size: size within the family.
        sources: image sets it is trained on; none for a random initialisation.
        steps: training steps.
        seed: seed of initialisation and training.
    """

    name: str
    family: str
    size: str
    sources: tuple[str, ...]
    steps: int
    seed: int

    @property
    def source_name(self) -> str:
        """What the card names as the source."""
        return MIXTURE if len(self.sources) > 1 else self.sources[0] if self.sources else NOTHING


def plan_models(config: ZooConfig) -> list[ModelPlan]:
    """The models of the zoo.

    Each family and size is trained on ``sources_per_model`` sources, taken in rotation, so that every source
    meets every family. Each family and size is also trained on the mixture, and stopped early on one source;
    each family is there once with random weights.
    """
    bodies = [(family, size) for family in config.families for size in config.sizes]
    plans = [plan for body, (family, size) in enumerate(bodies) for plan in _plan_body(config, body, family, size)]
    for place, family in enumerate(config.families):
        plans.append(_plan(config, family, config.sizes[place % len(config.sizes)], (), 0, "random"))
    return plans


def _plan_body(config: ZooConfig, body: int, family: str, size: str) -> Iterator[ModelPlan]:
    count = min(config.sources_per_model, len(config.sources))
    rotated = [config.sources[(count * body + turn) % len(config.sources)] for turn in range(count)]
    for source in rotated:
        yield _plan(config, family, size, (source,), config.steps, source)
    yield _plan(config, family, size, (rotated[0],), config.early_steps, f"{rotated[0]}-early")
    if len(config.mixture) > 1:
        yield _plan(config, family, size, tuple(config.mixture), config.mixture_steps, MIXTURE)


def _plan(config: ZooConfig, family: str, size: str, sources: tuple[str, ...], steps: int, suffix: str) -> ModelPlan:
    name = f"{family}-{size}-{suffix}"
    return ModelPlan(name, family, size, sources, steps, zlib.crc32(f"{config.seed}/{name}".encode()) % 2**31)
