import numpy as np
from toy_answer import make_frame

from ptmrec.hardware.limits import Costs, Limits
from ptmrec.recommender.cost_columns import readable_costs, with_costs

COSTS = [
    Costs(9, 2e9, 2**20, 5.0, "mit", "measured (here)", 3.0, 4.0, 100.0, 0.01, "estimated (7 W)"),
    Costs(8, None, None, 2.0, "mit", "estimated (there)", 1.0),
    Costs(7, None, None, None, "mit", "not measured"),
]


def test_every_number_carries_its_basis():
    frame = with_costs(make_frame(3).assign(expected_accuracy=[0.7, 0.6, 0.5]), COSTS)
    assert frame["latency_basis"].tolist() == ["measured", "estimated", "unknown"]
    assert frame.loc[0, ["latency_ms", "latency_p90_ms", "latency_high_ms"]].tolist() == [3, 4, 5]
    assert frame.loc[0, ["memory_mib", "gmacs", "throughput", "energy_j"]].tolist() == [1, 1, 100, 0.01]
    assert np.isnan(frame.loc[2, "latency_high_ms"])
    assert frame["on_pareto"].tolist() == [True, True, False], "what is not known is on no front"


def test_without_latencies_the_front_is_of_parameters():
    bare = [Costs(params, None, None, None, "", "not measured") for params in (9, 8, 7)]
    frame = with_costs(make_frame(3).assign(expected_accuracy=[0.7, 0.6, 0.65]), bare)
    assert frame["on_pareto"].tolist() == [True, False, True]


def test_a_terminal_shows_what_limits_were_set_on():
    frame = with_costs(make_frame(3), COSTS)
    assert list(readable_costs(frame, Limits())) == ["ms", "MiB", "basis"]
    assert list(readable_costs(frame, Limits(min_throughput=1, max_energy=1))) == [
        "ms",
        "MiB",
        "images/s",
        "mJ",
        "basis",
    ]
    assert list(readable_costs(frame.assign(memory_mib=np.nan), Limits())) == ["ms", "basis"]
