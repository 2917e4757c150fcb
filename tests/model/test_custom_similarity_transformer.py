import torch
from toy_rankers import inputs, make

from ptmrec.model.custom_similarity_transformer import CustomSimilarityTransformer


def test_similarity_is_a_probability_per_model():
    models, dataset, regime = inputs()
    ranker = make(CustomSimilarityTransformer)
    torch.testing.assert_close(ranker.probabilities(models, dataset, regime).sum(dim=1), torch.ones(3))
    other = ranker(models[:, :3], dataset, regime)
    assert not torch.allclose(ranker(models, dataset, regime)[:, :3], other)
