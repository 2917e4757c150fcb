import numpy as np
import pytest


def test_what_does_not_count_is_left_out(tiny):
    assert tiny["transfergraph"].datasets == ("pets",)
    assert tiny["transfergraph"].models == ("a/b", "c/d")
    assert tiny["modelspider10"].datasets == ("Pet",)
    assert tiny["parc_all"].models == ("resnet50/nabird",)
    assert tiny["openclip"].datasets == ("MNIST", "GTSRB")
    assert tiny["timm"].models == ("resnet50d.ra2_in1k@224", "tf_efficientnetv2_s.in21k_ft_in1k@300")
    assert tiny["timm"].measured == 6 / 10


def test_percentages_become_shares_and_what_is_missing_nan(tiny):
    assert tiny["sfda_supervised"].row("pets").tolist() == [0.9128, 0.9108]
    np.testing.assert_array_equal(tiny["timm"].row("imagenet-r"), [0.805, np.nan])
    assert tiny["lovm"].row("mnist").tolist() == [0.1435]


def test_cards_say_what_the_source_says_and_no_more(tiny):
    cards = {name: card for zoo in tiny.values() for name, card in zoo.cards.items()}
    assert cards["a/b"] == {
        "family": "vit",
        "architecture": "ViTForImageClassification",
        "num_params": 86,
        "input_size": 224,
        "num_features": 768,
        "num_labels": 3,
        "source_dataset": "beans",
        "source_accuracy": 0.97,
    }
    assert cards["c/d"]["family"] == "van"
    assert not {"num_params", "source_accuracy"} & set(cards["c/d"])
    assert cards["FTD_inception_v3_CIFAR10"]["source_dataset"] == "CIFAR10"
    assert cards["resnet50d.ra2_in1k@224"] == {
        "family": "resnet",
        "weights": "resnet50d.ra2_in1k",
        "num_params": 1_025_580_000,
        "gmacs": 4.36,
        "macts": 11.9,
        "input_size": 224,
        "crop": 0.875,
        "source_dataset": "in1k",
        "speed": {
            "i7-12700H": {"latency_ms": 25.0, "images_per_second": 40.0},
            "RTX 5090": {"batch": 1024, "images_per_second": 5000.0},
        },
    }
    assert "speed" not in cards["tf_efficientnetv2_s.in21k_ft_in1k@300"]
    assert cards["ViT-B-32 laion2b_s34b_b79k"]["image_params"] == 87_850_000


@pytest.mark.parametrize(
    ("zoo", "model", "family", "source"),
    [
        ("timm", "tf_efficientnetv2_s.in21k_ft_in1k@300", "efficientnetv2", "in21k+in1k"),
        ("sfda_supervised", "mobilenet_v2", "mobilenet", "ImageNet"),
        ("sfda_supervised", "mnasnet1_0", "mnasnet", "ImageNet"),
        ("sfda_selfsupervised", "byol", "resnet", None),
        ("emms_vit", "dino_small", "vit", None),
        ("emms_vit", "pvtv2_b2", "pvtv2", None),
        ("modelspider42", "FTD_inception_v3_CIFAR10", "inception", "CIFAR10"),
        ("openclip", "ViT-B-32 laion2b_s34b_b79k", "vit", "laion2b"),
        ("openclip", "nllb-clip-base v1", "nllb-clip", None),
        ("lovm", "coca_ViT-B-32 mscoco_finetuned_laion2b_s13b_b90k", "coca", "laion2b+mscoco"),
        ("swab", "BLIP retrieval_base_f30k", "blip", "f30k"),
    ],
)
def test_families_and_training_data(tiny, zoo, model, family, source):
    card = tiny[zoo].cards[model]
    assert (card["family"], card.get("source_dataset")) == (family, source)
