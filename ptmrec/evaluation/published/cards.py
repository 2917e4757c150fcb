"""Numbers from cards: what is known of published models and data sets without weights and images."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer

from ptmrec.benchmark.dataset_cards import DatasetCard

WORDS = ("domain", "kind", "subject")
"""Fields of a data set's card that are words."""
_LOGARITHMS = ("num_params", "gflops", "image_params", "num_features", "num_labels", "input_size")
_SHARES = ("source_accuracy", "embed_dim")


def dataset_features(cards: Sequence[DatasetCard]) -> np.ndarray:
    """Features ``(T, D)`` whose squared distances compare data sets.

    A word in which two cards differ (domain, kind, subject) adds 1; a factor of ten in classes adds 1/4, one in
    pixels 1. The number of images is left out: few-shot and zero-shot tables do not use it. Scales are fixed, for
    a handful of data sets cannot teach them.
    """
    columns = [np.log10([max(card.classes, 1) for card in cards]) / 2, np.log10([card.side for card in cards])]
    for field in WORDS:
        words = [getattr(card, field) for card in cards]
        columns += [np.array([word == other for word in words]) / np.sqrt(2) for other in sorted(set(words))]
    return np.stack(columns, axis=1).astype(np.float64)


def model_features(names: Sequence[str], cards: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Features ``(N, F)`` of models: standardised sizes, words of name and card; unknown sizes at the mean."""
    columns = []
    for key in (*_LOGARITHMS, *_SHARES):
        values = np.array([float(card.get(key) or np.nan) for card in cards])
        if np.isfinite(values).sum() < 2:
            continue
        values = np.log10(values) if key in _LOGARITHMS else values
        spread = np.nanstd(values)
        if spread > 0:
            columns.append(np.nan_to_num((values - np.nanmean(values)) / spread))
            if np.isnan(values).any():
                columns.append(np.isnan(values).astype(np.float64))
    texts = [_words(name, card) for name, card in zip(names, cards, strict=True)]
    # A word of one model only cannot tell anything of another.
    words = CountVectorizer(analyzer=str.split, binary=True, min_df=2, max_df=len(texts) - 2).fit_transform(texts)
    return np.column_stack([*columns, words.toarray()]) if columns else words.toarray().astype(np.float64)


def log_size(cards: Sequence[Mapping[str, Any]], key: str = "num_params") -> np.ndarray | None:
    """Logarithm ``(N,)`` of a size, unknown ones at the median; None where no card states it."""
    values = np.array([float(card.get(key) or np.nan) for card in cards])
    if not np.isfinite(values).any():
        return None
    return np.log10(np.where(np.isfinite(values), values, np.nanmedian(values)))


def _words(name: str, card: Mapping[str, Any]) -> str:
    said = [
        f"{key}={str(card[key]).replace(' ', '')}"
        for key in ("family", "architecture", "source_dataset")
        if key in card
    ]
    publisher = [f"by={name.partition('/')[0]}"] if "/" in name else []
    return " ".join([*said, *publisher, *re.findall(r"[a-z]+|\d+", name.lower())])
