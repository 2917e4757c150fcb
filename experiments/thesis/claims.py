r"""What the thesis claims by comparing: the words of each ``\claim{name}{...}``, and the check that bears them out.

Checks read the macros of the text: ``n.GainBlindDataMeanRank.positive`` is an interval above zero. Gains
are ours minus the other method, ``Saved`` is the other's loss minus ours, ``Fewer`` points lost before minus after.
"""

from collections.abc import Iterable

from experiments.thesis.comparisons import Claim, Number, Numbers
from ptmrec.relations.pairs import RELATIONS

FINE = "FineTuning"
PASSES = ("KNNFeatures", "LogME", "HScore", "LEEP", "NCE", "NLEEP", "TransRate", "PARC", "RidgeFeaturesFourDraws")
"""Rows that run every candidate on the images."""
DESIGN = None
"""The check of a sentence that says how something is built."""


def _each(numbers: Numbers, pattern: str, names: Iterable[str]) -> list[Number]:
    return [getattr(numbers, pattern.format(name)) for name in names]


def _other_relations(numbers: Numbers, pattern: str, regime: str = "") -> list[Number]:
    names = ("".join(word.capitalize() for word in name.split("_")) for name in RELATIONS if name != "skill_transport")
    return _each(numbers, f"Change{pattern}{{}}{regime}", names)


