import numpy as np
import torch
from conftest import make_ground_truth

from experiments.evaluation.baselines import Evidence
from experiments.evaluation.baselines.learned_tokens import TokenAttention, learned_tokens, train_tokens
from experiments.evaluation.compare import Target
from ptmrec.config.sections import REGIMES
from ptmrec.evaluation.metrics import weighted_tau

GENERATOR = np.random.default_rng(0)
COUNT = 12


def make_tokens(direction):
    """Two draws of three classes about a direction."""
    return (np.eye(8)[direction] + 0.05 * GENERATOR.normal(size=(2, 3, 8))).astype(np.float32)


def make_evidence(hidden=()):
    order = np.linspace(0.2, 0.9, COUNT)
    values = np.stack([order, order, order[::-1], order[::-1]])
    truth, cards = make_ground_truth(values)
    for place, name in enumerate(truth.datasets):
        truth = truth.without(name, np.isin(np.arange(COUNT), hidden))
        assert place < 4
    tokens = {name: make_tokens(place // 2) for place, name in enumerate(truth.datasets)}
    return Evidence(cards, truth, tokens, {}), order


def test_a_new_data_set_is_ranked_as_the_known_one_it_looks_like():
    evidence, order = make_evidence()
    for direction, true in ((0, order), (1, order[::-1])):
        scores = learned_tokens(Target("", "new", REGIMES[0], make_tokens(direction)), evidence)
        assert weighted_tau(true, scores) > 0.8


def test_models_without_measurements_have_no_token():
    evidence, _ = make_evidence(hidden=(3, 4))
    scores = learned_tokens(Target("", "new", REGIMES[0], make_tokens(0)), evidence)
    assert scores[3] == scores[4] == 0
    assert (scores[:3] != 0).all()


def test_training_repeats():
    tokens = [make_tokens(0), make_tokens(1)]
    skills = GENERATOR.normal(size=(2, 2, 5))
    first, second = (train_tokens(tokens, skills, steps=3) for _ in range(2))
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert (one == two).all()


def test_scores_of_each_model_in_each_regime_and_padding_changes_nothing():
    torch.manual_seed(0)
    network = TokenAttention(5, 8, 2).eval()
    tokens = torch.randn(3, 4, 8)
    scores = network(tokens)
    assert scores.shape == (3, 5, 2)
    padded = torch.cat([tokens, torch.randn(3, 2, 8)], dim=1)
    mask = torch.arange(6) < 4
    torch.testing.assert_close(network(padded, mask.expand(3, 6)), scores)
    shuffled = tokens[:, torch.randperm(4)]
    torch.testing.assert_close(network(shuffled), scores)
