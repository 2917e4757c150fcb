import pytest
import torch
from conftest import write_image_set

from experiments.zoo_build.training import Recipe, augment, train_classifier
from ptmrec.dataloader.image_data import load_image_npz
from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.features import accuracy

pytestmark = pytest.mark.slow


def test_augmentation_shifts_without_mixing_images():
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 32, 32).clone()
    changed = augment(images, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape
    spread = changed.amax(dim=(1, 2, 3)) - changed.amin(dim=(1, 2, 3))
    torch.testing.assert_close(spread, torch.zeros(4))


def test_training_learns_and_is_reproducible(tmp_path):
    data = load_image_npz(write_image_set(tmp_path / "toy.npz", train=90))
    models = []
    for _ in range(2):
        torch.manual_seed(0)
        model = build_model("vgg", "small", 3)
        train_classifier(model, data.train_images, data.train_labels, Recipe(40, 32, 3e-3, 0.02), seed=1)
        models.append(model)
    assert accuracy(models[0], data.train_images, data.train_labels) > 0.8
    for first, second in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(first, second)
