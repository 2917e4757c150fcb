import numpy as np
import pytest
from scipy.stats import spearmanr

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.hardware.timings import architecture, read_timings

PATHS = ConfigParser().get(PathsConfig)
TABLE = (
    "model,infer_img_size,infer_samples_per_sec,infer_step_time,infer_gmacs,infer_macts,param_count,device\n"
    "resnet18-random,224,60,20.5,1.82,2.48,11.69,Toaster\n"
)


@pytest.fixture(scope="module")
def timings():
    return read_timings(PATHS.published, PATHS.devices)


def test_models_of_a_gigamac_take_from_five_to_thirty_milliseconds(timings):
    """The published finding that operations alone cannot answer."""
    own = timings["i9-10940X"]
    alike = own.ms[(own.counts[:, 0] >= 0.9) & (own.counts[:, 0] <= 1.1)]
    assert (alike.min(), alike.max()) == (pytest.approx(4.6, abs=0.05), pytest.approx(30.7, abs=0.05))


def test_weights_of_one_architecture_are_one_row(timings):
    assert len(timings["i9-10940X"]) == len(set(timings["i9-10940X"].models)) > 1000
    assert architecture("x", {"weights": "resnet50.a1_in1k", "input_size": 224}) == "resnet50@224"
    assert timings["i9-10940X"].counted.all()


def test_devices_of_ai_hub_rank_alike_but_not_all(timings):
    phones = [own for own in timings.values() if own.source.startswith("AI Hub")]
    assert len(phones) == 10
    taus = []
    for place, first in enumerate(phones):
        for second in phones[:place]:
            both = sorted(set(first.models) & set(second.models))
            taus.append(spearmanr([first.by_model[m] for m in both], [second.by_model[m] for m in both])[0])
    assert np.median(taus) > 0.9 > min(taus) > 0.5


def test_a_device_table_of_ones_own(tmp_path):
    (tmp_path / "toaster.csv").write_text(TABLE)
    own = read_timings(tmp_path / "nothing published", tmp_path)["Toaster"]
    assert own.by_model == {"resnet18@224": 20.5}
    assert own.counts == pytest.approx(np.array([[1.82, 2.48, 11.69e6]]))


@pytest.mark.parametrize("text", [TABLE.replace("20.5", "slow"), TABLE.replace("infer_macts", "acts"), "model\n"])
def test_a_damaged_device_table_is_named(tmp_path, text):
    (tmp_path / "toaster.csv").write_text(text)
    with pytest.raises(ArtifactError, match=r"toaster.csv: no device table .* ptmrec measure -o"):
        read_timings(tmp_path / "nothing published", tmp_path)
