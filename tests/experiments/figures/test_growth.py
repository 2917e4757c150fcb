from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest
from conftest import assert_readable
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from experiments.figures.cost_growth import fit_slopes, plot_cost_growth
from experiments.figures.growth import growth_facts, plot_growth, read_growth
from ptmrec.core.errors import ArtifactError
from ptmrec.plots.style import TEXT_WIDTH

COMMITTED = Path(__file__).resolve().parents[3] / "constants" / "growth.csv"

HEADER = "platform,date,metric,value,source\n"

TINY = (
    HEADER
    + """huggingface,2020-10,models_exact,10,Wolf et al.: paper
huggingface,2022-09-01,models_exact,100,HFCommunity: page
huggingface,2024-06,models_exact,400,HFCommunity: page
huggingface,2024-06,datasets_exact,50,HFCommunity: page
huggingface,2024-09-25,models_milestone_1M,1000,community article: one
huggingface,2025-12-31,models_exact,2000,community article: one
huggingface,2024-09-12,models_over,900,hub-docs: commit
5 hubs,2023-01,packages_in_study,7,PTMTorrent: abstract
huggingface,2023,packages_in_study,8,PeaTMOSS: README
huggingface,2025-08,packages_in_study,9,PTMPicker: preprint
huggingface,2025-08,packages_in_study,11,Somebody: preprint
kaggle,2019-12-31,users_registered,3,Meta Kaggle: users
kaggle,2022-06-22,users_registered,11,Meta Kaggle: users
kaggle,2023-05,users_registered,13,second-hand: blog
kaggle,2017-06-10,users_milestone_1M,1,Meta Kaggle: users
kaggle,2018-08-29,users_milestone_2M,2,Meta Kaggle: users
kaggle,2022-06-10,users_milestone_10M,10,Meta Kaggle: users
"""
)


def write(folder: Path, text: str) -> Path:
    path = folder / "growth.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def tiny(tmp_path):
    return read_growth(write(tmp_path, TINY))


@pytest.fixture(scope="module")
def committed():
    return read_growth(COMMITTED)


def lines_of(ax):
    return {line.get_label().replace("\n", " "): line for line in ax.lines}


def test_dates_without_a_day_stand_in_the_middle(tiny):
    days = tiny.set_index("source")["date"].dt.strftime("%Y-%m-%d")
    assert days["Wolf et al.: paper"] == "2020-10-15"
    assert days["PeaTMOSS: README"] == "2023-07-01"
    assert days["hub-docs: commit"] == "2024-09-12"
    assert tiny["value"].dtype == "int64"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("platform,date,metric,value\n", "column 'source' is missing"),
        (HEADER + "kaggle,2019,m,5,a\nkaggle,2019,m,about 5,a\n", "line 3: value 'about 5' is not a whole number"),
        (HEADER + "kaggle,2019,m,,a\n", "line 2: value '' is not a whole number"),
        (HEADER + "kaggle,2019-13,m,5,a\n", "line 2: date '2019-13' is not YYYY, YYYY-MM or YYYY-MM-DD"),
        (HEADER + "kaggle,May 2019,m,5,a\n", "line 2: date 'May 2019' is not"),
        ("", "no table of counts there"),
    ],
)
def test_a_damaged_table_is_refused_in_one_line(tmp_path, text, said):
    path = write(tmp_path, text)
    with pytest.raises(ArtifactError) as caught:
        read_growth(path)
    assert str(caught.value).startswith(f"{path}: ") and said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_table_is_one_line_too(tmp_path):
    with pytest.raises(ArtifactError, match="no table of counts there"):
        read_growth(tmp_path / "nothing.csv")


def test_facts_of_a_tiny_table_by_hand(tiny):
    facts = growth_facts(tiny)
    month = 365.25 / 12
    assert facts == {
        "hub_models_2020_10": 10,
        "hub_models_2022_09": 100,
        "hub_models_2024_06": 400,
        "hub_models_2025_12": 2000,
        "hub_datasets_2024_06": 50,
        "hub_doubling_months_2022_2024": pytest.approx(653 / month / 2),  # twice doubled in 653 days
        "hub_doubling_months_2024_2025": pytest.approx(462 / month),  # once doubled in 462 days
        "sample_ptmtorrent": 7,
        "sample_peatmoss": 8,
        "sample_ptmpicker": 9,
        "kaggle_users_2019_12": 3,
        "kaggle_users_2022_06": 11,
        "kaggle_years_1m_to_10m": pytest.approx(5, abs=0.001),
    }


@pytest.mark.parametrize(
    ("gone", "said"),
    [("milestone_10M", "kaggle users_milestone_10M"), ("2022-09-01", "models_exact 2022-09-01"), ("PeaTM", "PeaTMOSS")],
)
def test_a_missing_count_is_named(tmp_path, gone, said):
    text = "".join(line for line in TINY.splitlines(keepends=True) if gone not in line)
    with pytest.raises(ArtifactError, match=f"table of counts: 0 .*{said}"):
        growth_facts(read_growth(write(tmp_path, text)))


