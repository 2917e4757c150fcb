"""Fine-tuning in parts: the batches, the schedule, and going on after a stop."""

import time

import numpy as np
import pytest
import torch

from ptmrec.train.fine_tuner import PARTS, make_fine_tuner
from ptmrec.train.recipe import Recipe, TrainBatches, augment
from ptmrec.zoo.architectures import build_model
from ptmrec.zoo.features import accuracy, normalise

RECIPE = Recipe(20, 8, 5e-3, 0.02)


def pictures(count=60, classes=3):
    generator, labels = np.random.default_rng(0), np.arange(count) % classes
    images = generator.integers(0, 80, (count, 32, 32, 3))
    images[np.arange(count), :, :, labels] += 120
    return images.astype(np.uint8), labels


def tuner(folder, steps=20):
    torch.manual_seed(0)
    return make_fine_tuner(build_model("resnet", "small", 5), *pictures(), RECIPE.lasting(steps), 3, folder)


def test_the_new_classifier_has_an_output_for_each_class(tmp_path):
    assert tuner(tmp_path).model.classifier.out_features == 3


def test_each_image_comes_once_before_any_comes_again_and_any_step_can_be_made_alone():
    images, labels = pictures()
    batches = TrainBatches(images, np.arange(len(images)), normalise, RECIPE, PARTS, 3)
    seen = torch.cat([batches.batch(step)[1] for step in range(15)]).reshape(2, -1)
    assert all(sorted(turn.tolist()) == list(range(60)) for turn in seen)
    assert not torch.equal(*seen)
    batches.set_epoch(4)
    for step, (pixels, chosen) in enumerate(batches, start=12):
        again = TrainBatches(images, np.arange(len(images)), normalise, RECIPE, PARTS, 3).batch(step)
        assert torch.equal(pixels, again[0]) and torch.equal(chosen, again[1])


def test_shifts_grow_with_the_images():
    small, large = (torch.arange(float(side)).expand(1, 3, side, side) for side in (32, 96))
    for image, most in ((small, 3), (large, 9)):
        firsts = {round(float(augment(image, torch.Generator().manual_seed(seed))[0, 0, 0, -1])) for seed in range(30)}
        assert len(firsts) > 3
        columns = image[0, 0, 0]
        moved = [augment(image, torch.Generator().manual_seed(seed))[0, 0, 0] for seed in range(30)]
        slopes = [(row[20] - row[10]) / 10 for row in moved]
        assert max(abs(row[15] / slope - columns[15]) for row, slope in zip(moved, slopes, strict=True)) < most + 4


def test_a_model_learns_and_its_rate_follows_one_cycle(tmp_path):
    run = tuner(tmp_path)
    run.fit()
    reference = torch.optim.lr_scheduler.OneCycleLR(torch.optim.AdamW([torch.zeros(1)]), 5e-3, total_steps=20)
    expected = []
    for step in range(20):
        if step % 4 == 0:
            expected.append(reference.get_last_lr()[0])
        reference.optimizer.step()
        reference.step()
    assert run.history.to_frame()["learning_rate"].iloc[1:].tolist() == pytest.approx(expected[1:])
    assert accuracy(run.model, *pictures()) > 0.9


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path):
    whole = tuner(tmp_path / "whole")
    whole.fit()
    stopped = tuner(tmp_path / "parts")
    stopped.deadline = time.perf_counter()  # over before it began
    stopped.fit()
    assert len(stopped.history) == 0

    class Stopped(Exception):
        pass

    def stop(epoch, own=stopped.on_epoch_start):
        if epoch == 3:
            raise Stopped
        own(epoch)

    stopped.deadline, stopped.on_epoch_start = None, stop
    with pytest.raises(Stopped):
        stopped.fit()
    later = tuner(tmp_path / "parts")
    later.fit(resume=True)
    for one, other in zip(whole.model.state_dict().values(), later.model.state_dict().values(), strict=True):
        assert torch.equal(one, other)
