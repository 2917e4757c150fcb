import json

import pytest
import torch
from torch import nn
from toy_models import perceptron, toy_example

from ptmrec.inspection.examples import Example
from ptmrec.inspection.model import inspect_model


class Wrapped(nn.Module):
    def __init__(self, change):
        super().__init__()
        self.body, self.change = perceptron(), change

    def forward(self, inputs):
        return self.change(self.body(inputs))


def test_a_sound_model_has_no_fault_and_its_numbers_are_right():
    model = perceptron(depth=2, width=16)
    report = inspect_model(toy_example(model))
    assert report.status == 0, report.lines()
    facts = json.loads(report.to_json())["facts"]
    count = 8 * 16 + 16 + 16 * 16 + 16 + 16 * 3 + 3
    assert facts["parameters"] == count and sum(b["parameters"] for b in facts["blocks"].values()) == count
    assert facts["memory"]["adamw"] == 2 * facts["memory"]["weights"] == 8 * count
    assert facts["memory"]["activations"] == 24 * (4 * 16 + 3) * 4
    assert facts["learning_rate"] > 0


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda out: out[:-1], "output_shape"),
        (lambda out: out[:, :2], "output_shape"),
        (lambda out: out.log(), "nan_output"),
        (lambda out: out + torch.rand_like(out), "not_repeatable"),
        (lambda out: out - out.mean(dim=0), "batch_dependence"),
        (lambda out: out * 0 + 1, "constant_output"),
        (lambda out: 1 / 0, "forward"),
        (lambda out: [1], "forward"),
    ],
)
def test_a_broken_contract_is_named(change, check):
    assert inspect_model(toy_example(Wrapped(change))).found(check)


def test_broken_weights_units_and_promises_are_named():
    broken = perceptron()
    with torch.no_grad():
        broken[2].weight[0, 0] = torch.nan
    assert [f.check for f in inspect_model(toy_example(broken)).faults][0] == "nan_weights"
    dead = perceptron()
    with torch.no_grad():
        dead[0].bias[:12] = -1e3
    assert inspect_model(toy_example(dead)).found("dead_units")
    few = toy_example(perceptron())
    assert inspect_model(Example("toy", few.model, few.batches, 5)).found("output_shape")
    narrow = nn.Sequential(nn.Linear(8, 3), nn.BatchNorm1d(3))
    assert inspect_model(Example("toy", narrow, [few.batches[0]])).status == 0
