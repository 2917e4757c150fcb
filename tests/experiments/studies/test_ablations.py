import numpy as np
import pytest

from experiments.studies.ablations import BANKS, FULL, IMAGES, KNOWN_COUNTS, PROBES, run_ablations
from experiments.studies.crossed import TARGET, CrossedEvaluation
from ptmrec.pipeline.project import open_project
from ptmrec.relations.pairs import RELATIONS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def crossed(tmp_path_factory):
    artifacts = str(tmp_path_factory.mktemp("artifacts"))
    crossed = CrossedEvaluation(
        open_project("smoke", overrides={"paths.artifacts": artifacts, "evaluation.every": "1"})
    )
    every = list(crossed.cases())
    crossed.cases = lambda quadrants: [c for c in every if c.quadrant in quadrants and c.dataset in ("dtd10", "gtsrb")]
    return crossed


@pytest.fixture(scope="module")
def frame(crossed):
    return run_ablations(crossed)


def test_every_part_is_changed_on_every_list(frame):
    found = set(map(tuple, frame[["what", "value"]].drop_duplicates().to_numpy()))
    parts = [("bank", BANKS), ("probes", PROBES), ("images", IMAGES), ("known data sets", map(str, KNOWN_COUNTS))]
    expected = {(what, value) for what, values in parts for value in values}
    expected |= {(what, name) for what in ("one relation", "relation left out") for name in RELATIONS}
    assert found == expected | {(FULL, ""), ("skills", "estimated")}
    assert len(frame) == 4 * len(found)
    assert frame["tau_w"].between(-1, 1).all() and frame["regret1"].ge(0).all()


def test_one_relation_alone_ranks_by_it(crossed, frame):
    case = next(c for c in crossed.cases(("known models, blind data",)) if c.draw == crossed.draws[0])
    pairs, true = crossed.pairs(case), crossed.judge(case)
    there = np.isfinite(true)
    size = np.array([card.num_params for card in crossed.cards.values()])[there]
    assert np.corrcoef(np.log(size), pairs.size[there])[0, 1] == pytest.approx(1)
    assert TARGET in pairs.scores.datasets
