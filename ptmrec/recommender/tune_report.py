"""What is written beside the weights of a fine-tuned model: its card, and a picture of what it gets wrong."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ptmrec.core.files import write_bytes
from ptmrec.core.words import markdown_text, visible
from ptmrec.images.folders import part_of
from ptmrec.zoo.snapshot import Snapshot
from ptmrec.zoo.sources import TIMM
from ptmrec.zoo.tuned import About

if TYPE_CHECKING:
    from ptmrec.images.parts import Parts
    from ptmrec.recommender.request import Request
    from ptmrec.recommender.tune import Judged, TunedModel

REPORT = "report.png"
LICENCES = frozenset(
    "mit apache-2.0 bsd-2-clause bsd-3-clause cc0-1.0 cc-by-4.0 cc-by-sa-4.0 cc-by-nc-4.0 cc-by-nc-sa-4.0 gpl-3.0 "
    "openrail unlicense unknown".split()
)
"""Licences that the Hub knows by these names; another one is ``other`` there, with its name."""
WORST = 12
"""Images shown at most, and rows and columns of the largest confusion matrix with names."""


def about_model(
    name: str, base: Snapshot, request: "Request", images: "Parts", judged: "Judged", made: "TunedModel"
) -> About:
    """What is said of a fine-tuned model."""
    data, licence, source = name_data(request.data), base.card.licence, stated_source(base)
    recipe = {"base": source, "steps": made.steps, "images": len(images.training), "optimiser": "AdamW, one-cycle"}
    text = _card(name, base, data, images, judged, made)
    own = (images.class_names, round(judged.temperature, 4), round(made.accuracy, 4), made.judged)
    return About(name, base.name, source, *own, data, licence, recipe, text)


def name_data(data: str) -> str:
    """What images are called: the name of their folder, of the folder around a training part, or of their file."""
    path = Path(data).absolute()
    name = path.parent.name if part_of(path.name) else path.stem if path.suffix == ".npz" else path.name
    return name or "images"


def stated_source(base: Snapshot) -> str:
    """Where the weights are from, as a model that is passed on says it: a folder of one's own machine by its name."""
    return Path(base.source).name if Path(base.source).is_absolute() else base.source


def _card(name: str, base: Snapshot, data: str, images: "Parts", judged: "Judged", made: "TunedModel") -> str:
    """``README.md``: front matter as the Hub reads it, and what a person wants to know."""
    front = _front(name, base, data, made.accuracy)
    tried = "\n".join(
        f"| {markdown_text(run.model)} | {run.steps} | {run.learning_rate:g} | {run.accuracy:.3f} | {run.seconds:.1f} |"
        for run in made.tried
    )
    shares = "\n".join(_by_class(images.class_names, judged))
    interval = f"{made.accuracy:.3f} (95 % interval {made.low:.3f} to {made.high:.3f})"
    place, licence = made.folder.name, base.card.licence
    library, command = base.card.architecture["library"], ["ptmrec", "predict", f"{place}/", "new_images/"]
    load = f"timm.create_model({_quoted(f'local-dir:{place}')}, pretrained=True)"
    python = f"import timm\n\nmodel = {load}.eval()" if library == "timm" else _own(place)
    return f"""{front}
# {markdown_text(name)}

{markdown_text(base.name)}, fine-tuned by `ptmrec tune` on {len(images.training)} images of
{len(images.class_names)} classes.

Accuracy {interval} on {made.judged} images of {images.part}, which took no part in training or choosing.
Probabilities are calibrated on the same images (temperature {judged.temperature:.2f}). `{REPORT}` shows its mistakes.

| class | images | right |
|---|---|---|
{shares}

The weights it was made from are {markdown_text(stated_source(base))}; their licence: {markdown_text(licence)}. The
images are those of {markdown_text(data)}; whoever passes the model on keeps to the licence of both.

## Use

```python
{python}
```

To classify images:

```sh
{visible(shlex.join([*command, "-o", "predictions.csv"]))}
```

## How it was chosen

Runs of first candidates, judged on a fifth of the training images; then the best of them, {made.steps} steps, again on
all of them. {made.seconds:.0f} s in all.

| model | steps | learning rate | accuracy | seconds |
|---|---|---|---|---|
{tried}
"""


def _front(name: str, base: Snapshot, data: str, accuracy: float) -> str:
    """What the Hub reads of a card, in YAML: a licence by the Hub's name, and the base by its Hub id, where known."""
    from yaml import safe_dump

    licence, data = base.card.licence, visible(data)
    short = licence.partition(";")[0].strip().lower()
    stated = {"license": short} if short in LICENCES else {"license": "other", "license_name": visible(licence)}
    origin = hub_id(base)
    result = {
        "task": {"type": "image-classification"},
        "dataset": {"name": data, "type": "image-folder"},
        "metrics": [{"type": "accuracy", "value": round(accuracy, 4)}],
    }
    front = {
        **stated,
        "library_name": base.card.architecture["library"],
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "ptmrec"],
        **({"base_model": origin} if origin else {}),
        "model-index": [{"name": visible(name), "results": [result]}],
    }
    block = safe_dump(front, allow_unicode=True, sort_keys=False)
    return f"---\n{block}---\n"


def hub_id(base: Snapshot) -> str:
    """Id on the Hub of the weights that were fine-tuned; empty where there is none, as for the embedded models."""
    architecture = base.card.architecture
    known = str(architecture.get("hub_id", "")).partition("@")[0]
    if known or not base.source.startswith(TIMM) or architecture.get("weights") == "random":
        return known
    from timm import get_pretrained_cfg

    stated = get_pretrained_cfg(base.source.removeprefix(TIMM), allow_unregistered=False)
    return str(stated.hf_hub_id or "") if stated else ""


def _quoted(text: str) -> str:
    """Text in quotes as YAML and Python read it, in one line."""
    return json.dumps(visible(text), ensure_ascii=False)


def _own(place: str) -> str:
    return f"from ptmrec import read_classifier\n\nmodel = read_classifier({_quoted(place)})"


def _by_class(names: tuple[str, ...], judged: "Judged") -> list[str]:
    """Rows of a table: class, images, share that was right."""
    rows = []
    for index, name in enumerate(names):
        own = judged.labels == index
        share = f"{judged.right[own].mean():.2f}" if own.any() else ""
        rows.append(f"| {markdown_text(name)} | {int(own.sum())} | {share} |")
    return rows


def write_report(folder: Path, judged: "Judged", images: "Parts") -> None:
    """Draw the confusion matrix and the images that were classified worst."""
    from ptmrec.plots.style import picture
    from ptmrec.plots.tuned import plot_report

    own = judged.probabilities[np.arange(len(judged.labels)), judged.labels]
    worst = np.argsort(np.where(judged.right, np.inf, own), kind="stable")[: min(WORST, int((~judged.right).sum()))]
    answers = judged.probabilities.argmax(axis=1)
    shown = [
        (images.at(128, judged.rows[[row]])[0], judged.labels[row], answers[row], judged.probabilities[row].max())
        for row in worst
    ]
    counts = np.zeros((len(images.class_names),) * 2, dtype=int)
    np.add.at(counts, (judged.labels, answers), 1)
    write_bytes(folder / REPORT, picture(plot_report(counts, images.class_names, shown)))
