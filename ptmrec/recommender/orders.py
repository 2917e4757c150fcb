"""Orders of published models: static rules, the ranker of published records, and which of them a table gets.

Models are ordered by the ranker of :mod:`ptmrec.evaluation.published` where it beat the static rules on data sets left
out, with what a folder of images tells of one; else by the static rule that did best there. The committed results of
``ptmrec evaluate --suite published`` decide.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ptmrec.benchmark.dataset_cards import PLACE, like_groups, read_dataset_cards
from ptmrec.benchmark.published import PublishedZoo
from ptmrec.evaluation.metrics import weighted_tau
from ptmrec.evaluation.published.benchmarks import HEADLINES, OURS, PLAIN, load_benchmark, measure_of
from ptmrec.evaluation.published.ranker import rank_models
from ptmrec.images.user_images import UserImages
from ptmrec.relations.pairs import rank_share
from ptmrec.relations.records import mean_of_known

FEWEST = 5
"""A data set with fewer measured models says nothing about a rule."""

Rule = Callable[[PublishedZoo, np.ndarray], np.ndarray]
"""Scores ``(N,)`` of a zoo's models from the rows ``(T,)`` bool that may be used; NaN = unknown."""


def mean_ranks(zoo: PublishedZoo, rows: np.ndarray) -> np.ndarray:
    """Mean share of the models measured on a data set that each model is better than."""
    return mean_of_known(np.stack([rank_share(row) for row in zoo.accuracy[rows]]), axis=0)


def mean_accuracies(zoo: PublishedZoo, rows: np.ndarray) -> np.ndarray:
    """Mean accuracy over the data sets a model was measured on."""
    return mean_of_known(zoo.accuracy[rows], axis=0)


def parameters(zoo: PublishedZoo, rows: np.ndarray) -> np.ndarray:
    """Number of parameters, on a logarithmic scale."""
    return np.log([zoo.cards[name].get("num_params") or np.nan for name in zoo.models])


RULES: dict[str, Rule] = {
    "mean rank on its data sets": mean_ranks,
    "mean accuracy on its data sets": mean_accuracies,
    "parameter count": parameters,
}


def judge_rules(zoo: PublishedZoo, groups: np.ndarray) -> dict[str, float]:
    """Mean tau_w of each rule over the data sets of a zoo, the best first.

    Each is left out with all that are like it, by the labels ``groups (T,)``.
    """
    found: dict[str, list[float]] = {name: [] for name in RULES}
    for place, row in enumerate(zoo.accuracy):
        rows = groups != groups[place]
        if not rows.any():
            continue
        for name, rule in RULES.items():
            scores = rule(zoo, rows)
            both = np.isfinite(scores) & np.isfinite(row)
            if both.sum() >= FEWEST and np.ptp(scores[both]) and np.ptp(row[both]):
                found[name].append(weighted_tau(row[both], scores[both]))
    means = {name: float(np.mean(values)) for name, values in found.items() if values}
    return dict(sorted(means.items(), key=lambda item: -item[1]))


def describe_table(zoo: PublishedZoo, folder: Path) -> dict[str, object]:
    """What a table of one regime holds, and how its best rule agrees with data sets left out.

    Which data sets are alike is known in the folder of the published tables.
    """
    groups = like_groups(zoo.datasets, read_dataset_cards(folder / PLACE))
    rule, tau = next(iter(judge_rules(zoo, groups).items()), ("none", np.nan))
    return {
        "regime": zoo.about.regime,
        "models": len(zoo.models),
        "data_sets": len(zoo.datasets),
        "groups": len(set(groups)),
        "measured": round(zoo.measured, 3),
        "order": rule,
        "tau_w": round(float(tau), 3),
    }


RANKER = "records and cards"
"""How the order of the ranker is called."""
RESULTS = Path("results/published_summary.csv")
"""Committed results, beside the folder of the published tables."""


