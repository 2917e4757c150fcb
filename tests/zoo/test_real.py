import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.zoo import real
from ptmrec.zoo.real import RealSnapshot, is_real, read_models, read_real
from ptmrec.zoo.snapshot import read_zoo

PATHS = ConfigParser().get(PathsConfig)
LITE0 = "efficientnet-lite0"


@pytest.fixture
def lite0() -> RealSnapshot:
    return next(snapshot for snapshot in read_real(PATHS.real) if snapshot.name == LITE0)


def test_real_models_stand_behind_the_zoo_in_order():
    models = read_models(PATHS)
    names = [snapshot.name for snapshot in models if is_real(snapshot)]
    assert names == sorted(names) and LITE0 in names
    assert [snapshot.name for snapshot in models] == [snapshot.name for snapshot in read_zoo(PATHS.zoo)] + names


def test_tensors_are_those_of_the_loaded_model(lite0):
    model = lite0.load()
    stored = [tensor for _, tensor in lite0.tensors()]
    own = [*model.body.state_dict().values(), *model.classifier.state_dict().values()]
    assert len(stored) == len(own)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(own, stored, strict=True))
    assert sum(parameter.numel() for parameter in model.parameters()) == lite0.card.num_params
    assert (model.num_features, model.input_size) == (lite0.card.num_features, lite0.card.input_size)


def test_a_missing_package_is_one_line_and_breaks_nothing(monkeypatch, caplog):
    monkeypatch.setattr(real, "find_spec", lambda name: None)
    monkeypatch.setattr(real.logger, "propagate", True)
    with caplog.at_level(logging.INFO, logger=real.logger.name):
        assert [snapshot.name for snapshot in read_models(PATHS)] == [s.name for s in read_zoo(PATHS.zoo)]
    assert len(caplog.messages) == 1
    assert LITE0 in caplog.messages[0] and "pip install 'ptmrec[real]'" in caplog.messages[0]
    cards = read_real(PATHS.real, installed_only=False)
    assert LITE0 in {snapshot.name for snapshot in cards}
    with pytest.raises(ArtifactError, match="are not installed; run: pip install"):
        cards[0].load()


def test_no_folder_of_cards_means_no_real_models(tmp_path):
    assert read_real(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": "tf_efficientnet_lite1"}, "296 tensors, but tf_efficientnet_lite1 has 386"),
        ({"model": "no_such_model"}, "timm knows no model 'no_such_model'"),
        ({"library": "other"}, "cannot rebuild architecture"),
    ],
)
def test_another_architecture_is_refused_in_one_line(lite0, change, words):
    wrong = RealSnapshot(lite0.folder, replace(lite0.card, architecture={**lite0.card.architecture, **change}))
    with pytest.raises(ArtifactError, match=words) as caught:
        wrong.load()
    assert "\n" not in str(caught.value)


class FakePackage:
    """A package folder in place of an installed one."""

    def __init__(self, folder: Path) -> None:
        self.submodule_search_locations = [str(folder)]


@pytest.mark.parametrize("content", [b"no weights", {"weight": np.float64(1.0)}, [torch.zeros(2)], {"weight": 1}])
def test_other_bytes_are_refused_and_never_unpickled(tmp_path, monkeypatch, lite0, content):
    path = tmp_path / lite0.card.architecture["file"]
    path.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    monkeypatch.setattr(real, "find_spec", lambda name: FakePackage(tmp_path))
    with pytest.raises(ArtifactError, match="reinstall: pip install") as caught:
        lite0.load()
    assert "\n" not in str(caught.value)
