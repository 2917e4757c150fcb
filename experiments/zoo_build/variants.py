"""Which pair scores are made: for the crossed evaluation, and for the ablations."""

from collections.abc import Mapping

from experiments.zoo_build.pair_scores import BATTERY, PROBE, Variant
from ptmrec.config.sections import RelationConfig
from ptmrec.zoo.card import Card

WIDER = (
    *("resnet-large-asl_letters", "convnext-large-math_symbols", "vgg-large-cifar10", "vit-large-clothing"),
    "mobilenet-large-sign_digits",
)
"""References that join the bank in the ablation with twelve."""
SHOTS = (1, 2, 5)
CLUSTERS = 10


def list_variants(settings: RelationConfig, cards: Mapping[str, Card]) -> list[Variant]:
    """Every draw with the whole bank, and without the references of each family; and the ablations on draw 1.

    Args:
        settings: bank, images per class, and number of draws.
        cards: of the models of the zoo.
    """
    bank, shots = tuple(settings.references), settings.shots
    draws = range(settings.draws)
    found = [Variant(f"draw {draw}", bank, shots=shots, draw=draw) for draw in draws]
    for family in sorted({cards[name].family for name in bank}):
        rest = tuple(name for name in bank if cards[name].family != family)
        found += [Variant(f"without {family}, draw {draw}", rest, shots=shots, draw=draw) for draw in draws]
    wider = (*bank, *(name for name in WIDER if name in cards))
    others = {f"bank of {count}": (part, (PROBE, BATTERY)) for count, part in other_banks(bank, wider).items()}
    others |= {"probes by code": (bank, (PROBE,)), "probes of the battery": (bank, (BATTERY,))}
    for name, (part, probes) in others.items():
        judged = draws if not part else (0, 1)  # without references it is a row of the headline table
        found += [Variant(f"{name}, draw {draw}", part, probes, shots, draw) for draw in judged]
    found += [Variant(f"{count} per class", bank, shots=count, draw=1) for count in SHOTS if count < shots]
    return [*found, Variant("unlabelled", bank, shots=shots, draw=1, clusters=CLUSTERS)]


def other_banks(bank: tuple[str, ...], wider: tuple[str, ...]) -> dict[int, tuple[str, ...]]:
    """Smaller and larger banks by their number of references."""
    return {0: (), 2: bank[:2], 4: bank[:4], len(wider): wider}
