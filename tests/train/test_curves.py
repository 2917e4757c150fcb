"""The curves that a run leaves beside its history."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from toy_training import ToyTrainer, make_trainer

from ptmrec.config.sections import RankerConfig, TrainingOptions
from ptmrec.core.errors import TrainingError
from ptmrec.plots import style
from ptmrec.train import curves
from ptmrec.train.history import History


class Broken(ToyTrainer):
    """Its loss is no number from the third epoch on."""

    def compute_loss(self, batch):
        return super().compute_loss(batch) * (float("nan") if self._epoch == 3 else 1)


def drawn(folder):
    return sorted(path.name for path in folder.glob("*_curves.*"))


def test_a_run_leaves_its_curves_beside_its_history(tmp_path):
    history = make_trainer(tmp_path, plots=True, epochs=7).fit()
    assert drawn(tmp_path) == ["toy_curves.pdf", "toy_curves.png"]
    with Image.open(tmp_path / "toy_curves.png") as picture:
        assert "log scale" in picture.text["Description"] and len(np.unique(picture.convert("L"))) > 10
    figure = history.plot()
    assert [ax.get_title() for ax in figure.axes] == ["loss", "loss, log scale", "loss, mean of 3 epochs"]
    assert f"chosen: epoch {history.best_epoch}" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_they_are_drawn_unless_told_otherwise(tmp_path):
    assert TrainingOptions().plots
    make_trainer(tmp_path, plots=False, epochs=1).fit()
    assert not drawn(tmp_path)


def test_a_run_that_fails_shows_how_far_it_came(tmp_path):
    trainer = make_trainer(tmp_path, Broken, plots=True)
    with pytest.raises(TrainingError, match="nan"):
        trainer.fit()
    assert drawn(tmp_path) and len(trainer.history) == 2


def test_a_picture_that_cannot_be_drawn_fails_no_run(tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise OSError("no font\nat all")

    monkeypatch.setattr(style, "picture", fail)
    monkeypatch.setattr(curves, "EVERY", -1.0)
    assert len(make_trainer(tmp_path, plots=True, epochs=3).fit()) == 3
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "toy: no curves are drawn (no font at all)"
    ]
    assert not drawn(tmp_path)


def test_a_long_run_is_drawn_while_it_goes_on(tmp_path, monkeypatch):
    seen = []

    class Looking(ToyTrainer):
        def on_epoch_start(self, epoch):
            seen.append(bool(drawn(self.output_dir)))

    monkeypatch.setattr(curves, "EVERY", -1.0)
    make_trainer(tmp_path, Looking, plots=True, epochs=3).fit()
    assert seen == [False, True, True]


def test_a_notebook_follows_a_run(tmp_path, monkeypatch):
    shown = []

    class Display:
        def update(self, image):
            shown.append(image)

    def display(image, display_id):
        shown.append(image)
        return Display()

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(curves, "LIVE_SHARE", 1e9)
    make_trainer(tmp_path, plots=False, epochs=2).fit(live=True)
    assert len(shown) == 3 and all(image.data.startswith(b"\x89PNG") for image in shown)
    assert not drawn(tmp_path)


@pytest.mark.parametrize(("live", "drawn_at"), [(True, [0, 11, 22]), (False, [])])
def test_drawing_takes_a_tenth_of_the_time_and_nothing_where_nobody_looks(monkeypatch, live, drawn_at):
    clock, shown = [0.0], []
    followed = curves.Curves("toy", None, live)

    def show(_):
        shown.append(clock[0])
        clock[0] += 1.0

    monkeypatch.setattr(curves.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(followed, "_show", show)
    for second in range(30):
        clock[0] = max(clock[0], float(second))
        followed.follow(History())
    assert shown == drawn_at


def test_a_run_goes_on_whether_it_drew_or_not(tmp_path):
    make_trainer(tmp_path, plots=False, epochs=2).fit()
    assert len(make_trainer(tmp_path, plots=True, epochs=4).fit(resume=True)) == 4
    assert drawn(tmp_path)
    assert RankerConfig().computed() == replace(RankerConfig(), plots=False).computed()


def test_training_and_histories_do_without_matplotlib():
    words = "import sys, ptmrec.train.base_trainer, ptmrec.train.fine_tuner; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", words], check=False).returncode == 0


def test_a_history_without_epochs_has_empty_panels():
    assert [ax.get_title() for ax in History().plot().axes] == ["loss"]
