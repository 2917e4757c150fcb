from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ConfigError, DataError
from ptmrec.inspection.examples import inputs_of, loss_of, output_of, read_example, targets_of

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
