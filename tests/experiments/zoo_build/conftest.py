"""A tiny zoo with everything a build commits."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import QUICK_TRUTH, QUICK_ZOO, write_image_set, write_index
from toy_encoder import PixelEncoder

from experiments.zoo_build import publish
from experiments.zoo_build.battery import build_battery
from experiments.zoo_build.manifest import write_manifest
from experiments.zoo_build.pieces import build_zoo
from ptmrec.benchmark.splits import read_splits
from ptmrec.config.sections import CostConfig, DatasetTokenConfig, PathsConfig, ZooConfig

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A tiny zoo with everything a build commits, and its image sets."""
    root = tmp_path_factory.mktemp("built")
    images = root / "images"
    for name in ("toy", "other"):
        write_image_set(images / f"{name}.npz")
    write_index(images)
    constants = root / "constants"
    constants.mkdir()
    roles = {"toy": {"role": "train", "reason": "a toy"}, "other": {"role": "blind", "reason": "another"}}
    families = {"vgg": {"role": "train", "reason": "plain"}}
    groups = {"datasets": roles, "sources": {"toy": roles["toy"]}, "families": families}
    (constants / "splits.json").write_text(json.dumps(groups))
    names = {
        "zoo": "zoo",
        "real": "real",
        "dataset_tokens": "dataset_tokens",
        "encoder": "encoder",
        "ground_truth": "truth.json",
        "estimators": "estimators.json",
        "costs": "costs.json",
        "image_sets": "image_sets.csv",
        "splits": "splits.json",
        "encoder_separation": "separation.csv",
        "manifest": "manifest.json",
        "published": "published",
        "battery": "battery.npz",
        "recommender": "recommender",
    }
    (constants / "published").mkdir()
    shutil.copy(ROOT / "constants" / "published" / "modelspider10.json", constants / "published")
    paths = PathsConfig(**{key: constants / name for key, name in names.items()})
    zoo = ZooConfig(families=["vgg"], sizes=["small"], sources=["toy"], mixture=[], **QUICK_ZOO)
    build_zoo(images, root / "work", zoo, QUICK_TRUTH, ["toy", "other"])
    publish.publish_zoo(root / "work", QUICK_TRUTH, paths)
    paths.image_sets.write_bytes((images / "index.csv").read_bytes())
    config = DatasetTokenConfig(clusters=2, other_shots=[1], other_draws=[2])
    publish.build_dataset_tokens(images, read_splits(paths.splits), PixelEncoder(), config, paths.dataset_tokens)
    publish.build_costs(CostConfig(threads=[1], rounds=1, passes=1, batch_passes=1, batch_size=2), paths)
    build_battery(images, ["toy", "other"], paths.battery)
    write_manifest(paths)
    return paths, images
