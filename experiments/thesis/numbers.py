"""Every number that the thesis's text may give, from the results of a run."""

import numpy as np

from experiments.evaluation.statistics import mean_interval, paired_bootstrap
from experiments.figures.ablations import differences
from experiments.figures.growth import growth_facts, read_growth
from experiments.studies.calibration import HALF
from experiments.studies.comparison import OURS
from experiments.studies.crossed import BLIND_DATA, BLIND_FAMILIES, BLIND_SOURCES, DOUBLE_BLIND, KNOWN_DATA
from experiments.studies.hardware_choice import FILTER
from experiments.studies.latency import COUNTS, FEW_MEASURED, LIMIT_MS, NEW_DEVICE, OPERATIONS, OTHER_TIME
from experiments.studies.quadrants import ALL_DRAWS as FEATURES
from experiments.studies.quadrants import SHIPPED
from experiments.studies.tune import OURS as TUNED
from experiments.thesis.macros import Macros, camel, cell, number
from experiments.thesis.published import add_published
from experiments.thesis.results import Results
from experiments.thesis.scale import add_scale
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import (
    AutoEncoderConfig,
    EvaluationConfig,
    ExtractConfig,
    GroundTruthConfig,
    PathsConfig,
    RankerConfig,
    RelationConfig,
)
from ptmrec.evaluation.metrics import spearman
from ptmrec.hardware.devices import CALIBRATING
from ptmrec.plots.style import REGIME_LABELS

GROUPS = {
    KNOWN_DATA: "KnownData",
    BLIND_DATA: "BlindData",
    BLIND_FAMILIES: "BlindFamilies",
    DOUBLE_BLIND: "BothBlind",
    BLIND_SOURCES: "BlindSources",
}
"""Groups of targets by their part in the names of macros."""
SPLIT_GROUPS = {"known data, left out": "SplitKnownData", "blind data": "SplitBlindData"}
"""Groups of targets of the fixed split."""
SHOWN_PASSES = (0, 1, 3, 8)
HARD_BESIDE = ("LogME", "mean rank", FEATURES)
"""Methods whose hard targets are compared with ours."""
GROWTH = {
    "HubModelsFirst": "hub_models_2020_10",
    "HubModelsEarly": "hub_models_2022_09",
    "HubModelsLater": "hub_models_2024_06",
    "HubModelsNewest": "hub_models_2025_12",
    "HubDoublingEarly": "hub_doubling_months_2022_2024",
    "HubDoublingLater": "hub_doubling_months_2024_2025",
    "SampleTorrent": "sample_ptmtorrent",
    "SamplePeatmoss": "sample_peatmoss",
    "SamplePicker": "sample_ptmpicker",
    "KaggleUsers": "kaggle_users_2022_06",
    "KaggleYears": "kaggle_years_1m_to_10m",
}
"""Macros of the growth of hubs, by the name of the fact."""


def make_macros(config: ConfigParser, results: Results) -> Macros:
    """All numbers, by the name of their macro.

    Low data and our method are the rule: what is of another regime or method says so at the end of its name.

    Raises:
        ArtifactError: a result is missing or no number.
    """
    macros = Macros()
    for file, (groups, ours) in COMPARED.items():
        with results.content(file):
            _add_comparison(macros, results, file, groups, ours)
    for file, add in FILES.items():
        with results.content(file):
            add(macros, results)
    _add_settings(macros, config)
    _add_growth(macros, config)
    add_scale(macros, config)
    return macros


def _regime(regime: str) -> str:
    return "" if regime == "low_data" else camel(regime.replace("_", " "))


def _add_comparison(macros: Macros, results: Results, file: str, groups: dict[str, str], ours: str) -> None:
    for _, row in results.table(file.removesuffix(".csv")).iterrows():
        method = "" if row["method"] == ours else camel(row["method"])
        name = f"{groups[row['group']]}{method}{_regime(row['regime'])}"
        macros.row(f"Tau{name}", row, "tau_w", results.origin(file))
        macros.add(f"Regret{name}", number(row["regret1"], 1), results.origin(file))
        if method:
            macros.row(f"Gain{name}", row, "gain", results.origin(file), signed=True)
            macros.row(f"Saved{name}", row, "saved", results.origin(file), decimals=1, signed=True)
    targets = results.table(file.removesuffix(".csv")).groupby("group", sort=False)["targets"].max()
    for group, count in targets.items():
        macros.add(f"Targets{groups[group]}", number(count, 0), results.origin(file))


