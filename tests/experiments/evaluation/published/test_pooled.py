import numpy as np
import pytest

from experiments.evaluation.published.pooled import ONE_FOR_ALL, POOLED, Union, pooled_results
from experiments.evaluation.published.protocols import relate_targets
from ptmrec.config.sections import PathsConfig
from ptmrec.evaluation.published import ranker
from ptmrec.evaluation.published.benchmarks import OURS, load_benchmark
from ptmrec.evaluation.published.stack import Cells

FOLDER = PathsConfig().published
NAMES = ("modelspider10", "modelspider42")


@pytest.fixture(scope="module")
def known():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranker, "TREES", 10)
        benchmarks = [load_benchmark(FOLDER, name) for name in NAMES]
        return benchmarks, {benchmark.name: relate_targets(benchmark) for benchmark in benchmarks}


def test_each_target_has_a_row_of_both_rankers(known):
    frame = pooled_results(*known)
    assert set(frame["protocol"]) == {POOLED} and set(frame["source"]) == {"ours"}
    counts = frame[frame["metric"] == "tau_w"].groupby(["benchmark", "method"]).size()
    assert counts.to_dict() == {
        (name, method): count for name, count in zip(NAMES, (8, 7), strict=True) for method in (OURS, ONE_FOR_ALL)
    }


def test_the_same_data_set_elsewhere_has_no_part(known):
    benchmarks, related = known
    union = Union(benchmarks, related)
    aircraft = benchmarks[0].targets.index("Aircraft")
    place = benchmarks[1].targets.index("Aircraft")
    before = union.scores(benchmarks[0], aircraft)
    for pairs, _ in related[NAMES[1]]:
        near = pairs.rows == benchmarks[1].places[place].name
        pairs.wanted[near] = 1e6
    np.testing.assert_array_equal(union.scores(benchmarks[0], aircraft), before)


def test_masked_relations_and_other_tokens_are_zero(known):
    benchmarks, related = known
    union = Union(benchmarks, related)
    pairs, _ = related[NAMES[0]][0]
    points = union._points(benchmarks[0], pairs.names, pairs.values, np.ones(len(pairs.names)))
    shared, own, other = np.split(points, 3, axis=2)
    np.testing.assert_array_equal(shared, own)
    assert not other.any()
    lacking = [place for place, name in enumerate(union.names[:-1]) if name not in pairs.names]
    assert not shared[..., lacking].any()
    cells = Cells(points, pairs.wanted, pairs.rows, None)
    penalties = union._penalties(benchmarks[0], "parameters", 0.5)
    assert (penalties < 0.5).sum() == 3 + 2
    assert np.isfinite(cells.fit(penalties)).all()
