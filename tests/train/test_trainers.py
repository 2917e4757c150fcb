import pytest
import torch
from toy_lists import train_ranker

from ptmrec.config.sections import AutoEncoderConfig
from ptmrec.dataloader.model_datasets import ModelParameterDataset
from ptmrec.model.build import encode_parameters
from ptmrec.train.autoencoder_trainer import make_autoencoder_trainer, split_models
from ptmrec.train.ranker_trainer import gaussian_likelihood, mean_tau


def test_autoencoder_trainer_learns(circle, tmp_path):
    dataset = ModelParameterDataset(circle.model_tokens)
    config = AutoEncoderConfig(hidden=[16], code_dim=4, epochs=40, batch_size=4, dropout=0.0, device="cpu")
    trainer = make_autoencoder_trainer(dataset, config, tmp_path / "run")
    frame = trainer.fit().to_frame()
    assert frame["train_reconstruction"].iloc[-1] < frame["train_reconstruction"].iloc[0]
    assert encode_parameters(trainer.model, dataset.vectors).shape == (8, 4)


def test_an_autoencoder_minimises_its_error_and_the_size_of_its_code(circle, tmp_path):
    dataset = ModelParameterDataset(circle.model_tokens)
    still = {"learning_rate": 1e-9, "epochs": 1, "dropout": 0.0, "device": "cpu"}
    config = AutoEncoderConfig(hidden=[16], code_dim=4, code_l1_penalty=0.5, batch_size=4, **still)
    trainer = make_autoencoder_trainer(dataset, config, tmp_path / "run")
    (row,) = trainer.fit().to_frame().to_dict("records")
    training, _ = split_models(len(dataset), config.validation_share, config.seed)
    codes = torch.from_numpy(encode_parameters(trainer.model, dataset.vectors[training]))
    assert row["train_loss"] - row["train_reconstruction"] == pytest.approx(0.5 * codes.abs().mean().item(), rel=1e-3)


@pytest.mark.parametrize(("count", "share", "aside"), [(10, 0.3, 3), (10, 0.01, 1), (10, 0.99, 9), (2, 0.9, 1)])
def test_a_share_of_the_models_validates_and_at_least_one_of_each_stays(count, share, aside):
    training, validation = split_models(count, share, 0)
    assert len(validation) == aside and sorted(training + validation) == list(range(count))


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["cross_attention", "similarity"])
@pytest.mark.parametrize("loss", ["listwise", "pairwise"])
def test_rankers_learn_which_model_suits_which_data_set(circle, tmp_path, architecture, loss):
    trainer, history = train_ranker(circle, tmp_path / "run", architecture=architecture, loss=loss)
    frame = history.to_frame()
    assert frame["train_tau_w"].iloc[-5:].mean() > 0.7
    assert frame["train_loss"].iloc[-1] < frame["train_loss"].iloc[0]
    assert trainer.ranking.temperature == pytest.approx(1.0)


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
