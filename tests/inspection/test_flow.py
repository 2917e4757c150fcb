import copy

import pytest
import torch
from torch import nn
from toy_models import perceptron, toy_example

from ptmrec.inspection.flow import check_flow, measure_flow, range_test


def checks(model):
    return [finding.check for finding in check_flow(measure_flow(model, toy_example(model).batches[0])[1])]


def test_norms_are_those_of_a_plain_backward_and_the_model_stays():
    model = perceptron()
    inputs, targets = toy_example(model).batches[0]
    before = copy.deepcopy(model.state_dict())
    loss, flows = measure_flow(model, (inputs, targets))
    assert all(parameter.grad is None for parameter in model.parameters())
    expected = nn.functional.cross_entropy(model(inputs), targets)
    expected.backward()
    assert loss == pytest.approx(expected.item())
    for name, flow in flows.items():
        parts = [p.grad.flatten() for n, p in model.named_parameters() if n.startswith(f"{name}.")]
        assert flow.gradient == pytest.approx(float(torch.cat(parts).norm()), rel=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_planted_flows():
    assert checks(perceptron()) == ["gradient"]
    assert checks(perceptron(16, activation=nn.Sigmoid)) == ["vanishing_gradient"]
    wild = perceptron(12)
    for module in wild[:-1]:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=3.0)
    assert checks(wild) == ["exploding_gradient"]
    dead = perceptron()
    nn.init.constant_(dead[2].bias, -1e3)
    assert "dead_block" in checks(dead)
    assert checks(perceptron().requires_grad_(False)) == ["gradient"]


def test_the_range_test_finds_a_rate_that_learns_and_finds_it_again():
    model = perceptron()
    rate, curve = range_test(model, toy_example(model, batches=4).batches)
    assert 1e-4 < rate < 0.3 and curve[0][0] == pytest.approx(1e-6)
    assert range_test(model, toy_example(model, batches=4).batches)[1] == curve