def _add_passes(macros: Macros, results: Results) -> None:
    frame, origin = results.table("passes"), results.origin("passes.csv")
    for (regime, method, count), part in frame[frame["k"].isin(SHOWN_PASSES)].groupby(["regime", "method", "k"]):
        found = mean_interval(part["regret1"].to_numpy())
        name = f"Lost{'' if method == OURS else camel(method)}{_regime(regime)}After{camel(count)}"
        macros.interval(name, (found.mean, found.low, found.high), origin, decimals=1)
    ours = frame[frame["method"] == OURS].pivot_table(index=["regime", "target"], columns="k", values="regret1")
    for regime, part in ours.groupby(level="regime"):
        for count in SHOWN_PASSES[1:]:
            found = paired_bootstrap(part[0].to_numpy(), part[count].to_numpy())
            macros.interval(f"Fewer{_regime(regime)}After{camel(count)}", found, origin, decimals=1)


def _add_tuning(macros: Macros, results: Results) -> None:
    """Points that fine-tuning within the shortest time gains over simpler choices, paired by data set."""
    frame, origin = results.table("tune_summary"), results.origin("tune_summary.csv")
    shortest = frame[frame["budget"] > 0]["budget"].min()
    for row in frame[frame["budget"].isin([0, shortest])].itertuples():
        name = "Tuned" if row.method == TUNED else f"Tuned{camel(row.method)}"
        macros.add(f"Accuracy{name}", number(row.accuracy), origin)
        if row.method != TUNED:
            macros.interval(f"Gain{name}", (row.gain, row.gain_low, row.gain_high), origin, 1, signed=True)
    macros.add("TunedDataSets", number(frame["data_sets"].max(), 0), origin)
    macros.add("TunedSeeds", number(frame["seeds"].max(), 0), origin)
    macros.add("TunedSeconds", number(shortest, 0), origin)


def _add_targets(macros: Macros, results: Results) -> None:
    """How alike methods find the same targets hard: rank correlations of their tau_w over blind data sets."""
    frame, origin = results.table("quadrants"), results.origin("quadrants.csv")
    frame = frame[frame["quadrant"] == BLIND_DATA]
    for regime in REGIME_LABELS:
        by_target = frame[frame["regime"] == regime].pivot_table(index="target", columns="method", values="tau_w")
        for method in HARD_BESIDE:
            value = spearman(by_target[SHIPPED].to_numpy(), by_target[method].to_numpy())
            macros.add(f"Hard{camel(method)}{_regime(regime)}", number(value), origin)


def _add_expected(macros: Macros, results: Results) -> None:
    """How far the expected accuracy lies from the measured one, on average: points too high, or too low below zero."""
    frame, origin = results.table("calibration"), results.origin("calibration.csv")
    first = frame[frame["k"] == 0]
    away = 100 * (first["expected"] - first["measured"])
    for (group, regime), values in away.groupby([first["group"], first["regime"]], sort=False):
        by_data_set = values.groupby(first["dataset"]).mean().to_numpy()
        macros.interval(f"Away{camel(group)}{_regime(regime)}", mean_interval(by_data_set), origin, 1, signed=True)


def _add_ablations(macros: Macros, results: Results) -> None:
    frame, origin = results.table("ablations"), results.origin("ablations.csv")
    for regime in REGIME_LABELS:
        for row in differences(frame, regime).itertuples():
            name = f"Change{camel(row.label)}{_regime(regime)}"
            macros.interval(name, (row.change, row.low, row.high), origin, signed=True)


