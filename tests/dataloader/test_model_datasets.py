import numpy as np
import pytest
from toy_lists import MODELS

from ptmrec.core.errors import ArtifactError
from ptmrec.dataloader.model_datasets import ModelEmbeddingDataset, ModelParameterDataset, write_model_tokens


def test_model_datasets(sources, tmp_path):
    parameters = ModelParameterDataset(sources.model_tokens, ["c", "a"])
    assert parameters[0]["name"] == "c"
    assert parameters[0]["parameters"].tolist() == [2.0] * 16
    embeddings = ModelEmbeddingDataset(sources.model_tokens)
    assert embeddings.names == list(MODELS)
    assert embeddings[3]["tokens"].tolist() == [3.0] * 4
    with pytest.raises(ArtifactError, match="file not found"):
        ModelEmbeddingDataset(sources.model_tokens, ["nobody"])
    with pytest.raises(ArtifactError, match="view 'colour' is missing"):
        ModelEmbeddingDataset(sources.model_tokens, views=("colour",))
    with pytest.raises(ArtifactError, match="listed twice"):
        ModelEmbeddingDataset(sources.model_tokens, ["a", "a"])
    write_model_tokens(tmp_path / "models", "e", {"embedding": np.zeros(5)})
    with pytest.raises(ArtifactError, match="others have"):
        ModelEmbeddingDataset(sources.model_tokens)
