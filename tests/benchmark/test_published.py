import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import rankdata, weightedtau

from ptmrec.benchmark.ground_truth import RECORD_FIELDS
from ptmrec.benchmark.published import PublishedZoo, list_published, read_published
from ptmrec.builder.published_sources import ABOUT
from ptmrec.builder.published_tables import TABLES
from ptmrec.builder.transcribe import transcribe
from ptmrec.cli import main
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.errors import ArtifactError

FOLDER = ConfigParser().get(PathsConfig).published

COUNTS = {  # data sets, models, pairs measured
    "transfergraph": (12, 180, 2141),
    "modelspider10": (8, 10, 80),
    "modelspider42": (7, 42, 294),
    "parc_all": (7, 65, 424),
    "parc_controlled": (7, 32, 196),
    "sfda_supervised": (11, 11, 121),
    "sfda_selfsupervised": (11, 12, 132),
    "emms_vit": (11, 13, 143),
    "openclip": (38, 121, 4598),
    "lovm": (23, 35, 805),
    "swab": (23, 43, 989),
    "timm": (6, 1556, 9335),
}

SPEED = "model,infer_img_size,infer_samples_per_sec,infer_step_time,infer_batch_size,param_count,infer_gmacs\n"
RESULT = "model,img_size,top1,param_count,crop_pct\n"
RESNET = 'resnet50d.ra2_in1k,224,80.5,"1,025.58",0.875\n'
CSV = {
    "transfergraph_records.csv": "model,finetuned_dataset,epochs,batch_size,lr,elapsed_time,test_accuracy\n"
    "a/b,pets,30,16,0.01,9.5,0.9\na/b,food101,30,16,0.01,9.5,0.01\nc/d,pets,30,8,0.01,9.5,0.8\n",
    "transfergraph_model_config.csv": "model,architectures,model_type,number_of_parameters,input_shape,output_shape,"
    "dataset,#labels,accuracy,memory_consumption\n"
    "a/b,['ViTForImageClassification'],vit,86,224.0,768.0,beans,3.0,0.97,1\n"
    "c/d,['VanForImageClassification'],,,224.0,512.0,imagenet,1000.0,,1\n"
    "e/f,['VanForImageClassification'],van,5,224.0,512.0,imagenet,1000.0,,1\n",
    "modelspider_single_source_gt.csv": "dataset,model,finetune\nPet,resnet50,92.5\ndSprites,resnet50,-0.03\n",
    "modelspider_multi_source42_gt.csv": "dataset,model,finetune\nPet,FTD_inception_v3_CIFAR10,92.5\n",
    "parc_oracle_all.csv": "Architecture,Source Dataset,Target Dataset,Oracle\nresnet50,nabird,cifar10,89.97\n"
    "resnet101,simclr_imagenet,cifar10,-1.0\nresnet50,swav_imagenet,cifar10,60.1\nresnet18,nabird,cifar10,-1.0\n",
    "parc_oracle_controlled.csv": "Architecture,Source Dataset,Target Dataset,Oracle\nresnet50,nabird,cifar10,89.97\n",
    "sfda_group1_gt.csv": "dataset,model,finetune_acc\npets,mobilenet_v2,91.28\npets,mnasnet1_0,91.08\n",
    "sfda_group2_gt.csv": "dataset,model,finetune_acc\npets,byol,91.48\n",
    "emms_vit_gt.csv": "dataset,model,finetune_acc\npets,dino_small,92.59\npets,pvtv2_b2,93.86\n",
    "openclip_results.csv": "name,pretrained,params (M),FLOPs (B),Average perf. on 38 datasets,MNIST,GTSRB\n"
    "ViT-B-32,laion2b_s34b_b79k,151.28,14.78,0.55,0.6,0.5\nnllb-clip-base,v1,501.89,20.54,0.3,0.3,0.3\n",
    "openclip_model_profile.csv": "model,image_size,embed_dim,image_mparams,image_gflops\n"
    "ViT-B-32,224,512,87.85,8.82\nnllb-clip-base,224,512,87.85,8.82\n",
    "lovm_gt_long.csv": "dataset,model_fullname,model,pretrained,acc1\n"
    "mnist,coca_ViT-B-32 mscoco_finetuned_laion2b_s13b_b90k,coca_ViT-B-32,mscoco_finetuned_laion2b_s13b_b90k,0.1435\n",
    "swab43_gt_long.csv": "dataset,model_fullname,model,pretrained,acc1\n"
    "mnist,BLIP retrieval_base_f30k,BLIP,retrieval_base_f30k,0.5\n",
    "timm/results-imagenet.csv": RESULT + RESNET + "tf_efficientnetv2_s.in21k_ft_in1k,300,83.9,21.46,1.0\n",
    "timm/results-imagenet-a.csv": RESULT + "resmlp_24_224.fb_dino,224,0.48,30.02,0.875\n",
    "timm/benchmark-infer-fp32-nchw-pt240-cpu-i7_12700h-dynamo.csv": SPEED + "resnet50d,224,40.0,25.0,1,25.58,4.35\n",
    "timm/benchmark-infer-amp-nchw-pt291-cu130-5090.csv": SPEED + "resnet50d,224,5000.0,204.8,1024,25.58,4.36\n",
}
for _name in ("imagenet-real", "imagenetv2-matched-frequency", "imagenet-r", "sketch"):
    CSV[f"timm/results-{_name}.csv"] = RESULT + RESNET
