"""Folders as the Hub gives them, made here."""

import hashlib
import json
import os
from pathlib import Path

import timm
import torch
from safetensors.torch import save_file
from timm.models import save_for_hf

README = """---
license: apache-2.0
datasets:
- imagenet-1k
model-index:
- name: mine
  results:
  - task: {type: image-classification}
    dataset: {name: ImageNet V2, type: imagenet-v2}
    metrics:
    - {type: accuracy, value: 0.61}
  - task: {type: image-classification}
    dataset: {name: ImageNet, type: imagenet-1k}
    metrics:
    - {type: f1, value: 0.7}
    - {type: accuracy, value: 71.5}
---
# A model
"""


def write_hub_model(folder: Path, model: str = "test_resnet", readme: str = README, **changes) -> Path:
    """A timm model with random weights, saved by timm as its models are on the Hub."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        save_for_hf(timm.create_model(model, num_classes=10), folder, safe_serialization=True)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["pretrained_cfg"].pop("tag", None)
    path.write_text(json.dumps({**config, **changes}))
    if readme:
        (folder / "README.md").write_text(readme)
    return folder


def write_remote_code(folder: Path) -> Path:
    """A model whose architecture is code in its repository."""
    folder.mkdir(parents=True)
    config = {"model_type": "strange", "auto_map": {"AutoModel": "modeling.Strange"}, "image_size": 64}
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"a": torch.zeros(3, 4), "norm.running_mean": torch.zeros(9)}, folder / "model.safetensors")
    return folder


def into_cache(cache: Path, hub_id: str, write) -> Path:
    """Let ``write`` fill the folder that the Hub's cache would keep a repository in."""
    repo = cache / f"models--{hub_id.replace('/', '--')}"
    folder = repo / "snapshots" / ("a" * 40)
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("a" * 40)
    return write(folder)


def link_blobs(folder: Path) -> Path:
    """Files of a folder as the Hub's cache has them: links to blobs that are called by their hashes."""
    blobs = folder.parents[1] / "blobs"
    blobs.mkdir()
    for path in list(folder.iterdir()):
        data = path.read_bytes()
        large = path.suffix == ".safetensors"
        git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        name = hashlib.sha256(data).hexdigest() if large else git
        path.rename(blobs / name)
        path.symlink_to(os.path.relpath(blobs / name, folder))
    return folder
