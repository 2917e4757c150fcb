"""The main job as steps: views, autoencoder, model tokens, rankers, recommender, evaluation.

Notebooks and the command line call the methods of :class:`Project`; each does its step, or reuses the result.
"""

import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import (
    RankerConfig,
    RelationConfig,
    ZooConfig,
)
from ptmrec.dataloader.combined_similarity_dataloader import TokenSources, build_combined_similarity_loader
from ptmrec.dataloader.dataset_tokens import SPLITS
from ptmrec.dataloader.model_datasets import (
    ModelEmbeddingDataset,
    ModelParameterDataset,
    read_model_tokens,
    write_model_tokens,
)
from ptmrec.dataloader.relation_tables import RELATIONS_NAME, read_relation_tables
from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.extractors.explanation import explanation_images
from ptmrec.extractors.views import ViewExtractor
from ptmrec.model.build import build_autoencoder, build_ranker, encode_parameters
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer
from ptmrec.processes import is_alone, is_main, world_size
from ptmrec.progress import progress
from ptmrec.recommender.ensemble import Recommender, load_ranker, save_ranker
from ptmrec.recommender.knowledge import Knowledge
from ptmrec.recommender.knowledge_files import read_knowledge, write_knowledge
from ptmrec.recommender.references import References
from ptmrec.relations.linear import COLUMNS
from ptmrec.relations.transport import Explainer
from ptmrec.relations.transport_files import write_transport
from ptmrec.train.autoencoder_trainer import make_autoencoder_trainer
from ptmrec.train.checkpoints import load_tensors
from ptmrec.train.history import History
from ptmrec.train.ranker_trainer import make_ranker_trainer
from ptmrec.workflow.committed import ProjectFiles
from ptmrec.workflow.knowledge import make_knowledge, write_relations
from ptmrec.workflow.step import Step, code_version, hold, run_step
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.snapshot import Snapshot

_TRAINING_CODE = (
    *("model", "loss", "train", "dataloader", "files", "workflow/project", "recommender"),
    *("benchmark/ground_truth", "evaluation/metrics"),
)