for _name in ("fp32-nchw-pt240-cpu-i9_10940x-dynamo", "amp-nchw-pt291-cu128-4090"):
    CSV[f"timm/benchmark-infer-{_name}.csv"] = SPEED


def write_tables(folder: Path) -> Path:
    (folder / "timm").mkdir(parents=True)
    for name, text in CSV.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> dict[str, PublishedZoo]:
    folder = tmp_path_factory.mktemp("tables")
    transcribe(write_tables(folder / "csv"), folder / "json")
    return {zoo.name: zoo for zoo in list_published(folder / "json")}


def test_every_table_is_known_and_transcribed(tiny):
    assert set(tiny) == set(TABLES) == set(ABOUT) == set(COUNTS)
    for zoo in tiny.values():
        assert zoo.about.regime == ABOUT[zoo.name].regime
        assert all(card["family"] for card in zoo.cards.values())


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


@pytest.mark.parametrize(
    ("name", "file", "text", "words"),
    [
        ("lovm", "lovm_gt_long.csv", None, "lovm_gt_long.csv: file not found"),
        ("lovm", "lovm_gt_long.csv", "", "not readable as CSV"),
        ("lovm", "lovm_gt_long.csv", "dataset,model\na,b\n", "no column 'model_fullname'; it has dataset, model"),
        (
            "emms_vit",
            "emms_vit_gt.csv",
            "dataset,model,finetune_acc\np,m,101\n",
            "accuracy 1.01 of 'm' on 'p' is not in",
        ),
        ("emms_vit", "emms_vit_gt.csv", "dataset,model,finetune_acc\np,m,high\n", "is not in 0..1"),
        ("emms_vit", "emms_vit_gt.csv", "dataset,model,finetune_acc\np,m,1\np,m,2\n", "is there twice"),
        (
            "openclip",
            "openclip_model_profile.csv",
            "model,image_size,embed_dim,image_mparams,image_gflops\n",
            "a model without a card",
        ),
        ("parc_all", "parc_oracle_all.csv", CSV["parc_oracle_all.csv"].replace("89.97", "-3"), "is not in 0..1"),
    ],
)
def test_tables_that_cannot_be_used_are_one_line_and_write_nothing(tmp_path, name, file, text, words):
    folder = write_tables(tmp_path / "csv")
    (folder / file).unlink() if text is None else (folder / file).write_text(text)
    with pytest.raises(ArtifactError) as caught:
        transcribe(folder, tmp_path / "json", [name])
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "json").exists()


@pytest.fixture(scope="module")
def zoos() -> dict[str, PublishedZoo]:
    return {zoo.name: zoo for zoo in list_published(FOLDER)}


