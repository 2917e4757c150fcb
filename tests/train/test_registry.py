import pytest

from ptmrec.errors import TrainingError
from ptmrec.train import registry
from ptmrec.train.base_trainer import BaseTrainer
from ptmrec.train.registry import get_trainer, register_trainer, trainer_names


@pytest.fixture(autouse=True)
def empty_registry(monkeypatch):
    monkeypatch.setattr(registry, "_TRAINERS", {})


def test_names_do_not_depend_on_case():
    @register_trainer("Ranking")
    class RankingTrainer(BaseTrainer):
        pass

    assert get_trainer("ranking") is get_trainer("RANKING") is RankingTrainer
    assert RankingTrainer.name == "Ranking"
    assert trainer_names() == ["ranking"]


def test_a_name_of_its_own_is_kept():
    @register_trainer("alias")
    class NamedTrainer(BaseTrainer):
        name = "own"

    assert get_trainer("alias").name == "own"


def test_unknown_name_lists_the_known_ones():
    for name in ("second", "first"):
        register_trainer(name)(type(name, (BaseTrainer,), {}))
    with pytest.raises(TrainingError) as error:
        get_trainer("third")
    assert str(error.value) == "trainer 'third' is unknown; registered: first, second"


def test_a_name_is_not_taken_over_by_another_class_but_by_a_new_definition():
    def define():
        @register_trainer("one")
        class One(BaseTrainer):
            pass

        return One

    define()
    again = define()
    assert get_trainer("one") is again
    with pytest.raises(ValueError, match="taken"):
        register_trainer("ONE")(type("Other", (BaseTrainer,), {}))
