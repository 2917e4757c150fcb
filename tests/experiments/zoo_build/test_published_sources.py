from experiments.zoo_build.published_sources import ABOUT
from experiments.zoo_build.published_tables import TABLES
from ptmrec.benchmark.published import PUBLISHED_REGIMES


def test_every_table_says_where_it_comes_from():
    assert set(ABOUT) == set(TABLES)
    for name, about in ABOUT.items():
        assert about.name == name
        assert about.title and about.origin and about.licence
        assert about.regime in PUBLISHED_REGIMES
        assert len(about.commit) >= 7