class Project(ProjectFiles):
    """The steps made from a configuration and the committed files it names.

    Args:
        config: the configuration of the run.
    """

    def __init__(self, config: ConfigParser) -> None:
        super().__init__(config)
        self._finished: set[str] = set()

    def run(self, step: Step, work: Callable[[Path], None], together: bool = False) -> Path:
        """Run a step once per project; its inputs do not change under a running job.

        With ``together`` all processes of the run do, else the main one.
        """
        if step.name not in self._finished:
            run_step(step, work, self.paths.artifacts / "steps", together)
            if world_size() == 1 or not is_alone():  # or the others would still wait for this one
                self._finished.add(step.name)
        return step.output

    def extract(self) -> Path:
        """Views of every model: weights vector, responses, card, token of its source."""
        return self.run(self.views_step(), lambda folder: self.extract_into(folder, self.zoo))

    def views_step(self) -> Step:
        """The step that makes the views."""
        return Step(
            "views",
            [self.paths.zoo, self.token_folder, *self.real_files],
            [self.extract_config, self.config.get(ZooConfig)],
            ("extractors", "zoo", "files", "dataloader/dataset_tokens"),
            self.paths.artifacts / "views",
        )

    def extract_into(self, folder: Path, snapshots: Sequence[Snapshot]) -> None:
        """Write the views of some models into a folder; those that are there already stay."""
        extractor = ViewExtractor(self.extract_config, self.dataset_tokens(*SPLITS).mean_tokens())
        for snapshot in progress(snapshots, "extracting views"):
            if not (folder / f"{snapshot.name}.npz").is_file():
                write_model_tokens(folder, snapshot.name, extractor.extract(snapshot))

    def explain(self) -> Path:
        """Transport of every model: how the references explain its features of the probe images."""
        step = Step(
            "transport",
            [
                self.paths.zoo,
                *self.real_files,
                self.paths.reference,
                self.paths.battery,
                self.paths.splits,
                self.paths.encoder,
            ],
            [self.config.get(RelationConfig), self.config.get(ZooConfig)],
            (
                *("relations", "extractors/probes", "extractors/explanation", "zoo", "files", "benchmark/battery"),
                *("recommender/references", "model/clip_encoder", "model/image_tower"),
            ),
            self.paths.artifacts / "transport",
        )
        return self.run(step, self._explain)

    def _explain(self, folder: Path) -> None:
        images = explanation_images(self.config.get(RelationConfig), self.paths.battery, self.splits.known)
        explainer = Explainer(References(self.config).coordinates(images))
        for snapshot in progress(self.zoo, "explaining models"):
            if not (folder / f"{snapshot.name}.npz").is_file():
                write_transport(folder, snapshot.name, explainer, extract_features(snapshot.load(), images))

    def train_autoencoder(self) -> Path:
        """Train the autoencoder on the weights vectors of the known models."""
        views = self.extract()
        step = Step(
            "autoencoder",
            [views, self.paths.splits],
            [self.autoencoder_config],
            _TRAINING_CODE,
            self.paths.artifacts / "autoencoder",
        )
        return self.run(step, lambda folder: self._train_autoencoder(views, folder), together=True)

    def _train_autoencoder(self, views: Path, folder: Path) -> None:
        vectors = ModelParameterDataset(views, list(self.models(*KNOWN)))
        trainer = make_autoencoder_trainer(vectors, self.autoencoder_config, folder)
        trainer.fit(resume=True)

    def embed(self) -> Path:
        """Model tokens: the views with the autoencoder's code as ``embedding``."""
        views, trained = self.extract(), self.train_autoencoder()
        step = Step(
            "model_tokens",
            [views, trained],
            [self.autoencoder_config],
            ("model", "dataloader", "workflow/project"),
            self.paths.artifacts / "model_tokens",
        )
        return self.run(step, lambda folder: self._embed(views, folder))

    def _embed(self, views: Path, folder: Path) -> None:
        codes = encode_parameters(self.autoencoder(), ModelParameterDataset(views, list(self.cards)).vectors)
        for name, code in zip(self.cards, codes, strict=True):
            write_model_tokens(folder, name, {**read_model_tokens(views, name), "embedding": code})

    def autoencoder(self):
        """The trained autoencoder, best weights."""
        folder = self.train_autoencoder()
        model = build_autoencoder(self.autoencoder_config, self.extract_config.vector_length)
        (best,) = folder.glob("autoencoder_weights.loss_*.pt")
        model.load_state_dict(load_tensors(best))
        return model.eval()

    def relate(self, *roles: str) -> Path:
        """Relations of every model to every data set, with a linear part fitted on those with some roles."""
        phase = "-".join(roles)
        step = Step(
            f"relations-{phase}",
            [self.paths.zoo, self.paths.reference, self.paths.ground_truth, self.paths.splits],
            [self.config.get(ZooConfig)],
            ("relations", "dataloader/relation_tables", "workflow/knowledge", "files", "benchmark"),
            self.paths.artifacts / "relations" / phase,
        )
        folder = self.run(step, lambda folder: write_relations(self, roles, folder / RELATIONS_NAME))
        return folder / RELATIONS_NAME

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
            [tokens, relations, self.token_folder, self.paths.ground_truth, self.paths.splits],
            [config],
            _TRAINING_CODE,
            self.paths.artifacts / "rankers" / f"{phase}-{seed}",
        )
        return self.run(step, lambda folder: self._train_ranker(final, config, number == 0, folder), together=True)

    def _train_ranker(self, final: bool, config: RankerConfig, untrained: bool, folder: Path) -> None:
        common = {"regimes": tuple(config.regimes), "batch_size": config.batch_size, "seed": config.seed}
        relations = self.relate(*(KNOWN if final else ("train",)))
        known = self.token_sources(relations, *KNOWN)
        training = build_combined_similarity_loader(
            known if final else self.token_sources(relations, "train"),
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
            save_ranker(trainer.model, folder / "ranker.safetensors")

    def token_sources(self, relations: Path, *roles: str) -> TokenSources:
        """Where lists of the models with some roles come from; of all models without roles."""
        return TokenSources(
            self.token_folder,
            self.embed(),
            self.paths.ground_truth,
            self.models(*roles),
            tuple(self.ranker_config.views),
            relations,
        )

    def train_rankers(self) -> list[Path]:
        """The final rankers, one per seed; one alone when the linear part answers."""
        epochs = self.select_epochs()
        seeds = range(self.ranker_config.seeds if epochs else 1)  # untrained ones answer alike
        return [self.train_ranker("final", seed, epochs) for seed in progress(seeds, "final rankers")]

    def _load_ranker(self, folder: Path) -> RankingCrossAttentionTransformer:
        dim = self.dataset_tokens("train").items[0][0].features.shape[-1]
        ranker = build_ranker(self.ranker_config, self.model_tokens().view_dims, dim, len(COLUMNS))
        load_ranker(ranker, folder / "ranker.safetensors")
        return ranker

    def knowledge(self) -> Knowledge:
        """What is known of pairs, fitted on the known data sets."""
        step = Step(
            "knowledge",
            [self.explain(), self.paths.zoo, self.paths.reference, self.paths.ground_truth, self.paths.splits],
            [self.config.get(ZooConfig)],
            ("relations", "recommender/knowledge", "recommender/knowledge_files", "workflow/knowledge", "files"),
            self.paths.artifacts / "knowledge",
        )
        folder = self.run(step, lambda folder: write_knowledge(folder / "all", make_knowledge(self)))
        return read_knowledge(folder / "all")

    def model_tokens(self) -> ModelEmbeddingDataset:
        """Tokens of all models as the rankers read them."""
        return ModelEmbeddingDataset(self.embed(), list(self.cards), tuple(self.ranker_config.views))

    def recommender(self) -> Recommender:
        """The final rankers with all that is needed to use them on new images; also written to disk."""
        embeddings = self.model_tokens()
        first = self.dataset_tokens("train").items[0][0]
        recommender = Recommender(
            [self._load_ranker(folder) for folder in self.train_rankers()],
            self.select_epochs(),
            self.autoencoder(),
            self.ranker_config,
            self.autoencoder_config,
            embeddings.view_dims,
            first.encoder,
            tuple(embeddings.names),
            embeddings.vectors,
            self.splits.known,
            self.knowledge(),
        )
        relations = self.relate(*KNOWN)
        if is_main():
            with hold(self.paths.artifacts / "steps" / "recommender.lock", "recommender"):
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
