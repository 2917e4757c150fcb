from dataclasses import replace

import numpy as np
import pytest
from toy_answer import make_answer, make_frame

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError, NothingLeftError
from ptmrec.core.files import read_json, write_json
from ptmrec.hardware import measurement
from ptmrec.hardware.limits import LIMITS, Costs, Limit
from ptmrec.hardware.machine import describe_machine
from ptmrec.hardware.measurement import Measurement
from ptmrec.hardware.saved import MEASUREMENTS, machine_folder
from ptmrec.hardware.timings import read_timings
from ptmrec.recommender import costs as costs_module
from ptmrec.recommender.costs import CostBook, describe_cut, keep_limits, list_cut, readable_costs, with_costs
from ptmrec.recommender.request import recommend
from ptmrec.zoo.real import read_models, read_real
from ptmrec.zoo.snapshot import read_snapshot

PATHS = ConfigParser(overrides={"paths.artifacts": "nothing measured"}).get(PathsConfig)
SNAPSHOT = read_snapshot(PATHS.zoo / "vgg-small-cifar10")
RECORD = {
    **{"model": "vgg-small-cifar10", "machine": describe_machine(), "peak_memory_mib": 2.0},
    **{"energy_j": 0.01, "energy_basis": "estimated (7 W while it runs)"},
    "threads": {
        "1": {"latency_p50_ms": 1.0, "latency_p90_ms": 2.0, "latency_high_ms": 2.5, "throughput": 900.0},
    },
}


def test_every_committed_model_has_a_table_row():
    costs = CostBook(PATHS).costs(read_models(PATHS)).values()
    assert all(own.latency and own.memory and own.flops and own.throughput for own in costs)
    assert {own.kind for own in costs} == {"table"}


def test_what_was_measured_here_goes_before_the_table(tmp_path):
    paths = ConfigParser(overrides={"paths.artifacts": str(tmp_path)}).get(PathsConfig)
    path = machine_folder(tmp_path / MEASUREMENTS, describe_machine()) / "vgg-small-cifar10.json"
    write_json(path, RECORD | {"hash": SNAPSHOT.digest()})
    costs = CostBook(paths).costs([SNAPSHOT])["vgg-small-cifar10"]
    assert (costs.kind, costs.latency, costs.energy) == ("measured", 2.5, 0.01)
    write_json(path, RECORD | {"hash": "of other weights"})
    assert CostBook(paths).costs([SNAPSHOT])["vgg-small-cifar10"].kind == "table"


def test_what_is_measured_now_is_used():
    book = CostBook(PATHS)
    table = book.costs([SNAPSHOT])["vgg-small-cifar10"]
    book.add_measurement(RECORD)
    costs = book.costs([SNAPSHOT])["vgg-small-cifar10"]
    assert costs.kind == "measured" and costs.latency != table.latency and book.device_info["name"] == "this machine"


def test_a_marked_measurement_binds_nothing_and_the_basis_says_why():
    book = CostBook(PATHS)
    table = book.costs([SNAPSHOT])["vgg-small-cifar10"]
    book.add_measurement(RECORD | {"marks": ["a reference network drifted by +1167 %"]})
    costs = book.costs([SNAPSHOT])["vgg-small-cifar10"]
    assert costs.kind == "table" and costs.latency == table.latency
    assert "measured here, not used: a reference network drifted by +1167 %" in costs.basis


def test_a_device_has_costs_of_its_own(tmp_path):
    """A table of the machine of the committed costs that is twice as slow as the i9 makes the i9 twice as fast."""
    (tmp_path / "devices").mkdir()
    profiles = (PATHS.devices / "profiles.json").read_bytes()
    (tmp_path / "devices" / "profiles.json").write_bytes(profiles)
    machine = read_json(PATHS.costs)["real_machine"]["processor"]
    i9 = read_timings(PATHS.published, tmp_path / "devices")["i9-10940X"].by_model
    head = "model,infer_img_size,infer_step_time,infer_gmacs,infer_macts,param_count,device\n"
    rows = [f"{model.replace('@', ',')},{2 * ms},1,1,1,{machine}\n" for model, ms in list(i9.items())[:30]]
    (tmp_path / "devices" / "here.csv").write_text(head + "".join(rows))
    paths = ConfigParser(
        overrides={"paths.devices": str(tmp_path / "devices"), "paths.artifacts": "nothing measured"}
    ).get(PathsConfig)
    here = CostBook(paths).costs([SNAPSHOT])["vgg-small-cifar10"]
    there = CostBook(paths, "i9-10940X").costs([SNAPSHOT])["vgg-small-cifar10"]
    assert there.kind == "estimated" and there.latency_p50 == pytest.approx(here.latency_p50 / 2)
    assert there.latency >= there.latency_p50 and there.throughput == pytest.approx(1e3 / there.latency)
    assert there.energy == pytest.approx(there.latency / 1e3 * 165) and "165 W" in there.energy_basis
    assert there.memory == here.memory, "memory is counted, wherever it runs"


