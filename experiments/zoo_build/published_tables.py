"""What each published table (CSV) says: a card per model, and an accuracy per model and data set."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from ptmrec.errors import ArtifactError

Cards = dict[str, dict[str, Any]]
"""What the source says of each model."""

TABLES: dict[str, Callable[[Path], tuple[Cards, pd.DataFrame]]] = {}
"""Name of a published zoo -> function from the folder of CSV files to cards and a frame of ``dataset``, ``model``,
``accuracy`` (0 to 1) and, where the source states one, ``recipe``."""

_NAME_PREFIXES = ("tf", "legacy", "wide", "nf", "eca", "dm", "ese", "tiny", "test", "bat", "gc")
_IMAGENET_TAGS = r"in1k|in12k|in21k|in22k|jft|ig1b|yfcc100m|laion2b|laiona|openai|webli|m30m|m38m"
_CLIP_FAMILIES = {
    "coca": "coca",
    "EVA": "eva",
    "nllb": "nllb-clip",
    "xlm-roberta": "xlm-roberta",
    "roberta": "roberta",
    "RN": "resnet",
    "convnext": "convnext",
    "ViT": "vit",
    "BEIT3": "beit3",
    "BLIP": "blip",
}
_TIMM_RESULTS = {
    "imagenet": "results-imagenet.csv",
    "imagenet-real": "results-imagenet-real.csv",
    "imagenetv2-matched-frequency": "results-imagenetv2-matched-frequency.csv",
    "imagenet-a": "results-imagenet-a.csv",
    "imagenet-r": "results-imagenet-r.csv",
    "imagenet-sketch": "results-sketch.csv",
}
_TIMM_SPEEDS = {
    "i7-12700H": "benchmark-infer-fp32-nchw-pt240-cpu-i7_12700h-dynamo.csv",
    "i9-10940X": "benchmark-infer-fp32-nchw-pt240-cpu-i9_10940x-dynamo.csv",
    "RTX 4090": "benchmark-infer-amp-nchw-pt291-cu128-4090.csv",
    "RTX 5090": "benchmark-infer-amp-nchw-pt291-cu130-5090.csv",
}


def _table(name: str) -> Callable:
    """Register the function under the name of a published zoo."""

    def register(function: Callable[[Path], tuple[Cards, pd.DataFrame]]) -> Callable:
        TABLES[name] = function
        return function

    return register


def _read(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, thousands=",")
    except FileNotFoundError:
        raise ArtifactError(f"{path}: file not found; transcribing needs every published table") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path}: not readable as CSV ({error})") from None
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ArtifactError(f"{path}: no column {missing[0]!r}; it has {', '.join(map(str, frame.columns))}")
    return frame


def _stated(**facts: Any) -> dict[str, Any]:
    """The facts that a source states; NaN and None stand for those it does not."""
    return {name: fact for name, fact in facts.items() if fact is not None and fact == fact}


def _family(name: str) -> str:
    """Kind of architecture by its name: ``tf_efficientnetv2_s`` -> ``efficientnetv2``, ``resnet50d`` -> ``resnet``."""
    words = name.split("_")
    while words[0] in _NAME_PREFIXES and len(words) > 1:
        words = words[1:]
    return re.sub(r"(?<![v\d])\d+(x\d*|[a-z]{0,5})$", "", words[0])


@_table("transfergraph")
def _transfergraph(folder: Path) -> tuple[Cards, pd.DataFrame]:
    records = _read(
        folder / "transfergraph_records.csv",
        ("model", "finetuned_dataset", "epochs", "batch_size", "lr", "test_accuracy"),
    )
    records = records[records["finetuned_dataset"] != "food101"]
    config = _read(
        folder / "transfergraph_model_config.csv",
        (
            *("model", "architectures", "model_type", "number_of_parameters", "input_shape", "output_shape"),
            *("dataset", "#labels", "accuracy"),
        ),
    )
    cards = {}
    for row in config[config["model"].isin(records["model"])].to_dict("records"):
        parameters, architecture = row["number_of_parameters"], row["architectures"].strip("[]'")
        cards[row["model"]] = _stated(
            family=row["model_type"] if isinstance(row["model_type"], str) else _hub_family(architecture),
            architecture=architecture,
            num_params=int(parameters) if parameters == parameters else None,
            input_size=int(row["input_shape"]),
            num_features=int(row["output_shape"]),
            num_labels=int(row["#labels"]),
            source_dataset=row["dataset"],
            source_accuracy=row["accuracy"],
        )
    recipes = [
        {"epochs": row.epochs, "batch_size": row.batch_size, "learning_rate": row.lr} for row in records.itertuples()
    ]
    frame = records.rename(columns={"finetuned_dataset": "dataset", "test_accuracy": "accuracy"})
    return cards, frame[["dataset", "model", "accuracy"]].assign(recipe=recipes)


def _hub_family(architecture: str) -> str:
    return architecture.partition("For")[0].lower()


@_table("modelspider10")
def _modelspider10(folder: Path) -> tuple[Cards, pd.DataFrame]:
    frame = _percentages(folder / "modelspider_single_source_gt.csv", "finetune")
    frame = frame[~frame["dataset"].isin(("dSprites", "UTKFace"))]
    cards = {name: {"family": _family(name), "source_dataset": "ImageNet"} for name in frame["model"].unique()}
    return cards, frame


@_table("modelspider42")
def _modelspider42(folder: Path) -> tuple[Cards, pd.DataFrame]:
    frame = _percentages(folder / "modelspider_multi_source42_gt.csv", "finetune")
    cards = {}
    for name in frame["model"].unique():
        architecture, _, source = name.removeprefix("FTD_").rpartition("_")
        cards[name] = {
            "family": _family(architecture),
            "architecture": architecture,
            "pretrained_on": "ImageNet",
            "source_dataset": source,
        }
    return cards, frame


@_table("parc_all")
def _parc_all(folder: Path) -> tuple[Cards, pd.DataFrame]:
    discarded = {f"{method}_imagenet" for method in ("swav", "deepclusterv2", "npid", "moco", "simclr")}
    return _parc(folder / "parc_oracle_all.csv", discarded)


@_table("parc_controlled")
def _parc_controlled(folder: Path) -> tuple[Cards, pd.DataFrame]:
    return _parc(folder / "parc_oracle_controlled.csv", set())


def _parc(path: Path, discarded: set[str]) -> tuple[Cards, pd.DataFrame]:
    table = _read(path, ("Architecture", "Source Dataset", "Target Dataset", "Oracle"))
    table = table.assign(
        model=table["Architecture"] + "/" + table["Source Dataset"],
        accuracy=_share(table["Oracle"]),
    )
    table = table[(table["accuracy"] != -0.01) & ~table["Source Dataset"].isin(discarded)]
    cards = {
        row["model"]: {
            "family": _family(row["Architecture"]),
            "architecture": row["Architecture"],
            "source_dataset": row["Source Dataset"],
        }
        for row in table.to_dict("records")
    }
    return cards, table.rename(columns={"Target Dataset": "dataset"})[["dataset", "model", "accuracy"]]


@_table("sfda_supervised")
def _sfda_supervised(folder: Path) -> tuple[Cards, pd.DataFrame]:
    frame = _percentages(folder / "sfda_group1_gt.csv", "finetune_acc")
    cards = {name: {"family": _family(name), "source_dataset": "ImageNet"} for name in frame["model"].unique()}
    return cards, frame.assign(recipe=[{"steps": 5000, "batch_size": 64, "optimiser": "SGD"}] * len(frame))


@_table("sfda_selfsupervised")
def _sfda_selfsupervised(folder: Path) -> tuple[Cards, pd.DataFrame]:
    frame = _percentages(folder / "sfda_group2_gt.csv", "finetune_acc")
    cards = {name: {"family": "resnet", "architecture": "resnet50"} for name in frame["model"].unique()}
    return cards, frame.assign(recipe=[{"steps": 5000, "batch_size": 128, "optimiser": "SGD"}] * len(frame))


@_table("emms_vit")
def _emms_vit(folder: Path) -> tuple[Cards, pd.DataFrame]:
    frame = _percentages(folder / "emms_vit_gt.csv", "finetune_acc")
    # DINO and MoCo v3 are ways to train a vision transformer, not architectures
    trained = {"dino": "vit", "mocov3": "vit"}
    families = {name: _family(name) for name in frame["model"].unique()}
    return {name: {"family": trained.get(family, family)} for name, family in families.items()}, frame


def _percentages(path: Path, column: str) -> pd.DataFrame:
    frame = _read(path, ("dataset", "model", column))
    return frame[["dataset", "model"]].assign(accuracy=_share(frame[column]))


def _share(percentages: pd.Series) -> pd.Series:
    return pd.to_numeric(percentages, errors="coerce") / 100


@_table("openclip")
def _openclip(folder: Path) -> tuple[Cards, pd.DataFrame]:
    facts = ("name", "pretrained", "params (M)", "FLOPs (B)", "Average perf. on 38 datasets")
    table = _read(folder / "openclip_results.csv", facts)
    profiles = _read(
        folder / "openclip_model_profile.csv",
        ("model", "image_size", "embed_dim", "image_mparams", "image_gflops"),
    ).set_index("model")
    table["model"] = table["name"] + " " + table["pretrained"]
    cards = {}
    for row in table[table["name"].isin(profiles.index)].to_dict("records"):
        profile = profiles.loc[row["name"]]
        cards[row["model"]] = {
            **_clip_card(row["name"], row["pretrained"]),
            "num_params": _millions(row["params (M)"]),
            "gflops": row["FLOPs (B)"],
            "image_params": _millions(profile["image_mparams"]),
            "image_gflops": float(profile["image_gflops"]),
            "input_size": int(profile["image_size"]),
            "embed_dim": int(profile["embed_dim"]),
        }
    frame = table.drop(columns=list(facts)).melt("model", var_name="dataset", value_name="accuracy")
    return cards, frame


@_table("lovm")
def _lovm(folder: Path) -> tuple[Cards, pd.DataFrame]:
    return _zero_shot(folder / "lovm_gt_long.csv")


@_table("swab")
def _swab(folder: Path) -> tuple[Cards, pd.DataFrame]:
    return _zero_shot(folder / "swab43_gt_long.csv")


def _zero_shot(path: Path) -> tuple[Cards, pd.DataFrame]:
    table = _read(path, ("dataset", "model_fullname", "model", "pretrained", "acc1"))
    cards = {row["model_fullname"]: _clip_card(row["model"], row["pretrained"]) for row in table.to_dict("records")}
    frame = table[["dataset"]].assign(model=table["model_fullname"], accuracy=table["acc1"])
    return cards, frame


def _clip_card(name: str, tag: str) -> dict[str, Any]:
    """Card of a vision-language model; its training data by the tag, ``laion2b_s34b_b79k`` -> ``laion2b``."""
    family = next((family for prefix, family in _CLIP_FAMILIES.items() if name.startswith(prefix)), name)
    data = re.sub(r"_(s\d+[mb]_b\d+k|e\d+)(_.*)?$", "", tag.removeprefix("frozen_"))
    data = re.sub(r"^mscoco_finetuned_(.*)$", r"\1+mscoco", data)
    data = re.sub(r"^retrieval_(base|large)_", "", data)
    return _stated(family=family, architecture=name, pretrained=tag, source_dataset=None if data == "v1" else data)


def _millions(value: float) -> int:
    return round(float(value) * 1e6)


@_table("timm")
def _timm(folder: Path) -> tuple[Cards, pd.DataFrame]:
    columns = ("model", "img_size", "top1", "param_count", "crop_pct")
    parts = []
    for dataset, file in _TIMM_RESULTS.items():
        part = _read(folder / "timm" / file, columns)
        parts.append(part.assign(dataset=dataset, weights=part["model"], accuracy=_share(part["top1"])))
    table = pd.concat(parts, ignore_index=True)
    table["model"] = table["weights"] + "@" + table["img_size"].astype(str)
    listed = set(table.loc[table["dataset"] == "imagenet", "model"])
    table = table[table["model"].isin(listed)]
    speeds = {device: _timm_speeds(folder / "timm" / file) for device, file in _TIMM_SPEEDS.items()}
    cards = {row["model"]: _timm_card(row, speeds) for row in table.drop_duplicates("model").to_dict("records")}
    return cards, table[["dataset", "model", "accuracy"]]


def _timm_speeds(path: Path) -> dict[tuple[str, int], dict[str, float]]:
    """Rows of a benchmark by architecture and test size."""
    columns = ("model", "infer_img_size", "infer_samples_per_sec", "infer_step_time", "infer_batch_size")
    table = _read(path, (*columns, "infer_gmacs", "infer_macts"))
    return {(row["model"], row["infer_img_size"]): row for row in table.to_dict("records")}


def _timm_card(row: dict[str, Any], speeds: dict[str, dict[tuple[str, int], dict[str, float]]]) -> dict[str, Any]:
    architecture, _, tag = row["weights"].partition(".")
    found = {device: rows.get((architecture, row["img_size"])) for device, rows in speeds.items()}
    measured = {device: speed for device, speed in found.items() if speed}
    trained_on = dict.fromkeys(re.findall(rf"(?<![a-z\d])(?:{_IMAGENET_TAGS})(?![a-z\d])", tag))
    counted = next(reversed(measured.values()), {})
    return _stated(
        family=_family(architecture),
        weights=row["weights"],
        num_params=_millions(row["param_count"]),
        gmacs=counted.get("infer_gmacs"),
        macts=counted.get("infer_macts"),
        input_size=row["img_size"],
        crop=row["crop_pct"],
        source_dataset="+".join(trained_on) or None,
        speed={device: _timm_speed(speed) for device, speed in measured.items()} or None,
    )


def _timm_speed(speed: dict[str, float]) -> dict[str, float]:
    """What was measured on one device; a step is a latency only where its batch is one image."""
    batch = int(speed["infer_batch_size"])
    steps = {"latency_ms": speed["infer_step_time"]} if batch == 1 else {"batch": batch}
    return {**steps, "images_per_second": speed["infer_samples_per_sec"]}


_AIHUB_IN_TIMM = {
    **{name: name for name in ("convnext_base", "convnext_tiny", "densenet121", "dla102x")},
    **{name: name for name in ("efficientnet_b0", "resnet18", "resnet50", "resnet101")},
    "beit": "beit_base_patch16_224",
    "efficientformer": "efficientformer_l1",
    "efficientnet_b4": "tf_efficientnet_b4",
    "efficientnet_v2_s": "tf_efficientnetv2_s",
    "efficientvit_b2_cls": "efficientvit_b2",
    "efficientvit_l2_cls": "efficientvit_l2",
    "levit": "levit_128s",
    "mnasnet05": "mnasnet_050",
    "mobilenet_v2": "mobilenetv2_100",
    "mobilenet_v3_large": "mobilenetv3_large_100",
    "mobilenet_v3_small": "mobilenetv3_small_100",
    "regnet": "regnetx_032",
    "resnext50": "resnext50_32x4d",
    "resnext101": "resnext101_32x8d",
    "sequencer2d": "sequencer2d_s",
    "vit": "vit_base_patch16_224",
    "wideresnet50": "wide_resnet50_2",
}
"""The same architectures in timm's tables, which count operations and activations at the same size."""


