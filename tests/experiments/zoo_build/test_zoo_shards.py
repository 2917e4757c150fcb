import shutil

import pytest

from experiments.sharding import Shard
from experiments.zoo_build import zoo_shards
from experiments.zoo_build.pieces import build_zoo
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import GroundTruthConfig, PathsConfig, ZooConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import tree_hash

pytestmark = pytest.mark.slow
QUICK = {
    **{"zoo.families": "vgg", "zoo.sizes": "small", "zoo.sources": "toy", "zoo.mixture": "", "zoo.workers": "1"},
    **{"zoo.steps": "2", "zoo.early_steps": "1", "ground_truth.steps": "2", "ground_truth.seeds": "1"},
    **{"ground_truth.shots": "4", "ground_truth.draws": "2", "ground_truth.estimator_draws": "1"},
    **{"ground_truth.other_shots": "1", "ground_truth.other_draws": "2", "ground_truth.penalties": "0.1"},
    "ground_truth.learning_rates": "1e-3",
}


@pytest.fixture
def settings(built, tmp_path):
    paths, images = built
    return {**QUICK, "paths.splits": str(paths.splits), "paths.images": str(images), "paths.artifacts": str(tmp_path)}


def pieces_of(work):
    """Files of the pieces, without the seconds that estimators took."""
    folders = [work / "models", work / "accuracies"]
    return tree_hash(folders), sorted(path.relative_to(work) for path in (work / "estimates").rglob("*.json"))


def test_shards_make_the_pieces_of_a_build_on_one_machine(settings, tmp_path, monkeypatch):
    config = ConfigParser(None, overrides=settings)
    work = zoo_shards.ZooShards(config)
    assert work.missing(2) == [0, 1]
    work.run(Shard(1, 2))
    assert len(list((work.work / "models").iterdir())) == 1
    with pytest.raises(ArtifactError, match="0 are missing; make each with: ptmrec zoo build --shard I/2"):
        work.merge()
    work.run(Shard(0, 2))
    assert work.missing() == []
    one = tmp_path / "one"
    build_zoo(work.images, one, config.get(ZooConfig), config.get(GroundTruthConfig), work.targets)
    assert pieces_of(one) == pieces_of(work.work)
    finished = []
    monkeypatch.setattr(zoo_shards, "build_everything", lambda *arguments: finished.append(arguments))
    work.merge()
    assert finished == [(config, config.get(PathsConfig).images)]


def test_a_damaged_piece_is_made_again(settings):
    work = zoo_shards.ZooShards(ConfigParser(None, overrides=settings))
    work.run(Shard(0, 3))
    models, name = pieces_of(work.work), Shard(0, 3).share(work.models)[0]
    (path,) = (work.work / "models" / name).glob("*.safetensors")
    path.write_bytes(path.read_bytes() + b"x")
    cell = work.work / "accuracies" / "toy" / f"{name}.json"
    cell.unlink()
    assert work.missing() == [0, 1, 2]
    work.run(Shard(0, 3))
    assert pieces_of(work.work) == models


def test_pieces_of_other_settings_are_not_mixed_in(settings, tmp_path):
    zoo_shards.ZooShards(ConfigParser(None, overrides=settings)).run(Shard(0, 3))
    other = zoo_shards.ZooShards(ConfigParser(None, overrides=settings | {"zoo.steps": "3"}))
    with pytest.raises(ArtifactError, match="was begun by other versions, or with other settings"):
        other.run(Shard(0, 3))
    shutil.rmtree(other.work)
    other.run(Shard(0, 3))
