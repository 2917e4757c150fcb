import torch

from ptmrec.hardware.machine import describe_machine


def test_machine_is_described():
    machine = describe_machine()
    assert machine["processor"] not in ("", "unknown")
    assert machine["cores"] >= 1
    assert machine["memory_gib"] > 0.1
    assert machine["torch"] == torch.__version__
