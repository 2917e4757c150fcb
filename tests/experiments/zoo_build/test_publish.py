import pytest
from toy_encoder import PixelEncoder

from experiments.zoo_build import publish
from ptmrec.benchmark.splits import read_splits
from ptmrec.dataloader.dataset_tokens import DatasetTokens

pytestmark = pytest.mark.slow


def test_tokens_come_in_every_kind_and_keep_train_and_test_images_apart(built):
    paths, _ = built
    kinds = {kind: {} for kind in ("shots10", "shots1", "unlabelled")}
    for kind, found in kinds.items():
        for path in sorted((paths.dataset_tokens / kind).rglob("*.npz")):
            found[path.relative_to(paths.dataset_tokens / kind).as_posix()] = DatasetTokens.load(path)
        parts = {name: tokens.image_part for name, tokens in found.items()}
        assert parts == {"train/toy.npz": "train", "test/toy.npz": "test", "test/other.npz": "train"}
    assert kinds["shots10"]["train/toy.npz"].features.shape == (8, 3, 8)
    assert kinds["shots1"]["train/toy.npz"].features.shape == (2, 3, 8)
    assert kinds["unlabelled"]["train/toy.npz"].features.shape == (4, 2, 8)
    assert kinds["unlabelled"]["train/toy.npz"].class_names == ("", "")


def test_separation_compares_encoder_pixels_and_chance(built):
    paths, images = built
    table = publish.encoder_separation(images, read_splits(paths.splits), PixelEncoder()).set_index("dataset")
    assert table.loc["other", "role"] == "blind"
    assert table["chance"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert (table["encoder"] > 0.9).all(), "the classes differ in brightness"
