from experiments.zoo_build.plan import MIXTURE, NOTHING, plan_models
from ptmrec.config.sections import ZooConfig


def test_plan_holds_what_real_hubs_hold():
    config = ZooConfig()
    plans = plan_models(config)
    assert len(plans) >= 200
    assert len({plan.name for plan in plans}) == len({plan.seed for plan in plans}) == len(plans)
    for family in config.families:
        own = [plan for plan in plans if plan.family == family]
        full = [plan for plan in own if plan.steps == config.steps]
        assert {plan.source_name for plan in full} == set(config.sources), "every source meets every family"
        assert sum(plan.source_name == MIXTURE for plan in own) == 2
        assert sum(plan.steps == config.early_steps for plan in own) == 2
        assert [plan.sources for plan in own if plan.source_name == NOTHING] == [()]
    counts = [
        sum(plan.sources == (source,) and plan.steps == config.steps for plan in plans) for source in config.sources
    ]
    assert min(counts) >= 9
