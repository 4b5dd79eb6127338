"""Cells with the tag `lesson`: pictures and excursions on which no mark depends, and which grading leaves out.

In: a unit's cells. Out: `UnitError` where the rest of the notebook speaks of a name that only such cells define: a
student may sensibly use it in an answer.
"""

import ast
import functools
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from course.build.read import UnitError

CODE = re.compile(r"`([^`\n]+)`")
STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
IDENTIFIER = re.compile(r"(?<![\w.])[A-Za-z_]\w*")

SCOPES = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def check(unit: str, cells: list[NotebookNode]) -> None:
    """Raise `UnitError` for a name that only lesson cells define and a later cell, text or hint mentions."""
    lessons = [is_lesson(cell) for cell in cells]
    elsewhere = set().union(*(defined(cell) for cell, lesson in zip(cells, lessons) if not lesson))
    only_there: set[str] = set()
    for cell, lesson in zip(cells, lessons):
        if lesson:
            only_there |= defined(cell) - elsewhere
        elif found := mentioned(cell) & only_there:
            where = cell.source.strip().partition("\n")[0]
            raise UnitError(
                f"{unit}: `{min(found)}` is defined only in cells with the tag lesson, which are not run for grading, "
                f"but mentioned in the cell that begins with {where!r}."
            )


def is_lesson(cell: NotebookNode) -> bool:
    """Whether a cell is left out when a submission is graded."""
    return cell.cell_type == "code" and "lesson" in cell.metadata.get("tags", [])


def defined(cell: NotebookNode) -> set[str]:
    """The names that a code cell binds."""
    return set(_defined(cell.source)) if cell.cell_type == "code" else set()


@functools.cache  # asked of every cell twice
def _defined(source: str) -> frozenset[str]:
    nodes = list(_outermost(ast.parse(source)))
    names = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    names |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    imports = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    names |= {(alias.asname or alias.name).partition(".")[0] for alias in imports}
    return frozenset(name for name in names if len(name) > 1)  # a letter counts something, or is a formula's


def _outermost(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes outside of functions and comprehensions, whose names are their own."""
    waiting = [tree]
    while waiting:
        yield (node := waiting.pop())
        if not isinstance(node, SCOPES):
            waiting += ast.iter_child_nodes(node)


def mentioned(cell: NotebookNode) -> set[str]:
    """The names that a text has as code, or that a code cell reads and does not bind itself."""
    if cell.cell_type != "code":
        return {name for code in CODE.findall(cell.source) for name in IDENTIFIER.findall(STRING.sub("", code))}
    nodes = list(ast.walk(ast.parse(cell.source)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    inner = {name.id for name in names if isinstance(name.ctx, ast.Store)}  # of its functions, too
    inner |= {node.arg for node in nodes if isinstance(node, ast.arg)} | defined(cell)
    return {name.id for name in names if isinstance(name.ctx, ast.Load)} - inner
