"""Which part of the notebook's excursions is run: what answers, tests and own cells read.

In: the notebook to run. Out: for each cell that is not run as a whole, the part that must be. Pictures and trainings
that no mark depends on take time; but an answer may use what an excursus defined, as the student's own notebook does.
"""

import ast
from collections.abc import Callable

from nbformat import NotebookNode

from course.grade.submission.code import (
    SIMPLE,
    bound,
    changed,
    filled,
    parse,
    read_names,
    read_now,
    statements,
    taken_by,
)

Asks = Callable[[NotebookNode], bool]


def needed_parts(notebook: NotebookNode, is_excursus: Asks, is_test: Asks) -> dict[int, str]:
    """Index of a cell that is an excursus → the part of it that other cells need, "" for nothing.

    From the last cell to the first: a name that is read below must be bound; what binds it reads names in turn. What a
    function reads when it is called may be bound anywhere, so that is looked for until no such name comes up any more;
    but a function of a test is called there, and finds what the test has bound.
    """
    excursions = {index for index, cell in enumerate(notebook.cells) if is_excursus(cell)}
    tests = {index for index, cell in enumerate(notebook.cells) if is_test(cell)}
    only_there = _bound_only_in(notebook, excursions)
    anywhere: frozenset[str] = frozenset()
    while True:
        parts, called = _kept(notebook, excursions, tests, only_there, anywhere)
        if called <= anywhere:
            return parts
        anywhere |= called


def _kept(
    notebook: NotebookNode, excursions: set[int], tests: set[int], only_there: set[str], anywhere: frozenset[str]
) -> tuple[dict[int, str], set[str]]:
    """The parts if the names of `anywhere` are needed wherever they are bound, and those that kept functions read."""
    wanted, called = set(anywhere), set()
    parts: dict[int, str] = {}
    for index in reversed(range(len(notebook.cells))):
        cell = notebook.cells[index]
        if cell.cell_type != "code":
            continue
        kept: list[str] = []
        taken = taken_by(tree) if index in tests and (tree := parse(cell.source)) else frozenset()
        for node, text in reversed(list(statements(cell.source))):
            if index in excursions:
                changes = (changed(node) | filled(node)) & only_there
                if not ((bound(node) | changes) & wanted or _binds_anything(node)):
                    continue
                kept.append(text)
            if isinstance(node, SIMPLE):
                wanted -= bound(node) - anywhere
            now = read_now(node)
            wanted |= now
            later = read_names(node) - now
            called |= later & taken if index in tests else later
        if index in excursions:
            parts[index] = "\n".join(reversed(kept))
    return parts, called


def _binds_anything(node: ast.stmt) -> bool:
    """Whether nobody can see which names a statement binds: `from … import *`."""
    return isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)


def _bound_only_in(notebook: NotebookNode, excursions: set[int]) -> set[str]:
    """The names that only these cells bind: what changes the objects behind them belongs to them."""
    inside, outside = set(), set()
    for index, cell in enumerate(notebook.cells):
        tree = parse(cell.source) if cell.cell_type == "code" else None
        if tree:
            (inside if index in excursions else outside).update(bound(tree))
    return inside - outside
