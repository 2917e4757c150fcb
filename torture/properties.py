"""Properties of what people bring and download: whatever it is, an answer or one line, and nothing beside it.

Hypothesis draws the examples and shrinks the first that is wrong to the smallest that is.
"""

import io
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from PIL import Image

from ptmrec.benchmark.records import read_records
from ptmrec.cli import main
from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.images.user_images import read_user_images
from ptmrec.recommender.measured import read_measured
from ptmrec.recommender.sharing import Registration, read_shared, write_shared
from ptmrec.zoo.card import card_from
from ptmrec.zoo.sources import list_sources, open_folder, open_source
from ptmrec.zoo.tuned import About, read_classifier, write_tuned
from torture.mutants import HOSTILE, mutate_bytes, mutate_json
from torture.outcome import Outcome
from torture.parsers import make_parsers
from torture.watch import answers_or_refuses, watched

BASE = "resnet-small-mixture"
WORDS = (
    *("a", "b", "train", "test", "val", "images", "cat", "Cat", "CAT", "metadata.csv", "labels.csv", "x.png", "X.PNG"),
    *("x.jpg", "y.png", "z.npz", "a.zip", ".hidden", "-rf", "~", "$HOME", "a b", "\u202eb", "e\u0301", "\u00e9", "%s"),
    *("a\nb", "\x1b[2J", "\udcff.png", "=1+1", "'", '"', "x" * 200, "Thumbs.db", "con", "a,b", "{x}", "<b>"),
)
NAMES = st.sampled_from(WORDS)
FLOATS = st.floats(
    allow_subnormal=False
)  # a build of the zoo lets torch take tiny numbers for zero, in all of a process
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from([value for value in HOSTILE if isinstance(value, str)]))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), FLOATS, TEXTS, st.sampled_from((3, 32, 224, 10**9))),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)


@dataclass(frozen=True)
class Property:
    """Something that holds for every example.

    Attributes:
        examples: draws one.
        holds: fails when it does not; gets the example and an empty folder.
    """

    examples: st.SearchStrategy
    holds: Callable[[Any, Path], None]


@cache
def picture(kind: str = "PNG") -> bytes:
    """An honest picture."""
    buffer = io.BytesIO()
    Image.fromarray(np.arange(768, dtype=np.uint8).reshape(16, 16, 3) % 251).save(buffer, kind)
    return buffer.getvalue()


CONTENTS = {
    "picture": lambda: picture(),
    "photograph": lambda: picture("JPEG"),
    "empty": lambda: b"",
    "cut": lambda: picture()[:60],
    "text": lambda: b"file,label\nx.png,a\ny.png,b\n",
    "bomb": lambda: picture()[:16] + b"\x00\x0f\xff\xff\x00\x0f\xff\xff" + picture()[24:],
}
ENTRIES = st.tuples(
    st.lists(NAMES, min_size=1, max_size=3),
    st.sampled_from((*CONTENTS, "picture", "picture", "folder", "outside", "loop", "nowhere", "pipe")),
)


def put(folder: Path, entries: list[tuple[list[str], str]]) -> None:
    """Make files, folders, links and pipes; those that cannot be are left out."""
    for parts, kind in entries:
        path = folder.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "folder":
                path.mkdir()
            elif kind in ("outside", "loop", "nowhere"):
                path.symlink_to(
                    {"outside": folder.parent / "secret" / "s.png", "loop": folder, "nowhere": "gone"}[kind]
                )
            elif kind == "pipe":
                os.mkfifo(path)
            elif not os.path.lexists(path):
                path.write_bytes(CONTENTS[kind]())
        except OSError:
            continue


def images(example: Any, folder: Path) -> None:
    """Any folder of images."""
    entries, skips = example
    (folder / "mine").mkdir()
    put(folder / "mine", [entry for entry in entries if entry[1] != "outside"])  # a link a person made is followed
    with watched(folder):
        answers_or_refuses(lambda: read_user_images(folder / "mine", skip_unreadable=skips))


def labels(example: tuple[list[list[str]], str, bytes], folder: Path) -> None:
    """Any labels file for a folder of images."""
    rows, delimiter, end = example
    put(folder / "mine", [([f"{place}.png"], "picture") for place in range(4)])
    text = "\n".join(delimiter.join(row) for row in rows).encode("utf-8", "surrogatepass") + end
    (folder / "l.csv").write_bytes(text)
    with watched(folder):
        answers_or_refuses(lambda: read_user_images(folder / "mine", folder / "l.csv"))


