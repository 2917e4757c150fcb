"""From the committed files to all that a recommender knows."""

from pathlib import Path

from ptmrec.benchmark.battery import DEMO
from ptmrec.benchmark.ground_truth import read_short_runs
from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.sections import REGIMES
from ptmrec.pipeline.committed import ProjectFiles
from ptmrec.pipeline.relations import FIRST, base_models, measured_rows, read_known_scores
from ptmrec.recommender.knowledge import Knowledge, fit_knowledge
from ptmrec.recommender.knowledge_files import write_knowledge
from ptmrec.relations.expected import SEPARATIONS_NAME, read_separations
from ptmrec.relations.samples import read_samples
from ptmrec.relations.transport import read_transports

ALL = "all"
"""The knowledge of the whole zoo within its step's folder."""


def write_all_knowledge(files: ProjectFiles, transport: Path, folder: Path) -> None:
    """Write what :func:`make_knowledge` makes into a folder."""
    write_knowledge(folder / ALL, make_knowledge(files, transport))


def make_knowledge(files: ProjectFiles, transport: Path) -> Knowledge:
    """Everything the recommender knows, fitted on all data sets but the demo's and taught by the known models.

    The fixed split and the crossed evaluation judge the method, each data set left out; what ships learns from all. The
    demo asks about images of which nothing is known, as a user does.

    Args:
        files: the committed files.
        transport: folder of how the references explain the models.
    """
    known = tuple(name for name in files.splits.all if name != DEMO)
    names = list(files.cards)
    folder = files.paths.reference
    samples = [read_samples(folder, name)[0] for name in known]
    transports = read_transports(transport, names)
    found = read_separations(folder / SEPARATIONS_NAME)[FIRST]
    separations = {name: found[name] for name in known}
    accuracies = {regime: measured_rows(files, regime, known) for regime in REGIMES}
    scores = read_known_scores(files, known).few_shot_only_on(files.battery_sets)
    runs, base = read_short_runs(files.paths.short_runs, known, names), base_models(files, KNOWN)
    return fit_knowledge(files.cards, base, samples, scores, transports, separations, accuracies, runs)
