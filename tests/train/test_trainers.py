import pytest
import torch
from toy_lists import train_ranker

from ptmrec.config.sections import AutoEncoderConfig
from ptmrec.dataloader.model_datasets import ModelParameterDataset
from ptmrec.model.build import encode_parameters
from ptmrec.train.autoencoder_trainer import make_autoencoder_trainer
from ptmrec.train.ranker_trainer import gaussian_likelihood, mean_tau


def test_autoencoder_trainer_learns(circle, tmp_path):
    dataset = ModelParameterDataset(circle.model_tokens)
    config = AutoEncoderConfig(hidden=[16], code_dim=4, epochs=40, batch_size=4, dropout=0.0, device="cpu")
    trainer = make_autoencoder_trainer(dataset, config, tmp_path / "run")
    frame = trainer.fit().to_frame()
    assert frame["train_reconstruction"].iloc[-1] < frame["train_reconstruction"].iloc[0]
    assert encode_parameters(trainer.model, dataset.vectors).shape == (8, 4)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["cross_attention", "similarity"])
@pytest.mark.parametrize("loss", ["listwise", "pairwise"])
def test_rankers_learn_which_model_suits_which_data_set(circle, tmp_path, architecture, loss):
    trainer, history = train_ranker(circle, tmp_path / "run", architecture=architecture, loss=loss)
    frame = history.to_frame()
    assert frame["train_tau_w"].iloc[-5:].mean() > 0.7
    assert frame["train_loss"].iloc[-1] < frame["train_loss"].iloc[0]
    assert trainer.ranking.temperature == pytest.approx(1.0)


@pytest.mark.slow
def test_gaussian_likelihood_against_torch_and_unmeasured_entries():
    truth, level, spread = torch.rand(2, 5), torch.rand(2, 5).requires_grad_(), torch.rand(2, 5) + 0.1
    reference = torch.nn.functional.gaussian_nll_loss(level, truth, spread.square())
    torch.testing.assert_close(gaussian_likelihood(truth, level, spread), reference)
    truth[0, 1] = float("nan")
    gaussian_likelihood(truth, level, spread).backward()
    assert torch.isfinite(level.grad).all()
    assert level.grad[0, 1] == 0


@pytest.mark.slow
def test_mean_tau_leaves_out_lists_without_measurements():
    truth = torch.tensor([[0.1, 0.2, 0.3], [float("nan")] * 3])
    assert mean_tau(truth, torch.tensor([[1.0, 2.0, 3.0]] * 2)) == pytest.approx(1.0)
