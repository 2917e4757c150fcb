"""A trainer to start from: its file, its section of a configuration, and a test that passes."""

import keyword
import os
import shutil
import sys
import tempfile
from pathlib import Path
from string import Template

from ptmrec.config.section import SECTIONS
from ptmrec.core.errors import ConfigError
from ptmrec.core.temporaries import TEMPORARY, remove_stale, temporary_prefix

PATTERNS = {
    "tensor": "batches are tensors: a reconstruction",
    "dict": "batches are dicts: a classifier",
    "multi": "several losses and metrics beside their sum",
    "similarity": "a ranker on lists of models",
}
"""Pattern -> what it is for."""

HEAD = Template('''"""$title: $about."""

from dataclasses import dataclass
from typing import ClassVar

import torch
$imports
from ptmrec.config.section import setting
from ptmrec.config.sections import TrainingOptions
${ours}from ptmrec.train.base_trainer import BaseTrainer


@dataclass(frozen=True)
class ${title}Config(TrainingOptions):
    """Settings of the training; ``[$name]`` in the configuration."""

    section: ClassVar[str] = "$name"
    width: int = setting(32, "units of the hidden layer", min=2)
    learning_rate: float = setting(1e-2, "of AdamW", min=1e-8, max=1.0)
$settings

class ${title}Trainer(BaseTrainer):
    """Say here what is learned from what."""

    name = "$name"

$body


def example():
    """Model, batches and options on numbers made by chance, for the test and for ``ptmrec inspect trainer``."""
    torch.manual_seed(0)
    options = ${title}Config()
$example
    return model, batches, options
''')

F_IMPORT = "import torch.nn.functional as F\nfrom torch import nn\n"
LABELLED = """    model = nn.Sequential(nn.Linear(8, options.width), nn.GELU(), nn.Linear(options.width, 3))
    features = torch.randn(64, 8)
    labels = features[:, :3].argmax(dim=1)
    batches = [{"features": x, "labels": y} for x, y in zip(features.split(16), labels.split(16), strict=True)]"""
BODIES = {
    "tensor": (
        F_IMPORT,
        "",
        '''    def compute_loss(self, batch):
        """Mean squared error of batches ``(B, 8)`` reconstructed."""
        return F.mse_loss(self.model(batch), batch)''',
        """    model = nn.Sequential(nn.Linear(8, options.width), nn.GELU(), nn.Linear(options.width, 8))
    batches = list((torch.randn(64, 3) @ torch.randn(3, 8)).split(16))""",
    ),
    "dict": (
        F_IMPORT,
        "",
        '''    def compute_loss(self, batch):
        """Cross-entropy of ``features (B, 8)`` and ``labels (B,)``."""
        return F.cross_entropy(self.model(batch["features"]), batch["labels"])''',
        LABELLED,
    ),
    "multi": (
        F_IMPORT,
        """    penalty: float = setting(0.01, "weight of the mean square of the scores", min=0.0)
""",
        '''    def _forward_batch(self, batch):
        """Cross-entropy and a penalty; both are metrics, and so is the accuracy."""
        scores = self.model(batch["features"])
        error, size = F.cross_entropy(scores, batch["labels"]), scores.square().mean()
        right = (scores.argmax(dim=1) == batch["labels"]).float().mean()
        self._last_batch_metrics = {"error": error, "size": size, "accuracy": right}
        return error + self.options.penalty * size''',
        LABELLED,
    ),
    "similarity": (
        "",
        "",
        '''    ranking_loss = RankingLoss()

    def compute_loss(self, batch):
        """Ranking loss of ``model_tokens (B, N, D)`` for ``dataset_tokens (B, M, E)``."""
        scores = self.model(batch["model_tokens"], batch["dataset_tokens"])
        return self.ranking_loss(scores, batch["true_ranks"])''',
        """    model = RankingCrossAttentionTransformer({"card": 4, "source": 8}, 8, options.width, layers=1, heads=2)
    batches = [make_lists(seed) for seed in range(4)]  # build_combined_similarity_loader() gives the project's own""",
    ),
}
OURS = {
    "similarity": """from ptmrec.inspection.trainers import make_lists
from ptmrec.loss.ranking_loss import RankingLoss
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer
""",
}