def test_every_promised_zoo_is_committed_and_small(zoos):
    assert set(zoos) == set(COUNTS)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 5.5e6


@pytest.mark.parametrize("name", COUNTS)
def test_committed_zoos_are_as_large_as_published_and_name_their_source(zoos, name):
    zoo = zoos[name]
    assert (len(zoo.datasets), len(zoo.models), int(np.isfinite(zoo.accuracy).sum())) == COUNTS[name]
    assert zoo.about == ABOUT[name]
    assert zoo.about.source.count("/") == 1
    assert len(zoo.about.commit) >= 7
    assert int(zoo.about.commit, 16) > 0
    assert set(zoo.about.metrics) <= set(zoo.datasets)
    measured = zoo.accuracy[np.isfinite(zoo.accuracy)]
    assert 0 <= measured.min() < measured.max() <= 1
    assert 0.2 < np.median(measured) < 0.99  # shares, not percentages of percentages
    assert np.isfinite(zoo.accuracy).any(axis=0).all()
    records = [
        record for part in json.loads((FOLDER / f"{name}.json").read_text())["ground_truth"].values() for record in part
    ]
    assert all(set(RECORD_FIELDS) == set(record) for record in records)
    assert {record["source"] for record in records} == {f"{name}@{zoo.about.commit[:7]}"}


def test_costs_are_kept_where_a_source_states_them(zoos):
    assert all({"num_params", "gflops"} <= set(card) for card in zoos["openclip"].cards.values())
    cards = zoos["timm"].cards.values()
    assert all({"num_params", "gmacs", "speed"} <= set(card) for card in cards)
    assert {device for card in cards for device in card["speed"]} == set(zoos["timm"].about.devices)
    assert sum("i7-12700H" in card["speed"] for card in cards) == 1451
    assert all(card["speed"]["RTX 5090"]["batch"] > 1 for card in cards)


def static_tau(zoo: PublishedZoo, reference: str) -> float:
    """Mean weighted tau of one data set's ranking on all others, ground truth first."""
    others = [name for name in zoo.datasets if name != reference]
    return np.mean([weightedtau(zoo.row(name), zoo.row(reference), rank=None).statistic for name in others])


def left_out_tau(zoo: PublishedZoo, rank: bool | None, transform=lambda row: row) -> np.ndarray:
    """Weighted tau of the mean over all other data sets, for each data set."""
    rows = np.array([transform(row) for row in zoo.accuracy])
    return np.array(
        [
            weightedtau(truth, np.delete(rows, index, axis=0).mean(axis=0), rank=rank).statistic
            for index, truth in enumerate(zoo.accuracy)
        ]
    )


def test_published_anchors_come_out_of_the_committed_files(zoos):
    assert static_tau(zoos["openclip"], "ImageNet 1k") == pytest.approx(0.707, abs=5e-4)
    # LOVM's own average counts imagenet1k, which predicts itself perfectly
    assert (22 * static_tau(zoos["lovm"], "imagenet1k") + 1) / 23 == pytest.approx(0.549, abs=5e-4)
    assert (22 * static_tau(zoos["swab"], "imagenet1k") + 1) / 23 == pytest.approx(0.560, abs=5e-4)
    assert left_out_tau(zoos["modelspider10"], None).mean() == pytest.approx(0.765, abs=5e-4)
    assert left_out_tau(zoos["sfda_supervised"], True).mean() == pytest.approx(0.837, abs=5e-4)
    assert left_out_tau(zoos["sfda_selfsupervised"], True).mean() == pytest.approx(0.701, abs=5e-4)
    assert left_out_tau(zoos["emms_vit"], True, rankdata).mean() == pytest.approx(0.777, abs=5e-4)
    many = dict(zip(zoos["modelspider42"].datasets, left_out_tau(zoos["modelspider42"], None, rankdata), strict=True))
    assert many["Aircraft"] == pytest.approx(0.169, abs=5e-4)
    assert many["STL10"] == pytest.approx(0.853, abs=5e-4)


