"""NCE: negative conditional entropy of target labels given the source classifier's answers (Tran et al., ICCV 2019)."""

import numpy as np

from experiments.evaluation.baselines.leep import leep


def negative_conditional_entropy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """``-H(Y | Z)`` in nats, at most 0, larger is better; Z is the most probable source class of each image.

    With one answer per image, LEEP is just this entropy (Nguyen et al., 2020, section 4.1), so it is computed so.

    Args:
        probabilities: ``(n, Z)`` outputs of the source classifier.
        labels: ``(n,)`` class indices of the target.
    """
    answers = np.eye(probabilities.shape[1])[np.argmax(probabilities, axis=1)]
    return leep(answers, labels)
