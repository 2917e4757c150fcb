"""LogME: log maximum evidence of a Bayesian linear model on features (You et al., ICML 2021)."""

import numpy as np

MAX_STEPS = 100


def log_maximum_evidence(features: np.ndarray, labels: np.ndarray) -> float:
    """LogME of features for labels, larger is better.

    For each class, the evidence of ``y ~ N(F w, 1 / beta)`` with ``w ~ N(0, 1 / alpha)`` is maximised over
    alpha and beta by the fixed point of You et al. (2021), equations 5 to 7, each class started afresh.

    Args:
        features: ``(n, D)`` float.
        labels: ``(n,)`` class indices.

    Returns:
        Mean over the classes of the log evidence per image.

    Raises:
        ValueError: shapes do not fit, or values are not finite.
    """
    features = np.asarray(features, dtype=np.float64)
    if features.ndim != 2 or labels.shape != features.shape[:1] or not len(labels):
        raise ValueError(f"expected features (n, D) and labels (n,), got {features.shape} and {labels.shape}")
    if not np.isfinite(features).all():
        raise ValueError("features must be finite")
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    classes = np.unique(labels)
    targets = (labels[:, None] == classes).astype(np.float64)
    evidences = [_evidence(left.T @ y, singular**2, float(y @ y), features.shape) for y in targets.T]
    return float(np.mean(evidences))


def _evidence(projected: np.ndarray, eigenvalues: np.ndarray, norm: float, shape: tuple[int, int]) -> float:
    """Maximised log evidence per image from the target's coordinates ``(k,)`` on the left singular vectors."""
    count, dim = shape
    alpha = beta = 1.0
    outside = max(norm - float(projected @ projected), 0.0)
    for _ in range(MAX_STEPS):
        shrink = alpha / (alpha + beta * eigenvalues)
        gamma = float((1 - shrink).sum())
        weights = float((beta**2 * eigenvalues * projected**2 / (alpha + beta * eigenvalues) ** 2).sum())
        residual = float((shrink**2 * projected**2).sum()) + outside
        new_alpha = gamma / max(weights, 1e-12)
        new_beta = (count - gamma) / max(residual, 1e-12)
        change = abs(new_alpha / new_beta - alpha / beta) / (alpha / beta)
        alpha, beta = new_alpha, new_beta
        if change < 1e-3:
            break
    shrink = alpha / (alpha + beta * eigenvalues)
    weights = float((beta**2 * eigenvalues * projected**2 / (alpha + beta * eigenvalues) ** 2).sum())
    residual = float((shrink**2 * projected**2).sum()) + outside
    log_determinant = float(np.log(alpha + beta * eigenvalues).sum()) + (dim - len(eigenvalues)) * np.log(alpha)
    evidence = dim * np.log(alpha) + count * np.log(beta / (2 * np.pi)) - beta * residual - alpha * weights
    return (evidence - log_determinant) / (2 * count)
