"""Names from outside: none is written or read outside its root."""

import json
from pathlib import Path

import numpy as np

from ptmrec.core.errors import PtmrecError
from ptmrec.core.files import tree_hash
from ptmrec.zoo.card import read_card
from ptmrec.zoo.snapshot import weight_files
from torture.outcome import Outcome
from torture.parsers import make_parsers

PARTS = (
    *("..", ".", "/", "\\", "etc", "passwd", "C:", "CON", "nul", "\u202e", "\u00e9", "e\u0301", "a" * 300, "\x00"),
    *(
        "\n",
        " ",
        "~",
        "$HOME",
        "%00",
        "..%2f",
        "//server/share",
        "model",
        "A",
        "a",
        "-rf",
        ".hidden",
        "",
        "\ud83d\ude00",
    ),
)


def hostile_names(count: int, seed: int, folder: Path) -> Outcome:
    """T20: give cards and shard indices names out of hostile parts.

    A name that is accepted has to be a plain file name, and nothing beside the folder may have changed.
    """
    draw, outcome = np.random.default_rng(seed), Outcome("names from outside, T20")
    root = folder / "names" / "zoo" / "model"
    root.mkdir(parents=True)
    (root / "one.safetensors").touch()
    (folder / "names" / "evil.safetensors").touch()
    card = json.loads(make_parsers(folder)["card"].honest)
    outside = tree_hash([folder / "names"])
    for trial in range(count):
        name = "".join(PARTS[place] for place in draw.integers(0, len(PARTS), draw.integers(1, 6)))
        (root / "config.json").write_text(json.dumps(card | {"name": name}))
        (root / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name, "b": "../../evil"}}))
        for read in (lambda: read_card(root).name, lambda: weight_files(root)[0].name):
            try:
                accepted = read()
            except PtmrecError as error:
                outcome.add("\n" not in str(error)[:20], f"trial {trial}: {error}", refused=True)
            except Exception as error:
                outcome.add(False, f"trial {trial}, {name!r}: {type(error).__name__}: {error}")
            else:
                plain = accepted == Path(accepted).name and accepted.isascii() and ".." not in accepted[:2]
                outcome.add(plain, f"trial {trial}: accepted {accepted!r}")
    (root / "config.json").unlink()
    (root / "model.safetensors.index.json").unlink()
    outcome.add(tree_hash([folder / "names"]) == outside, "something outside was changed")
    return outcome
