"""An answer made by hand."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd

from ptmrec.images.account import Account
from ptmrec.recommender.published import Records
from ptmrec.recommender.recommendation import Recommendation
from ptmrec.recommender.request import Request


def make_frame(count=3, tied=(True, True, False)):
    return pd.DataFrame(
        {
            "rank": range(1, count + 1),
            "model": [f"m{place}" for place in range(count)],
            "source": [f"timm:m{place}" for place in range(count)],
            "family": "vgg",
            "parameters": [4652008, 35063, 999][:count],
            "licence": "MIT; stated on its card",
            "trained_on": "toy",
            "score": [1 - place / 8 for place in range(count)],
            "expected_accuracy": [0.75, 0.5, float("nan")][:count],
            "low_80": 0.4,
            "high_80": 0.8,
            "low_95": 0.3,
            "high_95": 0.9,
            "tied_with_best": list(tied)[:count],
        }
    )


def make_answer(**changes):
    """A recommendation about 303 of 600 images; changes are of the request, the ranking or the answer."""
    rejected = ({"model": "big", "limit": "the recommender does not know it", "value": ""},)
    images = SimpleNamespace(images=range(303), labels=None, total=600, num_classes=10, part="train", account=Account())
    images.class_names = ("a",) * 10
    fields = {
        Request: {"images": images, "regime": "low_data", "config": None, "data": "my_images"},
        Records: {
            **{"frame": make_frame(), "ranked_by": Path("constants/recommender")},
            "nearest": {"mnist": 0.6, "sign_digits": 0.2},
        },
        Recommendation: {"unranked": rejected, "seconds": 2.5},
    }
    for kind, own in fields.items():
        own |= {name: value for name, value in changes.items() if name in kind.__dataclass_fields__}
    return Recommendation(Request(**fields[Request]), Records(**fields[Records]), **fields[Recommendation])
