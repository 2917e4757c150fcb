"""The colleague for data: what a folder of images holds, and what in it would spoil a training run."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader

from ptmrec.core.errors import DataError
from ptmrec.core.words import count_of, first_few
from ptmrec.inspection.duplicates import check_duplicates
from ptmrec.inspection.findings import Finding, Report, close_report
from ptmrec.inspection.labels import check_labels
from ptmrec.inspection.loading import Files, check_loading, loader_rate, measure_loading
from ptmrec.inspection.scan import Scan, scan_folder

IMBALANCE = 10.0
"""The largest class may have fewer than so many times the images of the smallest one."""
UNEVEN = 3.0
"""Ratio from which on weights per class are worth trying."""
TINY = 12
"""Pixels of the shorter side below which an image says little."""
WIDE = 4.0
"""Ratio of the sides from which on squeezing an image into a square distorts it."""
SHARE = 0.05
"""Share of images with a flaw from which on it is a fault."""
MEASURED = 256
"""Images the loading is timed on."""
BLANK = 2.0
"""Spread of the grey values, of 255, below which an image is blank."""


def inspect_data(
    folder: Path,
    labels: Path | None = None,
    encode: Callable[[list], np.ndarray] | None = None,
    timed: bool = True,
) -> Report:
    """What a folder of images holds and what is wrong with it.

    Args:
        folder: one sub-folder per class, images only, or parts (``train/``, ``val/``, ``test/``) of either kind.
        labels: a list of image files and classes, in place of sub-folders.
        encode: better features of image files, asked for where pixels cannot tell labels from chance.
        timed: measure how fast the images can be loaded.

    Raises:
        DataError: no such folder, or no images in it.
    """
    scan = scan_folder(folder, labels)
    findings = _readable(scan)
    facts = {"images": scan.total, "looked_into": len(scan.paths) + len(scan.unreadable), "unreadable": scan.unreadable}
    if scan.paths:
        findings += [_composition(scan), *_account(scan), *_balance(scan), *_shapes(scan), _blank(scan)]
        for more, numbers in (check_duplicates(scan), check_labels(scan, encode)):
            findings, facts = findings + more, facts | numbers
        facts |= {"classes": dict(Counter(scan.labels)), "parts": dict(Counter(scan.parts))}
        facts["sizes"] = {f"{w}x{h}": n for (w, h), n in Counter(map(tuple, scan.sizes.tolist())).most_common(10)}
        facts["modes"] = dict(Counter(scan.modes))
    if timed and scan.paths:
        chosen = scan.paths[:: -(-len(scan.paths) // MEASURED)]
        facts["loading"] = measure_loading(Files(chosen))
        findings += check_loading(facts["loading"], "reading and resizing to 224 pixels")
    return close_report("data", str(folder), findings, facts)


def _readable(scan: Scan) -> list[Finding]:
    why = "a run stops at the first image that does not decode"
    findings = [Finding("unreadable", "ok", f"all {len(scan.paths)} images looked into decode", why)]
    if scan.unreadable:
        shown = first_few([f"{name} ({reason})" for name, reason in scan.unreadable.items()], "; ")
        what = f"{len(scan.unreadable)} image(s) do not decode: {shown}"
        findings = [Finding("unreadable", "fault", what, why, "mend or remove them")]
    if scan.empty:
        what = f"no image in {len(scan.empty)} class(es): {', '.join(scan.empty[:3])}"
        why, do = "a class without images cannot be learned", "add images or remove it"
        findings.append(Finding("empty_class", "fault", what, why, do))
    return findings


def _composition(scan: Scan) -> Finding:
    parts = ", ".join(f"{count} in {name}/" for name, count in Counter(scan.parts).items() if name)
    classes = len(set(scan.labels) - {""})
    labelled = count_of(classes, "class") if classes else "no labels"
    what = f"{count_of(scan.total, 'image')}, {labelled}{f'; {parts}' if parts else ''}"
    if classes == 1:
        return Finding("composition", "advice", what, "nothing can be told apart with one class", "add a second class")
    return Finding("composition", "ok", what, "what there is to learn from")


def _account(scan: Scan) -> list[Finding]:
    """What of the folder was left out or read otherwise than it stands."""
    lines = scan.account.lines(len(scan.paths))
    return [Finding("account", "ok", line, "what is passed over in silence is missed later") for line in lines]


def _balance(scan: Scan) -> list[Finding]:
    sizes = Counter(label for label, part in zip(scan.labels, scan.parts, strict=True) if part in ("", "train"))
    if len(sizes) < 2:
        return []
    (large, most), (small, least) = sizes.most_common()[0], sizes.most_common()[-1]
    what = f"the classes have {least} ({small}) to {most} ({large}) images"
    if least == most:
        what = f"each class has {count_of(most, 'image')}"
    severity, why, do = "ok", "a model learns to say the large classes, and accuracy hides it", ""
    missing = set(scan.labels) - set(sizes) - {""}
    if missing:
        what = f"class {min(missing)} has images in test or val, none in train"
        severity, why, do = "fault", "a class that was never seen cannot be named", "put some into train/"
    elif most >= IMBALANCE * least:
        severity, do = "fault", "weigh the classes in the loss, sample evenly, or collect more of it"
    elif most >= UNEVEN * least:
        severity, do = "advice", "report the mean accuracy over classes, too"
    return [Finding("balance", severity, what, why, do)]


def _shapes(scan: Scan) -> list[Finding]:
    short, long = scan.sizes.min(axis=1), scan.sizes.max(axis=1)
    distinct = len(np.unique(scan.sizes, axis=0))
    what = f"{count_of(distinct, 'image size')}, shorter side {short.min()} to {short.max()} pixels"
    modes = Counter(scan.modes)
    if len(modes) > 1:
        what += f"; pixels are {', '.join(f'{mode} ({count})' for mode, count in modes.most_common())}"
    findings = [Finding("shape_mix", "ok", what, "images are resized to one size before a model sees them")]
    tiny, wide = float((short < TINY).mean()), float((long > WIDE * short).mean())
    few = f"have a side of fewer than {TINY} pixels, the smallest {short.min()}"
    odd, square = f"are more than {WIDE:.0f} times as long as wide", "cut them into pieces, or pad them to a square"
    for check, share, text, why, do in (
        ("tiny_images", tiny, few, "enlarging adds no detail", "find larger ones, or remove them"),
        ("aspect", wide, odd, "a square crop loses most of them", square),
    ):
        if share:
            severity = "fault" if share >= SHARE else "advice"
            findings.append(Finding(check, severity, f"{share:.0%} of the images {text}", why, do))
    return findings


def _blank(scan: Scan) -> Finding:
    blank = np.flatnonzero(scan.grey.reshape(len(scan.grey), -1).std(axis=1) < BLANK)
    why = "there is nothing on them to learn from"
    if not len(blank):
        return Finding("blank", "ok", "no image is blank", why)
    severity = "fault" if len(blank) >= max(2, SHARE / 2 * len(scan.paths)) else "advice"
    shown = ", ".join(scan.name(int(index)) for index in blank[:3])
    return Finding("blank", severity, f"{len(blank)} image(s) are blank: {shown}", why, "remove them")


def inspect_loader(data: Any, subject: str) -> Report:
    """How fast a data set or a loader gives its batches, and what setting is faster.

    Args:
        data: a data set with a length, or a DataLoader; the data set of a loader is tried with other settings.
        subject: what the report calls it.

    Raises:
        DataError: neither of them, or it fails.
    """
    if isinstance(data, DataLoader):
        own = {"workers": data.num_workers, "batch_size": data.batch_size or 0}
        rate = loader_rate(data)
        rows = [{**own, "images_per_second": round(rate, 1)}] if rate else []
        if hasattr(data.dataset, "__len__"):
            rows += measure_loading(data.dataset, collate_fn=data.collate_fn)
    elif hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        rows = measure_loading(data)
    else:
        raise DataError(f"{subject}: gives a {type(data).__name__}; give a data set with a length, or a DataLoader")
    if not rows:
        raise DataError(f"{subject}: gives too few batches to be timed; give it a data set with a length")
    findings = check_loading(rows, "the loader as it is" if isinstance(data, DataLoader) else "the data set")
    return close_report("data", subject, findings, {"loading": rows})
