import pytest
import torch
from safetensors.torch import save_file
from toy_rankers import VIEWS, inputs, make

from ptmrec.config.sections import AutoEncoderConfig, RankerConfig
from ptmrec.core.errors import ArtifactError, ConfigError
from ptmrec.model.build import build_autoencoder, build_ranker
from ptmrec.model.custom_similarity_transformer import CustomSimilarityTransformer
from ptmrec.model.model_encoder import AutoEncoder
from ptmrec.model.ranker_files import load_ranker, read_weights, save_ranker
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer
from ptmrec.train.autoencoder_trainer import split_models

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


def toy_ranker(seed, views):
    torch.manual_seed(seed)
    return RankingCrossAttentionTransformer(views, 16, 8, 1, 2)


@pytest.mark.parametrize("views", [{"card": 2}, {"card": 2, "source": 16}], ids=["plain", "shared projection"])
def test_a_ranker_survives_a_round_trip(tmp_path, views):
    saved, again = toy_ranker(0, views), toy_ranker(1, views)
    save_ranker(saved, tmp_path / "ranker.safetensors")
    load_ranker(again, tmp_path / "ranker.safetensors")
    for name, tensor in saved.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize("damage", ["missing", "damaged", "not finite"])
def test_what_cannot_be_read_is_one_line(tmp_path, damage):
    path = tmp_path / "a.safetensors"
    if damage == "damaged":
        path.write_bytes(b"xx")
    if damage == "not finite":
        save_file({"a": torch.tensor([float("nan")])}, path)
    with pytest.raises(ArtifactError, match=damage) as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


def test_similarity_is_a_probability_per_model():
    models, dataset, regime = inputs()
    ranker = make(CustomSimilarityTransformer)
    torch.testing.assert_close(ranker.probabilities(models, dataset, regime).sum(dim=1), torch.ones(3))
    other = ranker(models[:, :3], dataset, regime)
    assert not torch.allclose(ranker(models, dataset, regime)[:, :3], other)


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


def test_autoencoder_options():
    with pytest.raises(ValueError, match="activation 'tanh'"):
        AutoEncoder(activation="tanh")
    with pytest.raises(ValueError, match="reconstruction_loss 'l0'"):
        AutoEncoder(reconstruction_loss="l0")
    model = build_autoencoder(AutoEncoderConfig(hidden=[32, 16], code_dim=5), 64)
    assert [layer.out_features for layer in model.encoder if hasattr(layer, "out_features")] == [32, 16, 5]
    training, validation = split_models(10, 0.2, 0)
    assert sorted(training + validation) == list(range(10))
    assert len(validation) == 2


def test_a_width_that_does_not_fit_is_one_line_before_anything_is_built():
    with pytest.raises(ConfigError, match=r"\[ranker\] width = 30 must be a multiple of heads = 7"):
        build_ranker(RankerConfig(width=30, heads=7), {"card": 4}, 8)
