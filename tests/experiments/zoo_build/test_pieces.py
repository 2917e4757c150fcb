import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import QUICK_TRUTH, QUICK_ZOO, write_image_set, write_index

from experiments.evaluation.baselines.estimators import ESTIMATORS
from experiments.zoo_build.assemble import assemble_ground_truth
from experiments.zoo_build.pieces import CELL_KINDS, build_zoo, cell_path, read_cells
from ptmrec.benchmark.ground_truth import read_ground_truth
from ptmrec.config.sections import ZooConfig
from ptmrec.core.errors import DataError
from ptmrec.zoo.snapshot import read_zoo

pytestmark = pytest.mark.slow


def test_a_build_can_be_stopped_resumed_and_assembled(tmp_path):
    images = tmp_path / "images"
    for name in ("toy", "other"):
        write_image_set(images / f"{name}.npz")
    write_index(images)
    zoo = ZooConfig(families=["vgg", "vit"], sizes=["small"], sources=["toy"], mixture=["toy", "other"], **QUICK_ZOO)
    work = tmp_path / "work"
    models = build_zoo(images, work, zoo, QUICK_TRUTH, ["toy", "other"])
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("*.json")}
    names = [
        f"{family}-small-{kind}" for family in ("vgg", "vit") for kind in ("toy", "toy-early", "mixture", "random")
    ]
    assert {path.parent.name for path in files if path.name == "config.json"} == set(names)
    assert len(files) == 8 + 2 * 8 * 2
    lost = cell_path(work, "accuracies", "other", "vit-small-toy")
    before = json.loads(lost.read_text())
    lost.unlink()
    cell_path(work, "estimates", "toy", "vgg-small-toy").unlink()
    again = {
        cell_path(work, kind, *pair)
        for kind in CELL_KINDS
        for pair in (("other", "vit-small-toy"), ("toy", "vgg-small-toy"))
    }
    zoo = replace(zoo, workers=2)  # two lost cells, two processes
    build_zoo(images, tmp_path / "work", zoo, QUICK_TRUTH, ["toy", "other"])
    after = json.loads(lost.read_text())
    assert after == before
    assert all(path.stat().st_mtime_ns == time for path, time in files.items() if path not in again)
    cards = {snapshot.name: snapshot.card for snapshot in read_zoo(models)}
    assert cards["vgg-small-mixture"].datasets == ["toy", "other"]
    assert cards["vgg-small-mixture"].architecture["num_classes"] == 6
    assert (cards["vit-small-random"].source_dataset, cards["vit-small-random"].datasets) == ("none", [])
    path = assemble_ground_truth(read_cells(work, "accuracies"), cards, QUICK_TRUTH, tmp_path / "truth.json")
    measured = read_ground_truth(path, cards)
    assert measured.repeats["fine_tuning"].shape == (2, 8, 2)
    column = measured.models.index("vit-small-toy")
    assert measured.row("fine_tuning", "other")[column] == pytest.approx(
        np.mean(after["fine_tuning"]["accuracies"]), abs=1e-5
    )
    assert measured.by_shots["1"][measured.datasets.index("other"), column] == pytest.approx(
        np.mean(after["low_data"]["by_shots"]["1"]), abs=1e-5
    )
    (estimate,) = (
        c for c in read_cells(work, "estimates") if (c["dataset"], c["model_name"]) == ("toy", "vit-small-toy")
    )
    assert set(estimate) == {"model_name", "dataset", "seconds", *ESTIMATORS}
    assert set(estimate["seconds"]) == {"forward", *ESTIMATORS}
    some = measured.only(["vit-small-toy"])
    np.testing.assert_array_equal(some.row("low_data", "toy"), measured.row("low_data", "toy")[[column]])
    assert some.repeats["low_data"].shape[:2] == some.by_shots["all"].shape == (2, 1)


def test_a_source_must_be_there_unchanged_and_shareable(tmp_path):
    write_image_set(tmp_path / "toy.npz")
    write_index(tmp_path)
    zoo = ZooConfig(sources=["toy"], mixture=[])
    with pytest.raises(DataError, match=r"image set cifar10\.npz is missing"):
        build_zoo(tmp_path, tmp_path / "work", ZooConfig(sources=["cifar10"], mixture=[]), QUICK_TRUTH, ["toy"])
    write_index(tmp_path, licence="CC BY-NC-SA 4.0")
    with pytest.raises(DataError, match="cannot be shared"):
        build_zoo(tmp_path, tmp_path / "work", zoo, QUICK_TRUTH, ["toy"])
    write_index(tmp_path)
    write_image_set(tmp_path / "toy.npz", train=33)
    with pytest.raises(DataError, match="another hash"):
        build_zoo(tmp_path, tmp_path / "work", zoo, QUICK_TRUTH, ["toy"])
    assert not (tmp_path / "work").exists()
