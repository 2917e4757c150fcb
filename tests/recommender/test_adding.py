import numpy as np
import pytest
from cli_calls import call
from sklearn.datasets import load_digits
from toy_hub import write_hub_model, write_remote_code

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.recommender.adding import Adder
from ptmrec.recommender.ranking import recommend
from ptmrec.recommender.registered import REGISTERED


@pytest.fixture
def config(tmp_path):
    return ConfigParser(overrides={"paths.artifacts": str(tmp_path / "artifacts")})


def test_a_source_that_cannot_be_opened_leaves_nothing(config):
    with pytest.raises(ArtifactError, match="did you mean"):
        Adder(config).add("timm:test_vitt")
    assert not (config.get(PathsConfig).artifacts / REGISTERED).exists()


def test_a_model_that_cannot_be_built_is_kept_by_its_card(config, tmp_path):
    line = Adder(config).add(str(write_remote_code(tmp_path / "strange")))
    assert line.startswith("strange is ranked by its card only: its architecture is code")


@pytest.mark.slow
def test_a_folder_with_a_broken_model_and_what_recommend_makes_of_the_others(config, tmp_path):
    """The whole way: lite0 with its own weights, a saved timm model, a broken one, one without code."""
    write_hub_model(tmp_path / "models" / "mine", "test_vit")
    write_remote_code(tmp_path / "models" / "remote")
    (tmp_path / "models" / "old").mkdir()
    (tmp_path / "models" / "old" / "pytorch_model.bin").write_bytes(b"never read")
    place = ["--set", f"paths.artifacts={tmp_path / 'artifacts'}", "--set", "relations.probes=100"]  # 1,200 take long
    done = call("zoo", "add", tmp_path / "models", *place)
    assert done.exit_code == 1
    assert "mine added in" in done.stdout and "remote is ranked by its card only" in done.stdout
    assert "pickles only (pytorch_model.bin)" in done.stderr and "1 of 3 models" in done.stderr
    done = call("zoo", "add", "timm:tf_efficientnet_lite0", *place)
    assert done.exit_code == 0 and "efficientnet-lite0 added in" in done.stdout
    names = call("zoo", "ls", "--format", "ids", *place).stdout.split()
    assert names[-3:] == ["efficientnet-lite0", "mine", "remote"]
    assert '"licence": "apache-2.0"' in call("zoo", "show", "mine", *place).stdout
    digits = load_digits()
    images = np.repeat((digits.images[:100] * 255 / 16).astype(np.uint8)[..., None], 3, axis=3)
    answer = recommend(images, digits.target[:100], config=config, regime="low_data")
    frame, ranked = answer.frame, answer.frame["model"].tolist()
    assert ranked.count("mine") == ranked.count("efficientnet-lite0") == ranked.count("remote") == 1
    assert "Ranked by their cards only, as the nearest known model: remote (as " in answer.notes[0]
    assert answer.trusted
    with pytest.raises(ArtifactError, match="code in its repository"):
        answer.load("remote")
    assert np.isfinite(frame["expected_accuracy"]).all()
