"""The answers of a unit, right and wrong, and what its tests take from each of them.

In: a unit's built notebook, its `mutants.py` and its `right.py`. Out: sources of answers; the rule groups that an
answer loses. Tests and the demo are made of these.
"""

import ast
import contextlib
import functools
import importlib
import inspect
import io
from collections.abc import Iterable

import nbformat

from course import ROOT, Refusal, exercise
from course.build.expand import GRADING_PROFILE
from course.build.read import languages_of
from helpers import language as reader
from helpers import profiles
from helpers.rules import saying


class AnswersError(Refusal):
    """What a unit lacks for its tests to be tested."""


def reference_answers(unit: str) -> dict[str, str]:
    """Grade id → the reference's source, of every answer cell that holds code."""
    return {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in _notebook(unit).cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution")
    }


def fill(notebook, answers: dict[str, str]):
    """Put answers into a released notebook, by grade id."""
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(grade_id, cell.source)
    return notebook


def mutants(unit: str) -> list[tuple[str, str, str, str, tuple[str, ...]]]:
    """The typical wrong answers of a unit: grade id, what is wrong, old text, new text, rule groups that it loses."""
    return _module(unit, "mutants", "typical wrong answers, four of each function at least").MUTANTS


def right(unit: str) -> list[tuple[str, str, str]]:
    """Right answers of a unit that are not the reference: grade id, how they came about, source."""
    return _module(unit, "right", "right answers that are not the reference, what hint 2 dictates for one").RIGHT


def by_turns(cases: Iterable[tuple]) -> list[tuple]:
    """Each case, a unit in front, in one language of the unit, by turns: all are tried, in a third of the time."""
    return [(*case, languages_of(case[0])[number % len(languages_of(case[0]))]) for number, case in enumerate(cases)]


def _module(unit: str, name: str, holds: str):
    path = f"course.units.{unit}.{name}"
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name != path:
            raise
    raise AnswersError(f"{path.replace('.', '/')}.py is missing: it holds {holds} (docs/authors.md).")


def _notebook(unit: str, language: str = "en") -> nbformat.NotebookNode:
    path = ROOT / "source" / f"{unit}-{language}" / f"{unit}.ipynb"
    if not path.is_file():
        raise AnswersError(f"The unit {unit} is not built: run `course build {unit}`.")
    return nbformat.read(path, as_version=4)


def mutant(unit: str, grade_id: str, name: str) -> str:
    """The source of a typical wrong answer, by its name in the unit's mutants."""
    old, new = next((old, new) for g, n, old, new, _ in mutants(unit) if (g, n) == (grade_id, name))
    source = inspect.getsource(getattr(importlib.import_module(f"helpers.{unit}"), grade_id))
    if old not in source:
        raise ValueError(f"The mutant {name!r} of {grade_id} changes a text that is no longer there.")
    return source.replace(old, new)


def lacking(unit: str) -> str:
    """What a unit lacks for its tests to be tested, in a sentence; "" if it lacks nothing."""
    try:
        reference_answers(unit), mutants(unit), right(unit)
    except AnswersError as error:
        return str(error)
    return ""


@functools.cache
def cells_of(unit: str, language: str = "en") -> dict[str, nbformat.NotebookNode]:
    """The code cells of a unit's notebook, by their ids."""
    return {cell.id: cell for cell in _notebook(unit, language).cells if cell.cell_type == "code"}


@functools.cache
def namespace_of(unit: str, language: str = "en") -> dict:
    """What a notebook has defined before its first exercise, and all functions: references, and those that it shows."""
    names = {"__name__": "__notebook__"}
    functions = [grade_id for grade_id in reference_answers(unit) if grade_id != "training"]
    for identity, cell in cells_of(unit, language).items():
        if identity in functions:
            break
        if "lesson" not in cell.metadata.get("tags", []) and "google.colab" not in cell.source:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(cell.source, identity, "exec"), names)
        if "parameters" in cell.metadata.get("tags", []):
            names["profile"] = GRADING_PROFILE  # as the grader does
    for identity, cell in cells_of(unit, language).items():
        if identity in functions or _only_defines_functions(cell):
            exec(cell.source, names)
    return names


def _only_defines_functions(cell: nbformat.NotebookNode) -> bool:
    if cell.source.startswith("%") or "google.colab" in cell.source or cell.id.startswith("test_"):
        return False
    return all(isinstance(node, ast.FunctionDef) for node in ast.parse(cell.source).body)


def lost(unit: str, grade_id: str, answer: str, language: str = "en") -> set[str]:
    """The rule groups that an answer loses, by their English names; {""} if it loses a test that has none.

    Nothing is lost: it is right.
    """
    return set(said(unit, grade_id, answer, language))


def said(unit: str, grade_id: str, answer: str, language: str = "en") -> dict[str, str]:
    """What the test says about each rule group that an answer loses, by the English names of the groups."""
    names = dict(namespace_of(unit, language))
    reader.use(language)  # as the notebook did for its process, which this one shares with others
    if isinstance(names.get("profile"), profiles.Profile):
        profiles.choose(names["profile"])
    exec(compile(answer, grade_id, "exec"), names)
    *body, last = ast.parse(cells_of(unit, language)[f"test_{grade_id}"].source).body
    is_value = isinstance(last, ast.Expr)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(ast.Module(body if is_value else [*body, last], []), f"test_{grade_id}", "exec"), names)
            value = eval(compile(ast.Expression(last.value), f"test_{grade_id}", "eval"), names) if is_value else None
    except Exception as error:
        return {"": saying(error)}
    if value is None:
        return {}
    english = exercise.groups_of(cells_of(unit)[f"test_{grade_id}"].source)
    rules = value.rules
    return {
        name: saying(rules.errors[here]) if here in rules.errors else ""
        for name, here in zip(english, rules.points, strict=True)
        if here in rules.errors or here not in rules.tried
    }
