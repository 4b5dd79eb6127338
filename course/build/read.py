"""unit.py → the English notebook, still without nbgrader's metadata.

In: the folder of a unit. Out: a `Unit`: its front matter, and cells in which every shorthand
(`answer="do_ner"`, `reference="train_epoch"`) has been replaced by the source it stands for.
"""

import ast
import dataclasses
import importlib
import inspect
import textwrap
from pathlib import Path

import jupytext
import yaml
from nbformat import NotebookNode

UNITS = Path(__file__).parents[1] / "units"
LANGUAGES = ("en", "ru", "es")


class UnitError(Exception):
    """A unit whose text does not follow the rules; the message names the unit and the cell."""


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit of the course in English; `minutes` is what a newcomer needs, reading and exercises together."""

    name: str
    title: str
    summary: str
    goals: list[str]
    minutes: int
    training: str
    prerequisites: str
    data: str
    cells: list[NotebookNode]


def unit_names() -> list[str]:
    """The units that have a text, in alphabetical order."""
    return sorted(path.parent.name for path in UNITS.glob("*/unit.py"))


def read_unit(name: str) -> Unit:
    """Read `course/units/<name>/unit.py`. Raises `UnitError`."""
    path = UNITS / name / "unit.py"
    if not path.is_file():
        raise UnitError(f"There is no unit {name!r}: choose one of {', '.join(unit_names())}.")
    return parse_unit(name, path.read_text(encoding="utf-8"))


def parse_unit(name: str, text: str) -> Unit:
    """Read a unit from its text in jupytext's percent format."""
    header, *cells = jupytext.reads(text, fmt="py:percent").cells
    if header.cell_type != "raw" or not header.source.startswith("---"):
        raise UnitError(f"{name}: the text must begin with front matter between two lines of ---.")
    fields = yaml.safe_load(header.source.strip().strip("-"))
    expected = {field.name for field in dataclasses.fields(Unit)} - {"name", "cells"}
    if fields.keys() != expected:
        wrong = ", ".join(sorted(fields.keys() ^ expected))
        raise UnitError(f"{name}: the front matter must hold {', '.join(sorted(expected))}; look at {wrong}.")
    for cell in cells:
        for key in ("answer", "reference"):
            if cell.cell_type == "code" and cell.metadata.get(key):
                cell.source = _with_source(name, cell.source, is_answer=key == "answer")
    return Unit(name=name, cells=cells, **fields)


def _with_source(unit: str, source: str, *, is_answer: bool) -> str:
    """Return a cell that imports one function with the function's source in place of the import.

    A cell without such an import is returned as it is.
    """
    statements = ast.parse(source).body
    if len(statements) != 1 or not isinstance(statements[0], ast.ImportFrom):
        return source
    statement = statements[0]
    module = importlib.import_module(statement.module)
    (alias,) = statement.names
    function = getattr(module, alias.name, None)
    if not inspect.isfunction(function):
        raise UnitError(f"{unit}: {statement.module} has no function {alias.name}.")
    return function_source(function, is_answer=is_answer)


def function_source(function, *, is_answer: bool) -> str:
    """Return a function's source without its docstring, the body between nbgrader's marks if it is an answer.

    The docstring is English and addressed to developers; the notebook's text says the same in the
    reader's language.
    """
    lines = textwrap.dedent(inspect.getsource(function)).rstrip().split("\n")
    body = ast.parse("\n".join(lines)).body[0].body
    if ast.get_docstring(ast.parse("\n".join(lines)).body[0]) is not None:
        signature_end, body = body[0].lineno - 1, body[1:]
    else:
        signature_end = body[0].lineno - 1
    signature, rest = lines[:signature_end], lines[body[0].lineno - 1 :]
    if is_answer:
        rest = ["    ### BEGIN SOLUTION", *rest, "    ### END SOLUTION"]
    return "\n".join(signature + rest)