INTRODUCTION = {
    "hub-growth": Claim("growth slower", lambda n: 0 < n.HubDoublingEarly < n.HubDoublingLater),
    "abstract-static": Claim(
        "more than", lambda n: n.GainBlindDataMeanRank.positive and n.GainBlindDataMeanRankFineTuning.positive
    ),
    "abstract-logme": Claim(
        "no matches better worse",
        lambda n: (
            n.GainBlindDataLogME.undecided
            and n.GainBlindDataRidgeFeaturesFourDraws.negative
            and all(gain.positive for gain in _each(n, "GainBlindData{}FineTuning", PASSES))
        ),
    ),
    "abstract-verification": Claim(
        "lowers", lambda n: n.FewerAfterEight.positive and n.LostAfterEight < n.LostAfterZero
    ),
    "abstract-failed": Claim(
        "adds nothing helps nothing as good",
        lambda n: (
            n.TauValidationBest - n.TauValidationLinear < n.SetLeastGain
            and n.GainBlindDataCrossSelectEncoderOnly.undecided
            and n.GainBothBlindCrossSelectEncoderOnly.positive
            and not n.SavedBlindDataMeanRankFineTuning.positive
        ),
    ),
}
METHOD = {
    "weights-tell-family": Claim("more than", lambda n: n.NearestSameFamily > n.NearestSameSource),
    "correction-rule": Claim("gain least", DESIGN),
    "static-share": Claim("larger less", lambda n: n.ShareSameOnAllDataSetsFineTuning > n.ShareSameOnAllDataSets),
}
LISTS = {
    "ours-above-static": Claim(
        "better than best",
        lambda n: (
            n.GainBlindDataMeanRank.positive
            and n.GainBlindDataMeanRankFineTuning.positive
            and all(
                getattr(n, f"TauBlindDataMeanRank{regime}") >= getattr(n, f"TauBlindData{other}{regime}")
                for regime in ("", FINE)
                for other in ("ParameterCount", "SourceAccuracy")
            )
        ),
    ),
    "looking-without-passes": Claim(
        "no matches not better", lambda n: n.GainBlindDataLogME.undecided and n.GainBlindDataLogMEFineTuning.positive
    ),
    "logme-first-pick": Claim("better loses", lambda n: n.SavedBlindDataLogME.negative),
    "known-is-lookup": Claim("than", DESIGN),
    "known-encoder-only": Claim(
        "without better no difference",
        lambda n: (
            n.GainKnownDataCrossSelectEncoderOnlyFineTuning.negative and n.GainKnownDataCrossSelectEncoderOnly.undecided
        ),
    ),
    "blind-families-static": Claim(
        "worse",
        lambda n: all(
            getattr(n, f"GainBothBlind{method}{regime}").positive
            for method in ("ParameterCount", "SourceAccuracy")
            for regime in ("", FINE)
        ),
    ),
    "sources-blind": Claim(
        "no difference nor",
        lambda n: all(
            gain.undecided
            for gain in (
                *_each(n, "GainBlindSources{}", ("NLEEP", "HScore", "SourceAccuracy")),
                *_each(n, "GainBlindSources{}FineTuning", ("TransRate", "HScore")),
            )
        ),
    ),
    "hard-for-all": Claim("hard for", lambda n: min(n.HardLogME, n.HardLogMEFineTuning) > 0.5),
    "ridge-passes-better": Claim(
        "best better than",
        lambda n: (
            n.GainBlindDataRidgeFeaturesFourDraws.negative
            and n.TauBlindDataRidgeFeaturesFourDraws == max(_each(n, "TauBlindData{}", PASSES))
        ),
    ),
    "one-draw-ties": Claim(
        "no difference nor worse",
        lambda n: (
            all(gain.undecided for gain in _each(n, "GainBlindData{}", ("RidgeFeatures", "PARC", "KNNFeatures")))
            and all(
                gain.positive for gain in _each(n, "GainBlindData{}", ("HScore", "LEEP", "NCE", "NLEEP", "TransRate"))
            )
        ),
    ),
    "passes-fine-tuning": Claim(
        "falls behind highest above below",
        lambda n: (
            (taus := sorted(_each(n, "TauBlindData{}FineTuning", PASSES), reverse=True))
            and taus[0] == n.TauBlindDataHScoreFineTuning
            and taus[1] == n.TauBlindDataTransRateFineTuning
            and taus[1] > n.TauBlindDataLogMEFineTuning
            and taus[0] < n.TauBlindDataMeanRankFineTuning
        ),
    ),
}
VERIFICATION = {
    "verification-low-data": Claim(
        "lowers not gain lower",
        lambda n: n.FewerAfterOne.undecided and n.FewerAfterThree.positive and n.FewerAfterEight.positive,
    ),
    "verification-beside-static": Claim("more lose", lambda n: n.LostMeanRankAfterEight > n.LostAfterEight),
    "verification-fine-tuning": Claim(
        "nothing lower not gain as good loses not",
        lambda n: (
            n.FewerFineTuningAfterEight.undecided
            and n.SavedBlindDataMeanRankFineTuning.undecided
            and n.LostFineTuningAfterZero >= n.LostMeanRankFineTuningAfterZero
        ),
    ),
}
TUNING = {
    "tuning-single": Claim(
        "gains largest",
        lambda n: all(
            gain.positive
            for gain in (
                n.GainTunedFirstRecommendation,
                n.GainTunedMeanRank,
                n.GainTunedLargestModel,
                n.GainTunedLinearProbeOnTheFirstRecommendation,
            )
        ),
    ),
    "tuning-halving": Claim("without no difference", lambda n: n.GainTunedSuccessiveHalvingRandomCandidates.undecided),
}
PARTS = {
    "skill-carries": Claim(
        "most without no difference less than",
        lambda n: (
            n.ChangeOneRelationSkillTransport > max(_other_relations(n, "OneRelation"))
            and n.ChangeOneRelationSkillTransportFineTuning > max(_other_relations(n, "OneRelation", FINE))
            and n.ChangeOneRelationSkillTransportFineTuning.undecided
            and abs(n.ChangeOneRelationSkillTransport) < n.TauBlindData / 2
        ),
    ),
    "relations-stand-in": Claim(
        "more than not",
        lambda n: (
            n.ChangeRelationLeftOutSkillTransport < min(_other_relations(n, "RelationLeftOut"))
            and n.ChangeRelationLeftOutSkillTransport.undecided
        ),
    ),
    "transport-alone": Claim(
        "worse", lambda n: n.ChangeOneRelationTransport.negative and n.ChangeOneRelationTransportFineTuning.negative
    ),
    "images-and-data-sets": Claim(
        "worse without", lambda n: n.ChangeImagesOnePerClass.negative and n.ChangeImagesUnlabelled.negative
    ),
    "unmeasured-cost": Claim(
        "never worse", lambda n: n.ChangeSkillsEstimated.negative and n.ChangeSkillsEstimatedFineTuning.negative
    ),
    "more-known-sets": Claim(
        "more help",
        lambda n: (
            n.ChangeKnownDataSetsFour < n.ChangeKnownDataSetsEight < n.ChangeKnownDataSetsFourteen
            and n.ChangeKnownDataSetsFourteen.negative
        ),
    ),
    "what-failed": Claim(
        "add nothing gains earn",
        lambda n: (
            n.GainBlindDataCrossSelectEncoderOnly.undecided
            and n.GainBlindDataCrossSelectEncoderOnlyFineTuning.undecided
            and n.GainBothBlindCrossSelectEncoderOnly.positive
        ),
    ),
    "identities": Claim(
        "worse than worse than",
        lambda n: all(
            getattr(n, f"GainBlindDataLearnedTokensSelfAttention{regime}").positive
            and getattr(n, f"TauBlindDataLearnedTokensSelfAttention{regime}")
            < getattr(n, f"TauBlindDataMeanRank{regime}")
            for regime in ("", FINE)
        ),
    ),
    "attention-adds-nothing": Claim(
        "best less than gain",
        lambda n: (
            n.TauValidationBest - n.TauValidationLinear < n.SetLeastGain and n.TauValidationBest >= n.TauValidationLast
        ),
    ),
}
TRUST = {
    "coverage-worst": Claim(
        "worst fewer than",
        lambda n: (
            n.WorstCoverageLeftOutDataEighty < n.CoverageLeftOutDataEighty / 2
            and n.WorstCoverageLeftOutDataEightyFineTuning < n.CoverageLeftOutDataEightyFineTuning / 2
            and min(n.HalfMissedLeftOutDataEighty, n.HalfMissedLeftOutDataEightyFineTuning) >= 1
        ),
    ),
    "doubt-misses": Claim(
        "not not fewer than",
        lambda n: (
            n.DoubtedMissedLeftOutDataEighty + n.DoubtedMissedLeftOutDataEightyFineTuning
            < (n.HalfMissedLeftOutDataEighty + n.HalfMissedLeftOutDataEightyFineTuning) / 2
        ),
    ),
    "expected-low": Claim("too low", lambda n: n.AwayBlindData.negative and n.AwayBlindDataFineTuning.negative),
    "one-measured-narrows": Claim(
        "narrower lower",
        lambda n: (
            n.WidthLeftOutDataEightyAfterOne < n.WidthLeftOutDataEighty
            and n.CoverageLeftOutDataEightyAfterOne < n.CoverageLeftOutDataEighty
        ),
    ),
    "real-models": Claim("larger than never below too much", lambda n: n.RealModelsPredicted > n.RealModelsMeasured),
    "threat-real": Claim("too well", lambda n: n.RealModelsPredicted > n.RealModelsMeasured),
}
HARDWARE = {
    "latency-inputs": Claim(
        "more closer", lambda n: n.LatencyErrorOperations > n.LatencyErrorCounts > n.LatencyErrorOtherDevice
    ),
    "latency-measured": Claim(
        "falls",
        lambda n: (
            n.LatencyErrorMeasuredFive
            > n.LatencyErrorMeasuredTen
            > n.LatencyErrorMeasuredTwenty
            >= n.LatencyErrorMeasuredFifty
        ),
    ),
    "phones": Claim("worst", lambda n: n.PhonesLow < n.PhonesHigh),
    "filter-against-largest": Claim(
        "loses best largest loses more",
        lambda n: n.LimitMoreLargestThatFits.positive and n.LimitMoreLargestThatFitsFineTuning.positive,
    ),
    "filter-against-lists": Claim(
        "no difference loses no difference more",
        lambda n: (
            n.LimitMoreFilterMeanRank.undecided
            and n.LimitMoreFilterMeanRankFineTuning.undecided
            and n.LimitMoreFilterLogME.undecided
            and n.LimitMoreFilterLogMEFineTuning.positive
        ),
    ),
    "shadow-fusion": Claim(
        "lose more than",
        lambda n: (
            n.LimitMoreShadowWithinTheLimit.positive
            and n.LimitMoreFusionWithinTheLimit.positive
            and n.LimitBrokenShadow > 0
            and n.LimitBrokenFusion > 0
        ),
    ),
    "slopes": Claim("rises faster", lambda n: 0 < n.SlopeOurs < n.SlopePasses),
}
PUBLISHED = {
    "cards-random-folds": Claim(
        "no better than best",
        lambda n: (
            n.PublishedTransferGraphBlindModelsRandomFoldsTauWDefaultGain.positive
            and n.PublishedTransferGraphBothBlindRandomFoldsTauWDefaultGain.positive
        ),
    ),
    "cards-families": Claim(
        "none add nothing rise",
        lambda n: (
            n.PublishedTransferGraphBlindModelsFamiliesTauWDefaultGain.undecided
            and n.PublishedTransferGraphBlindModelsFamiliesTauWDefaultCeiling
            > n.PublishedTransferGraphBlindModelsFamiliesTauWDefault.high
        ),
    ),
    "records-gain": Claim(
        "gain best none",
        lambda n: (
            n.PublishedTransferGraphBlindDataTauWDefaultGain.positive and n.PublishedOpenCLIPBlindDataTauWGain.undecided
        ),
    ),
    "records-worse": Claim(
        "worse than best",
        lambda n: (
            n.PublishedModelSpiderNetworksBlindDataTauWGain.negative and n.PublishedLOVMBlindDataRFiveGain.negative
        ),
    ),
    "lovm-accuracy": Claim(
        "lower than best fall",
        lambda n: (
            n.PublishedLOVMAccuracyPredictionMaeGain.negative
            and n.PublishedLOVMAccuracyPredictionMaeCeiling < n.PublishedLOVMAccuracyPredictionMae
        ),
    ),
    "pooled-lovm": Claim(
        "raises below best",
        lambda n: (
            n.PublishedLOVMBlindDataRFive < n.PublishedLOVMBlindDataRFivePooled < n.PublishedLOVMBlindDataRFiveRule
        ),
    ),
}
CONCLUSION = {
    "conclusion-worth": Claim(
        "gain no difference", lambda n: n.GainBlindDataMeanRank.positive and n.GainBlindDataLogME.undecided
    ),
    "conclusion-simplest": Claim(
        "hard to beat gain no worse",
        lambda n: (
            n.GainBlindDataMeanRankFineTuning.positive
            and n.GainBlindDataMeanRankFineTuning < n.GainBlindDataMeanRank
            and not n.SavedBlindDataMeanRankFineTuning.positive
        ),
    ),
    "conclusion-passes": Claim("lower", lambda n: n.FewerAfterThree.positive),
    "conclusion-failed": Claim(
        "helps adds nothing adds nothing",
        lambda n: (
            n.NearestSameFamily > n.NearestSameSource
            and n.TauValidationBest - n.TauValidationLinear < n.SetLeastGain
            and n.GainBlindDataCrossSelectEncoderOnly.undecided
        ),
    ),
    "conclusion-unlike": Claim(
        "too much fail",
        lambda n: n.RealModelsPredicted > n.RealModelsMeasured and n.HalfMissedLeftOutDataEighty >= 1,
    ),
}
CLAIMS = INTRODUCTION | METHOD | LISTS | VERIFICATION | TUNING | PARTS | TRUST | HARDWARE | PUBLISHED | CONCLUSION
"""Every claim of the thesis by name."""