def _add_coverage(macros: Macros, results: Results) -> None:
    frame, origin = results.table("coverage"), results.origin("coverage.csv")
    for (group, regime, level, k), part in frame.groupby(["group", "regime", "level", "k"], sort=False):
        found, after = mean_interval(100 * part["coverage"].to_numpy()), f"After{camel(k)}" if k else ""
        name = f"{camel(group)}{camel(round(100 * level))}{_regime(regime)}{after}"
        macros.interval(f"Coverage{name}", (found.mean, found.low, found.high), origin, decimals=0)
        macros.add(f"Width{name}", number(part["width"].mean()), origin)
        macros.add(f"WorstCoverage{name}", number(100 * part["coverage"].min(), 0), origin)
        missed = part["coverage"] < HALF
        counts = {"HalfMissed": missed, "Doubted": part["doubted"], "DoubtedMissed": part["doubted"] & missed}
        for what, chosen in counts.items():
            macros.add(f"{what}{name}", number(chosen.sum(), 0), origin)
    for name, level in zip(("LevelNarrow", "LevelWide"), sorted(set(frame["level"])), strict=True):
        macros.add(name, number(100 * level, 0), origin)


def _add_zoo(macros: Macros, results: Results) -> None:
    facts, origin = results.facts("zoo"), results.origin("zoo.json")
    fields = {
        **{"NumModels": "models", "NumFamilies": "families", "NumSources": "sources", "NumDataSets": "data_sets"},
        **{"NumBlindDataSets": "blind_data_sets", "NumCells": "cells", "NumCellsTwice": "cells_with_two_seeds"},
        **{"NumDraws": "draws_low_data", "SmallestModel": "parameters_min", "LargestModel": "parameters_max"},
    }
    counts = {name: facts.number(field) for name, field in fields.items()}
    counts["NumKnownDataSets"] = counts["NumDataSets"] - counts["NumBlindDataSets"]
    for name, value in counts.items():
        macros.add(name, number(value, 0), origin)
    for regime in REGIME_LABELS:
        ceilings = facts.part("ceiling_tau_w").part(regime).part("by_data_set")
        found = mean_interval(np.array([ceilings.number(name) for name in ceilings.fields]))
        macros.interval(f"Ceiling{_regime(regime)}", (found.mean, found.low, found.high), origin)
        for row in facts.part("variance_shares").rows(regime):
            macros.add(f"Share{camel(row.text('term'))}{_regime(regime)}", number(100 * row.number("share"), 0), origin)
        macros.add(f"Agreement{_regime(regime)}", number(facts.part("ranking_agreement").number(regime)), origin)


def _add_training(macros: Macros, results: Results) -> None:
    facts, origin = results.facts("training"), results.origin("training.json")
    macros.add("TauValidationLinear", number(facts.number("validation_tau_w_linear"), 3), origin)
    macros.add("TauValidationBest", number(facts.number("validation_tau_w_best"), 3), origin)
    macros.add("TauValidationLast", number(facts.number("validation_tau_w_last"), 3), origin)
    macros.add("RankerSeeds", number(facts.number("seeds"), 0), origin)


def _add_autoencoder(macros: Macros, results: Results) -> None:
    facts, origin = results.facts("autoencoder"), results.origin("autoencoder.json")
    macros.add("ReconstructionError", number(facts.number("validation_reconstruction")), origin)
    for kind in ("family", "source"):
        macros.add(f"NearestSame{camel(kind)}", number(100 * facts.number(f"nearest_same_{kind}"), 0), origin)


def _add_real_models(macros: Macros, results: Results) -> None:
    frame, origin = results.table("real_models"), results.origin("real_models.csv")
    if frame.empty:
        return
    by_data_set = 100 * frame.groupby("dataset")[["predicted", "measured"]].mean()
    for column in ("predicted", "measured"):
        found = mean_interval(by_data_set[column].to_numpy())
        macros.interval(f"RealModels{camel(column)}", (found.mean, found.low, found.high), origin, decimals=0)


