"""unit.py → the English notebook, still without nbgrader's metadata.

In: the folder of a unit. Out: a `Unit`: its front matter, and cells in which every shorthand
(`answer="do_ner"`, `reference="train_epoch"`) has been replaced by the source it stands for.
"""

import ast
import dataclasses
import importlib
import inspect
import io
import textwrap
import tokenize
from pathlib import Path

import jupytext
import yaml
from nbformat import NotebookNode

from course import Refusal
from helpers.language import LANGUAGES

UNITS = Path(__file__).parents[1] / "units"
ORDER = ("transformer", "emotion", "reviews", "intent", "ner", "toxicity")  # in which the units are best taken
PAIRS = [(f"### BEGIN {what}", f"### END {what}") for what in ("SOLUTION", "HIDDEN TESTS")]


class UnitError(Refusal):
    """A unit whose text does not follow the rules; the message names the unit and the cell."""


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit of the course in English; `minutes` is what a newcomer needs, reading and exercises together.

    `languages` are those that it is published in, English first.
    """

    name: str
    title: str
    summary: str
    goals: list[str]
    minutes: int
    training: str
    prerequisites: str
    data: str
    cells: list[NotebookNode]
    languages: tuple[str, ...] = ("en",)


def unit_names() -> list[str]:
    """The units that have a text, in alphabetical order."""
    return sorted(path.parent.name for path in UNITS.glob("*/unit.py"))


def in_order(names: list[str]) -> list[str]:
    """Units in the order in which they are best taken; those that it does not name come last."""
    return [name for name in ORDER if name in names] + [name for name in names if name not in ORDER]


def languages_of(name: str) -> tuple[str, ...]:
    """The languages that a unit is written in: English, and those of which its folder has a catalogue."""
    return tuple(code for code in LANGUAGES if code == "en" or (UNITS / name / f"{code}.po").is_file())


def read_unit(name: str) -> Unit:
    """Read `course/units/<name>/unit.py`. Raises `UnitError`."""
    path = UNITS / name / "unit.py"
    if not path.is_file():
        raise UnitError(f"There is no unit {name!r}: choose one of {', '.join(unit_names())}.")
    unit = parse_unit(name, path.read_text(encoding="utf-8"))
    return dataclasses.replace(unit, languages=languages_of(name))


def parse_unit(name: str, text: str) -> Unit:
    """Read a unit from its text in jupytext's percent format."""
    cells = jupytext.reads(text, fmt="py:percent").cells
    if not cells or cells[0].cell_type != "raw" or not cells[0].source.startswith("---"):
        raise UnitError(f"{name}: the text must begin with front matter between two lines of ---.")
    header, *cells = cells
    fields = _front_matter(name, header.source)
    expected = {field.name for field in dataclasses.fields(Unit)} - {"name", "cells", "languages"}
    if fields.keys() != expected:
        wrong = ", ".join(sorted(fields.keys() ^ expected))
        raise UnitError(f"{name}: the front matter must hold {', '.join(sorted(expected))}; look at {wrong}.")
    _check_fields(name, fields)
    for cell in cells:
        if cell.cell_type == "code":
            _check_code(name, cell.source)
            for key in ("answer", "reference"):
                if cell.metadata.get(key):
                    cell.source = _with_source(name, cell.source, is_answer=key == "answer")
    return Unit(name=name, cells=cells, **fields)


def _front_matter(unit: str, source: str) -> dict:
    try:
        fields = yaml.safe_load(source.strip().strip("-"))
    except yaml.YAMLError as error:
        raise UnitError(f"{unit}: the front matter is not YAML: {' '.join(str(error).split())}.") from None
    return fields if isinstance(fields, dict) else {}


def _check_fields(unit: str, fields: dict) -> None:
    """What YAML takes for another type than the author meant: an empty field, a number, a list."""
    goals = fields["goals"]
    if not (isinstance(goals, list) and goals and all(isinstance(goal, str) for goal in goals)):
        raise UnitError(f"{unit}: goals in the front matter must be a list, one line `- …` for each.")
    if isinstance(fields["minutes"], bool) or not isinstance(fields["minutes"], int):
        raise UnitError(f"{unit}: minutes in the front matter must be a whole number.")
    for name in fields.keys() - {"goals", "minutes"}:
        if not isinstance(fields[name], str) or not fields[name].strip():
            raise UnitError(f"{unit}: {name} in the front matter must be a text; put it between quotes if it is one.")


def _check_code(unit: str, source: str) -> None:
    """A mark with a typing mistake would show students what it should hide; magics belong to the builder."""
    beginning = source.strip().split("\n")[0]
    try:
        ast.parse(source)
    except SyntaxError as error:
        raise UnitError(f"{unit}: the cell that begins with {beginning!r} is not Python: {error.msg}.") from None
    marks = [line.strip() for line in source.split("\n") if line.strip().startswith("###")]
    if len(marks) % 2 or any(pair not in PAIRS for pair in zip(marks[::2], marks[1::2])):
        known = "; ".join(" … ".join(pair) for pair in PAIRS)
        raise UnitError(f"{unit}: the cell that begins with {beginning!r} has wrong marks; right ones are {known}.")


def _with_source(unit: str, source: str, *, is_answer: bool) -> str:
    """Return a cell that imports one function with the function's source in place of the import.

    A cell without such an import is returned as it is.
    """
    statements = ast.parse(source).body
    if len(statements) != 1 or not isinstance(statements[0], ast.ImportFrom):
        return source
    statement = statements[0]
    names = ", ".join(alias.name for alias in statement.names)
    if source.strip() != ast.unparse(statement):
        raise UnitError(f"{unit}: the cell that imports {names} must hold that import alone, without comments.")
    place = f"write it in {statement.module.replace('.', '/')}.py, from where its source comes into the notebook"
    try:
        module = importlib.import_module(statement.module)
    except Exception as error:  # whatever an author's module does
        reason = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise UnitError(f"{unit}: the reference {names} cannot be imported ({reason}): {place}.") from None
    function = getattr(module, names, None)
    if not inspect.isfunction(function):
        raise UnitError(f"{unit}: {statement.module} has no function {names}: {place}.")
    return function_source(function, is_answer=is_answer)


def function_source(function, *, is_answer: bool) -> str:
    """Return a function's source without its docstring, the body between nbgrader's marks if it is an answer.

    The docstring is English and addressed to developers; the notebook's text says the same in the
    reader's language.
    """
    lines = textwrap.dedent(inspect.getsource(function)).rstrip().split("\n")
    signature_end = _signature_end(lines)
    definition = ast.parse("\n".join(lines)).body[0]
    has_docstring = ast.get_docstring(definition) is not None
    body = lines[definition.body[0].end_lineno if has_docstring else signature_end :]
    while not body[0].strip():
        body = body[1:]
    if is_answer:
        body = ["    ### BEGIN SOLUTION", *body, "    ### END SOLUTION"]
    return "\n".join(lines[:signature_end] + body)


def _signature_end(lines: list[str]) -> int:
    """The number of lines before a function's body: what follows them, comments included, belongs to the solution."""
    for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
        if token.type == tokenize.NEWLINE:
            end = token.start[0]
        elif token.type == tokenize.INDENT:
            break
    return end
