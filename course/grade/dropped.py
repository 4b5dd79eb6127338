"""Dropped questions: a graded cell whose points the teacher sets to 0 counts for nobody.

In: an open ledger, before and after nbgrader has registered the source. Out: the gradebook, in which the cell gives
nothing; what persons gave for it is set aside in a file, and comes back together with the cell's points.
Points and extra credit that a person gives to a cell without points afterwards are a bonus, and stay.
"""

import json
from pathlib import Path

from course.folder import Folder, replace_file

Cell = tuple[str, str]  # notebook and grade id


def points_of(ledger, assignment: str) -> dict[Cell, float]:
    """What each graded cell of an assignment is worth in the gradebook."""
    from nbgrader.api import MissingEntry

    try:
        notebooks = ledger.gradebook.find_assignment(assignment).notebooks
    except MissingEntry:
        return {}
    ledger.gradebook.db.expire_all()
    return {
        (notebook.name, cell.name): cell.max_score
        for notebook in notebooks
        for cell in (*notebook.grade_cells, *notebook.task_cells)
    }


def follow(ledger, assignment: str, before: dict[Cell, float]) -> None:
    """Set aside what persons gave to cells that lost all of their points, and give it back where they have some."""
    path = _home(ledger.folder, assignment)
    after = points_of(ledger, assignment)
    dropped = {cell for cell, points in after.items() if not points and before.get(cell)}
    restored = {cell for cell, points in after.items() if points and before.get(cell) == 0.0}
    if not dropped and not restored:
        return
    aside = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for (notebook, grade_id), grade in _grades(ledger, assignment, dropped):
        given = grade.manual_score, grade.extra_credit
        if given != (None, None):
            aside.setdefault(f"{notebook}/{grade_id}", {})[grade.student.id] = given
        grade.auto_score, grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 0.0, None, None, False
    replace_file(path, json.dumps(aside, ensure_ascii=False, indent=1).encode())  # first: nothing is lost in between
    for (notebook, grade_id), grade in _grades(ledger, assignment, restored):
        given = aside.get(f"{notebook}/{grade_id}", {}).pop(grade.student.id, None)
        if given and grade.manual_score is None:
            grade.manual_score, grade.extra_credit = given[0], grade.extra_credit or given[1]
            grade.needs_manual_grade = given[0] is None and grade.cell.cell_type == "markdown"
    ledger.gradebook.db.commit()


def _grades(ledger, assignment: str, cells: set[Cell]):
    """The grades that were given for these cells, each behind its cell."""
    for notebook, grade_id in sorted(cells):
        for submission in ledger.gradebook.notebook_submissions(notebook, assignment):
            for grade in submission.grades:
                if grade.cell.name == grade_id:
                    yield (notebook, grade_id), grade


def _home(folder: Folder, assignment: str) -> Path:
    return folder.home("autograded") / ".aside" / f"{assignment}.json"