INSTALLED = frozenset({"ptmrec", "torch", "numpy", "pandas", "scipy", "timm", "sklearn", "accelerate", "pytest", "PIL"})
"""Packages the written files need; a module of their name beside them would be imported instead."""
CONFIG = Template("""; What differs from the defaults of ${title}Config.
; To put it into config.ini, import $name before that file is read.
[$name]
epochs = 20
width = 32
""")

TEST = Template('''"""The trainer learns, and keeps the contract of the base trainer."""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from $name import ${title}Config, ${title}Trainer, example

from ptmrec.config.parser import ConfigParser
from ptmrec.inspection.trainer import inspect_trainer
from ptmrec.inspection.trainers import read_trainer

HERE = Path(__file__).parent


def test_it_learns(tmp_path):
    model, batches, options = example()
    history = ${title}Trainer(model, replace(options, epochs=10), tmp_path, batches).fit()
    losses = history.to_frame()["train_loss"]
    assert losses.iloc[-1] < losses.iloc[0]


def test_its_section_is_read():
    sections = {"$name": ${title}Config}
    assert ConfigParser(HERE / "$name.ini", sections=sections).get(${title}Config).epochs == 20


def test_it_keeps_the_contract():
    report = inspect_trainer(read_trainer(str(HERE / "$name.py")))
    assert report.status == 0, report.lines()
''')


def write_trainer(name: str, pattern: str, folder: Path) -> list[Path]:
    """Write a trainer, its configuration section and its test, all of them or none.

    Args:
        name: of the trainer, its module and its section: a Python identifier in small letters.
        pattern: one of :data:`PATTERNS`.
        folder: where the three files go; made if missing.

    Returns:
        ``<name>.py``, ``<name>.ini`` and ``test_<name>.py``.

    Raises:
        ConfigError: the name cannot be used, no such pattern, or one of the files is there already.
    """
    check_name(name)
    if pattern not in PATTERNS:
        raise ConfigError(f"no pattern {pattern!r}; choose from {', '.join(PATTERNS)}")
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: a file, where a folder is wanted; give another with --into")
    texts = _texts(name, pattern)
    there = [folder / file for file in texts if os.path.lexists(folder / file)]
    if there:
        raise ConfigError(f"{there[0]}: is there already and is not overwritten; choose another name or folder")
    try:
        return _write_all(folder, texts)
    except FileExistsError as error:
        raise ConfigError(f"{error.filename2}: is there already and is not overwritten") from None
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written to ({error.strerror}); choose another with --into") from None


def check_name(name: str) -> None:
    """Refuse what cannot be a module and a section.

    Raises:
        ConfigError: no identifier in small letters, a word of Python's, or a section there is already.
    """
    if not name.isidentifier() or not name.isascii() or name != name.lower() or keyword.iskeyword(name):
        raise ConfigError(f"trainer name {name!r}: use small letters, digits and _, no Python word: edge_ranker")
    reasons = {
        "it begins with _": name.startswith("_"),
        "it is a section of the configuration already": name in SECTIONS,
        "its file would hide a Python package of that name": name in sys.stdlib_module_names or name in INSTALLED,
    }
    for why, applies in reasons.items():
        if applies:
            raise ConfigError(f"trainer name {name!r}: {why}; choose another")


def _texts(name: str, pattern: str) -> dict[str, str]:
    title = "".join(part.capitalize() for part in name.split("_"))
    imports, settings, body, example = BODIES[pattern]
    values = {"name": name, "title": title, "about": PATTERNS[pattern], "imports": imports, "settings": settings}
    return {
        f"{name}.py": HEAD.substitute(values, ours=OURS.get(pattern, ""), body=body, example=example),
        f"{name}.ini": CONFIG.substitute(values),
        f"test_{name}.py": TEST.substitute(values),
    }


def _write_all(folder: Path, texts: dict[str, str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    remove_stale(folder)
    fresh = Path(tempfile.mkdtemp(prefix=temporary_prefix("trainer"), suffix=TEMPORARY, dir=folder))
    placed: list[Path] = []
    try:
        for file, text in texts.items():
            (fresh / file).write_text(text, encoding="utf-8")
        for file in texts:
            os.link(fresh / file, folder / file)  # unlike a rename, a link never replaces a file
            placed.append(folder / file)
        return placed
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
