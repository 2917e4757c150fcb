import pytest

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.files import read_json, write_json
from ptmrec.hardware.machine import describe_machine
from ptmrec.hardware.saved import MEASUREMENTS, machine_folder
from ptmrec.hardware.timings import read_timings
from ptmrec.recommender.costing import CostBook
from ptmrec.zoo.real import read_models, read_real
from ptmrec.zoo.snapshot import read_snapshot, tensor_hash

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
    write_json(path, RECORD | {"hash": tensor_hash(SNAPSHOT)[0]})
    costs = CostBook(paths).costs([SNAPSHOT])["vgg-small-cifar10"]
    assert (costs.kind, costs.latency, costs.energy) == ("measured", 2.5, 0.01)
    write_json(path, RECORD | {"hash": "of other weights"})
    assert CostBook(paths).costs([SNAPSHOT])["vgg-small-cifar10"].kind == "table"


def test_what_is_measured_now_is_used():
    book = CostBook(PATHS)
    table = book.costs([SNAPSHOT])["vgg-small-cifar10"]
    book.take(RECORD)
    costs = book.costs([SNAPSHOT])["vgg-small-cifar10"]
    assert costs.kind == "measured" and costs.latency != table.latency and book.said["name"] == "this machine"


def test_a_marked_measurement_binds_nothing_and_the_basis_says_why():
    book = CostBook(PATHS)
    table = book.costs([SNAPSHOT])["vgg-small-cifar10"]
    book.take(RECORD | {"marks": ["a reference network drifted by +1167 %"]})
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
    timed = CostBook(PATHS, "i9-10940X").published("x", {"weights": "resnet50.a1_in1k", "input_size": 224})
    assert timed.kind == "table" and timed.latency == pytest.approx(14.86, abs=0.01)


def test_real_models_are_estimated_on_a_device_from_their_counts():
    costs = CostBook(PATHS, "i9-10940X").costs(read_real(PATHS.real))["efficientnet-lite0"]
    assert costs.kind == "estimated" and "from operations, activations and parameters" in costs.basis
    assert 0 < costs.latency_p50 < costs.latency < 20