@cache
def tuned_files() -> dict[str, bytes]:
    """A folder that ``ptmrec tune`` might have written."""
    from torch import nn

    with tempfile.TemporaryDirectory() as name:
        base = open_folder(ConfigParser().get(PathsConfig).zoo / BASE)
        model = base.load()
        model.classifier = nn.Linear(base.card.num_features, 2)
        about = About("mine", BASE, BASE, ("a", "b"), 2.0, 0.5, 4, "images", "MIT", {}, "text")
        write_tuned(Path(name), base, model, about)
        return {path.name: path.read_bytes() for path in Path(name).iterdir()}


def tuned(example: tuple[str, int, bool], folder: Path) -> None:
    """Any folder that is said to be a fine-tuned model."""
    name, number, whole = example
    draw = np.random.default_rng(number)
    (folder / "model").mkdir()
    for file, content in tuned_files().items():
        if file == name:
            content = (mutate_json if whole and file.endswith("json") else mutate_bytes)(content, draw)
        (folder / "model" / file).write_bytes(content)
    zeros = np.zeros((1, 32, 32, 3), np.uint8)
    with watched(folder):
        answers_or_refuses(lambda: read_classifier(folder / "model").probabilities(zeros))


CONFIG = {
    "architecture": ("resnet10t", "vit_tiny_patch16_224", "x", "../x"),
    "model_type": ("vit", "resnet", "dinov2"),
    "num_classes": (0, 2, 10**9),
    "num_features": (512, -1),
    "pretrained_cfg": ({"input_size": [3, 64, 64]}, {"tag": "x"}, {"file": "/etc/passwd"}, {"url": "http://a.b/c"}),
    "model_args": ({"img_size": 64}, {"depth": 10**6}, {"pretrained": True}, {"checkpoint_path": "/etc/passwd"}),
    "auto_map": ({"AutoModel": "code.py--Model"},),
    "image_size": (64, 10**6, [1, 2]),
    "hidden_size": (8, 10**9),
    "license": ("mit", 3),
}
STATED = st.fixed_dictionaries({}, optional={key: st.one_of(st.sampled_from(v), JSON) for key, v in CONFIG.items()})


@cache
def honest(name: str) -> bytes:
    """An honest file of one parser."""
    with tempfile.TemporaryDirectory() as folder:
        return make_parsers(Path(folder))[name].honest


def snapshots(example: tuple[str, Any, str, int, list[str]], folder: Path) -> None:
    """Any snapshot: its config, its card, its weights, links within it."""
    kind, stated, card, number, links = example
    draw, model = np.random.default_rng(number), folder / "model"
    model.mkdir()
    own = ConfigParser().get(PathsConfig).zoo / BASE
    config = (own / "config.json").read_bytes()
    config = json.dumps(stated).encode() if kind == "hub" else mutate_json(config, draw) if kind == "own" else config
    weights = (own / "model.safetensors").read_bytes()
    (model / "config.json").write_bytes(config)
    (model / "model.safetensors").write_bytes(mutate_bytes(weights, draw) if kind == "weights" else weights)
    (model / "README.md").write_bytes(f"---\n{card}\n---\n".encode("utf-8", "surrogatepass"))
    for name in links:
        (model / name).unlink(missing_ok=True)
        (model / name).symlink_to(folder / "secret" / "s.png")
    with watched(folder):
        answers_or_refuses(lambda: open_folder(model).load() if kind != "hub" else open_folder(model))


