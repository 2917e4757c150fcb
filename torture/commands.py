"""Kill commands at random instants; the same command again ends with what one that nobody killed leaves.

:mod:`torture.reproductions` does so with ``ptmrec thesis``, which needs a whole run.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import safe_open

from ptmrec.cli import main
from ptmrec.core.files import is_temporary, read_npz
from torture.kills import fork
from torture.outcome import Outcome
from torture.reproductions import PROFILE, without_times

MODEL = "vgg-small-cifar10"
MOST_KILLS = 4
"""Kills before a command may end."""


@dataclass(frozen=True)
class Command:
    """A command that is killed.

    Attributes:
        words: its words; ``@`` stands for the folder it works in.
        outputs: patterns of the files it makes there.
        after: the command whose results it starts from.
        same: it leaves the same numbers each time; otherwise the names of fields and tensors are compared.
    """

    words: str
    outputs: str
    after: str = ""
    same: bool = True


COMMANDS = {
    "extract": Command("extract", "artifacts/*/*.npz"),
    "train ranker": Command("train ranker", "artifacts/recommender/**/*", after="extract"),
    "measure": Command(f"measure {MODEL} --save --wait 1s", "artifacts/measurements/**/*", same=False),
    "recommend JSON": Command("recommend --demo -o @/answer.json", "answer.json"),
    "recommend HTML": Command("recommend --demo -o @/answer.html", "answer.html"),
    "tune": Command("tune @/images -o @/model --force --max-params 40k --time-limit 60s", "model/*", same=False),
}


def kill_commands(count: int, seed: int, folder: Path, names: tuple[str, ...] = (*COMMANDS,)) -> list[Outcome]:
    """T2: kill each command so often, some runs several times, and let each go on to its end.

    What lies at a final name after a kill has to be whole, and no temporary may stay in the end.

    Args:
        count: kills of each command.
        seed: seed of the instants.
        folder: where they work.
        names: the commands of :data:`COMMANDS`.
    """
    draw, outcomes = np.random.default_rng(seed), []
    for name in names:
        command, outcome = COMMANDS[name], Outcome(f"kills of ptmrec {name}, T2")
        whole = _begin(folder, f"{name} whole", command)
        _wait(fork(_run, whole, command.words))  # what is imported when it is first used, the caches of a machine
        shutil.rmtree(whole)
        started, whole = time.monotonic(), _begin(folder, f"{name} whole", command)
        status, span = _wait(fork(_run, whole, command.words)), time.monotonic() - started
        expected, run = left_by(whole, command), 0
        outcome.add(status == 0 and bool(expected), f"without a kill: {status}, {_said(whole)}")
        while outcome.tried <= count:
            place, run = _begin(folder, f"{name} {run}", command), run + 1
            kills, torn = 0, []
            for _ in range(int(draw.integers(1, 1 + min(MOST_KILLS, count)))):
                child = fork(_run, place, command.words)
                os.setpgid(child, child)
                time.sleep(float(draw.uniform(0, span)))
                os.killpg(child, signal.SIGKILL)
                kills += os.WIFSIGNALED(_wait(child))
                torn += [part for part, look in left_by(place, command).items() if expected.get(part) != look]
            status = _wait(fork(_run, place, command.words))
            found = left_by(place, command)
            differ = sorted(part for part in expected | found if expected.get(part) != found.get(part))
            stray = [path.name for path in place.rglob(".*") if is_temporary(path) or ".partial-" in path.name]
            told = f"run {run}: {status=}, {kills} kills, {torn=}, {differ=}, {stray=}: {_said(place)}"
            outcome.add(status == 0 and not torn + differ + stray, told, max(kills, 1))
            shutil.rmtree(place)
        outcomes.append(outcome)
    return outcomes


def _begin(folder: Path, name: str, command: Command) -> Path:
    """A folder with what a command needs."""
    place = folder / name.replace(" ", "_")
    if command.after:
        if not (before := folder / f"{command.after}_whole").exists():
            before = _begin(folder, f"{command.after} whole", COMMANDS[command.after])
            _wait(fork(_run, before, COMMANDS[command.after].words))
        shutil.copytree(before, place)
    draw = np.random.default_rng(0)
    for number in range(24 * ("@/images" in command.words)):
        path = place / "images" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(100 * (number % 2), 156 + 100 * (number % 2), (32, 32, 3), np.uint8)).save(path)
    place.mkdir(exist_ok=True)
    return place


def _run(place: Path, words: str) -> None:
    said = os.open(place / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    settings = ["--profile", PROFILE, "--set", f"paths.artifacts={place / 'artifacts'}"]
    try:
        main([*settings, *(word.replace("@", str(place)) for word in words.split())])
    except SystemExit as end:
        if end.code:
            raise


def _wait(child: int) -> int:
    return os.waitpid(child, 0)[1]


def _said(place: Path) -> str:
    return (place / "said").read_text(errors="replace")[-150:] if (place / "said").exists() else ""


def left_by(place: Path, command: Command) -> dict[str, str]:
    """How each file that a command has made looks, by its name; what cannot be read says why."""
    found = {}
    for path in sorted(place.glob(command.outputs)):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(place).parts):
            try:
                look = _look(path, command.same)
            except Exception as error:  # half a file is what is looked for
                look = f"{type(error).__name__}: {error}"
            found[str(path.relative_to(place))] = look.replace(str(place), "")
    return found


def _look(path: Path, same: bool) -> str:
    if path.suffix == ".json":
        value = without_times(json.loads(path.read_text()))
        return json.dumps(value if same else _names(value), sort_keys=True).replace(str(path.parent), "")
    if path.suffix == ".html":
        return re.sub(r"\d+", "", path.read_text())  # it names the moment
    if path.suffix == ".npz":
        return hashlib.sha256(b"".join(array.tobytes() for array in read_npz(path).values())).hexdigest()
    if path.suffix == ".safetensors":
        with safe_open(path, "np") as file:
            return " ".join(f"{name} {file.get_tensor(name).sum() if same else ''}" for name in sorted(file.keys()))
    return path.name


def _names(value: Any) -> Any:
    return sorted(value) if isinstance(value, dict) else len(value) if isinstance(value, list) else type(value).__name__
