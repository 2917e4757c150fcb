"""The autoencoder that turns weights vectors of 8192 numbers into tokens of 512."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}
RECONSTRUCTION_LOSSES = {"mse": F.mse_loss, "smooth_l1": F.smooth_l1_loss}


class AutoEncoder(nn.Module):
    """A multi-layer perceptron to a narrow code and back, on standardised inputs.

    Args:
        input_dim: length of the vectors.
        code_dim: length of the code.
        hidden: sizes of the hidden layers of the encoder; the decoder mirrors them.
        activation: ``gelu``, ``relu`` or ``leaky_relu``.
        dropout: dropout after each hidden layer.
        reconstruction_loss: ``mse`` or ``smooth_l1``.

    Raises:
        ValueError: unknown activation or reconstruction loss.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self,
        input_dim: int = 8192,
        code_dim: int = 512,
        hidden: Sequence[int] = (1024,),
        activation: str = "gelu",
        dropout: float = 0.1,
        reconstruction_loss: str = "mse",
    ) -> None:
        super().__init__()
        for name, value, known in (
            ("activation", activation, ACTIVATIONS),
            ("reconstruction_loss", reconstruction_loss, RECONSTRUCTION_LOSSES),
        ):
            if value not in known:
                raise ValueError(f"{name} {value!r} is not one of {', '.join(known)}")
        self.reconstruction_loss = reconstruction_loss
        self.encoder = _perceptron([input_dim, *hidden, code_dim], activation, dropout)
        self.decoder = _perceptron([code_dim, *reversed(hidden), input_dim], activation, dropout)
        self.register_buffer("mean", torch.zeros(input_dim))
        self.register_buffer("scale", torch.ones(input_dim))

    def fit_scaling(self, vectors: Tensor) -> None:
        """Take mean and spread of each input from training vectors ``(n, input_dim)``.

        An input that hardly varies (most are padding for most models) gets a floor of a tenth of the mean
        spread, so that a new model that does use it is not blown up.
        """
        self.mean.copy_(vectors.mean(dim=0))
        spread = vectors.std(dim=0, correction=0)
        self.scale.copy_(spread.clamp(min=max(0.1 * float(spread.mean()), 1e-6)))

    def standardise(self, vectors: Tensor) -> Tensor:
        """Inputs ``(B, input_dim)`` with the training vectors' mean 0 and spread 1, kept within ten spreads."""
        return ((vectors - self.mean) / self.scale).clamp(-10, 10)

    def encode(self, vectors: Tensor) -> Tensor:
        """Codes ``(B, code_dim)`` of raw vectors ``(B, input_dim)``."""
        return self.encoder(self.standardise(vectors))

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Codes ``(B, code_dim)`` and reconstructions ``(B, input_dim)`` of the standardised vectors."""
        codes = self.encode(vectors)
        return codes, self.decoder(codes)

    def reconstruction_error(self, reconstructed: Tensor, vectors: Tensor) -> Tensor:
        """Mean error, a scalar, of reconstructions ``(B, input_dim)`` of raw vectors ``(B, input_dim)``."""
        return RECONSTRUCTION_LOSSES[self.reconstruction_loss](reconstructed, self.standardise(vectors))


def _perceptron(sizes: Sequence[int], activation: str, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes[:-2], sizes[1:-1], strict=True):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation](), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))
