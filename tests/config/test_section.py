from dataclasses import FrozenInstanceError, dataclass
from typing import ClassVar

import pytest

from ptmrec.config.section import SECTIONS, Section, setting


def test_a_section_registers_itself_and_copies_its_lists():
    @dataclass(frozen=True)
    class Toy(Section):
        section: ClassVar[str] = "toy_section"
        sizes: list[int] = setting([1, 2], "sizes", min=1)

    assert SECTIONS.pop("toy_section") is Toy
    first, second = Toy(), Toy()
    first.sizes.append(3)
    assert second.sizes == [1, 2]
    with pytest.raises(FrozenInstanceError):
        first.sizes = []


def test_a_base_without_a_name_is_no_section():
    before = dict(SECTIONS)

    @dataclass(frozen=True)
    class Base(Section):
        size: int = setting(1, "size")

    assert Base().size == 1
    assert before == SECTIONS


def test_what_a_field_allows_stands_in_its_metadata():
    field = setting(3, "steps", min=1, max=9, choices=[3, 4])
    assert field.metadata == {"help": "steps", "min": 1, "max": 9, "choices": (3, 4), "written": False}
