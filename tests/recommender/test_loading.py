import numpy as np
import pytest
import torch
from PIL import Image

from ptmrec.benchmark.battery import read_battery
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.recommender.loading import load_backbone
from ptmrec.zoo.features import extract_features
from ptmrec.zoo.real import read_real
from ptmrec.zoo.snapshot import read_zoo

PATHS = ConfigParser().get(PathsConfig)


@pytest.fixture(scope="module", params=["small", "real"])
def snapshot(request):
    return read_zoo(PATHS.zoo)[0] if request.param == "small" else read_real(PATHS.real)[0]


def test_the_backbone_gives_the_features_the_ranker_saw(snapshot):
    size = snapshot.card.input_size
    images = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    backbone, transform, width = load_backbone(snapshot)
    with torch.inference_mode():
        found = backbone(torch.stack([transform(image) for image in images])).numpy()
    assert found.shape == (2, width)
    np.testing.assert_allclose(found, extract_features(snapshot.load(), images), rtol=1e-4, atol=1e-4)


def test_pictures_of_any_size_and_kind_fit(snapshot):
    _, transform, _ = load_backbone(snapshot)
    size = snapshot.card.input_size
    assert transform(Image.new("L", (40, 70))).shape == (3, size, size)


def test_three_lines_to_a_fine_tuning_loop(snapshot):
    """As the README says it, on two kinds of coins of the demo."""
    torch.manual_seed(0)
    coins = read_battery(PATHS.battery)["euro_coins"]
    rows = np.flatnonzero(coins.labels < 2)[::3]
    images, labels = coins.images[rows], torch.from_numpy(coins.labels[rows])
    backbone, transform, width = load_backbone(snapshot)
    model = torch.nn.Sequential(backbone.train(), torch.nn.Linear(width, 2))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    before = [parameter.clone() for parameter in backbone.parameters()]
    batch = torch.stack([transform(image) for image in images])
    losses = []
    for _ in range(5):
        loss = torch.nn.functional.cross_entropy(model(batch), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert any(not torch.equal(old, new) for old, new in zip(before, backbone.parameters(), strict=True))
