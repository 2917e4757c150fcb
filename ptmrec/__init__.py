"""Cross-Select: rank pre-trained models for a dataset before any fine-tuning.

>>> import ptmrec
>>> answer = ptmrec.recommend("my_images/")  # doctest: +SKIP
>>> answer.best  # doctest: +SKIP
'resnet-large-mixture'
"""

import warnings
from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# huggingface_hub imports tqdm.auto, which asks every kernel without ipywidgets to install them; our bars are text.
# Here, because this file runs before any library is imported.
warnings.filterwarnings("ignore", message="IProgress not found")

_HOMES = {
    "add_model": "ptmrec.recommender.probing",
    "open_project": "ptmrec.pipeline.project",
    "predict": "ptmrec.recommender.predict",
    "read_classifier": "ptmrec.zoo.tuned",
    "read_zoo": "ptmrec.zoo.snapshot",
    "recommend": "ptmrec.recommender.request",
}
"""Where the calls of the front door live; each module is imported when its call is first asked for."""

__all__ = ["add_model", "open_project", "predict", "read_classifier", "read_zoo", "recommend"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
