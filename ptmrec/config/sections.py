"""The sections of ``config.ini``. Every knob of the project has its one home here."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ptmrec.config.section import Section, setting

PRECISIONS = ("no", "bf16", "fp16")
SCHEDULERS = ("none", "cosine", "plateau")
PRESETS = {"fast": 0, "balanced": 3, "best": 8}
"""Candidates that each preset runs on the images."""
MEASURES = ("none", "top", "all")
"""Which models are measured on this machine before they are named."""
REGIMES = ("low_data", "fine_tuning")
"""Low data: a linear probe on ten images per class. Fine-tuning: all weights, one stated budget."""
PROBED = "low_data"
"""The regime whose accuracies a probe of frozen features measures; fine-tuning accuracies are of another kind."""


@dataclass(frozen=True)
class ZooConfig(Section):
    """Which models ``ptmrec zoo build`` trains, and how."""

    section: ClassVar[str] = "zoo"
    families: list[str] = setting(
        ["vgg", "resnet", "regnet", "densenet", "mobilenet", "convnext", "poolformer", "vit", "mixer"],
        "architecture families",
    )
    sizes: list[str] = setting(["small", "large"], "sizes of each family")
    sources: list[str] = setting(
        [
            *("cifar10", "mnist", "plankton30", "clothing", "math_symbols", "spoken_digits", "blood_cells", "gtsrb"),
            *("doodles8", "trashnet", "omniglot_alphabets", "flowers5", "pcb_defects", "asl_letters", "cats_dogs"),
            *("sign_digits", "rsscn7"),
        ],
        "image sets models are trained on, in this order of rotation; none marked non-commercial",
    )
    sources_per_model: int = setting(9, "sources each family and size is trained on, in rotation", min=1)
    mixture: list[str] = setting(
        [
            *("cifar10", "mnist", "clothing", "math_symbols", "blood_cells", "doodles8", "omniglot_alphabets"),
            *("pcb_defects", "asl_letters", "sign_digits"),
        ],
        "image sets of the mixture each family and size is trained on as well; fewer than two: no mixture",
    )
    steps: int = setting(400, "training steps from scratch", min=1)
    mixture_steps: int = setting(1200, "training steps on the mixture", min=1)
    early_steps: int = setting(40, "training steps of a model stopped early", min=1)
    batch_size: int = setting(64, "images per step", min=2)
    learning_rate: float = setting(3e-3, "peak of the one-cycle schedule of AdamW", min=1e-6, max=1.0)
    weight_decay: float = setting(0.02, "weight decay of AdamW", min=0.0, max=1.0)
    seed: int = setting(0, "seed from which each model derives its own", min=0)
    workers: int = setting(2, "processes, one thread each", min=1, max=64)
    every: int = setting(1, "use every n-th model of the committed zoo only (smoke profile)", min=1)


@dataclass(frozen=True)
class GroundTruthConfig(Section):
    """How the accuracy of a model on a target data set is measured, in both regimes."""

    section: ClassVar[str] = "ground_truth"
    shots: int = setting(10, "low data: training images per class", min=4)
    draws: int = setting(16, "low data: random draws of those images, the same for every model", min=2)
    other_shots: list[int] = setting([1, 5, 50], "low data: further numbers of images per class", min=1)
    other_draws: list[int] = setting([8, 8, 4], "low data: draws of each of other_shots", min=1)
    estimator_draws: int = setting(4, "draws of the same size the estimators (LogME, ...) are averaged over", min=1)
    penalties: list[float] = setting(
        [0.01, 0.1, 1.0],
        "low data: inverse penalties C to choose from, on three of ten images per class",
        min=1e-6,
    )
    steps: int = setting(100, "fine-tuning: steps", min=1)
    batch_size: int = setting(32, "fine-tuning: images per step", min=2)
    learning_rates: list[float] = setting(
        [2e-3, 8e-3],
        "fine-tuning: peaks of the one-cycle schedule of AdamW to choose from, on a fifth of the training images",
        min=1e-6,
        max=1.0,
    )
    weight_decay: float = setting(0.02, "fine-tuning: weight decay of AdamW", min=0.0, max=1.0)
    seeds: int = setting(2, "fine-tuning: repetitions with other seeds", min=1)


@dataclass(frozen=True)
class CostConfig(Section):
    """How the cost of each model is measured on this machine."""

    section: ClassVar[str] = "costs"
    threads: list[int] = setting([1, 2], "numbers of threads", min=1)
    rounds: int = setting(5, "rounds in which the models take turns", min=1)
    warm_up: int = setting(3, "untimed passes at the start of each turn", min=0)
    passes: int = setting(20, "timed passes of one image in each turn", min=1)
    batch_size: int = setting(64, "images in a batch", min=1)
    batch_passes: int = setting(4, "timed passes of a batch in each turn", min=1)


@dataclass(frozen=True)
class HardwareConfig(Section):
    """How ptmrec measure times a model, query by query."""

    section: ClassVar[str] = "hardware"
    threads: int = setting(1, "number of threads", min=1)
    warm_up: int = setting(20, "untimed queries", min=0)
    queries: int = setting(200, "timed queries of one image, at least", min=1)
    seconds: float = setting(2.0, "seconds of timed queries, at least", min=0)
    most: float = setting(10.0, "seconds after which no query is asked any more", min=0)
    batch_sizes: list[int] = setting([1, 8, 32], "batch sizes of the sweep", min=1)
    batch_seconds: float = setting(0.5, "seconds of each batch size, and of energy", min=0)
    reference_queries: int = setting(30, "queries of the reference network, before and after", min=1)
    quiet: float = setting(0.25, "share of the machine that may be busy", min=0, max=1)
    wait: float = setting(10.0, "seconds to wait for a quiet machine", min=0)
    watts_per_core: float = setting(7.0, "watts of a busy core, where the processor has no energy counters", min=0)


@dataclass(frozen=True)
class PathsConfig(Section):
    """Where things lie. Relative paths resolve against the file they stand in."""

    section: ClassVar[str] = "paths"
    images: Path = setting(Path("images"), "folder of image sets (NPZ) for building; not needed to reproduce")
    zoo: Path = setting(Path("constants/zoo"), "model snapshots")
    real: Path = setting(Path("constants/real"), "cards of real models, whose weights come in packages")
    dataset_tokens: Path = setting(
        Path("constants/dataset_tokens"), "dataset tokens by kind: shots10/, unlabelled/, ..."
    )
    encoder: Path = setting(Path("constants/encoder"), "the embedded image encoder")
    ground_truth: Path = setting(Path("constants/dataset_model_performance.json"), "measured accuracies")
    estimators: Path = setting(Path("constants/estimator_scores.json"), "LogME and k-NN scores measured on images")
    short_runs: Path = setting(Path("constants/short_runs.csv"), "short fine-tunings of first candidates")
    published: Path = setting(Path("constants/published"), "zoos without weights: cards and published accuracies")
    costs: Path = setting(Path("constants/costs.json"), "measured cost of each model")
    devices: Path = setting(Path("constants/devices"), "profiles of devices, and latencies measured on them")
    bench: Path = setting(Path("constants/results/bench.json"), "speed and growth of cost, measured by make bench")
    encoder_separation: Path = setting(
        Path("constants/encoder_separation.csv"), "k-NN accuracy on the encoder's features and on pixels"
    )
    manifest: Path = setting(Path("constants/manifest.json"), "hash of every committed file of the zoo")
    image_sets: Path = setting(Path("constants/image_sets.csv"), "where each image set comes from")
    growth: Path = setting(Path("constants/growth.csv"), "counts of public models and users, with their sources")
    splits: Path = setting(Path("constants/splits.json"), "role of each data set, family and source, with the reason")
    reference: Path = setting(Path("constants/reference"), "the reference space, and a sample of each data set in it")
    battery: Path = setting(
        Path("constants/battery.npz"), "twenty images per class of eight image sets, with attribution"
    )
    recommender: Path = setting(Path("constants/recommender"), "the ranker that ptmrec recommend uses")
    artifacts: Path = setting(Path("artifacts"), "everything runs write", written=True)
    figures: Path = setting(Path("figures"), "exported figures, PDF and PNG", written=True)
    thesis: Path = setting(Path("thesis"), "the thesis's sections and bibliographies")
    thesis_output: Path = setting(
        Path("artifacts/thesis"), "where generated/, figures/ and build/ of the thesis go", written=True
    )


@dataclass(frozen=True)
class EncoderConfig(Section):
    """The frozen image encoder behind dataset tokens."""

    section: ClassVar[str] = "encoder"
    model: str = setting("embedded", "embedded (the folder under [paths] encoder) or a model name of open_clip")
    pretrained: str | None = setting(None, "open_clip's tag of the weights, or a checkpoint; unused when embedded")
    device: str = setting("auto", "torch device, or auto")
    batch_size: int = setting(64, "images per forward pass", min=1)


@dataclass(frozen=True)
class TrainingOptions(Section):
    """What every trainer needs; each trainer has a section of its own with these keys."""

    epochs: int = setting(100, "passes over the training data", min=1)
    batch_size: int = setting(32, "items per step", min=1)
    learning_rate: float = setting(1e-3, "of AdamW", min=1e-8, max=1.0)
    weight_decay: float = setting(0.01, "of AdamW", min=0.0, max=1.0)
    patience: int = setting(0, "epochs without improvement before stopping; 0 never stops early", min=0)
    min_delta: float = setting(0.0, "smallest improvement of the loss that counts", min=0.0)
    gradient_clip: float = setting(1.0, "largest norm of the gradient; 0 leaves it", min=0.0)
    scheduler: str = setting("cosine", "learning rate schedule", choices=SCHEDULERS)
    checkpoint_every: int = setting(0, "epochs between periodic checkpoints; 0 keeps the best only", min=0)
    mixed_precision: str = setting("no", "Accelerate's mixed precision", choices=PRECISIONS)
    device: str = setting("cpu", "cpu, cuda or auto; the models here are too small for a GPU to help")
    seed: int = setting(0, "seed of weights, order and dropout", min=0)
    plots: bool = setting(True, "draw the curves of the run beside its history", beside=True)


@dataclass(frozen=True)
class EncoderTrainingConfig(TrainingOptions):
    """Training of the embedded encoder (part of building the zoo)."""

    section: ClassVar[str] = "encoder_training"
    image_size: int = setting(64, "pixels", min=32)
    width: int = setting(16, "channels of the first stage", min=8)
    epochs: int = setting(14, "passes over the training data", min=1)
    batch_size: int = setting(96, "images per step", min=2)
    learning_rate: float = setting(2e-3, "of AdamW", min=1e-8, max=1.0)
    weight_decay: float = setting(0.05, "of AdamW", min=0.0, max=1.0)
    drawing_weight: float = setting(4.0, "weight of drawing each image again from its feature", min=0.0)


@dataclass(frozen=True)
class DatasetTokenConfig(Section):
    """How images become dataset tokens."""

    section: ClassVar[str] = "dataset_tokens"
    shots: int = setting(10, "images per class behind one token", choices=[1, 5, 10])
    draws: int = setting(8, "random draws of those images", min=1)
    other_shots: list[int] = setting([1, 5], "further numbers of images per class, for comparison", min=1)
    other_draws: list[int] = setting([8, 4], "draws of each of other_shots", min=1)
    unlabelled_draws: int = setting(4, "draws of tokens made without labels", min=1)
    clusters: int = setting(10, "tokens of an unlabelled data set (k-means clusters)", min=2)
    seed: int = setting(0, "seed of the draws", min=0)


@dataclass(frozen=True)
class ExtractConfig(Section):
    """The views of a model."""

    section: ClassVar[str] = "extract"
    views: list[str] = setting(
        ["weights", "responses", "card", "source"],
        "views to extract, out of the registry of ptmrec.extractors",
    )
    centres: int = setting(50, "k-means centres per weight tensor", min=2)
    vector_length: int = setting(8192, "length of the weights vector", min=64)
    probes: int = setting(192, "probe images", min=8)
    response_dim: int = setting(512, "length of the response view", min=8)
    seed: int = setting(0, "seed of the probe images and of the projection", min=0)


@dataclass(frozen=True)
class RelationConfig(Section):
    """The reference space in which data sets are compared and models are explained."""

    section: ClassVar[str] = "relations"
    references: list[str] = setting(
        [
            *("vgg-large-mixture", "resnet-large-mixture", "regnet-large-mixture", "mobilenet-large-mixture"),
            *("convnext-large-mixture", "poolformer-large-mixture", "vit-large-mixture"),
        ],
        "zoo models run on the images beside the encoder; none of a blind family or source",
    )
    rank: int = setting(384, "coordinates of an image", min=1)
    probes: int = setting(1200, "probe images made by code; the battery's images join them", min=8)
    shots: int = setting(10, "images per class of a data set's sample", min=1)
    draws: int = setting(4, "draws of those images: the first is what is known, the others judge", min=2)
    seed: int = setting(0, "seed of the probe images", min=0)


@dataclass(frozen=True)
class AutoEncoderConfig(TrainingOptions):
    """The autoencoder of the weights vectors, 8192 -> 512, and its training."""

    section: ClassVar[str] = "autoencoder"
    hidden: list[int] = setting([128], "sizes of the hidden layers", min=1)
    code_dim: int = setting(512, "length of the code", min=2)
    activation: str = setting("gelu", "activation", choices=["gelu", "relu", "leaky_relu"])
    dropout: float = setting(0.1, "dropout", min=0.0, max=0.9)
    reconstruction_loss: str = setting("mse", "reconstruction loss", choices=["mse", "smooth_l1"])
    code_l1_penalty: float = setting(1e-4, "weight of the mean absolute code", min=0.0)
    validation_share: float = setting(0.2, "share of the models kept for validation", min=0.05, max=0.5)
    epochs: int = setting(120, "passes over the training data", min=1)
    batch_size: int = setting(16, "models per step", min=2)
    patience: int = setting(30, "epochs without improvement before stopping; 0 never stops early", min=0)


@dataclass(frozen=True)
class RankerConfig(TrainingOptions):
    """The ranker and its training."""

    section: ClassVar[str] = "ranker"
    architecture: str = setting("cross_attention", "ranker", choices=["cross_attention", "similarity"])
    views: list[str] = setting(
        ["embedding", "responses", "card", "source"],
        "views of a model the ranker reads: embedding (of the weights), and others of [extract] views",
    )
    width: int = setting(64, "width of the transformer", min=8)
    layers: int = setting(2, "cross-attention layers", min=1)
    heads: int = setting(4, "attention heads", min=1)
    dropout: float = setting(0.1, "dropout", min=0.0, max=0.9)
    view_dropout: float = setting(0.15, "chance to hide a view in a training batch", min=0.0, max=1.0)
    identity_dropout: float = setting(
        0.5,
        "chance to hide the views that identify a model (embedding, card) in a training batch",
        min=0.0,
        max=1.0,
    )
    class_dropout: float = setting(0.2, "share of the class tokens dropped in training", min=0.0, max=0.9)
    loss: str = setting("listwise", "ranking loss, out of the registry of ptmrec.loss: listwise, pairwise")
    temperature_start: float = setting(3.0, "temperature of the loss at the start", min=0.01)
    temperature_end: float = setting(1.0, "temperature of the loss at the end", min=0.01)
    accuracy_weight: float = setting(0.1, "weight of the accuracy head's likelihood", min=0.0)
    least_gain: float = setting(
        0.01, "tau_w that cross-attention has to add on the validation data sets, or the linear part answers alone"
    )
    regimes: list[str] = setting(list(REGIMES), "regimes to learn", choices=REGIMES)
    seeds: int = setting(3, "members of the ensemble, each with its own seed", min=1)
    epochs: int = setting(60, "passes over the training data", min=1)
    batch_size: int = setting(16, "lists per step", min=1)


@dataclass(frozen=True)
class EvaluationConfig(Section):
    """The evaluation tables."""

    section: ClassVar[str] = "evaluation"
    bootstrap_draws: int = setting(10_000, "resamples of the targets behind each interval", min=100)
    level: float = setting(0.95, "level of the intervals", min=0.5, max=0.999)
    neighbours: int = setting(3, "data sets behind the k-NN row", min=1)
    every: int = setting(1, "judge on every n-th data set only where they are left out in turn (smoke profile)", min=1)
    fusion: bool = setting(False, "train Fusion, which reads limits, anew; without it its rows are the committed ones")
    baselines: list[str] = setting(
        [
            *("parameter count", "source accuracy", "mean rank", "k-NN, data sets", "kernel ridge, tokens"),
            *("learned tokens, self-attention", "k-NN, features", "LogME", "H-score", "LEEP", "NCE", "N-LEEP"),
            *("TransRate", "PARC"),
        ],
        "rows beside ours, out of the registry of experiments.evaluation.baselines",
    )
