"""Our ranker for zoos of which only cards and records are known: a ridge on relations made from them.

A data set is a point in a Gaussian process over data-set cards (Rasmussen and Williams, 2006), every model a draw
from it: the posterior mean of a model on a new data set is its records on the others weighted by likeness learned
from the records. Models without records get records from their cards first. Static rules (mean rank, ImageNet
accuracy, parameters) are relations, too, and the ridge falls back to the best of them, see
:mod:`~ptmrec.evaluation.published.stack`. Whatever is fitted or chosen sees the training records only.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, rankdata
from sklearn import config_context
from sklearn.tree import ExtraTreeRegressor

from ptmrec.evaluation.published.process import fit_kernel, left_out_weights, squared_distances
from ptmrec.evaluation.published.stack import Measure, Pairs, Stack, fit_stack

TREES = 100
STATIC = ("mean rank", "mean accuracy", "ImageNet accuracy", "parameters")
"""Relations that do not look at the target: rules to fall back to."""
SKILL, CARD, CARD_MEAN = "skill here", "skill by card here", "mean skill by card"
FOLDS = 10
SHARES = (0.0, 0.25, 0.5, 0.75, 0.9)
"""Of a model's skill that may be common to all data sets."""
LENGTHS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
"""Of likeness between data sets, in the units of their cards."""
CARD_LENGTHS = tuple(0.1 * 2.0 ** np.arange(8))


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
        accuracy: ``(S, N)`` on the training data sets; NaN for models without records.
        places: ``(S, D)`` features of the training data sets; target: ``(D,)`` of the target.
        cards: ``(N, F)`` features of the models.
        names: of K further relations.
        relations: ``(S, K, N)``, these relations of each model to each training data set, target_relations
            ``(K, N)`` to the target.
        groups: ``(S,)`` labels of training data sets; the test leaves out a whole group.
        kin: ``(N,)`` labels of models; the test leaves out all of a kin, if it leaves models out.
    """

    accuracy: np.ndarray
    places: np.ndarray
    target: np.ndarray
    cards: np.ndarray
    names: tuple[str, ...]
    relations: np.ndarray
    target_relations: np.ndarray
    groups: np.ndarray
    kin: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Models ``(N,)`` bool with records."""
        return np.isfinite(self.accuracy).all(axis=0)


def rank_models(problem: Problem, measure: Measure) -> np.ndarray:
    """Scores ``(N,)`` for the target, larger is better.

    Args:
        problem: what may be used.
        measure: the metric of the benchmark, by which rule and penalty are chosen on training data sets.
    """
    pairs, new = relate(problem)
    return _fit(pairs, measure).scores(new)


def rank_unknown(problem: Problem, measure: Measure) -> np.ndarray:
    """Scores ``(S, N)`` of models without records on the data sets that others have records on."""
    known, skills = problem.known, normal_scores(problem.accuracy)
    by_card = skills_by_card(problem.cards, skills, problem.kin)
    means = np.tile(by_card.mean(axis=0), (len(skills), 1))
    values = np.concatenate([np.stack([by_card, means], axis=1), problem.relations], axis=1)
    names, columns = (CARD, CARD_MEAN, *problem.names), _folds(problem.kin[known])
    pairs = Pairs(names, values[..., known], skills[:, known], problem.accuracy[:, known], None, columns)
    return _fit(pairs, measure).scores(values)


def relate(problem: Problem) -> tuple[Pairs, np.ndarray]:
    """Relations to the training data sets, each as if it were left out, and ``(K, N)`` to the target.

    Where every model has records, the relations are the model's own skill here and its mean rank and accuracy, what
    cards like its own would lead to expect here and on average, and those of the problem. Where some have none, all
    models are seen through their cards, so that the ridge is fitted on what it will meet.
    """
    known, skills = problem.known, normal_scores(problem.accuracy)
    by_card = skills_by_card(problem.cards, skills, problem.kin)
    alike, others = learn_likeness(skills[:, known], problem.places, problem.target, problem.groups)
    means = mean_weights(problem.groups)
    parts = {CARD: (others, alike, by_card), CARD_MEAN: (means, None, by_card)}
    if known.all():
        shares = rankdata(problem.accuracy, axis=1) / (problem.accuracy.shape[1] + 1)
        parts |= {SKILL: (others, alike, skills), "mean rank": (means, None, shares)}
        parts["mean accuracy"] = (means, None, problem.accuracy)
    train = np.stack([within @ values for within, _, values in parts.values()], axis=1)
    new = [values.mean(axis=0) if weights is None else weights @ values for _, weights, values in parts.values()]
    values = np.concatenate([train, problem.relations], axis=1)[..., known]
    columns = None if known.all() else _folds(problem.kin[known])
    names = (*parts, *problem.names)
    pairs = Pairs(names, values, skills[:, known], problem.accuracy[:, known], problem.groups, columns)
    return pairs, np.concatenate([np.stack(new), problem.target_relations])