def test_facts_of_the_committed_table(committed):
    facts = growth_facts(committed)
    assert [facts[f"hub_models_{day}"] for day in ("2020_10", "2022_09", "2024_06", "2025_12")] == [
        *(2_097, 60_091, 681_682, 2_264_880)
    ]
    assert round(facts["hub_doubling_months_2022_2024"], 1) == 6.1
    assert round(facts["hub_doubling_months_2024_2025"], 1) == 12.9
    assert [facts[f"sample_{name}"] for name in ("ptmtorrent", "peatmoss", "ptmpicker")] == [15_913, 281_638, 543_949]
    assert (facts["kaggle_users_2019_12"], facts["kaggle_users_2022_06"]) == (3_910_121, 10_028_775)
    assert round(facts["kaggle_years_1m_to_10m"], 1) == 5.0


def test_committed_table_says_who_counted_and_counts_no_models_of_kaggle(committed):
    assert committed["source"].str.fullmatch("[^:]+: .+").all()
    kaggle = committed[committed["platform"] == "kaggle"]
    assert len(kaggle) and kaggle["metric"].str.startswith("users_").all()
    assert not (committed["date"] == "2026-08-22").any(), "a counter that nearly stood still for eight days"
    assert not committed.duplicated(["platform", "date", "metric", "source"]).any()


def test_each_kind_of_count_has_its_own_mark(tiny):
    left, right = plot_growth(tiny).axes
    assert left.get_yscale() == right.get_yscale() == "log"
    values = {label: list(line.get_ydata()) for label, line in lines_of(left).items()}
    assert values == {
        "exact count, HFCommunity": [100, 400],
        "exact count, other": [10],
        "announced: over N": [900],
        "community article": [2000],
        "milestone": [1000],
        "sample of a study, not the hub's size": [7, 8, 9, 11],
    }
    values = {label: list(line.get_ydata()) for label, line in lines_of(right).items()}
    assert values == {"exact, end of quarter": [3, 11], "milestone": [1, 10], "second-hand count": [13]}
    joined = [label for label, line in lines_of(left).items() if line.get_linestyle() == "-"]
    assert joined == ["exact count, HFCommunity"], "a line joins only what was counted in one way"
    names = {text.get_text() for text in left.texts}
    assert names == {"PTMTorrent", "PeaTMOSS", "PTMPicker", "Somebody"}
    assert {text.get_text() for text in right.texts} == {"1 million\nJune 2017", "10 million\nJune 2022"}


def shown_texts(figure):
    """Words and boxes of all that is written; ticks beyond the ends of an axis are not."""
    FigureCanvasAgg(figure).draw()
    texts = []
    for ax in figure.axes:
        texts += [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts, *ax.get_legend().get_texts()]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = axis.get_view_interval()
            texts += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [(text.get_text(), Text.get_window_extent(text)) for text in texts if text.get_text()]  # no leader lines


def test_committed_table_is_drawn_readably(committed):
    figure = plot_growth(committed)
    assert figure.get_figwidth() == TEXT_WIDTH
    assert_readable(figure)
    boxes = shown_texts(figure)
    assert len(boxes) > 30
    for (one, box), (other, second) in combinations(boxes, 2):
        assert not box.overlaps(second), (one, other)
    for ax in figure.axes:
        frame = ax.get_legend().get_window_extent()
        assert frame.y1 < ax.get_window_extent().y0, "the legend stands below the data"
        points = [point for line in ax.lines for point in ax.transData.transform(line.get_xydata())]
        for text in ax.texts:
            box = Text.get_window_extent(text)
            assert not [point for point in points if box.contains(*point)], text.get_text()


@pytest.fixture
def points():
    rows = [("models", "ours", n, 2.0) for n in (10, 100)] + [("models", "passes", n, 3.0 * n) for n in (10, 100, 1000)]
    rows += [("data sets", "fitting", n, 0.1 * n**2) for n in (2, 4, 8)]
    return pd.DataFrame(rows, columns=["over", "what", "count", "seconds"])


def test_slopes_are_exponents(points):
    slopes = fit_slopes(points)
    assert slopes["models", "ours"] == pytest.approx(0, abs=1e-9)
    assert slopes["models", "passes"] == pytest.approx(1)
    assert slopes["data sets", "fitting"] == pytest.approx(2)


def test_both_panels_are_log_log_and_name_their_slopes(points):
    left, right = plot_cost_growth(points).axes
    for ax in (left, right):
        assert ax.get_xscale() == ax.get_yscale() == "log"
    assert [text.get_text() for text in left.get_legend().get_texts()] == ["ours (slope 0.00)", "passes (slope 1.00)"]
    assert left.lines[1].get_ydata().tolist() == [30, 300, 3000]
    assert right.get_xlabel() == "number of data sets"
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["2", "4", "8"]
    assert len({line.get_color() for line in left.lines}) == len(left.lines)
