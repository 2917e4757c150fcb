import dataclasses
import json
import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from ptmrec.config.parser import ConfigParser
from ptmrec.config.section import SECTIONS, Section, setting
from ptmrec.config.sections import PRECISIONS, REGIMES, SCHEDULERS, PathsConfig, RankerConfig, TrainingOptions
from ptmrec.core.errors import ConfigError

pytestmark = pytest.mark.usefixtures("user_environment")


@dataclass(frozen=True)
class Toy(Section):
    section: ClassVar[str] = "toy"
    flag: bool = setting(False, "a flag")
    steps: int = setting(3, "steps", min=1, max=10)
    rate: float = setting(0.5, "rate", min=0.0)
    kind: str = setting("a", "kind", choices=["a", "b"])
    sizes: list[int] = setting([1, 2], "sizes", min=1)
    names: dict[str, int] = setting({"x": 1}, "names")
    place: Path = setting(Path("here"), "a path")
    maybe: float | None = setting(None, "perhaps")
    places: list[Path] = setting([], "paths")


SECTIONS.pop("toy")

TOY = {"toy": Toy}

ROOT = Path(__file__).resolve().parents[2]


def parse(tmp_path, text="", **kwargs):
    path = tmp_path / "some.ini"
    path.write_text(text)
    return ConfigParser(path, sections=TOY, **kwargs).get(Toy)


def test_values_get_python_types(tmp_path):
    text = (
        "[toy]\nflag = yes\nsteps = 7\nrate = 1e-3\nkind = b\nsizes = 4, 5\n 6\nnames = a: 1, b: 2\n"
        "place = sub/x\nmaybe = 2"
    )
    toy = parse(tmp_path, text)
    assert toy == Toy(True, 7, 1e-3, "b", [4, 5, 6], {"a": 1, "b": 2}, tmp_path / "sub/x", 2.0)


def test_paths_are_absolute_wherever_they_stand(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    toy = parse(tmp_path, "[toy]\nplace = ../up\nplaces = a, ~/b, /c")
    assert toy.place == tmp_path.parent / "up"
    assert toy.places == [tmp_path / "a", tmp_path / "home" / "b", Path("/c")]
    assert parse(tmp_path, overrides={"toy.place": "mine"}).place == elsewhere / "mine"
    assert parse(tmp_path, overrides={"toy.place": Path("/there")}).place == Path("/there")


def test_a_section_can_be_changed_without_changing_the_configuration(tmp_path):
    path = tmp_path / "some.ini"
    path.write_text("[toy]\nsizes = 4")
    parser = ConfigParser(path, sections=TOY)
    parser.get(Toy).sizes.append(5)
    assert parser.get(Toy).sizes == [4]


@pytest.mark.parametrize(("text", "names"), [('{"a": 1}', {"a": 1}), ("a: 1\n b: 2", {"a": 1, "b": 2})])
def test_dicts(tmp_path, text, names):
    assert parse(tmp_path, f"[toy]\nnames = {text}").names == names


def test_overlay_of_the_environments_file_and_its_source(tmp_path, monkeypatch):
    extra = tmp_path / "extra.ini"
    extra.write_text("[toy:fast]\nsteps = 6")
    monkeypatch.setenv("PTMREC_CONFIG", str(extra))
    assert parse(tmp_path, "[toy]\nsteps = 4").steps == 4
    parser = ConfigParser(tmp_path / "some.ini", "fast", sections=TOY)
    assert ("toy", "steps", 6, f"PTMREC_CONFIG ({extra}) [toy:fast]") in parser.rows()
    monkeypatch.setenv("PTMREC_CONFIG", "~nobody-of-this-name/x.ini")
    with pytest.raises(ConfigError, match="no such user"):
        ConfigParser(sections=TOY)


@pytest.mark.parametrize("text", ["none", ""])
def test_none(tmp_path, text):
    assert parse(tmp_path, f"[toy]\nmaybe = {text}").maybe is None


def test_order_of_sources(tmp_path, monkeypatch):
    assert parse(tmp_path).steps == 3
    assert parse(tmp_path, "[toy]\nsteps = 4").steps == 4
    text = "[toy:smoke]\nsteps = 5\n[toy]\nsteps = 4"
    assert parse(tmp_path, text).steps == 4
    assert parse(tmp_path, text, profile="smoke").steps == 5
    extra = tmp_path / "elsewhere" / "extra.ini"
    extra.parent.mkdir()
    extra.write_text("[toy]\nsteps = 6\nplace = p")
    monkeypatch.setenv("PTMREC_CONFIG", str(extra))
    toy = parse(tmp_path, text, profile="smoke")
    assert toy.steps == 6
    assert toy.place == extra.parent / "p"
    assert parse(tmp_path, text, overrides={"toy.steps": 9}).steps == 9
    assert parse(tmp_path, text, overrides={"toy.steps": "8"}).steps == 8


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[toy]\nsteps = 11", "some.ini: [toy] steps = 11: 1 to 10 is wanted"),
        ("[toy]\nsteps = 2.5", "a whole number"),
        ("[toy]\nrate = nan", "a finite number"),
        ("[toy]\nrate = -1", "at least 0.0"),
        ("[toy]\nflag = perhaps", "true or false"),
        ("[toy]\nkind = c", "one of a, b"),
        ("[toy]\nsizes = 1, 0", "at least 1"),
        ("[toy]\nnames = a", "key: value"),
        ("[toy]\nnames = {", "JSON object"),
        ("[toy]\nstep = 1", "did you mean steps?"),
        ("[toi]\nsteps = 1", "did you mean toy?"),
        ("[toy]\nsteps = 1\nsteps = 2", "already exists"),
        ("steps = 1", "no section headers"),
        ("[toy:other]\nsteps = 99", "1 to 10"),
        ("[toy:]\nsteps = 2", "a profile is wanted"),
        ("[toy]\nsteps =", "a whole number"),
        ("[toy]\nrate = -inf", "a finite number"),
        ("[toy]\nnames = a: 1, a: 2", "'a' is there twice"),
        ('[toy]\nnames = {"a": 1, "a": 2}', "'a' is there twice"),
        ("[toy]\nsizes = [" + "[" * 100_000, "JSON list"),
        ("[toy]\nrate = 1" + "0" * 400, "a finite number"),
        ("[toy]\nplace = ~nobody-of-this-name/x", "names no user"),
        ("[toy]\nplace =", "a path is wanted"),
    ],
)
def test_errors_are_one_line_and_name_the_place(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        parse(tmp_path, text)
    message = str(caught.value)
    assert words in message
    assert "some.ini" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "words"), [("toy.nothing", "no such key"), ("nothing.steps", "no such section"), ("steps", "SECTION.KEY")]
)
def test_unknown_override(tmp_path, name, words):
    with pytest.raises(ConfigError, match=words):
        parse(tmp_path, overrides={name: 1})