def static_names(names: Sequence[str]) -> list[str]:
    """Those of some relations that are static rules; what cards say of a model on average, where there is none."""
    return [name for name in STATIC if name in names] or [CARD_MEAN]


def _fit(pairs: Pairs, measure: Measure) -> Stack:
    return fit_stack(pairs, static_names(pairs.names), measure)


def _folds(kin: np.ndarray) -> np.ndarray:
    """Labels ``(M,)`` of models to leave out together: their kin, or ten parts where everyone is a kin of its own."""
    places = np.unique(kin, return_inverse=True)[1]
    return places if places.max() + 1 < len(kin) else places % FOLDS


def mean_weights(groups: np.ndarray) -> np.ndarray:
    """Weights ``(S, S)`` of the mean over the data sets of other groups."""
    others = (groups[:, None] != groups[None]).astype(np.float64)
    return others / np.maximum(others.sum(axis=1, keepdims=True), 1)


def skills_by_card(cards: np.ndarray, skills: np.ndarray, kin: np.ndarray) -> np.ndarray:
    """What the cards of other models lead to expect of each model.

    The mean of two answers: extremely randomised trees (Geurts et al., 2006), and a Gaussian process on the cards.
    For a model with records they are the out-of-bag and the left-out answer, from models of other kin alone.

    Args:
        cards: ``(N, F)``.
        skills: ``(S, N)``; NaN in a column = no records.
        kin: ``(N,)`` labels.

    Returns:
        ``(S, N)``.
    """
    known = np.isfinite(skills).all(axis=0)
    wanted = skills[:, known].T
    points = cards / np.sqrt(cards.shape[1])
    squares = squared_distances(points[known], points[known])
    lengths = np.array(CARD_LENGTHS)[:, None, None]
    place, inverse = fit_kernel(np.exp(-squares / (2 * lengths**2)), wanted)
    expected = np.empty(skills.shape[::-1])
    trees, ahead = grouped_trees(cards[known], wanted, kin[known], cards[~known])
    expected[known] = (left_out_weights(inverse, kin[known]) @ wanted + trees) / 2
    if not known.all():
        across = squared_distances(points[~known], points[known])
        process = np.exp(-across / (2 * CARD_LENGTHS[place] ** 2)) @ inverse @ wanted
        expected[~known] = (process + ahead) / 2
    return expected.T


def grouped_trees(
    cards: np.ndarray, wanted: np.ndarray, kin: np.ndarray, new: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Trees whose bags are drawn by kin, so that a model out of the bag has no relative in it.

    Args:
        cards: ``(M, F)``.
        wanted: ``(M, S)``.
        kin: ``(M,)`` labels.
        new: ``(L, F)`` cards of other models.

    Returns:
        Out-of-bag answers ``(M, S)``, 0 for what is in every bag, and answers ``(L, S)``.
    """
    labels = np.unique(kin, return_inverse=True)[1]
    count, generator = labels.max() + 1, np.random.default_rng(0)
    left, seen = np.zeros(wanted.shape), np.zeros((len(wanted), 1))
    ahead = np.zeros((len(new), wanted.shape[1]))
    # Turned to the kind that trees read once, and not checked for each of them: that would be half of the time.
    points = np.concatenate([cards, new]).astype(np.float32)
    values = np.ascontiguousarray(wanted, dtype=np.float64)
    for seed in range(TREES):
        weights = np.bincount(generator.integers(count, size=count), minlength=count)[labels].astype(np.float64)
        tree = ExtraTreeRegressor(min_samples_leaf=2, max_features=0.3, random_state=seed)
        with config_context(assume_finite=True, skip_parameter_validation=True):
            tree.fit(points[: len(cards)], values, sample_weight=weights, check_input=False)
        answers = tree.predict(points, check_input=False).reshape(len(points), -1)
        out = weights == 0
        left[out] += answers[: len(cards)][out]
        seen[out] += 1
        ahead += answers[len(cards) :] / TREES
    return left / np.maximum(seen, 1), ahead


def learn_likeness(
    skills: np.ndarray, places: np.ndarray, target: np.ndarray, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Likeness of data sets, learned from records.

    Args:
        skills: ``(S, M)`` of models with records.
        places: ``(S, D)`` features of their data sets.
        target: ``(D,)``.
        groups: ``(S,)`` labels of data sets that are left out together.

    Returns:
        Weights ``(S,)`` of the data sets for the target, and ``(S, S)`` for each of themselves, 0 within a group.
    """
    choices = [(share, length) for share in SHARES for length in LENGTHS]
    squares = squared_distances(places, places)
    kernels = np.stack([share + (1 - share) * np.exp(-squares / (2 * length**2)) for share, length in choices])
    place, inverse = fit_kernel(kernels, skills)
    share, length = choices[place]
    across = squared_distances(target[None], places)[0]
    weights = (share + (1 - share) * np.exp(-across / (2 * length**2))) @ inverse
    return weights, left_out_weights(inverse, groups)