def test_parameters_and_flops_rank_openclip_as_published(zoos):
    zoo = zoos["openclip"]
    for key, expected in (("num_params", 0.552), ("gflops", 0.595)):
        size = np.array([zoo.cards[name][key] for name in zoo.models], float)
        assert np.mean([weightedtau(row, size, rank=None).statistic for row in zoo.accuracy]) == pytest.approx(
            expected, abs=5e-4
        )


def drop(part, key):
    return lambda data: data[part].pop(key)


def change(**values):
    return lambda data: data["ground_truth"]["pets"][0].update(values)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data.pop("models"), "no object 'models'"),
        (drop("about", "commit"), "about has no 'commit'"),
        (lambda data: data["about"].update(notes="none"), "'notes' should be a list of sentences"),
        (lambda data: data["about"].update(source=""), "'source' should be text"),
        (lambda data: data["about"].update(regime="guess"), "regime 'guess' is not one of fine_tuning"),
        (lambda data: data["about"].update(name="other"), "a file is named after its zoo"),
        (lambda data: data["models"]["byol"].pop("family"), "card of 'byol': expected an object with a 'family'"),
        (lambda data: data["models"]["byol"].update(num_params=2.5e7), "num_params should be a whole number"),
        (lambda data: data["ground_truth"].update(pets={}), "'pets': expected a list of records"),
        (lambda data: data["ground_truth"].update(pets=[3]), "'pets': expected a list of records"),
        (lambda data: data["ground_truth"]["pets"][0].pop("recipe"), "a record has no 'recipe'"),
        (lambda data: data["ground_truth"]["pets"].append(data["ground_truth"]["pets"][0]), "measured twice"),
        (change(model_name="moco"), "model 'moco' has no card"),
        (change(model_type="vit"), "model_type 'vit' of 'byol' contradicts 'resnet'"),
        (change(trained_on_dataset="beans"), "contradicts 'not stated'"),
        (change(regime="zero_shot"), "contradicts 'fine_tuning'"),
        (change(accuracy=91.5), "accuracy 91.5 of 'byol' is not in 0..1"),
        (change(accuracy=float("nan")), "is not in 0..1"),
        (change(accuracy=True), "is not in 0..1"),
        (change(accuracy_std=-1), "neither null nor a number from 0"),
    ],
)
def test_damaged_files(tmp_path, damage, words):
    (path,) = transcribe(write_tables(tmp_path / "csv"), tmp_path, ["sfda_selfsupervised"])
    data = json.loads(path.read_text())
    damage(data)
    path.write_text(json.dumps(data))
    with pytest.raises(ArtifactError) as caught:
        read_published(path)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1


def test_truncated_files_and_empty_folders(tmp_path):
    (path,) = transcribe(write_tables(tmp_path / "csv"), tmp_path / "json", ["lovm"])
    path.write_text(path.read_text()[:-50])
    with pytest.raises(ArtifactError, match="not readable as JSON"):
        list_published(tmp_path / "json")
    with pytest.raises(ArtifactError, match="no published zoo"):
        list_published(tmp_path / "absent")


def test_the_list_shows_published_zoos_after_our_own(tmp_path):
    def call(*arguments):
        return CliRunner().invoke(main, ["--set", f"paths.published={folder}", "zoo", *arguments])

    folder = tmp_path / "json"
    written = call("transcribe", str(write_tables(tmp_path / "csv")))
    assert written.stdout.split() == [str(folder / f"{name}.json") for name in TABLES]
    table = call("list").stdout
    assert table.index("Zoos without weights") < table.index("orrzohar/LOVM@418cdcd")
    assert call("list", "--format", "ids").stdout.split()[-1] not in COUNTS
    assert call("list", "--published", "--format", "ids").stdout.split() == sorted(COUNTS)
    rows = {row["name"]: row for row in json.loads(call("list", "--published", "--format", "json").stdout)}
    assert rows["timm"]["models"] == 2
    assert rows["timm"]["measured"] == 0.6
    refused = call("transcribe", str(tmp_path / "absent"))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "no such folder" in refused.stderr
