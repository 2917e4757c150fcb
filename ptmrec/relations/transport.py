"""Transport: what a model would make of images it has never seen, from what references make of them.

A model's features of the probe images are explained linearly by the references' codes of the same probes. The
explanation, made once in the model's life, turns the codes of new images into virtual features of the model, and
those are judged as true features would be: by a ridge classifier of the new images' labels. So a model's worth
for a data set is estimated without running the model on it.
"""

import numpy as np

from ptmrec.relations.ridge import ridge_loo_score

SHRINKAGE = 1e-3
"""Ridge penalty of the explanation, relative to the codes' mean squared length."""


def fit_transport(codes: np.ndarray, features: np.ndarray) -> np.ndarray:
    """The linear map ``(r, d)`` from reference codes to a model's standardised features.

    The primal form of ``X' / s (K / s + SHRINKAGE I)^-1 F`` with ``K = X X'``, ``s = trace(K) / P``: the same map,
    smaller to keep.

    Args:
        codes: ``(P, r)`` codes of the probes, centred.
        features: ``(P, d)`` the model's features of the same probes.
    """
    codes, features = np.asarray(codes, np.float64), np.asarray(features, np.float64)
    deviation = np.maximum(features.std(axis=0), 1e-8)
    scaled = (features - features.mean(axis=0)) / deviation
    length = (codes**2).sum() / len(codes)
    gram = codes.T @ codes / length + SHRINKAGE * np.eye(codes.shape[1])
    return np.linalg.solve(gram, codes.T @ scaled / length)


def explained(codes: np.ndarray, features: np.ndarray) -> float:
    """Share of a model's variance on the probes that the references explain, each probe left out; at most 1.

    How far its transport can be trusted.
    """
    codes, features = np.asarray(codes, np.float64), np.asarray(features, np.float64)
    scaled = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-8)
    length = (codes**2).sum() / len(codes)
    gram = codes.T @ codes / length + SHRINKAGE * np.eye(codes.shape[1])
    leverage = np.einsum("pr,rp->p", codes, np.linalg.solve(gram, codes.T)) / length
    residual = (scaled - codes @ fit_transport(codes, features)) / np.maximum(1 - leverage, 1e-6)[:, None]
    return 1 - float((residual**2).sum() / (scaled**2).sum())


def transport_score(codes: np.ndarray, labels: np.ndarray, transport: np.ndarray) -> float:
    """How well a model would separate the classes of images with codes ``(n, r)``; larger is better, at most 0."""
    return ridge_loo_score(codes @ np.asarray(transport, np.float64), labels)