def test_a_published_card_says_what_it_says():
    book = CostBook(PATHS)
    costs = book.published("x", {"num_params": 7, "gflops": 3.0, "licence": "MIT"})
    assert (costs.params, costs.flops, costs.latency, costs.licence, costs.kind) == (7, 3e9, None, "mit", "unknown")
    unstated = {"x": book.published("x", {"licence": "MIT"})}
    assert list_cut(unstated, {"max_params": 5e6})[0]["value"] == "not known"
    timed = CostBook(PATHS, "i9-10940X").published("x", {"weights": "resnet50.a1_in1k", "input_size": 224})
    assert timed.kind == "table" and timed.latency == pytest.approx(14.86, abs=0.01)


def test_real_models_are_estimated_on_a_device_from_their_counts():
    costs = CostBook(PATHS, "i9-10940X").costs(read_real(PATHS.real))["efficientnet-lite0"]
    assert costs.kind == "estimated" and "from operations, activations and parameters" in costs.basis
    assert 0 < costs.latency_p50 < costs.latency < 20


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
    assert list(readable_costs(frame, {})) == ["ms", "MiB", "basis"]
    assert list(readable_costs(frame, {"min_throughput": 1, "max_energy": 1})) == [
        "ms",
        "MiB",
        "images/s",
        "mJ",
        "basis",
    ]
    assert list(readable_costs(frame.assign(memory_mib=np.nan), {})) == ["ms", "basis"]
    fine = frame.assign(latency_high_ms=1.2345, memory_mib=1.25, throughput=98.76, energy_j=0.0123456)
    shown = readable_costs(fine, {"min_throughput": 1, "max_energy": 1})
    assert [shown[name][0] for name in ("ms", "MiB", "images/s", "mJ")] == [1.23, 1.2, 98.8, 12.35]


def test_without_known_costs_no_front_is_shown():
    assert "on_pareto" not in make_answer().leaderboard()


def test_a_model_of_unknown_cost_is_not_said_to_break_a_limit():
    """A device without times of a model says nothing about it."""
    costs = {str(place): own for place, own in enumerate(COSTS)}
    limits = {"max_params": 8, "max_latency": 3.0, "licences": ("apache-2.0",)}
    assert describe_cut(costs, limits) == [
        "1 model breaks 8 parameters",
        "1 model breaks 3 ms",
        "1 model is not known to keep 3 ms",
        "3 models have another licence than apache-2.0",
    ]
    assert [row["value"] for row in list_cut(costs, {"max_latency": 3.0})] == ["5 ms", "not known"]


def test_a_limit_is_one_row(monkeypatch):
    """The row alone makes option, reading, comparison, words and column of a limit nobody knew before."""
    row = Limit(
        *("max_activations", "count", lambda own: own.stated.get("macts") and 1e6 * own.stated["macts"]),
        *("the activations of one image", " activations"),
        **{"column": "macts", "scale": 1e6, "heading": ("Mact", 1e6, 1), "example": "10M"},
    )
    monkeypatch.setitem(LIMITS, row.name, row)
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    answer = recommend(images, [0, 0, 1, 1], zoo="timm", max_activations="10M")
    board = answer.leaderboard()
    assert 0 < board["macts"].max() <= 10 and answer.request.limits == {"max_activations": 10e6}
    assert answer.readable(3)["Mact"].max() <= 10
    assert any("models break 10 M activations" in line for line in answer.remarks())
    assert answer.rejected[0]["value"].endswith(" M activations")


@pytest.mark.slow
def test_nothing_that_breaks_a_limit_is_recommended(digits, unmeasured):
    answer = recommend(*digits, regime="low_data", config=unmeasured, max_params="50k", max_latency="1ms")
    board = answer.leaderboard(all_models=True)
    assert board["parameters"].max() <= 50_000 and board["latency_high_ms"].max() <= 1
    assert board["cost_basis"].str.startswith("table (").all()
    out = {row["model"]: row for row in answer.rejected}
    assert out and set(out).isdisjoint(board["model"])
    assert len(out) + len(board) == len(read_models(PATHS))
    assert any("models break 50 k parameters" in line for line in answer.remarks())
    assert {"ms", "MiB", "basis"} <= set(answer.readable(3))
    name, row = next(iter(out.items()))
    with pytest.raises(ConfigError, match=f"{name} was left out: it does not keep {row['limit']}"):
        answer.explain(name)


@pytest.mark.slow
def test_a_step_of_relief_is_only_named_where_it_gains(ranked_digits, digits, unmeasured):
    tight = recommend(*digits, regime="low_data", config=unmeasured, max_params="8k")
    assert not ranked_digits.relief and tight.relief
    free = ranked_digits.frame.set_index("model")
    for step in tight.relief:
        assert step["gain"] > 0 and free.loc[step["model"], "parameters"] <= 8_000 * 1.5


def test_when_nothing_fits_the_nearest_misses_are_named():
    costs = CostBook(PATHS).costs(read_real(PATHS.real))
    with pytest.raises(NothingLeftError, match=r"binds is 1 ms; nearest: efficientnet-lite0 \(.* ms\), "):
        keep_limits(costs, {"max_latency": 1})
    with pytest.raises(NothingLeftError, match=r"1 J cannot be shown to be kept by any \(it is not known"):
        keep_limits(costs, {"max_energy": 1})


