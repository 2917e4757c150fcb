import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from toy_training import (
    BEST,
    PERIODIC,
    Options,
    Scripted,
    StoppingTrainer,
    ToyTrainer,
    assert_same_run,
    make_loader,
    make_model,
    make_trainer,
    names,
)

from ptmrec.core.errors import ArtifactError, TrainingError


def scripted(folder, losses, **options):
    trainer = make_trainer(folder, Scripted, epochs=len(losses), **options)
    trainer.losses = losses
    return trainer


def test_a_run_that_ran_out_of_patience_does_not_go_on_when_resumed(tmp_path):
    losses = (1.0, 2.0, 2.0, 0.5, 0.4)
    assert len(scripted(tmp_path, losses, patience=2).fit()) == 3
    assert len(scripted(tmp_path, losses, patience=2).fit(resume=True)) == 3


def test_history_file_grows_each_epoch(tmp_path):
    lengths = []

    class Reading(ToyTrainer):
        def on_epoch_start(self, epoch):
            lengths.append(len(json.loads((tmp_path / "toy_history.json").read_text())))

    make_trainer(tmp_path, Reading).fit()
    assert lengths == [0, 1, 2, 3]
    rows = json.loads((tmp_path / "toy_history.json").read_text())
    assert list(rows[0]) == ["epoch", "train_loss", "validation_loss", "learning_rate", "seconds"]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]


@pytest.mark.parametrize("own_generator", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {"scheduler": "none"},
        {"scheduler": "cosine", "gradient_clip": 0.5, "checkpoint_every": 1},
        {"scheduler": "plateau", "patience": 3, "mixed_precision": "bf16"},
    ],
)
def test_resumed_run_equals_an_uninterrupted_one(tmp_path, own_generator, options):
    whole = make_trainer(tmp_path / "whole", own_generator=own_generator, **options)
    whole.fit()
    with pytest.raises(KeyboardInterrupt):
        make_trainer(tmp_path / "cut", StoppingTrainer, own_generator=own_generator, **options).fit()
    torch.manual_seed(99)  # a new process would not have the state of the old one either
    np.random.seed(99)
    random.seed(99)
    resumed = make_trainer(tmp_path / "cut", own_generator=own_generator, **options)
    resumed.model.load_state_dict(make_model(seed=77).state_dict())
    assert len(resumed.fit(resume=True)) == 4
    assert_same_run(whole, resumed)
    assert [name[:35] for name in names(tmp_path / "cut", BEST)] == [whole.best_checkpoint.name[:35]]
    assert len(names(tmp_path / "cut", PERIODIC)) == len(names(tmp_path / "whole", PERIODIC))


def test_a_run_stopped_in_its_first_epoch_resumes_in_the_same_process(tmp_path):
    whole = make_trainer(tmp_path / "whole")
    whole.fit()

    class StopsInBatch(ToyTrainer):
        stop = True

        def compute_loss(self, batch):
            if self.stop and self._batch_index == 3:
                raise KeyboardInterrupt
            return super().compute_loss(batch)

    trainer = make_trainer(tmp_path / "cut", StopsInBatch)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit()
    trainer.stop = False
    trainer.fit(resume=True)
    assert_same_run(whole, trainer)


def test_resume_without_state_starts_afresh(tmp_path):
    one, other = make_trainer(tmp_path / "one"), make_trainer(tmp_path / "other")
    one.fit(), other.fit(resume=True)
    assert_same_run(one, other)


def test_more_epochs_continue_a_finished_run(tmp_path):
    whole = make_trainer(tmp_path / "whole", epochs=4)
    whole.fit()
    make_trainer(tmp_path / "cut", epochs=2).fit()
    longer = make_trainer(tmp_path / "cut", epochs=4)
    longer.fit(resume=True)
    assert_same_run(whole, longer)


def test_resume_under_other_options_is_refused(tmp_path):
    make_trainer(tmp_path, epochs=1).fit()
    with pytest.raises(TrainingError) as error:
        make_trainer(tmp_path, epochs=2, learning_rate=0.5, seed=4).fit(resume=True)
    assert "learning_rate was 0.05, is 0.5, seed was 3, is 4" in str(error.value)
    assert "\n" not in str(error.value)


def test_resume_with_another_model_is_one_line(tmp_path):
    make_trainer(tmp_path, epochs=1).fit()
    other = ToyTrainer(nn.Linear(3, 1), Options(epochs=2), tmp_path, make_loader())
    with pytest.raises(ArtifactError) as error:
        other.fit(resume=True)
    assert "do not fit Linear" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.slow
def test_a_killed_process_resumes_bit_identically(tmp_path):
    folder = tmp_path / "killed"
    code = f"import toy_training as t; t.train_slowly(__import__('pathlib').Path({str(folder)!r}))"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    try:
        while len(list(folder.glob("toy_weights.epoch_*"))) < 3:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = torch.load(folder / "toy_last.pt", weights_only=True)["standing"]["epoch"]
    options = {"epochs": done + 2, "checkpoint_every": 1}
    resumed, whole = make_trainer(folder, **options), make_trainer(tmp_path / "whole", **options)
    resumed.fit(resume=True), whole.fit()
    assert_same_run(whole, resumed)
    assert len(names(folder, BEST)) == 1
    assert len(names(folder, PERIODIC)) == done + 2
