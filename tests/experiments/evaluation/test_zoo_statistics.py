import numpy as np
import pandas as pd
import pytest
from conftest import DATASETS, make_card, make_ground_truth
from scipy.stats import weightedtau

from experiments.evaluation.statistics import ceiling_tau
from experiments.evaluation.zoo_statistics import ceilings, describe_zoo, family_table, tau_matrix, variance_shares
from ptmrec.benchmark.splits import Roles, Splits


def test_a_static_list_explains_all_when_data_sets_agree():
    quality = np.linspace(0.2, 0.8, 36)
    truth, cards = make_ground_truth(np.stack([0.1 * place + quality for place in range(4)]), spread=0.0)
    shares = variance_shares(truth, cards, "low_data").set_index("term")
    assert shares.loc["same on all data sets", "share"] == pytest.approx(1.0)
    np.testing.assert_allclose(tau_matrix(truth, "low_data", DATASETS), 1.0)


def test_what_the_source_decides_is_told_from_what_the_body_decides():
    generator = np.random.default_rng(1)
    by_source = np.tile(generator.normal(size=(4, 3)), 12)
    by_source -= by_source.mean(axis=0, keepdims=True)
    truth, cards = make_ground_truth(by_source, spread=0.0)
    shares = variance_shares(truth, cards, "low_data").set_index("term")["share"]
    assert shares["source, by data set"] + shares["same on all data sets"] == pytest.approx(1.0)
    assert shares["source, by data set"] > 0.5
    assert shares["family and size, by data set"] == pytest.approx(0.0, abs=1e-9)


def test_shares_add_up_and_noise_gets_what_chance_says():
    generator = np.random.default_rng(2)
    frames = [
        variance_shares(*make_ground_truth(generator.normal(size=(4, 60)), spread=0.0), "fine_tuning")
        for _ in range(200)
    ]
    for frame in frames:
        assert frame["share"].sum() == pytest.approx(1.0)
        assert frame["by_chance"].sum() == pytest.approx(1.0)
    mean = pd.concat(frames).groupby("term", sort=False).mean()
    np.testing.assert_allclose(mean["share"], mean["by_chance"], atol=0.02)


def test_tau_matrix_and_ceilings_are_those_of_the_pairs():
    truth, _ = make_ground_truth(np.random.default_rng(3).uniform(size=(4, 24)), spread=0.05)
    matrix = tau_matrix(truth, "low_data", DATASETS)
    values = truth.accuracy["low_data"]
    for row in range(4):
        for column in range(4):
            expected = weightedtau(values[row], values[column], rank=None).statistic
            assert matrix[row, column] == pytest.approx(expected)
    frame = ceilings(truth, DATASETS[:2])
    assert list(frame.index) == ["a", "b"]
    assert frame.loc["b", "fine_tuning"] == pytest.approx(ceiling_tau(truth.repeats["fine_tuning"][1].T))


def test_counts():
    truth, cards = make_ground_truth(np.random.default_rng(4).uniform(size=(4, 24)))
    truth.repeats["fine_tuning"][0, 0, 1:] = np.nan
    splits = Splits(train=("a", "b", "c"), blind=("d",))
    facts = describe_zoo(truth, cards, splits, ceilings(truth.only(truth.models[1:]), DATASETS), 123)
    assert (facts["models"], facts["families"], facts["sources"], facts["data_sets"]) == (24, 2, 3, 4)
    assert facts["cells"] == 2 * 4 * 24
    assert facts["cells_with_two_seeds"] == 4 * 24 - 1
    assert facts["draws_low_data"] == 4
    assert facts["blind_data_sets"] == 1
    assert facts["bytes_committed"] == 123
    by_set = facts["ceiling_tau_w"]["low_data"]["by_data_set"]
    assert facts["ceiling_tau_w"]["low_data"]["mean"] == pytest.approx(np.mean(list(by_set.values())), abs=1e-3)


def test_a_family_has_its_own_role_whatever_the_sources_of_its_models():
    """The first role by the alphabet called all families blind, as each has models of a blind source."""
    splits = Splits(families=Roles(("vgg",), (), ("mixer",)), sources=Roles(("toy",), (), ("gtsrb",)))
    cards = [
        make_card("a", "vgg", num_params=10),
        make_card("b", "vgg", num_params=30, datasets=["gtsrb"]),
        make_card("c", "mixer", num_params=20),
    ]
    found = family_table(cards, splits)
    assert found["role"].to_dict() == {"vgg": "train", "mixer": "blind"}
    assert found.loc["vgg", ["models", "smallest", "largest"]].tolist() == [2, 10, 30]