def test_licences_are_a_limit_too():
    costs = CostBook(PATHS).costs(read_models(PATHS))
    limits = {"licences": ("apache-2.0",)}
    assert keep_limits(costs, limits) == {snapshot.name for snapshot in read_real(PATHS.real)}
    assert list_cut(costs, limits)[0]["limit"] == "apache-2.0"


@pytest.mark.slow
def test_the_front_is_what_nobody_should_pass_over(ranked_digits):
    front = ranked_digits.leaderboard(only_pareto=True)
    board = ranked_digits.leaderboard(all_models=True)
    for row in front.itertuples():
        as_cheap = board[board["latency_high_ms"] <= row.latency_high_ms]
        assert as_cheap["expected_accuracy"].max() == row.expected_accuracy
    assert len(front) == board["on_pareto"].sum() < len(board)
    assert len(ranked_digits.readable(3, only_pareto=True)) == 3
    assert ranked_digits.to_json(only_pareto=True).count('"on_pareto": true') == len(front)
    assert ranked_digits.to_json(2, only_pareto=True).count('"rank"') == 2


@pytest.mark.slow
def test_another_device_another_answer(digits, unmeasured):
    def ask(**options):
        return recommend(*digits, regime="low_data", config=unmeasured, **options)

    assert ask(device="raspberry pi 5", max_params="50k").device["name"] == "Raspberry Pi 5"
    with pytest.raises(NothingLeftError, match="1 ms cannot be shown to be kept by any .not known for T4"):
        ask(device="T4", max_latency="1ms")
    with pytest.raises(ConfigError, match="no device 'toaster'"):
        ask(device="toaster")
    with pytest.raises(ConfigError, match="measured on this machine, not on T4"):
        ask(device="T4", measure="top")


@pytest.fixture
def ask(tmp_path, monkeypatch, digits):
    """Asks on a machine where the first model of the table is far too slow and every other one as fast as it says."""
    config = ConfigParser(overrides={"paths.artifacts": str(tmp_path)})
    measured = []

    def measure_models(snapshots, settings):
        for snapshot in snapshots:
            measured.append(snapshot.name)
            high = 99.0 if len(measured) == 1 else 0.5
            part = {"latency_p50_ms": 0.4, "latency_p90_ms": 0.4, "latency_high_ms": high, "throughput": 1.0}
            rest = {name: 1.0 for name in ("file_mib", "gmacs", "macts", "peak_memory_mib", "energy_j", "busy")}
            yield Measurement(
                *(snapshot.name, "hash", {"processor": "toy"}, 1),
                **{"process_memory_mib": None, "threads": {"1": part}, "energy_basis": "estimated", **rest},
            )

    monkeypatch.setattr(measurement, "measure_models", measure_models)

    def run(**options):
        return recommend(*digits, regime="low_data", config=config, **options), measured

    return run


@pytest.mark.slow
def test_what_is_shown_was_measured_and_keeps_the_limit(ask):
    answer, measured = ask(measure="top", n=3, max_latency="5ms")
    board = answer.leaderboard()
    assert set(board["latency_basis"]) == {"measured"} and board["latency_high_ms"].max() <= 5
    assert measured[0] not in set(answer.frame["model"]), "the table was wrong about it"
    out = {row["model"]: row["value"] for row in answer.rejected}
    assert out[measured[0]] == "99 ms"
    assert len(measured) == len(set(measured)) == 4, "three shown, and the one that took a place in vain"


@pytest.mark.slow
def test_marked_measurements_are_made_again_and_then_do_not_bind(ask, monkeypatch):
    """Twin networks at 10 and .3 ms on a busy machine: neither number counts."""
    answer, measured = ask(measure="top", n=2, max_latency="5ms")
    usual = measurement.measure_models

    def busy(snapshots, settings):
        for found in usual(snapshots, settings):
            part = {**found.threads["1"], "latency_high_ms": 99.0}
            yield replace(found, threads={"1": part}, marks=("the machine was loaded (90% busy)",))

    monkeypatch.setattr(measurement, "measure_models", busy)
    monkeypatch.setattr(costs_module, "save_measurement", lambda *_: pytest.fail("a marked number is not kept"))
    again, measured = ask(measure="all", max_latency="1ms", max_params="20k")
    board = again.leaderboard(all_models=True)
    assert set(board["latency_basis"]) == {"table"} and "not used: the machine was loaded" in board["cost_basis"][0]
    assert max(measured.count(name) for name in board["model"]) == costs_module.TRIES


@pytest.mark.slow
def test_candidates_are_run_on_the_images_after_that(ask):
    answer, measured = ask(measure="top", n=2, verify=1, max_latency="5ms")
    assert answer.verification is not None and answer.frame["verified"].sum() == 1
    again = answer.leaderboard(count=2)
    assert "measured" in set(again["latency_basis"])