def test_a_number_too_large_for_a_float(tmp_path):
    with pytest.raises(ConfigError, match="a finite number"):
        parse(tmp_path, overrides={"toy.rate": 10**400})


def test_unknown_profile_and_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="known: default, smoke"):
        parse(tmp_path, profile="fast")
    with pytest.raises(ConfigError, match="no such file"):
        ConfigParser(tmp_path / "absent.ini")
    (tmp_path / "old.ini").write_bytes(b"[toy]\n# h\xe4user\n")
    with pytest.raises(ConfigError, match=r"old\.ini: no text in UTF-8; save it as such"):
        ConfigParser(str(tmp_path / "old.ini"))


def test_rows_name_their_source_and_save(tmp_path):
    path = tmp_path / "c.ini"
    path.write_text("[ranker]\nepochs = 7\n")
    parser = ConfigParser(path, overrides={"ranker.width": 32})
    sources = {(section, key): source for section, key, _, source in parser.rows()}
    assert sources["ranker", "epochs"] == str(path)
    assert sources["ranker", "width"] == "override"
    assert sources["ranker", "heads"] == "default"
    saved = json.loads(parser.save(tmp_path / "run" / "config.json").read_text())
    assert {"section": "ranker", "key": "epochs", "value": 7, "source": str(path)} in saved["values"]


def test_every_default_passes_its_own_check_and_paths_are_absolute(tmp_path):
    path = tmp_path / "empty.ini"
    path.write_text("")
    parser = ConfigParser(path)
    assert parser.get(RankerConfig) == RankerConfig()
    paths = parser.get(PathsConfig)
    assert all(value.is_absolute() for value in vars(paths).values())
    assert paths.zoo == ROOT / "constants" / "zoo"


def test_reading_configuration_does_not_import_torch():
    code = "import sys; from ptmrec.config.parser import ConfigParser; ConfigParser(); print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


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
    assert field.metadata == {"help": "steps", "min": 1, "max": 9, "choices": (3, 4), "written": False, "beside": False}


@pytest.mark.parametrize("name", SECTIONS)
def test_every_setting_says_what_it_means(name):
    for field in dataclasses.fields(SECTIONS[name]):
        assert len(field.metadata["help"]) > 3, field.name


def test_trainers_share_one_set_of_options():
    shared = {field.name: field.metadata["choices"] for field in dataclasses.fields(TrainingOptions)}
    assert shared["scheduler"] == SCHEDULERS
    assert shared["mixed_precision"] == PRECISIONS
    assert set(shared) < {field.name for field in dataclasses.fields(RankerConfig)}
    assert RankerConfig().regimes == list(REGIMES)
