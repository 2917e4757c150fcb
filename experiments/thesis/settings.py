"""Tables of what the thesis rests on: its image sets, and the settings of every part."""

from pathlib import Path

import pandas as pd

from experiments.report.latex import export_table
from experiments.report.records import Table
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import (
    AutoEncoderConfig,
    GroundTruthConfig,
    PathsConfig,
    RankerConfig,
    RelationConfig,
    ZooConfig,
)
from ptmrec.relations.pairs import ENCODER_SHARPNESS, REFERENCE_SHARPNESS, TRANSPORT_SHARPNESS
from ptmrec.relations.registration import PENALTY
from ptmrec.relations.ridge import PENALTIES
from ptmrec.relations.transport import SHRINKAGE

IMAGE_SETS_CAPTION = (
    "The image sets: classes, images to train and to test on, the repository they were taken from, and its licence."
)
SETTINGS_CAPTION = (
    r"Settings. $\varepsilon$, $\beta$ and $\lambda$ are those of equations~\eqref{eq:transport} to~\eqref{eq:ridge}; "
    r"of several values the one that does best on images kept aside for it is taken."
)


def image_sets_table(path: Path) -> pd.DataFrame:
    """Name, classes, images, repository and licence of each image set."""
    frame = Table(path, ("name", "source_repo", "licence"), (), ("classes", "n_train", "n_test")).frame
    return pd.DataFrame(
        {
            "image set": frame["name"].str.replace("_", " "),
            "classes": frame["classes"],
            "train": frame["n_train"],
            "test": frame["n_test"],
            "repository": frame["source_repo"].str.replace("_", "-").str.replace("/", "/ "),
            "licence": frame["licence"],
        }
    )


def settings_table(config: ConfigParser) -> pd.DataFrame:
    """Every setting that a committee may ask for, by part."""
    zoo, truth, code = config.get(ZooConfig), config.get(GroundTruthConfig), config.get(AutoEncoderConfig)
    relations, ranker = config.get(RelationConfig), config.get(RankerConfig)
    parts = {
        "zoo": {
            "steps, of mixtures, stopped early": (zoo.steps, zoo.mixture_steps, zoo.early_steps),
            "batch, peak learning rate, weight decay": (zoo.batch_size, zoo.learning_rate, zoo.weight_decay),
        },
        "ground truth": {
            "low data: images per class, draws": (truth.shots, truth.draws),
            "low data: inverse penalties": truth.penalties,
            "fine-tuning: steps, batch, seeds": (truth.steps, truth.batch_size, truth.seeds),
            "fine-tuning: peak learning rates": truth.learning_rates,
            "fine-tuning: weight decay": (truth.weight_decay,),
        },
        "autoencoder": {
            "hidden layers, code": (*code.hidden, code.code_dim),
            "epochs, batch, learning rate": (code.epochs, code.batch_size, code.learning_rate),
        },
        "relations": {
            "probes, coordinates, images per class": (relations.probes, relations.rank, relations.shots),
            r"transport: $\varepsilon$": (SHRINKAGE,),
            "separation: ridge penalties": PENALTIES,
            r"skill: $\beta$ by encoder, references, transport": (
                *(ENCODER_SHARPNESS, REFERENCE_SHARPNESS, TRANSPORT_SHARPNESS),
            ),
            r"ridge on relations: $\lambda$": (PENALTY,),
        },
        "cross-attention": {
            "width, layers, heads": (ranker.width, ranker.layers, ranker.heads),
            "epochs, batch, learning rate": (ranker.epochs, ranker.batch_size, ranker.learning_rate),
        },
    }
    rows = [
        {"part": part, "setting": setting, "values": ", ".join(f"{value:g}" for value in values)}
        for part, settings in parts.items()
        for setting, values in settings.items()
    ]
    return pd.DataFrame(rows)


def write_settings(config: ConfigParser, folder: Path) -> list[Path]:
    """Write both tables to ``generated/`` of the thesis."""
    path = config.get(PathsConfig).image_sets
    sets, columns = image_sets_table(path), r"lrrr>{\raggedright}p{1.9in}>{\raggedright\arraybackslash}p{1.5in}"
    caption, origin = IMAGE_SETS_CAPTION, f"constants/{path.name}"
    table = settings_table(config)
    return [
        export_table(sets, "image_sets", folder, caption, origin, columns=columns),
        export_table(table, "hyper_parameters", folder, SETTINGS_CAPTION, "configuration of the run", group="part"),
    ]