@dataclass(frozen=True)
class Trial:
    """How the ranker did on data sets left out, beside the best static rule there.

    Attributes:
        ours: mean of the metric.
        rule: name of the rule.
        theirs: its mean.
        gain: mean, lower and upper end of the paired difference.
    """

    ours: float
    rule: str
    theirs: float
    gain: tuple[float, float, float]

    @property
    def won(self) -> bool:
        """The interval of the difference lies above zero."""
        return self.gain[1] > 0

    def __str__(self) -> str:
        mean, low, high = self.gain
        return (
            f"on data sets left out, known by classes and pixels alone, {self.ours:.3f} against {self.theirs:.3f} by "
            f"{self.rule}, a difference of {mean:+.3f} [{low:+.3f}, {high:+.3f}]"
        )


def read_trial(folder: Path, name: str) -> Trial | None:
    """The held-out test of the ranker on a table of the folder of published ones; None where there is none."""
    path = folder.parent / RESULTS
    if name not in HEADLINES or not path.is_file():
        return None
    frame = pd.read_csv(path)
    part = frame[(frame["benchmark"] == name) & (frame["protocol"] == PLAIN) & (frame["metric"] == HEADLINES[name])]
    part = part.set_index("method")
    if OURS not in part.index:
        return None
    rule = part[part["source"] == "rerun"].sort_values("value").iloc[-1]
    gain = tuple(float(rule[column]) for column in ("gain", "gain_low", "gain_high"))
    return Trial(float(part.loc[OURS, "value"]), str(rule.name), float(rule["value"]), gain)


def ranker_scores(zoo: PublishedZoo, folder: Path, name: str, chosen: UserImages) -> np.ndarray:
    """Scores ``(N,)`` of the ranker; NaN for models that were not measured everywhere.

    Of the chosen images it uses classes and pixels.
    """
    side = int(np.median([min(np.shape(image)[:2]) for image in chosen.images]))
    benchmark = load_benchmark(folder, name)
    asked = benchmark.asked(chosen.num_classes or 0, side)
    everyone = np.ones(len(benchmark.models), dtype=bool)
    found = rank_models(asked.problem(0, asked.others(0, groups=False), everyone), measure_of(benchmark))
    scores = dict(zip(benchmark.models, found, strict=True))
    return np.array([scores.get(model, np.nan) for model in zoo.models])


def choose_order(
    zoo: PublishedZoo, taus: Mapping[str, float], path: Path, chosen: UserImages
) -> tuple[str, np.ndarray, tuple[str, ...]]:
    """Choose the order of a table for some images, where the rules agree as :func:`judge_rules` found.

    Returns:
        Its name, scores ``(N,)`` of the models, and sentences with its reasons.
    """
    trial = read_trial(path.parent, path.stem)
    if trial is not None and trial.won:
        why = f"Ordered by {RANKER}: {trial}. Models that were not measured on every data set are left out."
        return RANKER, ranker_scores(zoo, path.parent, path.stem, chosen), (why,)
    every = np.ones(len(zoo.datasets), dtype=bool)
    if not taus:
        rule = next(iter(RULES))
        size = f"{len(zoo.models)} models and {len(zoo.datasets)} data sets"
        return rule, RULES[rule](zoo, every), (f"Ordered by {rule}: {size} are too few to compare it with others.",)
    rule, tau = next(iter(taus.items()))
    others = ", ".join(f"{other} {value:.2f}" for other, value in list(taus.items())[1:])
    agrees = "of the static rules it agrees best with data sets left out in turn"
    if tau <= 0:
        agrees = "but no static rule agrees with data sets left out in turn, so this order says nothing of yours"
    static = f"Ordered by {rule}: {agrees} (mean tau_w {tau:.2f}; {others})."
    tested = "was not tested on this table" if trial is None else f"does not beat it for sure: {trial}"
    return rule, RULES[rule](zoo, every), (static, f"Ordering by {RANKER} {tested}.")
