"""The code a step depends on, read from the imports: nobody has to list it, so nothing can be left out.

An import within a function counts like one at the top. One under ``if TYPE_CHECKING`` does not, because it never runs:
a work function has to import what it is given, see :class:`~ptmrec.pipeline.step.Step`. Nor do pictures, which are
drawn beside a result that stays the same.
"""

import ast
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path

from ptmrec.core.files import tree_hash
from ptmrec.core.places import PACKAGE

ROOT = PACKAGE.parent
OURS = ("ptmrec", "experiments")
"""Packages whose code counts; all others count by their versions."""
PICTURES = "ptmrec.plots"


def code_hash(work: Callable) -> str:
    """Hash of all modules of :func:`code_files`."""
    return tree_hash(code_files(work))


def code_files(work: Callable) -> list[Path]:
    """Files of the module of a function and of every module of ours that it reaches by imports.

    Args:
        work: a function of a module, perhaps with arguments (``functools.partial``).

    Raises:
        ValueError: its code is in no file, as in a notebook's cell: nobody could see it change.
    """
    while isinstance(work, partial):
        work = work.func
    start = _home(work)
    reached, waiting = {start}, [start]
    while waiting:
        for file in _imports(waiting.pop().read_text(encoding="utf-8")):
            if file not in reached:
                reached.add(file)
                waiting.append(file)
    return sorted(reached)


def _home(function: Callable) -> Path:
    code = getattr(function, "__code__", None)
    if code is None or not Path(code.co_filename).is_file():
        raise ValueError(f"{function!r}: the work of a step has to be a function in a file")
    module = getattr(function, "__module__", "")
    return _file(module) or Path(code.co_filename)


def _imports(text: str) -> set[Path]:
    """Files of ours that the text of a module imports."""
    files = set()
    for module, names in _imported(text):
        found = [_file(f"{module}.{name}") for name in names]
        files |= {file for file in found if file}
        if not names or None in found:  # something that stands in the module itself, or is looked up there when asked
            files |= _whole(module)
    return files


def _whole(module: str) -> set[Path]:
    """The file of a module; of a package that looks names up when they are asked for, all that it may find."""
    file = _file(module)
    if file is None:
        return set()
    if file.name == "__init__.py" and "def __getattr__" in file.read_text(encoding="utf-8"):
        return set(file.parent.rglob("*.py"))
    return {file}


def _file(module: str) -> Path | None:
    if module.partition(".")[0] not in OURS or f"{module}.".startswith(f"{PICTURES}."):
        return None
    place = ROOT.joinpath(*module.split("."))
    return next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()), None)


@cache
def _imported(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Module and names of each import that may run; the names of ``import module`` are none."""
    return tuple(_found(ast.parse(text)))


def _found(node: ast.AST) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(node, ast.ImportFrom):
        if node.level:
            raise ValueError(f"line {node.lineno}: a relative import hides which module it uses; write it in full")
        yield node.module or "", tuple(alias.name for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from ((alias.name, ()) for alias in node.names)
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        children = iter(node.orelse)
    for child in children:
        yield from _found(child)
