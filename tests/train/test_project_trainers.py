import json

import numpy as np
import pytest
import torch

from ptmrec.config.sections import AutoEncoderConfig, RankerConfig
from ptmrec.dataloader.combined_similarity_dataloader import TokenSources, build_combined_similarity_loader
from ptmrec.dataloader.dataset_tokens import DatasetTokens
from ptmrec.dataloader.model_datasets import ModelParameterDataset, write_model_tokens
from ptmrec.errors import ArtifactError
from ptmrec.model.build import encode_parameters
from ptmrec.recommender.ensemble import Recommender, predict
from ptmrec.train.autoencoder_trainer import make_autoencoder_trainer
from ptmrec.train.ranker_trainer import gaussian_likelihood, make_ranker_trainer, mean_tau
from ptmrec.train.registry import get_trainer

MODELS = tuple("abcdefgh")
SMALL = {"width": 16, "heads": 2, "layers": 1, "device": "cpu"}


@pytest.fixture
def sources(tmp_path):
    """Data sets on a circle; a model is good where its own direction points."""
    generator = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, len(MODELS), endpoint=False)
    for name, angle in zip(MODELS, angles, strict=True):
        views = {
            "parameters": generator.normal(size=32) + 5 * np.cos(angle),
            "embedding": generator.normal(size=4),
            "source": np.pad([np.cos(angle), np.sin(angle)], (0, 6)),
        }
        write_model_tokens(tmp_path / "models", name, views)
    truth = {}
    for index in range(6):
        angle, name = index * np.pi / 3 + 0.3, f"set{index}"
        centre = np.pad([np.cos(angle), np.sin(angle)], (0, 6))
        features = centre + 0.05 * generator.normal(size=(3, 4, 8))
        tokens = DatasetTokens(name, features.astype(np.float32), tuple("wxyz"), "e:1", "train")
        tokens.save(tmp_path / "tokens" / "train" / f"{name}.npz")
        truth[name] = [
            {
                "model_name": model,
                "model_type": "vgg",
                "accuracy": 0.5 + 0.4 * float(np.cos(own - angle)),
                "trained_on_dataset": "x",
                "accuracy_std": 0.0,
                "regime": "low_data",
                "recipe": {},
                "source": "test",
            }
            for model, own in zip(MODELS, angles, strict=True)
        ]
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    return TokenSources(
        tmp_path / "tokens", tmp_path / "models", tmp_path / "truth.json", MODELS, ("embedding", "source")
    )


def train_ranker(sources, folder, **options):
    config = RankerConfig(**(SMALL | {"epochs": 60, "learning_rate": 5e-3, "regimes": ["low_data"]} | options))
    loader = build_combined_similarity_loader(sources, regimes=("low_data",), batch_size=6, shuffle=True)
    trainer = make_ranker_trainer(loader, config, folder)
    return trainer, trainer.fit()


@pytest.mark.parametrize("architecture", ["cross_attention", "similarity"])
@pytest.mark.parametrize("loss", ["listwise", "pairwise"])
def test_rankers_learn_which_model_suits_which_data_set(sources, tmp_path, architecture, loss):
    trainer, history = train_ranker(sources, tmp_path / "run", architecture=architecture, loss=loss)
    frame = history.to_frame()
    assert frame["train_tau_w"].iloc[-5:].mean() > 0.7
    assert frame["train_loss"].iloc[-1] < frame["train_loss"].iloc[0]
    assert trainer.ranking.temperature == pytest.approx(1.0)


def test_a_ranker_generalises_to_a_data_set_it_has_not_seen(sources, tmp_path):
    trainer, _ = train_ranker(sources, tmp_path / "run", view_dropout=0.0)
    models = np.stack([np.r_[np.full(4, np.nan), np.pad([np.cos(a), np.sin(a)], (0, 6))] for a in (0.0, 1.5, 3.1)])
    token = np.pad([np.cos(0.1), np.sin(0.1)], (0, 6))[None]
    answer = predict([trainer.model], models.astype(np.float32), token, "low_data")
    assert answer.scores.argmax() == 0
    assert answer.scores.argmin() == 2
    assert (answer.spread > 0).all()


