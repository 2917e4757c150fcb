from ptmrec.config.sections import AutoEncoderConfig
from ptmrec.dataloader.model_datasets import ModelParameterDataset
from ptmrec.model.build import encode_parameters
from ptmrec.train.autoencoder_trainer import make_autoencoder_trainer


def test_autoencoder_trainer_learns(circle, tmp_path):
    dataset = ModelParameterDataset(circle.model_tokens)
    config = AutoEncoderConfig(hidden=[16], code_dim=4, epochs=40, batch_size=4, dropout=0.0, device="cpu")
    trainer = make_autoencoder_trainer(dataset, config, tmp_path / "run")
    frame = trainer.fit().to_frame()
    assert frame["train_reconstruction"].iloc[-1] < frame["train_reconstruction"].iloc[0]
    assert encode_parameters(trainer.model, dataset.vectors).shape == (8, 4)
