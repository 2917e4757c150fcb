from conftest import make_card

from experiments.zoo_build.pair_scores import BATTERY, PROBE
from experiments.zoo_build.variants import list_variants
from ptmrec.config.sections import RelationConfig

SETTINGS = RelationConfig(references=["v1", "r1", "r2"], draws=3)
CARDS = {"v1": make_card("v1", "vgg"), "r1": make_card("r1", "resnet"), "r2": make_card("r2", "resnet")}


def test_every_draw_with_the_whole_bank_and_without_each_family():
    found = {variant.name: variant for variant in list_variants(SETTINGS, CARDS)}
    for draw in range(3):
        assert found[f"draw {draw}"].bank == ("v1", "r1", "r2")
        assert found[f"draw {draw}"].draw == draw
        assert found[f"without resnet, draw {draw}"].bank == ("v1",)
        assert found[f"without vgg, draw {draw}"].bank == ("r1", "r2")


def test_ablations_change_one_thing_each():
    found = {variant.name: variant for variant in list_variants(SETTINGS, CARDS)}
    assert found["bank of 0, draw 1"].bank == ()
    assert found["bank of 2, draw 0"].bank == ("v1", "r1")
    assert found["probes by code, draw 1"].probes == (PROBE,)
    assert found["probes of the battery, draw 1"].probes == (BATTERY,)
    assert [found[f"{count} per class"].shots for count in (1, 2, 5)] == [1, 2, 5]
    assert found["unlabelled"].clusters == 10
    assert len(found) == len(list_variants(SETTINGS, CARDS))