def _add_hardware(macros: Macros, results: Results) -> None:
    """Points lost under a hardware limit, and how often it is broken, in per cent of the picks."""
    frame, origin = results.table("hardware_choice_summary"), results.origin("hardware_choice_summary.csv")
    for _, row in frame.iterrows():
        name = f"{'' if row['method'] == FILTER else camel(row['method'])}{_regime(row['regime'])}"
        lost = [100 * row[column] for column in ("regret", "regret_low", "regret_high")]
        macros.interval(f"LimitLost{name}", lost, origin, decimals=1)
        macros.add(f"LimitBroken{name}", number(100 * row["violations"], 0), origin)
        if row["method"] != FILTER:
            more = [100 * cell(row, column) for column in ("gain", "gain_low", "gain_high")]
            macros.interval(f"LimitMore{name}", more, origin, decimals=1, signed=True)
    macros.add("LimitTargets", number(frame.loc[frame["method"] == FILTER, "targets"].max(), 0), origin)


def _add_latency(macros: Macros, results: Results) -> None:
    """Errors of estimated latencies, in per cent, on the first calibrating processor."""
    frame, origin = results.table("latency_estimates"), results.origin("latency_estimates.csv")
    device, other = CALIBRATING
    own = frame[frame["device"] == device].set_index("inputs")
    names = {"Operations": OPERATIONS, "Counts": COUNTS, "OtherDevice": OTHER_TIME.format(device=other)}
    for name, inputs in names.items():
        macros.add(f"LatencyError{name}", number(100 * cell(own.loc[inputs], "median_error"), 0), origin)
        macros.add(f"LatencyWrong{name}", number(100 * cell(own.loc[inputs], "wrong_side"), 0), origin)
    for count in NEW_DEVICE:
        row = own.loc[FEW_MEASURED.format(device=other, count=count)]
        macros.add(f"LatencyErrorMeasured{camel(count)}", number(100 * cell(row, "median_error"), 0), origin)
    macros.add("LatencyLimit", number(LIMIT_MS, 0), "experiments/studies/latency.py")
    for finding, name, decimals in (("about 1 GMAC", "OneGmac", 1), ("rank correlation of two devices", "Phones", 2)):
        row = (own if finding == "about 1 GMAC" else frame).set_index("finding").loc[finding]
        macros.add(f"{name}Low", number(cell(row, "low"), decimals), origin)
        macros.add(f"{name}High", number(cell(row, "high"), decimals), origin)


COMPARED = {"quadrants_summary.csv": (GROUPS, SHIPPED), "summary.csv": (SPLIT_GROUPS, OURS)}
"""Summaries of comparisons, with the names of their groups and of our method."""
FILES = {
    **{"quadrants.csv": _add_targets, "passes.csv": _add_passes, "ablations.csv": _add_ablations},
    **{"coverage.csv": _add_coverage, "calibration.csv": _add_expected, "zoo.json": _add_zoo},
    **{"training.json": _add_training, "autoencoder.json": _add_autoencoder, "real_models.csv": _add_real_models},
    **{"hardware_choice_summary.csv": _add_hardware, "latency_estimates.csv": _add_latency},
    **{"published_summary.csv": add_published, "tune_summary.csv": _add_tuning},
}
"""What adds the numbers of each other file."""


def _add_settings(macros: Macros, config: ConfigParser) -> None:
    relations, evaluation = config.get(RelationConfig), config.get(EvaluationConfig)
    values = {
        "SetReferences": len(relations.references) + 1,  # the image encoder is one of them
        "SetRank": relations.rank,
        "SetProbes": relations.probes,
        "SetShots": relations.shots,
        "SetSeeds": config.get(GroundTruthConfig).seeds,
        "SetVector": config.get(ExtractConfig).vector_length,
        "SetCentres": config.get(ExtractConfig).centres,
        "SetCode": config.get(AutoEncoderConfig).code_dim,
        "SetResamples": evaluation.bootstrap_draws,
        "SetLevel": round(100 * evaluation.level),
    }
    for name, value in values.items():
        macros.add(name, number(value, 0), "configuration of the run")
    macros.add("SetLeastGain", number(config.get(RankerConfig).least_gain), "configuration of the run")


def _add_growth(macros: Macros, config: ConfigParser) -> None:
    path = config.get(PathsConfig).growth
    facts = growth_facts(read_growth(path))
    for name, key in GROWTH.items():
        macros.add(name, number(facts[key], 0 if isinstance(facts[key], int) else 1), f"constants/{path.name}")
