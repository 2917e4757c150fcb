import pytest

from experiments import sharded
from experiments.sharded import zoo_shards
from experiments.shards import Shard
from experiments.zoo_build.pieces import build_zoo
from ptmrec.benchmark.splits import read_splits
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


def pieces_of(folder):
    """Files of the pieces, without the seconds that estimators took."""
    folders = [folder / "models", folder / "accuracies"]
    return tree_hash(folders), sorted(path.relative_to(folder) for path in (folder / "estimates").rglob("*.json"))


def test_shards_make_the_pieces_of_a_build_on_one_machine_and_do_not_mix(built, tmp_path, monkeypatch):
    paths, images = built
    places = {"splits": paths.splits, "images": images, "artifacts": tmp_path}
    settings = QUICK | {f"paths.{name}": str(path) for name, path in places.items()}
    config = ConfigParser(None, overrides=settings)
    work = zoo_shards(config)
    assert work.missing(2) == [0, 1]
    work.run(Shard(1, 2))
    assert len(list((work.folder / "models").iterdir())) == 1
    with pytest.raises(ArtifactError, match="0 are missing.*make each with: ptmrec zoo build --shard I/2"):
        work.check()
    work.run(Shard(0, 2))
    work.check()
    one, targets = tmp_path / "one", list(read_splits(config.get(PathsConfig).splits).all)
    build_zoo(images, one, config.get(ZooConfig), config.get(GroundTruthConfig), targets)
    assert pieces_of(one) == pieces_of(work.folder)
    (work.folder / "accuracies" / "toy" / f"{sorted(work.names)[0]}.json").unlink()
    assert work.missing() == [0]
    with pytest.raises(ArtifactError, match="begun by other versions, or with other settings"):
        zoo_shards(ConfigParser(None, overrides=settings | {"zoo.steps": "3"})).run(Shard(0, 2))
    monkeypatch.setattr(sharded, "version", lambda name: "9.9")
    with pytest.raises(ArtifactError, match="begun by other versions"):
        zoo_shards(config).missing()
