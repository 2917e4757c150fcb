"""The main job as steps: views, autoencoder, model tokens, rankers, recommender, evaluation.

Notebooks and the command line call the methods of :class:`Project`; each does its step, or reuses the result.
"""

import platform
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import EncoderConfig, RelationConfig, ZooConfig
from ptmrec.core.processes import is_main, is_single_process, world_size
from ptmrec.core.progress import progress
from ptmrec.dataloader.combined_similarity_dataloader import TokenSources
from ptmrec.dataloader.model_datasets import ModelEmbeddingDataset
from ptmrec.dataloader.relation_tables import RELATIONS_NAME, read_relation_tables
from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.model.build import build_ranker
from ptmrec.model.model_encoder import AutoEncoder
from ptmrec.model.ranker_files import RANKER_NAME, load_ranker
from ptmrec.pipeline.autoencoder import embed_zoo, read_autoencoder, train_on_known
from ptmrec.pipeline.committed import ProjectFiles
from ptmrec.pipeline.knowledge import ALL, write_all_knowledge
from ptmrec.pipeline.rankers import token_sources, train_one_ranker
from ptmrec.pipeline.relations import write_relations
from ptmrec.pipeline.step import Step, code_version, run_step, wait_for_lock
from ptmrec.pipeline.transport import explain_zoo
from ptmrec.pipeline.views import extract_views
from ptmrec.recommender.ensemble import Networks, Recommender
from ptmrec.recommender.knowledge import Knowledge
from ptmrec.recommender.knowledge_files import read_knowledge
from ptmrec.relations.linear import COLUMNS
from ptmrec.train.history import History


