import logging
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from ptmrec.core.files import read_json, write_json
from ptmrec.hardware.machine import describe_machine
from ptmrec.hardware.measurement import Measurement
from ptmrec.hardware.saved import (
    find_saved,
    machine_folder,
    save_measurement,
    write_device_table,
)
from ptmrec.zoo.snapshot import Snapshot

MACHINE = describe_machine()


class Weights:
    """Stands for a snapshot."""

    name = "net"

    def __init__(self, value: float) -> None:
        self.value = value

    def tensors(self):
        yield "weight", torch.full((3, 2), self.value)
        yield "scale", torch.tensor(1.0, dtype=torch.bfloat16)

    digest = Snapshot.digest


@pytest.fixture
def found():
    part = {"latency_p50_ms": 1.0, "latency_p90_ms": 2.0, "latency_high_ms": 2.5, "queries": 200, "throughput": 900.0}
    digest = Weights(1.0).digest()
    threads = {"1": part | {"batches": {"1": 500.0, "8": 900.0}}}
    return Measurement("net", digest, MACHINE, 7_000_000, 1.0, 0.5, 3.0, 30.0, 31.0, threads, 0.01, "estimated", 0.1)


def test_a_measurement_is_found_again_for_the_same_weights_and_threads_only(found, tmp_path):
    save_measurement(tmp_path, found)
    assert find_saved(tmp_path, Weights(1.0), MACHINE, 1) == found.to_dict()
    assert find_saved(tmp_path, Weights(2.0), MACHINE, 1) is None, "other weights"
    assert find_saved(tmp_path, Weights(1.0), MACHINE, 2) is None
    assert find_saved(tmp_path, SimpleNamespace(name="other"), MACHINE, 1) is None


def test_machines_are_kept_apart(found, tmp_path):
    save_measurement(tmp_path, found)
    assert find_saved(tmp_path, Weights(1.0), MACHINE | {"cores": 999}, 1) is None
    odd = machine_folder(tmp_path, MACHINE | {"processor": "../AMD / 7"})
    assert odd.parent == tmp_path and "/" not in odd.name


def test_damaged_files_are_left_out_and_named(found, tmp_path, caplog):
    path = save_measurement(tmp_path, found)
    write_json(path, {name: value for name, value in read_json(path).items() if name != "threads"})
    with caplog.at_level(logging.WARNING):
        assert find_saved(tmp_path, Weights(1.0), MACHINE, 1) is None
    assert f"{path}: no measurement of this version" in caplog.text
    path.write_text("{")
    assert find_saved(tmp_path, Weights(1.0), MACHINE, 1) is None


def test_a_device_table_has_the_columns_of_timms(found, tmp_path):
    frame = pd.read_csv(write_device_table(tmp_path / "device.csv", [found.to_dict()], [224]))
    row = frame.iloc[0]
    assert (row["model"], row["infer_img_size"], row["infer_batch_size"]) == ("net", 224, 1)
    assert (row["infer_step_time"], row["param_count"], row["infer_gmacs"], row["infer_macts"]) == (1, 7, 0.5, 3)
    assert (row["latency_high_ms"], row["device"]) == (2.5, MACHINE["processor"])


def test_no_cell_of_a_device_table_is_a_formula(found, tmp_path):
    record = {**found.to_dict(), "energy_basis": "=1+1", "energy_j": -1.0}
    row = pd.read_csv(write_device_table(tmp_path / "device.csv", [record], [224])).iloc[0]
    assert (row["energy_basis"], row["energy_j"]) == ("'=1+1", -1.0)
