import torch

from ptmrec.model.token_attention import TokenAttention


def test_scores_of_each_model_in_each_regime_and_padding_changes_nothing():
    torch.manual_seed(0)
    network = TokenAttention(5, 8, 2).eval()
    tokens = torch.randn(3, 4, 8)
    scores = network(tokens)
    assert scores.shape == (3, 5, 2)
    padded = torch.cat([tokens, torch.randn(3, 2, 8)], dim=1)
    mask = torch.arange(6) < 4
    torch.testing.assert_close(network(padded, mask.expand(3, 6)), scores)
    shuffled = tokens[:, torch.randperm(4)]
    torch.testing.assert_close(network(shuffled), scores)
