import numpy as np
import pytest
from sklearn.datasets import load_digits

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError, NothingLeftError
from ptmrec.hardware.limits import Limits
from ptmrec.recommender.costing import CostBook
from ptmrec.recommender.limiting import keep_limits
from ptmrec.recommender.ranking import recommend
from ptmrec.zoo.real import read_models, read_real

pytestmark = pytest.mark.slow
CONFIG = ConfigParser(overrides={"paths.artifacts": "nothing measured"})
PATHS = CONFIG.get(PathsConfig)
DIGITS = load_digits()
IMAGES = np.repeat((DIGITS.images[:100] * 255 / 16).astype(np.uint8)[..., None], 3, axis=3)


def ask(**limits):
    return recommend(IMAGES, DIGITS.target[:100], regime="low_data", config=CONFIG, **limits)


def test_nothing_that_breaks_a_limit_is_recommended():
    answer = ask(max_params="50k", max_latency="1ms")
    board = answer.leaderboard(all_models=True)
    assert board["parameters"].max() <= 50_000 and board["latency_high_ms"].max() <= 1
    assert board["cost_basis"].str.startswith("table (").all()
    out = {row["model"] for row in answer.rejected}
    assert out and out.isdisjoint(board["model"])
    assert len(out) + len(board) == len(read_models(PATHS))
    assert any("models break 50 k parameters" in line for line in answer.remarks())
    assert {"ms", "MiB", "basis"} <= set(answer.readable(3))


def test_a_step_of_relief_is_only_named_where_it_gains():
    free, tight = ask(), ask(max_params="8k")
    assert not free.limiting.relief
    for step in tight.limiting.relief:
        assert step["gain"] > 0 and step["model"] in set(free.frame["model"])
        assert free.frame.set_index("model").loc[step["model"], "parameters"] <= 8_000 * 1.5


def test_when_nothing_fits_the_nearest_misses_are_named():
    with pytest.raises(NothingLeftError, match=r"binds is 1 ms; nearest: efficientnet-lite0 \(.* ms\), "):
        keep_limits(read_real(PATHS.real), Limits(max_latency=1), CostBook(PATHS))


def test_licences_are_a_limit_too():
    kept, _, out = keep_limits(read_models(PATHS), Limits(licences=("apache-2.0",)), CostBook(PATHS))
    assert {snapshot.name for snapshot in kept} == {snapshot.name for snapshot in read_real(PATHS.real)}
    assert out[0]["limit"] == "apache-2.0"


def test_a_limit_without_unit_is_refused():
    with pytest.raises(ConfigError, match="with its unit"):
        ask(max_latency=20)
    with pytest.raises(ConfigError, match="max_speed: no such limit"):
        ask(max_speed="1s")


def test_the_front_is_what_nobody_should_pass_over():
    answer = ask()
    front = answer.leaderboard(only_pareto=True)
    board = answer.leaderboard(all_models=True)
    for row in front.itertuples():
        as_cheap = board[board["latency_high_ms"] <= row.latency_high_ms]
        assert as_cheap["expected_accuracy"].max() == row.expected_accuracy
    assert len(front) == board["on_pareto"].sum() < len(board)
    assert len(answer.readable(3, only_pareto=True)) == 3


def test_another_device_another_answer():
    answer = ask(device="raspberry pi 5", max_params="50k")
    assert answer.limiting.device["name"] == "Raspberry Pi 5"
    with pytest.raises(NothingLeftError, match="1 ms cannot be shown to be kept by any .not known for T4"):
        ask(device="T4", max_latency="1ms")
    with pytest.raises(ConfigError, match="no device 'toaster'"):
        ask(device="toaster")
    with pytest.raises(ConfigError, match="measured on this machine, not on T4"):
        ask(device="T4", measure="top")
