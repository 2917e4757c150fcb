"""Change the package in one place at a time and see whether a test notices: mutants drawn from a seed, room by room.

Known tools start a Python for each mutant, seconds before its first test, and change type annotations, too: one in
fourteen of what cosmic-ray 8.7 makes of the losses, limits and odds. Here a child has all but the package loaded
(:mod:`torture.planted`), and slow tests take part for what the fast ones leave alive. What is changed: comparisons,
arithmetic, ``and`` and ``or``, numbers, conditions, what is returned, and statements that are left out; not messages,
annotations or log lines.
"""

import ast
import compileall
import copy
import itertools
import resource
import sys
import tempfile
import time
from collections.abc import Container, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pandas as pd

from ptmrec.core.files import write_text
from torture.planted import LATE, make_copy, preload, run_tests

RESULT, LEFT = Path("constants/results/mutations.csv"), Path("constants/results/mutations_left.csv")
"""What came of the mutants of each room, and those that no test killed: with a reason where they change nothing."""
SURVIVORS = "survivors"
_ANSWERS = ("ranking", "recommendation", "measured", "published", "knowledge", "references", "verify")
ROOMS = {
    "relations": ("ptmrec/relations/*.py", ("relations", *(f"recommender/test_{name}.py" for name in _ANSWERS))),
    "metrics": ("ptmrec/evaluation/metrics.py", ("evaluation/test_metrics.py",)),
    "loss": ("ptmrec/loss/*.py", ("loss", "train/test_trainers.py")),
    "limits": (
        "ptmrec/hardware/limits.py",
        ("hardware/test_limits.py", "recommender/test_costs.py", "cli/test_hardware.py"),
    ),
    "train": ("ptmrec/train/*.py", ("train", "test_user_calls.py")),
}
"""Modules of each room, and the files or folders under ``tests/`` that look at them, cheapest first."""
SAMPLE = 40
SLACK = 5
"""Times as long as without a mutant: tests that work longer have noticed an endless loop, those that wait have not."""
LONGEST = 160
"""Characters of a line that are kept."""
WANTED = 0.9
"""Share of the mutants that have to be killed or to change nothing."""
_SWAPS: dict[type, type] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult},
    **{ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd},
}
_LEFT_OUT = (ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Assert, ast.Delete)


@dataclass(frozen=True)
class Mutant:
    """A change of source.

    Attributes:
        file: file from the top folder.
        before, after: the line of source, where it is several the first, without and with the change.
        source: the whole file with the change.
    """

    file: str
    before: str
    after: str
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from others, wherever the line has moved to."""
        return self.file, self.before, self.after


def make_mutants(file: str, source: str) -> list[Mutant]:
    """Every mutant of a module.

    Args:
        file: its name from the top folder.
        source: its text.
    """
    lines = source.encode().splitlines(keepends=True)
    starts = [0, *itertools.accumulate(map(len, lines))]
    data, found = b"".join(lines), {}
    for node, new in _changes(ast.parse(source)):
        first, last = starts[node.lineno - 1], starts[node.end_lineno]
        start, end = first + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        changed = data[:start] + new.encode() + data[end:]
        before, after = _short(data[first:last]), _short(data[first:start] + new.encode() + data[end:last])
        found[before, after] = Mutant(file, before, after, changed.decode())
    return list(found.values())


def _short(text: bytes) -> str:
    return " ".join(text.decode().split())[:LONGEST]


def _changes(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Places of a tree with the source that is put there."""
    if isinstance(node, ast.expr):
        yield from ((node, f"({ast.unparse(new)})") for new in _other_values(node))
    elif isinstance(node, ast.Return) and node.value is not None:
        yield node, "return None"
    elif _is_left_out(node):
        yield node, "pass"
    if isinstance(node, ast.If | ast.While | ast.IfExp) and not _is_turned(node.test):
        yield node.test, f"(not ({ast.unparse(node.test)}))"
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or isinstance(node, ast.JoinedStr | ast.Raise):
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, ast.AST) and not _is_log(part):
                yield from _changes(part)


def _other_values(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        for place, sign in enumerate(node.ops):
            new = copy.deepcopy(node)
            new.ops[place] = _SWAPS[type(sign)]()
            yield new
    elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in _SWAPS:
        new = copy.deepcopy(node)
        new.op = _SWAPS[type(node.op)]()
        yield new
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub | ast.Invert):
        yield node.operand
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Constant) and isinstance(node.value, float):
        yield ast.Constant(2 * node.value or 1.0)


def _is_turned(test: ast.expr) -> bool:
    """Whether another change turns a condition into its opposite, or it is none of a run."""
    if isinstance(test, ast.Compare):
        return isinstance(test.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn | ast.Is | ast.IsNot)
    return isinstance(test, ast.UnaryOp) or ast.unparse(test) == "TYPE_CHECKING"


def _is_left_out(node: ast.AST) -> bool:
    """Whether a statement is one that can be left out and its names are still bound."""
    if isinstance(node, ast.Assign):
        return not isinstance(node.targets[0], ast.Name | ast.Tuple)
    return isinstance(node, _LEFT_OUT) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))


