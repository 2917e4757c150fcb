import numpy as np
import pytest

from ptmrec.benchmark.splits import KNOWN
from ptmrec.dataloader.model_datasets import ModelParameterDataset, read_model_tokens
from ptmrec.model.build import encode_parameters
from ptmrec.pipeline import autoencoder as work
from ptmrec.pipeline.project import open_project

pytestmark = pytest.mark.slow


def test_codes_of_all_models_by_what_was_learned_of_the_known_ones(tmp_path, monkeypatch):
    changes = {"paths.artifacts": str(tmp_path / "artifacts"), "zoo.every": "30", "autoencoder.epochs": "1"}
    project = open_project("smoke", overrides=changes)
    views, learned = project.extract(), []

    def watched(vectors, *rest):
        learned.extend(vectors.names)
        return made(vectors, *rest)

    made = work.make_autoencoder_trainer
    monkeypatch.setattr(work, "make_autoencoder_trainer", watched)
    tokens = project.embed()
    assert tuple(learned) == project.models(*KNOWN) != project.models()
    codes = encode_parameters(project.autoencoder(), ModelParameterDataset(views, list(project.cards)).vectors)
    for name, code in zip(project.cards, codes, strict=True):
        np.testing.assert_array_equal(read_model_tokens(tokens, name)["embedding"], code)