def test_autoencoder_trainer_is_registered_and_learns(sources, tmp_path):
    dataset = ModelParameterDataset(sources.model_tokens)
    config = AutoEncoderConfig(hidden=[16], code_dim=4, epochs=40, batch_size=4, dropout=0.0, device="cpu")
    trainer = make_autoencoder_trainer(dataset, config, tmp_path / "run")
    assert type(trainer) is get_trainer("AutoEncoder")
    frame = trainer.fit().to_frame()
    assert frame["train_reconstruction"].iloc[-1] < frame["train_reconstruction"].iloc[0]
    assert encode_parameters(trainer.model, dataset.vectors).shape == (8, 4)


def test_gaussian_likelihood_against_torch_and_unmeasured_entries():
    truth, level, spread = torch.rand(2, 5), torch.rand(2, 5).requires_grad_(), torch.rand(2, 5) + 0.1
    reference = torch.nn.functional.gaussian_nll_loss(level, truth, spread.square())
    torch.testing.assert_close(gaussian_likelihood(truth, level, spread), reference)
    truth[0, 1] = float("nan")
    gaussian_likelihood(truth, level, spread).backward()
    assert torch.isfinite(level.grad).all()
    assert level.grad[0, 1] == 0


def test_mean_tau_leaves_out_lists_without_measurements():
    truth = torch.tensor([[0.1, 0.2, 0.3], [float("nan")] * 3])
    assert mean_tau(truth, torch.tensor([[1.0, 2.0, 3.0]] * 2)) == pytest.approx(1.0)


@pytest.fixture
def recommender(sources, tmp_path):
    trainer, _ = train_ranker(sources, tmp_path / "run", epochs=2)
    dataset = ModelParameterDataset(sources.model_tokens)
    config = AutoEncoderConfig(hidden=[16], code_dim=4, epochs=1, device="cpu")
    autoencoder = make_autoencoder_trainer(dataset, config, tmp_path / "ae").model
    views = {"embedding": 4, "source": 8}
    tokens = np.random.default_rng(0).normal(size=(8, 12)).astype(np.float32)
    return Recommender(
        [trainer.model], 1.5, autoencoder, trainer.options, config, views, "e:1", MODELS, tokens, ("set0",)
    )


def test_recommender_survives_a_round_trip(recommender, tmp_path):
    recommender.save(tmp_path / "saved")
    again = Recommender.load(tmp_path / "saved")
    token = np.random.default_rng(1).normal(size=(2, 3, 8)).astype(np.float32)
    first, second = (r.rank(r.model_tokens, list(MODELS), token, "low_data") for r in (recommender, again))
    assert first["model"].tolist() == second["model"].tolist()
    np.testing.assert_allclose(first["score"], second["score"], rtol=1e-5)
    plain = predict(again.members, again.model_tokens, token, "low_data")
    np.testing.assert_allclose(again.predict(again.model_tokens, token, "low_data").spread, 1.5 * plain.spread)
    views = {"parameters": np.ones(32, np.float32), "source": np.zeros(8, np.float32)}
    np.testing.assert_allclose(again.embed_views(views), recommender.embed_views(views), atol=5e-3)
    np.testing.assert_array_equal(again.tokens_of(["c", "a"]), recommender.model_tokens[[2, 0]])


def test_damaged_recommenders_are_one_line(recommender, tmp_path):
    folder = tmp_path / "saved"
    with pytest.raises(ArtifactError, match="no recommender there"):
        Recommender.load(folder)
    recommender.save(folder)
    weights = folder / "ranker_0.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ArtifactError, match="missing or damaged"):
        Recommender.load(folder)
    recommender.save(folder)
    spec = json.loads((folder / "recommender.json").read_text())
    (folder / "recommender.json").write_text(json.dumps(spec | {"dataset_dim": 9}))
    with pytest.raises(ArtifactError, match="does not fit") as caught:
        Recommender.load(folder)
    assert "\n" not in str(caught.value)