def _is_log(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith("logger.")


def mutate_all(root: Path, seed: int, share: float, only: str | None) -> int:
    """Draw mutants of each room, run their tests, and write what came of them; 1 when too many live on.

    Args:
        root: the top folder.
        seed: seed of the draw.
        share: share of the sample.
        only: one room alone, or ``survivors`` for those that the last run left alive.
    """
    counts, left = _last(root)
    reasons = {key: reason for key, reason in left.items() if reason}
    with tempfile.TemporaryDirectory(prefix="mutations-") as name:
        preload(root, Path(name))
        clone = make_copy(root, Path(name))
        compileall.compile_dir(clone / "ptmrec", quiet=1)
        for room in ROOMS if only in (None, SURVIVORS) else [only]:
            every = [mutant for path in sorted(root.glob(ROOMS[room][0])) for mutant in _read(root, path)]
            if only == SURVIVORS:
                chosen = [mutant for mutant in every if left.get(mutant.key) == ""]
            else:
                draw = np.random.default_rng(seed).permutation(len(every))[: max(1, round(SAMPLE * share))]
                chosen, counts[room] = [every[place] for place in sorted(draw)], len(draw)
                left = {key: reason for key, reason in left.items() if _room(key[0]) != room}
            for mutant, alive in zip(chosen, _run(clone, room, chosen, reasons), strict=True):
                left.pop(mutant.key, None)
                if alive:
                    left[mutant.key] = reasons.get(mutant.key, "")
            _write(root, counts, left)  # a run that is stopped keeps its rooms
    return int(sum(not reason for reason in left.values()) > (1 - WANTED) * sum(counts.values()))


def _read(root: Path, path: Path) -> list[Mutant]:
    return make_mutants(str(path.relative_to(root)), path.read_text())


def _room(file: str) -> str:
    return next(room for room, (modules, _) in ROOMS.items() if fnmatch(file, modules))


def _last(root: Path) -> tuple[dict[str, int], dict[tuple[str, str, str], str]]:
    """Mutants drawn in each room, and the reason why each one that no test killed changes nothing, or none."""
    if not (root / RESULT).exists():
        return {}, {}
    rows, left = (pd.read_csv(root / file, keep_default_na=False) for file in (RESULT, LEFT))
    reasons = {(row.file, row.before, row.after): row.reason for row in left.itertuples()}
    return dict(zip(rows["room"], rows["sampled"], strict=True)), reasons


def _write(root: Path, counts: dict[str, int], left: dict[tuple[str, str, str], str]) -> None:
    rows = []
    for room, sampled in counts.items():
        own = [bool(reason) for key, reason in left.items() if _room(key[0]) == room]
        killed, equal = sampled - len(own), sum(own)
        rows.append({"room": room, "sampled": sampled, "killed": killed, "equal": equal, "survived": len(own) - equal})
    write_text(root / RESULT, pd.DataFrame(rows).to_csv(index=False))
    held = [dict(zip(("file", "before", "after"), key, strict=True)) | {"reason": why} for key, why in left.items()]
    write_text(root / LEFT, pd.DataFrame(held, columns=["file", "before", "after", "reason"]).to_csv(index=False))


def _run(clone: Path, room: str, mutants: list[Mutant], reasons: Container[tuple[str, str, str]]) -> Iterator[bool]:
    """Whether each mutant lives after its tests; those that are known to change nothing do, and are not run."""
    files = [path for name in ROOMS[room][1] for path in _files(clone / "tests" / name)]
    texts = {str(path.relative_to(clone / "tests")): path.read_text() for path in files}
    if not mutants:
        return
    start, before = time.monotonic(), _work()
    broken = run_tests(clone, list(texts), seconds=3600, slow=True)
    seconds, work = SLACK * (time.monotonic() - start), SLACK * (_work() - before)
    sys.stderr.write(f"{room}: without a mutant fail: {', '.join(broken) or 'none'}\n")
    for mutant in mutants:
        start = time.monotonic()
        killer = "" if mutant.key in reasons else _killer(clone, mutant, texts, broken, seconds, work)
        word, took = "killed" if killer else "alive", time.monotonic() - start
        sys.stderr.write(f"{word:7}{took:4.0f} s  {mutant.file}: {mutant.before} | {mutant.after}  {killer}\n")
        yield not killer


def _work() -> float:
    """Seconds of a processor that children have taken so far, with theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _killer(clone: Path, mutant: Mutant, texts: dict[str, str], broken: list[str], seconds: float, work: float) -> str:
    """The test that fails with a mutant, or none: those that are about its module are asked first, slow ones last."""
    module, own = mutant.file.removesuffix(".py").replace("/", "."), f"test_{Path(mutant.file).stem}.py"
    near = [name for name, text in texts.items() if module in text or Path(name).name == own]
    far = [name for name in texts if name not in near]
    path = clone / mutant.file
    source = path.read_text()
    path.write_text(mutant.source)
    try:
        for slow in (False, True):
            for tests in filter(None, (near, far)):
                found = run_tests(clone, tests, broken, seconds, slow, work)
                if found == [LATE]:
                    sys.stderr.write(f"no answer in {seconds:.0f} s of {', '.join(tests)}\n")
                elif found:
                    return found[0]
    finally:
        path.write_text(source)
    return ""


def _files(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.glob("test_*.py"))
