import numpy as np
import pytest
import torch
from toy_training import Options, Scripted, ToyTrainer, make_trainer

from ptmrec.core.errors import TrainingError
from ptmrec.train.setup import build_accelerator


def scripted(folder, losses, **options):
    trainer = make_trainer(folder, Scripted, epochs=len(losses), **options)
    trainer.losses = losses
    return trainer


def test_schedulers_change_the_learning_rate(tmp_path):
    def rates(scheduler, losses, **options):
        return [row["learning_rate"] for row in scripted(tmp_path, losses, scheduler=scheduler, **options).fit().epochs]

    assert rates("none", (1.0,) * 4) == [0.05] * 4
    assert rates("cosine", (1.0,) * 4) == pytest.approx([0.05, 0.042678, 0.025, 0.007322], abs=1e-5)
    assert rates("plateau", (1.0, 2.0, 2.0, 2.0), patience=3) == [0.05, 0.05, 0.05, 0.025]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("scheduler", "linear"),
        ("mixed_precision", "int8"),
        ("mixed_precision", "fp16"),
        ("device", "cuda:99"),
        ("device", "toaster"),
    ],
)
def test_an_option_that_cannot_be_used_is_one_line(tmp_path, option, value):
    with pytest.raises(TrainingError) as error:
        make_trainer(tmp_path, **{option: value}).fit()
    assert value in str(error.value) and "\n" not in str(error.value)


def test_precision_may_differ_between_trainers_of_one_process(tmp_path):
    seen = {}
    for precision in ("no", "bf16", "no"):

        class Watching(ToyTrainer):
            def compute_loss(self, batch):
                seen[precision] = self.model[0](batch[0]).dtype  # noqa: B023 - run within the same turn
                return super().compute_loss(batch)

        trainer = make_trainer(tmp_path / precision, Watching, epochs=1, mixed_precision=precision)
        assert np.isfinite(trainer.fit().epochs[0]["train_loss"])
    assert seen == {"no": torch.float32, "bf16": torch.bfloat16}
    assert all(tensor.dtype == torch.float32 for tensor in trainer.model.state_dict().values())


def test_several_processes_cannot_share_one_named_device(monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(TrainingError, match="2 processes"):
        build_accelerator(Options(device="cuda:1"))
