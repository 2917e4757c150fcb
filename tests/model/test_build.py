import pytest

from ptmrec.config.sections import AutoEncoderConfig, RankerConfig
from ptmrec.core.errors import ConfigError
from ptmrec.model.build import build_autoencoder, build_ranker
from ptmrec.model.model_encoder import AutoEncoder
from ptmrec.train.autoencoder_trainer import split_models


def test_autoencoder_options():
    with pytest.raises(ValueError, match="activation 'tanh'"):
        AutoEncoder(activation="tanh")
    with pytest.raises(ValueError, match="reconstruction_loss 'l0'"):
        AutoEncoder(reconstruction_loss="l0")
    model = build_autoencoder(AutoEncoderConfig(hidden=[32, 16], code_dim=5), 64)
    assert [layer.out_features for layer in model.encoder if hasattr(layer, "out_features")] == [32, 16, 5]
    training, validation = split_models(10, 0.2, 0)
    assert sorted(training + validation) == list(range(10))
    assert len(validation) == 2


def test_a_width_that_does_not_fit_is_one_line_before_anything_is_built():
    with pytest.raises(ConfigError, match=r"\[ranker\] width = 30 must be a multiple of heads = 7"):
        build_ranker(RankerConfig(width=30, heads=7), {"card": 4}, 8)
