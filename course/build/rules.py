"""The rule groups of a unit's tests: points add up, and text and test name the same rules.

In: a unit's cells in one language. Out: what is wrong, as `UnitError`.
"""

import ast

from nbformat import NotebookNode

from course import exercise
from course.build.read import UnitError

UNGROUPED = 2  # points: what is worth more gives partial credit


def check(unit: str, cells: list[NotebookNode]) -> None:
    """Raise `UnitError` for a test cell whose groups do not fit its points or the exercise's text."""
    for index, cell in enumerate(cells):
        if "test" in cell.metadata:
            _check_test(f"{unit}: the test {cell.metadata['test']!r}", cell, exercise.of(cells, index))


def _check_test(name: str, cell: NotebookNode, text: exercise.Exercise) -> None:
    points = float(cell.metadata["points"])
    groups = exercise.groups_of(cell.source)
    for node in ast.walk(ast.parse(cell.source)):
        if isinstance(node, ast.Assert) and not (isinstance(node.msg, ast.Constant) and node.msg.value):
            raise UnitError(f"{name}: every assert needs a message that a student reads: {ast.unparse(node.test)}.")
    if groups is None:
        if points > UNGROUPED:
            raise UnitError(f"{name} is worth {points:g} points and has no rule groups.")
        return
    if points and sum(groups.values()) != points:  # a dropped question has no points
        raise UnitError(f"{name} is worth {points:g} points, its rule groups {sum(groups.values()):g}.")
    if missing := groups.keys() ^ exercise.blocks_of(cell.source).keys():
        raise UnitError(f"{name}: the rule group {min(missing)!r} is not both declared and tested.")
    if missing := {group for group in groups if exercise.name_of(group) not in text.rules}:
        raise UnitError(f"{name}: no rule in the text of the exercise begins with **{min(missing)}**.")
    if cell.source.rstrip().rpartition("\n")[2] != "rules.score()":
        raise UnitError(f"{name} must end with rules.score().")
