import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from toy_models import perceptron, toy_example

from ptmrec.config.section import SECTIONS
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError, DataError
from ptmrec.inspection.blocks import OWN, parameters_by_block, split_blocks, watch
from ptmrec.inspection.examples import Example, inputs_of, loss_of, output_of, read_example, targets_of
from ptmrec.inspection.flow import check_flow, measure_flow, range_test
from ptmrec.inspection.model import inspect_model
from ptmrec.inspection.patterns import PATTERNS, check_name, write_trainer
from ptmrec.inspection.subjects import run_file
from ptmrec.zoo.architectures import build_model


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


class Positions(nn.Module):
    def __init__(self):
        super().__init__()
        self.positions = nn.Parameter(torch.zeros(8))
        self.body = perceptron()

    def forward(self, inputs):
        return self.body(inputs + self.positions)


def test_every_parameter_is_in_one_block():
    for model in (build_model("resnet", "small", 3), build_model("vit", "small", 3), Positions()):
        blocks = parameters_by_block(model, split_blocks(model))
        names = [name for block in blocks.values() for name in block]
        assert sorted(names) == sorted(name for name, _ in model.named_parameters())
        assert len(blocks) > 2
    assert list(parameters_by_block(Positions(), split_blocks(Positions()))[OWN]) == ["positions"]


def test_dead_units_and_sizes_are_those_planted():
    model = perceptron(depth=2, width=16)
    with torch.no_grad():
        model[0].bias[:4] = -1e3
    with watch(model, split_blocks(model)) as passage, torch.no_grad():
        model(torch.randn(32, 8))
        model(torch.randn(32, 8))
    shares = passage.dead_units()
    assert shares["1"] == 0.25 and shares["3"] < 0.25
    assert passage.bytes == 2 * 32 * (4 * 16 + 3) * 4
    assert not any(passage.constant.values())
    assert not model[0]._forward_hooks, "hooks are taken off"


def test_channels_of_maps_are_counted_not_pixels():
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU())
    with torch.no_grad():
        model[0].bias[0] = -1e3
    with watch(model, {}) as passage, torch.no_grad():
        model(torch.randn(4, 3, 8, 8))
    assert passage.low["1"].shape == (6,) and abs(passage.dead_units()["1"] - 1 / 6) < 1e-6


ROOT = Path(__file__).resolve().parents[2]

PATHS = PathsConfig(zoo=ROOT / "constants/zoo", real=ROOT / "constants/real", battery=ROOT / "constants/battery.npz")

FILE = """
import torch
class Net(torch.nn.Linear):
    def __init__(self): super().__init__(4, 2)
def example(): return torch.nn.Linear(4, 3), [(torch.randn(5, 4), torch.zeros(5).long())] * 9, "more"
"""


def test_a_model_of_the_zoo_comes_with_the_demos_images():
    example = read_example("vgg-small-cifar10", PATHS)
    inputs, targets = example.batches[0]
    assert inputs.shape == (32, 3, 32, 32) and example.outputs == 10 and targets.max() < 10
    with pytest.raises(ConfigError, match="did you mean vgg-small-cifar10"):
        read_example("vgg-small-cifar11", PATHS)


def test_a_file_gives_a_model_and_a_class_of_it_another(tmp_path):
    path = tmp_path / "net.py"
    path.write_text(FILE)
    assert read_example(str(path), PATHS).model.out_features == 3
    example = read_example(f"{path}:Net", PATHS)
    assert example.model.out_features == 2 and len(example.batches) == 4
    for text, message in [
        ("def example(): return 3", "gives a int, not"),
        ("import torch\ndef example(): return torch.nn.Linear(1, 1), []", "no batch"),
        ("import torch\ndef example(): return torch.nn.Linear(1, 1), ['word']", "first batch is not usable"),
    ]:
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_example(str(path), PATHS)


def test_parts_of_batches_and_answers():
    x, y = torch.randn(4, 2), torch.zeros(4).long()
    for batch in ((x, y), {"images": x, "labels": y}, [x, y]):
        assert inputs_of(batch) is x and targets_of(batch) is y
    assert inputs_of(x) is x and targets_of(x) is None
    assert output_of((x, y)) is x and output_of({"a": x}) is x and output_of(3) is None


def test_the_loss_fits_the_targets():
    outputs, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    torch.testing.assert_close(loss_of(outputs, labels), F.cross_entropy(outputs, labels))
    torch.testing.assert_close(loss_of(outputs, torch.ones(4, 3)), F.mse_loss(outputs, torch.ones(4, 3)))
    torch.testing.assert_close(loss_of(outputs, None), outputs.square().mean())
    with pytest.raises(ValueError, match="shape"):
        loss_of(outputs, torch.ones(4))


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


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_pattern_writes_a_trainer_whose_test_passes(tmp_path, monkeypatch, user_environment, pattern):
    name = f"own_{pattern}"
    paths = write_trainer(name, pattern, tmp_path / "new")
    assert [path.name for path in paths] == [f"{name}.py", f"{name}.ini", f"test_{name}.py"]
    monkeypatch.setattr(sys, "path", list(sys.path))
    written = run_file(paths[2])
    SECTIONS.pop(name, None)
    tests = [value for key, value in vars(written).items() if key.startswith("test_")]
    for test in tests:
        test(*([tmp_path] if test.__code__.co_argcount else []))
    assert len(tests) == 3
    ruff = [sys.executable, "-m", "ruff", "format", "--check", "--line-length", "120", "."]
    assert subprocess.run(ruff, capture_output=True, cwd=tmp_path / "new").returncode == 0


@pytest.mark.parametrize("there", ["own.py", "own.ini", "test_own.py"])
def test_nothing_is_overwritten_and_nothing_half_written(tmp_path, there):
    (tmp_path / there).write_text("mine")
    with pytest.raises(ConfigError, match=f"{there}: is there already"):
        write_trainer("own", "dict", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [there] and (tmp_path / there).read_text() == "mine"


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path, monkeypatch):
    import os

    link, done = os.link, []

    def failing(source, target):
        if done:
            raise OSError(28, "No space left on device")
        done.append(target)
        link(source, target)

    monkeypatch.setattr(os, "link", failing)
    with pytest.raises(ConfigError, match="cannot be written to"):
        write_trainer("own", "dict", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["", "my-trainer", "2nd", "class", "Upper", "_x", "ranker", "torch", "json", "a/b", "ä"]
)
def test_names_that_cannot_be_used(name):
    with pytest.raises(ConfigError, match="trainer name"):
        check_name(name)


def test_unknown_patterns_and_places(tmp_path):
    with pytest.raises(ConfigError, match="choose from tensor, dict, multi, similarity"):
        write_trainer("own", "triple", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="a file, where a folder is wanted"):
        write_trainer("own", "dict", tmp_path / "file")
