"""The sections of ``config.ini``. Every knob of the project has its one home here."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ptmrec.config.section import Section, setting


@dataclass(frozen=True)
class ZooConfig(Section):
    """Which models ``ptmrec zoo build`` trains, and how."""

    section: ClassVar[str] = "zoo"
    families: list[str] = setting(
        ["vgg", "resnet", "densenet", "mobilenet", "convnext", "vit", "mixer"], "architecture families"
    )
    sizes: list[str] = setting(["small", "large"], "sizes of each family")
    sources: list[str] = setting(
        ["cifar10", "clothing", "mnist", "math_symbols", "blood_cells", "pcb_defects", "doodles8", "sign_digits"],
        "image sets models are trained on; none marked non-commercial",
    )
    sources_per_model: int = setting(3, "sources each family and size is trained on, in rotation", min=1)
    steps: int = setting(400, "training steps from scratch", min=1)
    batch_size: int = setting(64, "images per step", min=2)
    learning_rate: float = setting(3e-3, "peak of the one-cycle schedule of AdamW", min=1e-6, max=1.0)
    weight_decay: float = setting(0.02, "weight decay of AdamW", min=0.0, max=1.0)
    seed: int = setting(0, "seed from which each model derives its own", min=0)
    workers: int = setting(2, "processes, one thread each", min=1, max=64)


@dataclass(frozen=True)
class GroundTruthConfig(Section):
    """How the accuracy of a model on a target data set is measured, in both regimes."""

    section: ClassVar[str] = "ground_truth"
    targets: list[str] = setting(
        [
            *("cifar10", "clothing", "mnist", "math_symbols", "blood_cells", "pcb_defects", "doodles8"),
            *("sign_digits", "spoken_digits", "trashnet", "omniglot_alphabets", "asl_letters"),
            *("devanagari_digits", "kannada_digits", "rsscn7", "plankton30", "neu_defects", "euro_coins", "flowers5"),
        ],
        "image sets every model is measured on",
    )
    shots: int = setting(10, "low data: training images per class", min=4)
    draws: int = setting(8, "low data: random draws of those images, the same for every model", min=2)
    penalties: list[float] = setting(
        [0.01, 0.1, 1.0], "low data: inverse penalties C to choose from, on three of ten images per class", min=1e-6
    )
    steps: int = setting(80, "fine-tuning: steps", min=1)
    batch_size: int = setting(64, "fine-tuning: images per step", min=2)
    learning_rate: float = setting(2e-3, "fine-tuning: peak of the one-cycle schedule of AdamW", min=1e-6, max=1.0)
    weight_decay: float = setting(0.02, "fine-tuning: weight decay of AdamW", min=0.0, max=1.0)
    seeds: int = setting(2, "fine-tuning: repetitions with other seeds", min=1)
