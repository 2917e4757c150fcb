"""A published model for photographs, with the interface of the embedded ones."""

from collections.abc import Mapping, Sequence

import numpy as np
import timm
import torch
from torch import Tensor, nn

from ptmrec.core.errors import ArtifactError
from ptmrec.zoo.features import to_pixels

BATCH = 8
"""Images that pass through the body at a time: so few keep its feature maps in the processor's cache."""


class PhotoModel(nn.Module):
    """A timm model, or an image tower, as body and classifier, which resizes and centres its images itself.

    Args:
        network: the timm model, whose classifier is taken off, or a tower, which has none.
        input_size: height and width of the images it takes, in pixels.
        mean: of its three colours; without it what timm says of the model.
        std: deviation of its colours, likewise.
    """

    batch_size = 32
    """Images to prepare at a time."""

    def __init__(
        self,
        network: nn.Module,
        input_size: int,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.num_features = getattr(network, "num_features", getattr(network, "output_dim", 0))
        self.classifier = _take_classifier(network)
        self.body = network
        for name, stated in (("mean", mean), ("std", std)):
            values = torch.tensor(network.default_cfg[name] if stated is None else stated).reshape(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)

    def prepare(self, images: np.ndarray) -> Tensor:
        """Images ``(n, H, W, 3)`` uint8 as this model takes them: ``(n, 3, input_size, input_size)`` float32."""
        return (to_pixels(images, (self.input_size, self.input_size)) - self.mean) / self.std

    def forward_features(self, images: Tensor) -> Tensor:
        """Pooled features ``(B, num_features)`` of images ``(B, 3, input_size, input_size)``."""
        if self.training:  # norms want the whole batch
            return self.body(images)
        return torch.cat([self.body(part) for part in images.split(BATCH)])

    def forward(self, images: Tensor) -> Tensor:
        """Class scores ``(B, num_classes)`` of images ``(B, 3, input_size, input_size)``."""
        return self.classifier(self.forward_features(images))


def _take_classifier(network: nn.Module) -> nn.Module:
    """The classifier, which the network has no longer; the identity where there is none to take."""
    if not hasattr(network, "reset_classifier"):
        return nn.Identity()
    found = network.get_classifier()
    network.reset_classifier(0)
    if isinstance(found, tuple | list):  # distilled models have a second one that learned from a teacher
        found = found[0]
    return found if isinstance(found, nn.Module) else nn.Identity()


def build_photo_model(architecture: str, weights: Mapping[str, Tensor], input_size: int) -> PhotoModel:
    """Build a timm model and fill it tensor by tensor in order, whatever the tensors are called.

    Args:
        architecture: name of the model in timm.
        weights: as many tensors as the model has, in its order.
        input_size: height and width of the images, in pixels.

    Raises:
        ArtifactError: timm knows no such model, or the tensors do not fit.
    """
    if not timm.is_model(architecture):
        raise ArtifactError(f"timm knows no model {architecture!r}")
    network = timm.create_model(architecture)
    wanted = network.state_dict()
    if len(wanted) != len(weights):
        raise ArtifactError(f"{len(weights)} tensors, but {architecture} has {len(wanted)}")
    for (name, ours), (theirs, tensor) in zip(wanted.items(), weights.items(), strict=True):
        if ours.shape != tensor.shape:
            shapes = f"{tuple(tensor.shape)}, not {tuple(ours.shape)}"
            raise ArtifactError(f"tensor {theirs!r} does not fit {name!r} of {architecture}: its shape is {shapes}")
    network.load_state_dict(dict(zip(wanted, weights.values(), strict=True)))
    return PhotoModel(network, input_size).to(memory_format=torch.channels_last).eval()