class Project(ProjectFiles):
    """The steps made from a configuration and the committed files it names.

    Args:
        config: the configuration of the run.
    """

    def __init__(self, config: ConfigParser) -> None:
        super().__init__(config)
        self._finished: dict[str, str] = {}

    def run(self, step: Step, together: bool = False, instead: Callable[[Path], None] | None = None) -> Path:
        """Run a step once per project and settings; its inputs do not change under a running job.

        With ``together`` all processes of the run do, else the main one; ``instead`` as in
        :func:`~ptmrec.pipeline.step.run_step`.
        """
        asked = step.asked()
        if self._finished.get(step.name) != asked:
            run_step(step, self.paths.artifacts / "steps", together, instead)
            if world_size() == 1 or not is_single_process():  # or the others would still wait for this one
                self._finished[step.name] = asked
        return step.output

    def extract(self) -> Path:
        """Views of every model: weights vector, responses, card, token of its source."""
        return self.run(self.views_step())

    def views_step(self) -> Step:
        """The step that makes the views."""
        return Step(
            "views",
            [*self.model_files, self.token_folder],
            [self.extract_config, self.config.get(ZooConfig)],
            partial(extract_views, self),
            self.paths.artifacts / "views",
        )

    @cached_property
    def model_files(self) -> list[Path]:
        """Cards and weights of all models."""
        return [self.paths.zoo, *self.real_files]

    def explain(self) -> Path:
        """Transport of every model: how the references explain its features of the probe images."""
        committed = [self.paths.reference, self.paths.battery, self.paths.splits, self.paths.encoder]
        step = Step(
            "transport",
            [*self.model_files, *committed],
            [self.config.get(section) for section in (RelationConfig, ZooConfig, EncoderConfig)],
            partial(explain_zoo, self),
            self.paths.artifacts / "transport",
        )
        return self.run(step)

    def train_autoencoder(self) -> Path:
        """Train the autoencoder on the weights vectors of the known models."""
        views = self.extract()
        step = Step(
            "autoencoder",
            [*self.model_files, views, self.paths.splits],
            [self.autoencoder_config, self.config.get(ZooConfig)],
            partial(train_on_known, self, views),
            self.paths.artifacts / "autoencoder",
        )
        return self.run(step, together=True)

    def embed(self) -> Path:
        """Model tokens: the views with the autoencoder's code as ``embedding``."""
        views, trained = self.extract(), self.train_autoencoder()
        step = Step(
            "model_tokens",
            [views, trained],
            [self.autoencoder_config],
            partial(embed_zoo, self, views, trained),
            self.paths.artifacts / "model_tokens",
        )
        return self.run(step)

    def autoencoder(self) -> AutoEncoder:
        """The trained autoencoder, best weights."""
        return read_autoencoder(self, self.train_autoencoder())

    def relate(self, *roles: str) -> Path:
        """Relations of every model to every data set, with a linear part fitted on those with some roles."""
        phase = "-".join(roles)
        step = Step(
            f"relations-{phase}",
            [*self.model_files, self.paths.reference, self.paths.ground_truth, self.paths.splits],
            [self.config.get(ZooConfig)],
            partial(write_relations, self, roles),
            self.paths.artifacts / "relations" / phase,
        )
        return self.run(step) / RELATIONS_NAME

    def validation_curve(self) -> np.ndarray:
        """tau_w on the validation data sets by epoch, mean over the seeds; epoch 0 is the linear part alone."""
        folders = [self.train_ranker("selection", seed) for seed in range(self.ranker_config.seeds)]
        taus = [History.load(folder / "ranker_history.json").to_frame()["validation_tau_w"] for folder in folders]
        models = self.models(*KNOWN)
        tables, weights = read_relation_tables(self.relate("train"), models)
        truth = self.truth.only(models)
        linear = [
            weighted_tau(truth.row(regime, name), tables[regime, name] @ weights[regime])
            for name in self.splits.validation
            for regime in self.ranker_config.regimes
        ]
        return np.array([np.mean(linear), *np.mean(taus, axis=0)])

    def select_epochs(self) -> int:
        """Number of epochs that does best on the validation data sets; 0 when the correction earns nothing there.

        Rankers learn from the training data sets only. The epoch with the largest tau_w on the validation data
        sets, mean over the seeds and smoothed over five epochs because those are few, is how long the final
        rankers, which learn from all known data sets, are trained. It has to beat the linear part alone by
        ``[ranker] least_gain``, or it is noise of a few lists that is chosen.
        """
        linear, *trained = self.validation_curve()
        smooth = pd.Series(trained).rolling(5, min_periods=1, center=True).mean()
        return int(smooth.argmax()) + 1 if smooth.max() >= linear + self.ranker_config.least_gain else 0

    def train_ranker(self, phase: str, seed: int, epochs: int | None = None) -> Path:
        """Train one ranker.

        Args:
            phase: ``selection`` (training models and data sets, watched on all known models and the validation
                data sets) or ``final`` (all known models and data sets).
            seed: member of the ensemble.
            epochs: instead of the configured number; 0: the linear part alone.
        """
        tokens, final = self.embed(), phase == "final"
        relations = self.relate(*(KNOWN if final else ("train",)))
        number = self.ranker_config.epochs if epochs is None else epochs
        config = replace(self.ranker_config, seed=self.ranker_config.seed + seed, epochs=max(number, 1))
        step = Step(
            f"ranker-{phase}-{seed}",
            [*self.model_files, tokens, relations, self.token_folder, self.paths.ground_truth, self.paths.splits],
            [config, self.config.get(ZooConfig)],
            partial(train_one_ranker, self, tokens, relations, config, final, number == 0),
            self.paths.artifacts / "rankers" / f"{phase}-{seed}",
        )
        return self.run(step, together=True)

    def token_sources(self, relations: Path, *roles: str) -> TokenSources:
        """Where lists of the models with some roles come from; of all models without roles."""
        return token_sources(self, self.embed(), relations, *roles)

    def train_rankers(self) -> list[Path]:
        """The final rankers, one per seed; one alone when the linear part answers."""
        epochs = self.select_epochs()
        seeds = range(self.ranker_config.seeds if epochs else 1)  # untrained ones answer alike
        return [self.train_ranker("final", seed, epochs) for seed in progress(seeds, "final rankers")]

    def knowledge(self) -> Knowledge:
        """What is known of pairs, fitted on the known data sets."""
        transport = self.explain()
        step = Step(
            "knowledge",
            [*self.model_files, transport, self.paths.reference, self.paths.ground_truth, self.paths.splits],
            [self.config.get(ZooConfig)],
            partial(write_all_knowledge, self, transport),
            self.paths.artifacts / "knowledge",
        )
        return read_knowledge(self.run(step) / ALL)

    def model_tokens(self) -> ModelEmbeddingDataset:
        """Tokens of all models as the rankers read them."""
        return ModelEmbeddingDataset(self.embed(), list(self.cards), tuple(self.ranker_config.views))

    def recommender(self) -> Recommender:
        """The final rankers with all that is needed to use them on new images; also written to disk."""
        embeddings, members = self.model_tokens(), []
        first = self.dataset_tokens("train").items[0][0]
        for folder in self.train_rankers():
            dims = (embeddings.view_dims, first.features.shape[-1], len(COLUMNS))
            members.append(build_ranker(self.ranker_config, *dims))
            load_ranker(members[-1], folder / RANKER_NAME)
        networks = Networks(members, tuple(embeddings.names), embeddings.vectors)
        recommender = Recommender(
            self.select_epochs(),
            self.ranker_config,
            embeddings.view_dims,
            first.encoder,
            self.splits.known,
            self.knowledge(),
            lambda: networks,
        )
        relations = self.relate(*KNOWN)
        if is_main():
            with wait_for_lock(self.paths.artifacts / "steps" / "recommender.lock", "recommender"):
                recommender.save(self.recommender_folder)
                shutil.copy2(relations, self.recommender_folder / RELATIONS_NAME)
        return recommender

    @property
    def recommender_folder(self) -> Path:
        """Where a run writes its recommender."""
        return self.paths.artifacts / "recommender"


def prepare_torch() -> None:
    """One thread: the networks here are too small for more to help, and on a busy machine more cost a lot.

    It also makes the last bits of the results independent of the number of cores.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def open_project(profile: str = "default", config: str = "", overrides: dict | None = None) -> Project:
    """A project from the parameters of a notebook.

    Args:
        profile: profile of the configuration.
        config: path of a configuration file; the project's own when empty.
        overrides: ``{"ranker.epochs": 3}``.
    """
    prepare_torch()
    return Project(ConfigParser(Path(config) if config else None, profile, overrides))


def describe_run(project: Project) -> pd.DataFrame:
    """What a run depends on, for the head of a notebook: versions, code, profile, folders."""
    versions = {name: version(name) for name in ("torch", "numpy", "open_clip_torch", "timm", "ptmrec")}
    facts = {
        "python": platform.python_version(),
        **versions,
        "code version": code_version(),
        "profile": project.config.profile,
        "models": len(project.cards),
        "data sets": len(project.splits.all),
    }
    return pd.DataFrame({"value": map(str, facts.values())}, index=list(facts))
