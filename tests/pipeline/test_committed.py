from ptmrec.config.parser import ConfigParser
from ptmrec.pipeline.committed import ProjectFiles


def test_committed_files_fit_together():
    files = ProjectFiles(ConfigParser())
    assert set(files.embedded) < set(files.cards)
    assert files.truth.models == tuple(files.cards)
    assert set(files.battery_sets) <= set(files.splits.known)
    assert set(files.estimators) == set(files.splits.all) == set(files.truth.datasets)
    assert len(files.real_files) == 2 * (len(files.cards) - len(files.embedded))
