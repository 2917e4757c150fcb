"""Making the reference space and the samples of the data sets in it; needs the image sets."""

from pathlib import Path

from ptmrec.benchmark.splits import read_splits
from ptmrec.builder.measure import draw_shots
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig, RelationConfig
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.extractors.explanation import explanation_images
from ptmrec.files import write_folder
from ptmrec.progress import progress
from ptmrec.recommender.references import References
from ptmrec.relations.reference import fit_reference_space
from ptmrec.relations.samples import write_samples, write_space


def build_reference(config: ConfigParser, images: Path | None = None) -> Path:
    """Write the reference space, and the sample of every data set in it.

    The space is made from the probes and the battery's images of known data sets; no blind image shapes it.

    Args:
        config: the configuration.
        images: folder of image sets; the configured one without it.

    Returns:
        The folder of the space, replaced as a whole.

    Raises:
        ConfigError: a reference that is not in the zoo, or of a blind family or source.
    """
    paths, settings = config.get(PathsConfig), config.get(RelationConfig)
    images, splits, references = images or paths.images, read_splits(paths.splits), References(config)
    probes = explanation_images(settings, paths.battery, splits.known)
    space = fit_reference_space(references.features(probes), settings.rank)

    def write(folder: Path) -> None:
        write_space(folder, space)
        for name in progress(splits.all, "samples of data sets"):
            data = load_image_npz(images / f"{name}.npz")
            drawn = draw_shots(data.train_labels, settings.shots, settings.draws, name)
            draws = [references.sample(name, data.train_images[rows], data.train_labels[rows], space) for rows in drawn]
            write_samples(folder, draws)

    return write_folder(paths.reference, write)
