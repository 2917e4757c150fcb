"""Training one ranker."""

from pathlib import Path

from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.sections import RankerConfig
from ptmrec.core.processes import is_main
from ptmrec.dataloader.combined_similarity_dataloader import TokenSources, build_combined_similarity_loader
from ptmrec.dataloader.relation_tables import read_relation_tables
from ptmrec.model.ranker_files import RANKER_NAME, save_ranker
from ptmrec.pipeline.committed import ProjectFiles
from ptmrec.train.ranker_trainer import make_ranker_trainer


def token_sources(files: ProjectFiles, tokens: Path, relations: Path, *roles: str) -> TokenSources:
    """Where lists of the models with some roles come from; of all models without roles."""
    return TokenSources(
        files.token_folder,
        tokens,
        files.paths.ground_truth,
        files.models(*roles),
        tuple(files.ranker_config.views),
        relations,
    )


def train_one_ranker(
    files: ProjectFiles, tokens: Path, relations: Path, config: RankerConfig, final: bool, untrained: bool, folder: Path
) -> None:
    """Train a ranker and write it into a folder.

    Args:
        files: the committed files.
        tokens: folder of the model tokens.
        relations: file of the relation tables.
        config: settings, of one member of the ensemble.
        final: learn from all known lists; else from those to train on, watched on those to validate on.
        untrained: leave its correction at zero.
        folder: the folder to fill.
    """
    common = {"regimes": tuple(config.regimes), "batch_size": config.batch_size, "seed": config.seed}
    known = token_sources(files, tokens, relations, *KNOWN)
    training = build_combined_similarity_loader(
        known if final else token_sources(files, tokens, relations, "train"),
        KNOWN if final else ("train",),
        shuffle=True,
        **common,
    )
    validation = None if final else build_combined_similarity_loader(known, ("validation",), **common)
    linear = read_relation_tables(relations, known.models)[1]
    trainer = make_ranker_trainer(training, config, folder, validation, linear)
    if not untrained:
        trainer.fit(resume=True)
        if not final:
            trainer.load_best()
    if is_main():
        save_ranker(trainer.model, folder / RANKER_NAME)
