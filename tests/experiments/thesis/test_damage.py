"""Whatever is wrong with a result, the thesis says its file and field in one line, or does without it."""

import pytest
from damages import damage_json, damage_table

from experiments.thesis.numbers import make_macros
from experiments.thesis.results import COLUMNS, RESULTS, Results
from experiments.thesis.tables import write_tables
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import PtmrecError

FIELDS = ("no column", "text", "nothing", "no end", "a list")
"""Kinds of damage to one column that has to be there."""


@pytest.mark.slow
@pytest.mark.parametrize("name", RESULTS)
def test_damage_is_one_line_that_names_file_and_field(config, run, cards, tmp_path, name):
    path = config.get(PathsConfig).artifacts / "results" / name
    whole = path.read_bytes()
    columns = [column for kind in COLUMNS.get(path.stem, ()) for column in kind]
    damages = (
        damage_table(whole, columns[:: 1 + len(columns) // 5]) if path.suffix == ".csv" else damage_json(whole, 12)
    )
    refused = 0
    for kind, field, content in damages:
        path.unlink() if content is None else path.write_bytes(content)
        try:
            results = Results(config.get(PathsConfig))
            results.table(path.stem) if path.suffix == ".csv" else results.facts(path.stem)
            if not field or kind == "no column" or " row 1" in kind:
                make_macros(config, results)
            if kind == "two rows for one":
                write_tables(results, cards, tmp_path / "tables")
        except PtmrecError as error:
            refused += 1
            message = str(error)
            assert name in message and len(message.splitlines()) == 1, (kind, field, message)
            assert not kind.startswith(FIELDS) or field in message, (kind, field, message)
        path.write_bytes(whole)
    assert refused > 5
