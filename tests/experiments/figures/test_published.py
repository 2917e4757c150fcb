import pandas as pd

from experiments.figures.published import plot_against_goals, plot_caps


def test_each_goal_has_a_line_with_its_four_marks():
    place = {"benchmark": "openclip", "protocol": "blind data"}
    row = {"value": 0.7, "low": 0.6, "high": 0.75, "rule_value": 0.65, "ceiling": float("nan"), "goal": 0.8}
    table = pd.DataFrame([{**place, "metric": metric, **row} for metric in ("tau_w", "r5", "mae")])
    (ax,) = plot_against_goals(table).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "openclip, blind data, tau_w",
        "openclip, blind data, r5",
    ]
    assert len(ax.get_legend_handles_labels()[1]) == 4


def test_caps_are_lines_of_methods():
    rows = [
        {
            "benchmark": "openclip",
            "protocol": "blind data",
            "metric": f"regret1_flops{share}",
            "method": method,
            "value": share / 10,
            "low": 0,
            "high": 0.2,
        }
        for share in (0.2, 0.6, 1.0)
        for method in ("ours", "parameters", "best other data set (hindsight)")
    ]
    (ax,) = plot_caps(pd.DataFrame(rows), "openclip", "blind data").axes
    assert ax.get_legend_handles_labels()[1] == ["ours", "parameters"]
    assert ax.get_xlabel().startswith("share")