@_table("aihub")
def _aihub(folder: Path) -> tuple[Cards, pd.DataFrame]:
    columns = ("model", "parameters", "input", "checkpoint", "licence", "precision", "device", "runtime")
    table = _read(
        folder / "aihub_classifiers.csv",
        (*columns, "milliseconds", "memory_min_mb", "memory_max_mb", "compute_unit"),
    )
    counts, cards = _timm_speeds(folder / "timm" / _TIMM_SPEEDS["RTX 4090"]), {}
    for name, rows in table.groupby("model", sort=True):
        first = rows.iloc[0]
        size = re.search(r"(\d+)(?:x\d+)?$", str(first["input"]))
        millions = str(first["parameters"]).removesuffix("M")
        counted = counts.get((_AIHUB_IN_TIMM.get(name), int(size[1]) if size else None), {})
        cards[name] = _stated(
            family=_family(name),
            num_params=_millions(float(millions)) if millions != "nan" else None,
            gmacs=counted.get("infer_gmacs"),
            macts=counted.get("infer_macts"),
            input_size=int(size[1]) if size else None,
            checkpoint=first["checkpoint"],
            licence=first["licence"],
            latencies=[_latency(row) for row in rows.to_dict("records")],
        )
    return cards, pd.DataFrame(columns=["dataset", "model", "accuracy"])


def _latency(row: dict[str, Any]) -> dict[str, Any]:
    return _stated(
        device=row["device"],
        runtime=row["runtime"],
        precision=row["precision"],
        unit=row["compute_unit"],
        latency_ms=row["milliseconds"],
        memory_mib=[row["memory_min_mb"], row["memory_max_mb"]],
    )
