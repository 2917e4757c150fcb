"""What a Hub-style folder states about its model: licence, image sets, accuracy, size. Nothing is made up."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ptmrec.core.errors import UNFIT, ArtifactError, one_line
from ptmrec.core.log import logger
from ptmrec.zoo.card import UNKNOWN

IMAGE_SETS = {
    "imagenet": "imagenet",
    "imagenet1k": "imagenet",
    "ilsvrc2012": "imagenet",
    "in1k": "imagenet",
    "imagenet12k": "imagenet-12k",
    "in12k": "imagenet-12k",
    "imagenet21k": "imagenet-21k",
    "imagenet22k": "imagenet-21k",
    "in21k": "imagenet-21k",
    "in22k": "imagenet-21k",
}
"""How this project calls image sets that have several names; any other keeps the name it is given."""
TAGS = re.compile(r"(in1k|in12k|in21k|in22k|laion400m|laion2b|datacomp|metaclip|commonpool|webli|yfcc15m|cc12m|dfn)")
"""Image sets that the tags of timm and open_clip name, such as ``augreg_in21k_ft_in1k``."""
ACCURACIES = ("accuracy", "acc", "top1", "top1accuracy", "acc1", "accuracytop1")
"""Metrics of a ``model-index`` that are the share of images classified correctly."""
SIZE_FIELDS = ("num_params", "num_parameters", "params", "parameters")
HEAD = 2**20
"""Bytes of ``README.md`` that are read."""
LONGEST_FRONT = 2**17
"""Characters of the longest front matter: pure Python reads it, a second or two for so many."""
LONGEST_WORD = 200
"""Characters of the longest name of a licence or image set."""
LARGEST_NUMBER = 1e15
"""Most parameters that anybody can state."""
FRONT = re.compile(r"\s*---[ \t]*\r?\n(.*?)(?:^|\n)---[ \t]*(?:\r?\n|$)", re.DOTALL)
TOLERANCE = 0.02
"""Relative error of a stated size that is rounding."""


def read_front_matter(folder: Path) -> tuple[dict[str, Any], str]:
    """The YAML block at the head of ``README.md``, and the text; nothing where there is none.

    No more than :data:`HEAD` bytes of the file are read.

    Raises:
        ArtifactError: the block is no YAML, or too long.
    """
    from yaml import SafeLoader, YAMLError, load

    path = folder / "README.md"
    if not path.is_file():
        return {}, ""
    try:
        with path.open("rb") as file:
            text = file.read(HEAD).decode("utf-8-sig", "replace")
        block = FRONT.match(text)
        if block is not None and len(block[1]) > LONGEST_FRONT:
            raise ValueError(f"longer than {LONGEST_FRONT:,} characters")
        front = load(block[1], Loader=SafeLoader) if block else None  # the safe loader makes plain values only
    except (YAMLError, OSError, *UNFIT) as error:  # it raises whatever a strange value brings about
        reason = one_line(str(error) or type(error).__name__)
        raise ArtifactError(f"{path}: its front matter cannot be read ({reason}); mend or remove it") from None
    if not isinstance(front, dict | None):
        raise ArtifactError(f"{path}: its front matter cannot be read (it is no mapping); mend or remove it")
    return front or {}, text


def read_stated(folder: Path, config: Mapping[str, Any], tag: str = "") -> tuple[dict[str, Any], int | None]:
    """What ``README.md`` and ``config.json`` say.

    Args:
        folder: of the model.
        config: its ``config.json``.
        tag: of timm or open_clip, which often names the image sets.

    Returns:
        Fields of a card, the ``recipe`` saying where the others came from; and the parameters, None where nobody says.

    Raises:
        ArtifactError: the front matter of ``README.md`` is no YAML.
    """
    front, text = read_front_matter(folder)
    inner = config.get("pretrained_cfg")
    inner = inner if isinstance(inner, Mapping) else {}
    notes = {}
    licence = _licence(front, inner, notes)
    datasets = _datasets(front, str(tag or inner.get("tag") or ""), notes)
    reported = list(reported_accuracies(front))
    if not datasets and reported:
        datasets, notes["source_dataset"] = (reported[0][0],), "the data set of model-index; nothing else names one"
    found = [(value, verified) for name, value, verified in reported if datasets and name == datasets[-1]]
    if found:
        notes["accuracy"] = f"model-index of README.md, {'verified' if found[0][1] else 'self-reported'}"
    source, accuracy = datasets[-1] if datasets else UNKNOWN, found[0][0] if found else None
    sets = {"source_dataset": source, "source_accuracy": accuracy, "datasets": list(datasets)}
    return {**sets, "licence": licence, "recipe": notes}, _size((config, inner, front), text)


def _licence(front: Mapping[str, Any], inner: Mapping[str, Any], notes: dict[str, str]) -> str:
    stated = front.get("license")
    if stated == "other":
        stated = front.get("license_name") or stated
    stated = stated[0] if isinstance(stated, list) and stated else stated
    place, value = ("README.md", stated) if stated else ("pretrained_cfg", inner.get("license"))
    if not isinstance(value, str) or not value.strip():
        return UNKNOWN
    notes["licence"] = place
    return value.strip()[:LONGEST_WORD]


def _datasets(front: Mapping[str, Any], tag: str, notes: dict[str, str]) -> tuple[str, ...]:
    """From the tag, which gives them in the order of training, else from the front matter."""
    found = tuple(dict.fromkeys(IMAGE_SETS.get(name, name) for name in TAGS.findall(tag.lower())))
    if found:
        notes["source_dataset"] = f"tag {tag[:LONGEST_WORD]}"
        return found
    listed = front.get("datasets")
    listed = [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []
    found = tuple(dict.fromkeys(image_set(name) for name in listed if isinstance(name, str) and name.strip()))
    if found:
        notes["source_dataset"] = "datasets of README.md"
    return found


def image_set(name: str) -> str:
    """Name of an image set as this project writes it: ``ILSVRC/imagenet-1k`` and ``ImageNet`` are ``imagenet``."""
    short = name.strip().lower().rpartition("/")[2][:LONGEST_WORD]
    return IMAGE_SETS.get(re.sub(r"[^a-z0-9]", "", short), short)


def reported_accuracies(front: Mapping[str, Any]) -> Iterable[tuple[str, float, bool]]:
    """Image set, accuracy from 0 to 1 and whether the Hub has verified it, of each entry of ``model-index``."""
    models = front.get("model-index")
    for model in models if isinstance(models, list) else []:
        results = model.get("results") if isinstance(model, Mapping) else None
        for result in results if isinstance(results, list) else []:
            if isinstance(result, Mapping) and _kind(result.get("task")) in ("image-classification", ""):
                yield from _accuracies_of(result)


def _accuracies_of(result: Mapping[str, Any]) -> Iterable[tuple[str, float, bool]]:
    data, metrics = result.get("dataset"), result.get("metrics")
    name = (data.get("type") or data.get("name")) if isinstance(data, Mapping) else None
    for metric in metrics if isinstance(metrics, list) and isinstance(name, str) else []:
        if not isinstance(metric, Mapping):
            continue
        kind, value = re.sub(r"[^a-z0-9]", "", _kind(metric).lower()), _number(metric.get("value"))
        if kind in ACCURACIES and value is not None:
            share = value / 100 if value > 1 else float(value)  # some give per cent
            if 0 <= share <= 1:
                yield image_set(name), share, metric.get("verified") is True


def _number(value: Any) -> int | float | None:
    """A number as it was stated; None where it is none or more than anybody can mean."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if -LARGEST_NUMBER <= value <= LARGEST_NUMBER else None


def _kind(part: Any) -> str:
    kind = (part.get("type") or part.get("name") or "") if isinstance(part, Mapping) else ""
    return kind if isinstance(kind, str) else ""


def _size(places: Iterable[Mapping[str, Any]], text: str) -> int | None:
    """Parameters as stated in a field, or in timm's way in the text: ``Params (M): 25.6``."""
    for place in places:
        for field in SIZE_FIELDS:
            value = _number(place.get(field))
            if value is not None:
                return int(value)
    found = re.search(r"Params \(M\):\W*(\d{1,9}(?:\.\d{1,9})?)(?!\d)", text)
    return round(float(found[1]) * 1e6) if found else None


def check_size(name: str, stated: int | None, measured: int) -> int:
    """Parameters as measured; warns when a card states another number."""
    if stated is not None and abs(stated - measured) > TOLERANCE * measured:
        told = f"its card says {stated:,} parameters, its tensors hold {measured:,}"
        logger.warning("%s: %s; the measured number is used", name, told)
    return measured
