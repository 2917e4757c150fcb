"""The main job as steps: views, autoencoder, model tokens, rankers, recommender, evaluation.

Notebooks and the command line call the methods of :class:`Project`; each does its step, or reuses the result.
"""

import platform
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import norm

from ptmrec.benchmark.battery import read_battery
from ptmrec.benchmark.ground_truth import GroundTruth, read_ground_truth
from ptmrec.benchmark.splits import KNOWN, Splits, read_splits
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import (
    AutoEncoderConfig,
    DatasetTokenConfig,
    ExtractConfig,
    PathsConfig,
    RankerConfig,
    RelationConfig,
    ZooConfig,
)
from ptmrec.dataloader.combined_similarity_dataloader import TokenSources, build_combined_similarity_loader
from ptmrec.dataloader.dataset_tokens import SPLITS, DatasetTokenDataset, kind_of_shots
from ptmrec.dataloader.model_datasets import (
    ModelEmbeddingDataset,
    ModelParameterDataset,
    read_model_tokens,
    write_model_tokens,
)
from ptmrec.extractors.explanation import explanation_images
from ptmrec.extractors.views import ViewExtractor
from ptmrec.files import read_json, write_json
from ptmrec.model.build import build_autoencoder, build_ranker, encode_parameters
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer
from ptmrec.progress import progress
from ptmrec.recommender.ensemble import Recommender, load_ranker, predict, save_ranker
from ptmrec.recommender.references import References
from ptmrec.relations.transport_files import write_transport
from ptmrec.train.autoencoder_trainer import make_autoencoder_trainer
from ptmrec.train.checkpoints import load_tensors
from ptmrec.train.history import History
from ptmrec.train.ranker_trainer import make_ranker_trainer
from ptmrec.workflow.step import Step, code_version, hold, run_step
from ptmrec.zoo.card import Card
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.real import is_real, read_models
from ptmrec.zoo.snapshot import Snapshot, read_zoo

_TRAINING_CODE = (
    *("model", "loss", "train", "dataloader", "files", "workflow/project", "recommender"),
    *("benchmark/ground_truth", "evaluation/metrics"),
)


