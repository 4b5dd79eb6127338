"""Dropped questions: a graded cell whose points the teacher sets to 0 counts for nobody.

In: an open ledger, before and after nbgrader has registered the source. Out: the gradebook, in which the cell gives
nothing; what persons gave for it is set aside in a file, and comes back together with the cell's points.
Points and extra credit that a person gives to a cell without points afterwards are a bonus, and stay.
"""

import json

from course import kept
from course.folder import replace_file

Cell = tuple[str, str]  # notebook and grade id


def points_of(ledger, assignment: str) -> dict[Cell, float]:
    """What each graded cell of an assignment is worth in the gradebook."""
    from nbgrader.api import MissingEntry

    ledger.gradebook.db.expire_all()
    try:
        notebooks = ledger.gradebook.find_assignment(assignment).notebooks
    except MissingEntry:
        return {}
    return {
        (notebook.name, cell.name): cell.max_score
        for notebook in notebooks
        for cell in (*notebook.grade_cells, *notebook.task_cells)
    }


def follow(ledger, assignment: str, before: dict[Cell, float]) -> None:
    """Set aside what persons gave to cells that lost all of their points, and give it back where they have some."""
    after = points_of(ledger, assignment)
    dropped = {cell for cell, points in after.items() if not points and before.get(cell)}
    restored = {cell for cell, points in after.items() if points and before.get(cell) == 0.0}
    for submission in ledger.gradebook.assignment_submissions(assignment) if dropped or restored else ():
        path = kept.set_aside(ledger.folder, assignment, submission.student_id)
        aside = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        for grade in (grade for notebook in submission.notebooks for grade in notebook.grades):
            cell = grade.notebook.name, grade.cell.name
            if cell in dropped:
                _take(grade, aside)
            elif cell in restored:
                _give_back(grade, aside)
        if aside or path.is_file():
            replace_file(path, json.dumps(aside).encode())
    ledger.gradebook.db.commit()


def _take(grade, aside: dict[str, list[float | None]]) -> None:
    aside.pop(_key(grade), None)
    if grade.manual_score is not None or grade.extra_credit is not None:
        aside[_key(grade)] = [grade.manual_score, grade.extra_credit]
    grade.auto_score, grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 0.0, None, None, False


def _give_back(grade, aside: dict[str, list[float | None]]) -> None:
    """What was given meanwhile stays. The file keeps its copy, so that stopping in the middle loses nothing."""
    score, extra = aside.get(_key(grade), (None, None))
    if grade.manual_score is None and grade.extra_credit is None:
        grade.manual_score, grade.extra_credit = score, extra


def _key(grade) -> str:
    return f"{grade.notebook.name}/{grade.cell.name}"
