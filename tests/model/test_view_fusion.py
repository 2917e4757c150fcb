import torch
from toy_rankers import inputs, make

from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer


def test_view_dropout_hides_views_only_in_training_and_never_all():
    models, dataset, regime = inputs()
    ranker = make(RankingCrossAttentionTransformer, view_dropout=1.0, identity_dropout=1.0, class_dropout=0.9)
    still = ranker(models, dataset, regime)
    assert torch.equal(still, ranker(models, dataset, regime))
    hidden = ranker.fusion.train()._hidden(50, torch.device("cpu"))
    assert not torch.stack(list(hidden.values())).all(dim=0).any()
    kept = ranker.train()._drop_classes(torch.tensor([[True, True, False]] * 50), torch.zeros(50, 3, 16))
    assert kept.any(dim=1).all()
    assert not kept[:, 2].any()


def test_identity_views_are_hidden_together():
    ranker = make(RankingCrossAttentionTransformer, view_dropout=0.0, identity_dropout=0.5)
    hidden = ranker.fusion.train()._hidden(400, torch.device("cpu"))
    assert 0.4 < hidden["embedding"].float().mean() < 0.6
    assert not hidden["source"].any()
