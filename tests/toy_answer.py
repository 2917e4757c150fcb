"""An answer made by hand."""

from pathlib import Path

import pandas as pd

from ptmrec.recommender.recommendation import Recommendation


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
    rejected = ({"model": "big", "limit": "the recommender does not know it", "value": ""},)
    fields = {
        **{"frame": make_frame(), "regime": "low_data", "images_there": 600, "images_used": 303, "num_classes": 10},
        **{"part": "train", "ranked_by": Path("constants/recommender"), "nearest": {"mnist": 0.6, "sign_digits": 0.2}},
        **{"rejected": rejected, "seconds": 2.5, "data": "my_images"},
    }
    return Recommendation(**{**fields, **changes})