@cache
def _registration() -> bytes:
    card = card_from(json.loads(honest("card")), Path("card"))
    found = {"transport": np.ones((4, 3)), "explained": np.float32(0.5)}
    found |= {"transported": np.ones(2, np.float32), "few_shot": np.ones(2, np.float32)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.safetensors"
        return write_shared(
            path, [Registration(card, "0" * 64, found)], {"datasets": ["a", "b"], "space": "s"}
        ).read_bytes()


def registrations(example: tuple[int, bool], folder: Path) -> None:
    """Any file of registrations: bytes damaged, or a header that says another thing."""
    number, header = example
    data, draw = _registration(), np.random.default_rng(number)
    if header:
        size = int.from_bytes(data[:8], "little")
        top = json.loads(data[8 : 8 + size])
        ((key, inner),) = top["__metadata__"].items()
        top["__metadata__"][key] = mutate_json(inner.encode(), draw).decode()
        text = json.dumps(top).encode()
        data = len(text).to_bytes(8, "little") + text + data[8 + size :]
    (folder / "x.safetensors").write_bytes(data if header else mutate_bytes(data, draw))
    with watched(folder):
        answers_or_refuses(lambda: read_shared(folder / "x.safetensors"))


CELL_WORDS = (
    *("model", "dataset", "regime", "metric", "value", "accuracy", "images", "0.5", "probe", "zero", "fine", "a", "b"),
    *("nan", "inf", "1e9", "-1"),
)
CELLS = st.one_of(TEXTS, st.sampled_from(CELL_WORDS))
HEADS = (["model", "dataset", "regime", "metric", "value"], ["model", "accuracy", "images"], ["model"])


def tables(example: tuple[list[str], list[list[str]], str], folder: Path) -> None:
    """Any table of records, and any table of accuracies of one's own."""
    head, rows, delimiter = example
    text = "\n".join(delimiter.join(row) for row in (head, *rows)).encode("utf-8", "surrogatepass")
    (folder / "t.csv").write_bytes(text)
    with watched(folder):
        answers_or_refuses(lambda: read_records(folder / "t.csv"))
        answers_or_refuses(lambda: read_measured(folder / "t.csv"))


def sources(example: str, folder: Path) -> None:
    """Any source of a model that names no repository of the Hub."""
    paths = ConfigParser(overrides={"paths.artifacts": str(folder / "artifacts")}).get(PathsConfig)
    with watched(folder):
        answers_or_refuses(lambda: [open_source(one, paths) for one in list_sources(example)])


COMMANDS = (
    *(["recommend"], ["tune"], ["predict"], ["plan"], ["zoo"], ["zoo", "add"], ["zoo", "show"], ["zoo", "import"]),
    *(["zoo", "export"], ["zoo", "records"], ["inspect", "data"], ["new", "trainer"], ["config"], ["measure"], []),
)
OPTIONS = (
    *(
        "-o",
        "-n",
        "--format",
        "--labels",
        "--zoo",
        "--regime",
        "--time-limit",
        "--max-params",
        "--max-latency",
        "--why",
    ),
    *("--min-throughput", "--licence", "--skip-unreadable", "--pareto", "--force", "--device", "--preset"),
    *(
        "--verify",
        "--measured",
        "--explain",
        "--set",
        "--config",
        "--profile",
        "--version",
        "-h",
        "--",
        "--json",
        "--into",
        "-x",
    ),
    *("--into", "-x", "--model", "--name", "--input-size", "--save", "--measure"),
)
VALUES = (
    *(
        "",
        ".",
        "nowhere",
        "mine",
        "mine/x.png",
        "l.csv",
        "out",
        "out/a.csv",
        "a.html",
        "10m",
        "0s",
        "1e400s",
        "-1",
        "0",
    ),
    *("1", "99999999999999999999", "nan", "json", "csv", "ids", "low_data", "real", "mit", "a=b", "a.b=c"),
    *(
        "a=0.5/9",
        "ranker.epochs=x",
        "paths.zoo=/",
        "\x1b[2J",
        "a\nb",
        "\udcff",
        "../secret/s.png",
        "timm:x",
        "x" * 300,
        "\u202e",
    ),
)


def command_lines(example: tuple[list[str], list[str]], folder: Path) -> None:
    """Any command line: an answer, or a status and one line; nothing is written but what -o, --into and -x name."""
    command, words = example
    home = folder / "home"
    put(home / "mine", [([name, f"{place}.png"], "picture") for name in "ab" for place in range(3)])
    put(home / "mine", [(["x.png"], "cut")] * ("x.png" in "".join(words)))
    (home / "l.csv").write_bytes(CONTENTS["text"]())
    before = os.getcwd()
    os.chdir(home)
    try:
        named = any("secret" in word for word in words)  # who names a file asks for it to be opened
        with watched(folder, ("home", "artifacts"), "nowhere" if named else "secret"):
            arguments = ["--set", f"paths.artifacts={folder / 'artifacts'}", *command, *words]
            arguments += ["--time-limit", "1s"] * (command == ["tune"])
            done = CliRunner().invoke(main, arguments, env={"HF_HUB_OFFLINE": "1"})
    finally:
        os.chdir(before)
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert done.exit_code in (0, 1, 2, 3, 4), done.exit_code
    wrong = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    told = len(wrong) == 1 and done.stderr.splitlines()[-1] == wrong[0]
    assert done.exit_code < 2 or told or command in ([], ["zoo"]), done.output[-300:]
    assert "\x1b" not in done.output, "steers the terminal"


ASKED = st.one_of(
    st.tuples(st.sampled_from(OPTIONS), st.sampled_from(VALUES)),
    st.sampled_from((["-o", "out/a.csv"], ["-o", "a.html"], ["-n", "2"], ["--zoo", "real"], ["--max-params", "1M"])),
    st.sampled_from((["--time-limit", "1s"], ["--regime", "low_data"], ["--measured", "a=0.5/9"], ["--format", "csv"])),
)
NUMBER = st.integers(0, 2**32)
ROWS = st.lists(st.lists(CELLS, max_size=6), max_size=5)
DELIMITERS = st.sampled_from((",", ";", "\t"))
LABEL_WORDS = ("file", "label", "split", "0.png", "1.png", "2.png", "3.png", "../secret/s.png", "/etc/passwd")
LABELS = st.lists(st.lists(st.one_of(CELLS, st.sampled_from(LABEL_WORDS)), max_size=4), max_size=6)
FOLDERS = st.tuples(st.sampled_from(("timm:", "open_clip:", "torchvision:", "./", "../", "a/../", "")), TEXTS)
SOURCES = st.one_of(TEXTS, FOLDERS.map("".join))
PROPERTIES = {
    "images": Property(st.tuples(st.lists(ENTRIES, max_size=7), st.booleans()), images),
    "labels": Property(st.tuples(LABELS, DELIMITERS, st.binary(max_size=4)), labels),
    "snapshots": Property(
        st.tuples(
            st.sampled_from(("hub", "own", "weights", "linked")),
            STATED,
            st.one_of(TEXTS, JSON.map(lambda value: f"license: {json.dumps(value)}\ntags: {json.dumps(value)}")),
            NUMBER,
            st.lists(st.sampled_from(("config.json", "model.safetensors", "README.md")), max_size=1),
        ),
        snapshots,
    ),
    "registrations": Property(st.tuples(NUMBER, st.booleans()), registrations),
    "tables": Property(
        st.tuples(st.one_of(st.sampled_from(HEADS), st.lists(CELLS, max_size=5)), ROWS, DELIMITERS), tables
    ),
    "tuned": Property(st.tuples(st.sampled_from(("config.json", "model.safetensors")), NUMBER, st.booleans()), tuned),
    "sources": Property(SOURCES.filter(lambda text: "/" not in text or ":" in text or text.startswith(".")), sources),
    "command lines": Property(
        st.tuples(
            st.sampled_from(COMMANDS),
            st.one_of(
                st.lists(st.sampled_from((*OPTIONS, *VALUES, *VALUES)), max_size=6),
                st.tuples(st.sampled_from(("mine", "l.csv", "model", BASE)), st.lists(ASKED, max_size=3)).map(
                    lambda drawn: [drawn[0], *(word for pair in drawn[1] for word in pair)]
                ),
            ),
        ),
        command_lines,
    ),
}


def hold(name: str, count: int, number: int = 0) -> Outcome:
    """Try one property on so many examples; the first that is wrong is shrunk and told."""
    outcome, chosen = Outcome(f"property: {name}"), PROPERTIES[name]

    @seed(number)
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(chosen.examples)
    def run(example: Any) -> None:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            folder = Path(place).resolve()
            (folder / "secret").mkdir()
            (folder / "secret" / "s.png").write_bytes(picture())
            outcome.tried += 1
            chosen.holds(example, folder)
            outcome.survived += 1
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()

    try:
        run()
    except Exception as error:  # what is wrong is what is looked for
        told = "; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
        outcome.failures.append(" ".join(told.split())[:1500])
    return outcome
