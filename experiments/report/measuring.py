"""What measured models are worth on published tables, as the pages say it."""

from pathlib import Path

from experiments.evaluation.published.measuring import JUDGED, OURS, POOLED
from experiments.report.records import Record, Table

INTERVALS, CHOICES = "records_intervals.csv", "records_choices.csv"
BAND = ("value", "low", "high")
GAIN = ("gain", "gain_low", "gain_high")


def measured_records(folder: Path) -> str:
    """Half widths and coverage after some measurements, table by table, and what complementary sets gain."""
    table = Table(folder / INTERVALS, ("table", "images", "metric", "method"), BAND, ("measured",))
    heads = ("table", "half width", "after 1", "after 3", "coverage after 1", "after 3", "after 1, of 200 images")
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for name in table.frame["table"].unique():

        def row(metric: str, count: int, images: float = float("inf"), name: str = name) -> Record:
            return table.row(table=name, images=images, measured=count, metric=metric, method=OURS)

        cells = [_band(row("half", count), 100, 1) for count in (0, 1, 3)]
        cells += [f"{row('coverage', count).number('value'):.2f}" for count in (1, 3)]
        lines.append(f"| {' | '.join([name, *cells, _band(row('half', 1, 200.0), 100, 1)])} |")
    keys = ("table", "limit", "measured", "method")
    choices = _rows(Table(folder / CHOICES, ("table", "limit", "method"), (*BAND, *GAIN), ("measured",)), keys)
    said = [
        f"{_band(row, 100, 2, GAIN).replace(' [', ' points [')} at k = {key[2]}"
        for key, row in choices.items()
        if key[0] == POOLED and key[1] == "none" and key[3] == JUDGED
    ]
    own = [row for key, row in choices.items() if key[0] != POOLED and key[3] == JUDGED]
    better, worse = (
        sum(sign * row.number(end) > 0 for row in own) for sign, end in ((1, "gain_low"), (-1, "gain_high"))
    )
    text = (
        "Half widths of 80 % intervals are in points of accuracy. Which models to measure: chosen as a complementary "
        "set where the other data sets say so, the best of k loses less than that of the head of the list by "
        f"{', '.join(said)} over all tables; of {len(own)} cases of a table, a limit and k it is surely better in "
        f"{better} and surely worse in {worse}."
    )
    return "\n".join([*lines, "", text])


def _rows(table: Table, keys: tuple[str, ...]) -> dict[tuple, Record]:
    found = table.frame.to_dict("records")
    return {tuple(row[key] for key in keys): Record(table.path, row) for row in found}


def _band(row: Record, size: float, decimals: int, fields: tuple[str, ...] = BAND) -> str:
    value, low, high = (f"{size * row.number(field):.{decimals}f}" for field in fields)
    return f"{value} [{low}, {high}]"
