import pytest
import torch
from toy_rankers import VIEWS, inputs, make

from ptmrec.model.custom_similarity_transformer import CustomSimilarityTransformer
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer

RANKERS = [RankingCrossAttentionTransformer, CustomSimilarityTransformer]


@pytest.mark.parametrize("kind", RANKERS)
def test_order_of_models_does_not_matter(kind):
    models, dataset, regime = inputs()
    ranker, order = make(kind), torch.randperm(7)
    answers = ranker.answer(models, dataset, regime), ranker.answer(models[:, order], dataset, regime)
    for whole, moved in zip(*answers, strict=True):
        torch.testing.assert_close(whole[:, order], moved, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", RANKERS)
def test_order_of_classes_and_padding_do_not_matter(kind):
    models, dataset, regime = inputs()
    ranker = make(kind)
    scores = ranker(models, dataset, regime)
    torch.testing.assert_close(scores, ranker(models, dataset[:, [2, 0, 3, 1]], regime), atol=1e-5, rtol=1e-4)
    padded = torch.cat([dataset, 99 * torch.ones(3, 2, 8)], dim=1)
    mask = torch.tensor([[True] * 4 + [False] * 2] * 3)
    torch.testing.assert_close(scores, ranker(models, padded, regime, mask), atol=1e-5, rtol=1e-4)


def test_a_score_does_not_depend_on_the_other_candidates():
    models, dataset, regime = inputs()
    ranker = make(RankingCrossAttentionTransformer)
    alone = ranker(models[:, 2:3], dataset, regime)
    torch.testing.assert_close(ranker(models, dataset, regime)[:, 2:3], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", RANKERS)
def test_data_set_and_regime_change_the_scores(kind):
    models, dataset, _ = inputs(lists=1)
    ranker = make(kind)
    low = ranker(models, dataset, ["low_data"])
    assert not torch.allclose(low, ranker(models, dataset, ["fine_tuning"]))
    assert not torch.allclose(low, ranker(models, torch.randn_like(dataset), ["low_data"]))
    with pytest.raises(ValueError, match="unknown regime 'zero_shot'"):
        ranker(models, dataset, ["zero_shot"])
    with pytest.raises(ValueError, match="the views need 19"):
        ranker(models[..., :-1], dataset, ["low_data"])


def test_missing_views_are_left_out_and_scores_stay_finite():
    models, dataset, regime = inputs()
    ranker = make(RankingCrossAttentionTransformer)
    models[:, 1, :6] = float("nan")
    models[:, 2] = float("nan")
    scores, level, spread = ranker.answer(models, dataset, regime)
    assert all(torch.isfinite(part).all() for part in (scores, level, spread))
    assert ((level > 0) & (level < 1) & (spread > 0)).all()
    filled = models.clone()
    filled[:, 1, :6] = 0.0
    assert not torch.allclose(scores[:, 1], ranker(filled, dataset, regime)[:, 1])


def test_scaling_comes_from_the_data():
    ranker = make(RankingCrossAttentionTransformer)
    models, dataset = 50 + 9 * torch.randn(40, 19), 3 + torch.randn(60, 8)
    models[:5, :6] = float("nan")
    ranker.fit_scaling(models, dataset)
    assert ranker.fusion.responses_mean == pytest.approx(models[:, 6:11].mean(dim=0).numpy())
    assert torch.equal(ranker.fusion.source_mean, ranker.dataset_mean)
    assert torch.isfinite(ranker.fusion.embedding_mean).all()


def test_width_must_fit_the_heads():
    with pytest.raises(ValueError, match="multiple of heads"):
        RankingCrossAttentionTransformer(VIEWS, width=10, heads=4)
