"""Our ranker for zoos of which only cards and records are known: a ridge on relations made from them.

A data set is a point in a Gaussian process over data-set cards (Rasmussen and Williams, 2006), every model a draw
from it: the posterior mean of a model on a new data set is its records on the others weighted by likeness learned
from the records. Models without records get records from their cards first. Whatever is fitted or chosen sees the
training records only.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Kernel, WhiteKernel
from sklearn.linear_model import Ridge

ALPHAS = tuple(10.0 ** np.arange(-1, 5))
TREES = 100


def normal_scores(accuracy: np.ndarray) -> np.ndarray:
    """Van der Waerden scores of each row ``(..., N)``: the normal quantile of a model's rank; NaN stays.

    Accuracies of different data sets become comparable, and the best models are spread out, which the weighted
    taus look at most.
    """
    ranks = rankdata(accuracy, axis=-1, nan_policy="omit")
    return norm.ppf(ranks / (np.isfinite(accuracy).sum(axis=-1, keepdims=True) + 1))


@dataclass(frozen=True)
class Problem:
    """Everything a ranker may use for one target.

    Attributes:
        skills: ``(S, N)`` normal scores on the training data sets; NaN for models without records.
        places: ``(S, D)`` features of the training data sets; target: ``(D,)`` of the target.
        cards: ``(N, F)`` features of the models.
        relations: ``(S, K, N)`` further relations of each model to each training data set, target_relations
            ``(K, N)`` to the target; K may be 0.
    """

    skills: np.ndarray
    places: np.ndarray
    target: np.ndarray
    cards: np.ndarray
    relations: np.ndarray
    target_relations: np.ndarray


def rank_models(problem: Problem) -> np.ndarray:
    """Scores ``(N,)`` for the target, larger is better.

    Where every model has records, the relations are the model's own skill here, its mean skill, the same two of
    what cards like its own would lead to expect, and those of the problem. Where some have none, all models are
    seen through their cards, so that the ridge is fitted on what it will meet.
    """
    known = np.isfinite(problem.skills).all(axis=0)
    by_card = skills_by_card(problem.cards, problem.skills)
    likeness = Likeness(problem.skills[:, known], problem.places, problem.target)
    parts = [likeness.relations(by_card), (problem.relations, problem.target_relations)]
    if known.all():
        parts.insert(0, likeness.relations(problem.skills))
    train, new = np.concatenate([part[0] for part in parts], 1), np.concatenate([part[1] for part in parts])
    return fit_ridge(train[:, :, known], problem.skills[:, known], new)


def skills_by_card(cards: np.ndarray, skills: np.ndarray) -> np.ndarray:
    """What the cards of other models lead to expect of each model.

    The mean of two answers: extremely randomised trees (Geurts et al., 2006), and a Gaussian process on the cards.
    For a model with records they are the out-of-bag and the leave-one-out answer, so its own records have no part.

    Args:
        cards: ``(N, F)``.
        skills: ``(S, N)``; NaN in a column = no records.

    Returns:
        ``(S, N)``.
    """
    known = np.isfinite(skills).all(axis=0)
    trees = ExtraTreesRegressor(
        TREES, min_samples_leaf=2, max_features=0.3, bootstrap=True, oob_score=True, random_state=0
    )
    points = cards / np.sqrt(cards.shape[1])
    kernel = ConstantKernel(1.0, (1e-2, 1e2)) * RBF(1.0, (1e-2, 1e2)) + WhiteKernel(0.3, (1e-3, 1e1))
    wanted = skills[:, known].T
    trees.fit(cards[known], wanted)
    process = gaussian_process(kernel).fit(points[known], wanted)
    expected = np.empty(skills.shape[::-1])
    expected[known] = (trees.oob_prediction_.reshape(wanted.shape) + _left_out(process, points[known], wanted)) / 2
    if not known.all():
        answers = (trees.predict(cards[~known]), process.predict(points[~known]))
        expected[~known] = np.mean([answer.reshape(-1, len(skills)) for answer in answers], axis=0)
    return expected.T


def _left_out(process: GaussianProcessRegressor, points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Leave-one-out means in closed form (Rasmussen and Williams, 2006, equation 5.12), of the fitted kernel."""
    inverse = np.linalg.inv(process.kernel_(points))
    return values - (inverse @ values) / np.diag(inverse)[:, None]


class Likeness:
    """Likeness of data sets, learned from records: weights of the others for a target and for each of themselves.

    Args:
        skills: ``(S, M)`` of models with records.
        places: ``(S, D)`` features of their data sets; target: ``(D,)``.
    """

    def __init__(self, skills: np.ndarray, places: np.ndarray, target: np.ndarray) -> None:
        kernel = (
            ConstantKernel(0.5, (1e-2, 1e1))
            + ConstantKernel(0.5, (1e-2, 1e1)) * RBF(1.0, (0.3, 3.0))
            + WhiteKernel(0.5, (1e-2, 1e1))
        )
        fitted = gaussian_process(kernel).fit(places, skills).kernel_
        inverse = np.linalg.inv(fitted(places))
        self.target = fitted(target[None], places)[0] @ inverse
        self.others = np.eye(len(places)) - inverse / np.diag(inverse)[:, None]
        """``(S, S)``, 0 on the diagonal: weights that leave each data set out (as in :func:`_left_out`)."""

    def relations(self, skills: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Skill here and mean skill, from skills ``(S, N)``: ``(S, 2, N)`` for the known, ``(2, N)`` for the target."""
        means = (skills.sum(axis=0) - skills) / (len(skills) - 1)
        here = np.stack([self.others @ skills, means], axis=1)
        return here, np.stack([self.target @ skills, skills.mean(axis=0)])


def gaussian_process(kernel: Kernel) -> GaussianProcessRegressor:
    """A process whose kernel is fitted by marginal likelihood, without warnings of lengths at their bounds."""
    return _Quiet(kernel, alpha=1e-8, n_restarts_optimizer=0, random_state=0)


class _Quiet(GaussianProcessRegressor):
    """A length that reaches its bound is an answer here (no likeness to be seen), not a warning."""

    def fit(self, X, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().fit(X, y)


def fit_ridge(train: np.ndarray, skills: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Weigh relations by a ridge whose penalty is chosen by leaving each training data set out.

    Args:
        train: relations ``(S, K, M)`` of models to training data sets.
        skills: ``(S, M)``, what they should add up to.
        new: relations ``(K, N)`` to the target.

    Returns:
        Scores ``(N,)``.
    """
    spread = train.transpose(1, 0, 2).reshape(train.shape[1], -1).std(axis=1) + 1e-9
    pairs = (train / spread[None, :, None]).transpose(0, 2, 1)
    errors = []
    for alpha in ALPHAS:
        error = 0.0
        for place in range(len(skills)):
            others = np.arange(len(skills)) != place
            model = Ridge(alpha).fit(pairs[others].reshape(-1, pairs.shape[2]), skills[others].ravel())
            error += float(((model.predict(pairs[place]) - skills[place]) ** 2).mean())
        errors.append(error)
    model = Ridge(ALPHAS[int(np.argmin(errors))]).fit(pairs.reshape(-1, pairs.shape[2]), skills.ravel())
    return model.predict((new / spread[:, None]).T)
