import pytest

from experiments.outputs import Origin, origin_path
from experiments.thesis.results import RESULTS, Results, check_agreement
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.core.files import read_json, write_json


def test_a_whole_run_is_read(config, run):
    results = Results(config.get(PathsConfig), ["passes", "quadrants"])
    assert set(results.table("summary")["group"]) == {"known data", "blind data"}
    assert results.facts("zoo")["families"] == 9
    assert results.alternatives() == {name: f"A page for {name}." for name in ("passes", "quadrants")}
    assert "notebook toy, run" in results.origin("summary.csv")


@pytest.mark.parametrize("name", RESULTS)
def test_a_missing_result_is_named(config, run, name):
    (run.results / name).unlink()
    with pytest.raises(ArtifactError, match=f"results/{name}.*make reproduce"):
        Results(config.get(PathsConfig))


def test_a_missing_figure_is_named(config, run):
    with pytest.raises(ArtifactError, match="figures/nowhere"):
        Results(config.get(PathsConfig), ["passes", "nowhere"])


@pytest.mark.parametrize("key", ["code_version", "config"])
def test_a_stale_result_is_named(config, run, key):
    path = origin_path(config.get(PathsConfig), "results/passes.csv")
    write_json(path, read_json(path) | {key: "0123"})
    with pytest.raises(ArtifactError, match=r"stale: results/passes\.csv \([^)]*0123") as found:
        Results(config.get(PathsConfig))
    assert "summary" not in str(found.value)


def test_results_that_agree_pass():
    assert check_agreement({"a": Origin("01", "x", "c", "d"), "b": Origin("02", "y", "c", "d")}) is None


def test_an_emptied_table_is_named(config, run):
    (run.results / "passes.csv").write_text("")
    with pytest.raises(ArtifactError, match=r"passes\.csv"):
        Results(config.get(PathsConfig)).table("passes")
