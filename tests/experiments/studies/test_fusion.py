import numpy as np
import pytest
import torch

from experiments.evaluation.compare import Target
from experiments.studies.fusion import LIMITS, Fusion, known_costs
from experiments.studies.hardware_lists import COST_VIEW
from ptmrec.benchmark.splits import KNOWN
from ptmrec.config.parser import ConfigParser
from ptmrec.model.ranking_transformer import RankingCrossAttentionTransformer
from ptmrec.pipeline.committed import ProjectFiles

TARGET = Target("", "toy", "low_data", np.ones((2, 3, 16), np.float32))


def test_a_fused_ranker_reads_the_limit():
    """Its answer changes with the hardware token, and with nothing else."""

    class Lists:
        class model_embeddings:
            vectors = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)

        def token(self, kind, value):
            return np.sign(np.sin(np.arange(16.0) * value + kind))

    torch.manual_seed(0)
    ranker = RankingCrossAttentionTransformer({"card": 2, COST_VIEW: 1}, 16, 8, 1, 2).eval()
    relations = {("low_data", "toy"): np.zeros((4, 0), np.float32)}
    fusion = Fusion(ranker, Lists(), relations, ("max_latency", "max_memory"))
    tight, wide = fusion.scores(TARGET, "max_latency", 1.0), fusion.scores(TARGET, "max_latency", 7.0)
    assert tight.shape == (4,) and not np.allclose(tight, wide)
    assert np.allclose(tight, fusion.scores(TARGET, "max_latency", 1.0))


@pytest.mark.slow
def test_costs_are_of_the_known_models():
    files = ProjectFiles(ConfigParser(profile="smoke"))
    costs = known_costs(files)
    assert list(costs) == list(LIMITS)
    assert all(cost.shape == (len(files.models(*KNOWN)),) and (cost > 0).all() for cost in costs.values())