class Project:
    """A configuration, the committed files it names, and the steps made from them.

    Args:
        config: the configuration of the run.
    """

    def __init__(self, config: ConfigParser) -> None:
        self.config = config
        self.paths = config.get(PathsConfig)
        self.extract_config = config.get(ExtractConfig)
        self.autoencoder_config = config.get(AutoEncoderConfig)
        self.ranker_config = config.get(RankerConfig)
        self._finished: set[str] = set()

    # What is committed.

    @cached_property
    def zoo(self) -> list[Snapshot]:
        """Snapshots of the zoo and of the real models that are installed; in the smoke profile a part of the zoo."""
        every = self.config.get(ZooConfig).every
        return read_models(self.paths) if every == 1 else read_zoo(self.paths.zoo)[::every]

    @cached_property
    def cards(self) -> dict[str, Card]:
        """Cards by model name."""
        return {snapshot.name: snapshot.card for snapshot in self.zoo}

    @property
    def embedded(self) -> tuple[str, ...]:
        """Names of the models of the zoo proper, which are measured in both regimes; the real ones are not."""
        return tuple(snapshot.name for snapshot in self.zoo if not is_real(snapshot))

    @cached_property
    def splits(self) -> Splits:
        """Roles of the data sets."""
        return read_splits(self.paths.splits)

    def models(self, *roles: str) -> tuple[str, ...]:
        """Names of the models with some roles (``train``, ``validation``, ``blind``), sorted; all without roles."""
        return tuple(name for name, card in self.cards.items() if not roles or self.splits.model_role(card) in roles)

    @cached_property
    def truth(self) -> GroundTruth:
        """Measured accuracies."""
        return read_ground_truth(self.paths.ground_truth).only(list(self.cards))

    @cached_property
    def estimators(self) -> dict[str, dict[str, dict[str, float]]]:
        """Measured LogME and k-NN scores: data set -> model -> scores."""
        return read_json(self.paths.estimators)

    @cached_property
    def battery_sets(self) -> tuple[str, ...]:
        """Known data sets whose images the battery holds: every model can be run on them."""
        return tuple(name for name in read_battery(self.paths.battery) if name in self.splits.known)

    @property
    def token_folder(self) -> Path:
        """Dataset tokens made from the configured number of images per class."""
        return self.paths.dataset_tokens / kind_of_shots(self.config.get(DatasetTokenConfig).shots)

    def dataset_tokens(self, *splits: str) -> DatasetTokenDataset:
        """Dataset tokens of some split folders."""
        return DatasetTokenDataset(self.token_folder, splits)

    # Steps.

    def _run(self, step: Step, work: Callable[[Path], None]) -> Path:
        """Run a step once per project; its inputs do not change under a running job."""
        if step.name not in self._finished:
            run_step(step, work, self.paths.artifacts / "steps")
            self._finished.add(step.name)
        return step.output

    def extract(self) -> Path:
        """Views of every model: weights vector, responses, card, token of its source."""
        real = [path for snapshot in self.zoo if is_real(snapshot) for path in (snapshot.folder, snapshot.weights)]
        step = Step(
            "views",
            [self.paths.zoo, self.token_folder, *real],
            [self.extract_config, self.config.get(ZooConfig)],
            ("extractors", "zoo", "files", "dataloader/dataset_tokens"),
            self.paths.artifacts / "views",
        )
        return self._run(step, self._extract)

    def _extract(self, folder: Path) -> None:
        extractor = ViewExtractor(self.extract_config, self.dataset_tokens(*SPLITS).mean_tokens())
        for snapshot in progress(self.zoo, "extracting views"):
            if not (folder / f"{snapshot.name}.npz").is_file():
                write_model_tokens(folder, snapshot.name, extractor.extract(snapshot))

    def explain(self) -> Path:
        """Transport of every embedded model: how the references explain its features of the probe images."""
        step = Step(
            "transport",
            [self.paths.zoo, self.paths.reference, self.paths.battery, self.paths.splits, self.paths.encoder],
            [self.config.get(RelationConfig), self.config.get(ZooConfig)],
            (
                *("relations", "extractors/probes", "extractors/explanation", "zoo", "files", "benchmark/battery"),
                *("recommender/references", "model/clip_encoder", "model/image_tower"),
            ),
            self.paths.artifacts / "transport",
        )
        return self._run(step, self._explain)

    def _explain(self, folder: Path) -> None:
        images = explanation_images(self.config.get(RelationConfig), self.paths.battery, self.splits.known)
        coordinates = References(self.config).coordinates(images)
        embedded = [snapshot for snapshot in self.zoo if not is_real(snapshot)]
        for snapshot in progress(embedded, "explaining models"):
            if not (folder / f"{snapshot.name}.npz").is_file():
                write_transport(folder, snapshot.name, coordinates, extract_features(snapshot.load(), images))

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
        return self._run(step, lambda folder: self._train_autoencoder(views, folder))

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
        return self._run(step, lambda folder: self._embed(views, folder))

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

    def select_epochs(self) -> int:
        """Number of epochs that does best on the validation data sets.

        Rankers learn from the training data sets only. The epoch with the largest tau_w on the validation data
        sets, mean over the seeds and smoothed over five epochs because those are few, is how long the final
        rankers, which learn from all known data sets, are trained.
        """
        folders = [self.train_ranker("selection", seed) for seed in range(self.ranker_config.seeds)]
        taus = [History.load(folder / "ranker_history.json").to_frame()["validation_tau_w"] for folder in folders]
        smooth = pd.Series(np.mean(taus, axis=0)).rolling(5, min_periods=1, center=True).mean()
        return int(smooth.argmax()) + 1

    def train_ranker(self, phase: str, seed: int, epochs: int | None = None) -> Path:
        """Train one ranker.

        Args:
            phase: ``selection`` (training models and data sets, watched on all known models and the validation
                data sets) or ``final`` (all known models and data sets).
            seed: member of the ensemble.
            epochs: instead of the configured number.
        """
        tokens = self.embed()
        config = replace(
            self.ranker_config, seed=self.ranker_config.seed + seed, epochs=epochs or self.ranker_config.epochs
        )
        step = Step(
            f"ranker-{phase}-{seed}",
            [tokens, self.token_folder, self.paths.ground_truth, self.paths.splits],
            [config],
            _TRAINING_CODE,
            self.paths.artifacts / "rankers" / f"{phase}-{seed}",
        )
        return self._run(step, lambda folder: self._train_ranker(phase, config, folder))

    def _train_ranker(self, phase: str, config: RankerConfig, folder: Path) -> None:
        final = phase == "final"
        common = {"regimes": tuple(config.regimes), "batch_size": config.batch_size, "seed": config.seed}
        known = self.token_sources(*KNOWN)
        training = build_combined_similarity_loader(
            known if final else self.token_sources("train"),
            KNOWN if final else ("train",),
            shuffle=True,
            **common,
        )
        validation = None if final else build_combined_similarity_loader(known, ("validation",), **common)
        trainer = make_ranker_trainer(training, config, folder, validation)
        trainer.fit(resume=True)
        if not final:
            trainer.load_best()
        save_ranker(trainer.model, folder / "ranker.safetensors")

    def token_sources(self, *roles: str) -> TokenSources:
        """Where lists of the models with some roles come from; of all models without roles."""
        return TokenSources(
            self.token_folder,
            self.embed(),
            self.paths.ground_truth,
            self.models(*roles),
            tuple(self.ranker_config.views),
        )

    def train_rankers(self) -> list[Path]:
        """The final rankers, one per seed."""
        epochs = self.select_epochs()
        seeds = range(self.ranker_config.seeds)
        return [self.train_ranker("final", seed, epochs) for seed in progress(seeds, "final rankers")]

    def _load_ranker(self, folder: Path) -> RankingCrossAttentionTransformer:
        dim = self.dataset_tokens("train").items[0][0].features.shape[-1]
        ranker = build_ranker(self.ranker_config, self.model_tokens().view_dims, dim)
        load_ranker(ranker, folder / "ranker.safetensors")
        return ranker

    def spread_scale(self) -> float:
        """How much wider than stated the errors on new data sets are.

        Networks are surer of themselves than they should be on data sets they have not seen. The rankers of
        the selection phase have not seen the validation data sets: their stated spread times this factor
        holds 90 % of the measured accuracies there.
        """
        members = [self._load_ranker(self.train_ranker("selection", seed)) for seed in range(self.ranker_config.seeds)]
        models = self.models(*KNOWN)
        tokens_of_models = ModelEmbeddingDataset(self.embed(), list(models), tuple(self.ranker_config.views)).vectors
        truth = self.truth.only(models)
        ratios = []
        for name, tokens in self.dataset_tokens("validation").by_name().items():
            for regime in self.ranker_config.regimes:
                answer = predict(members, tokens_of_models, tokens.features, regime)
                ratios.append(np.abs(truth.row(regime, name) - answer.accuracy) / answer.spread)
        return float(np.nanquantile(np.concatenate(ratios), 0.9) / norm.ppf(0.95))

    def model_tokens(self) -> ModelEmbeddingDataset:
        """Tokens of all models as the rankers read them."""
        return ModelEmbeddingDataset(self.embed(), list(self.cards), tuple(self.ranker_config.views))

    def recommender(self) -> Recommender:
        """The final rankers with all that is needed to use them on new images; also written to disk."""
        embeddings = self.model_tokens()
        first = self.dataset_tokens("train").items[0][0]
        recommender = Recommender(
            [self._load_ranker(folder) for folder in self.train_rankers()],
            self.spread_scale(),
            self.autoencoder(),
            self.ranker_config,
            self.autoencoder_config,
            embeddings.view_dims,
            first.encoder,
            tuple(embeddings.names),
            embeddings.vectors,
            self.splits.known,
        )
        with hold(self.paths.artifacts / "steps" / "recommender.lock", "recommender"):
            recommender.save(self.recommender_folder)
        return recommender

    @property
    def recommender_folder(self) -> Path:
        """Where a run writes its recommender."""
        return self.paths.artifacts / "recommender"

    def save_results(self, name: str, results: dict) -> Path:
        """Write results with the configuration and code version that made them."""
        return write_json(
            self.paths.artifacts / "results" / f"{name}.json",
            {**_without_nan(results), "code_version": code_version(), "config": self.config.to_dict()},
        )


def _without_nan(value: Any) -> Any:
    """JSON knows no NaN: a value that does not exist is null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value


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
