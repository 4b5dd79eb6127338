"""The final marks: the one place where they are made, from the gradebook.

In: a course folder and an assignment. Out: a `Mark` for everybody who handed it in; each page, table and export shows
that one. A mark is what `nbgrader export` says: a person's points before the grader's, extra credit, minus what the
late-submission plugin takes. Before they are read, penalties are brought in step with what persons have marked since.
"""

import dataclasses
import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from course import kept
from course.folder import Folder
from course.grade import lateness
from course.grade.errors import database_errors
from course.grade.ledger import Ledger
from course.mark import Mark


class _Grade(NamedTuple):
    """A graded cell of a submission as the gradebook has it: points of the grader's and a person's, the final ones,
    whether it waits for a person, and all points that it has."""

    grade_id: str
    automatic: float | None
    manual: float | None
    points: float
    waits: bool
    most: float


def of(course_dir: Path, assignment: str) -> dict[str, Mark]:
    """Student → mark, for all who handed the assignment in; {} where there is no gradebook.

    Who was renamed or removed in `submitted/` has none any more. Raises `GradingError` where the gradebook cannot be
    used, or the course's late-submission plugin fails.
    """
    folder = Folder.at(course_dir)
    ledger = Ledger(folder)
    if not ledger.exists():
        return {}
    with ledger:
        lateness.settle(ledger, assignment)
        with database_errors():
            parts = _parts(ledger.gradebook.db, assignment)
    gone = kept.without_submission(folder, assignment, parts)
    lost = {verdict.student for verdict in kept.load_all(folder.root, assignment) if verdict.score is None}
    return {
        student: _whole(of_student, student in lost)
        for student, of_student in sorted(parts.items())
        if student not in gone
    }


def names(course_dir: Path) -> dict[str, str]:
    """Student → name, for those whose name is in the gradebook. Raises `GradingError`."""
    ledger = Ledger(Folder.at(course_dir))
    if not ledger.exists():
        return {}
    with ledger, database_errors():
        found = {one.id: f"{one.first_name or ''} {one.last_name or ''}".strip() for one in ledger.gradebook.students}
    return {student: name for student, name in found.items() if name}


def _parts(db, assignment: str) -> dict[str, dict[str, Mark]]:
    """Student → notebook → the mark of that notebook."""
    from nbgrader.api import Assignment, BaseCell, Comment, Grade, SubmittedAssignment, SubmittedNotebook

    def rows(*columns, of):
        """Columns of the grades or comments of the assignment, each behind the id of the notebook handed in."""
        found = select(of.notebook_id, BaseCell.name, *columns).join(BaseCell, of.cell_id == BaseCell.id)
        found = found.join(SubmittedNotebook, of.notebook_id == SubmittedNotebook.id)
        found = found.join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        found = found.join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        by_notebook: dict[str, list] = {}
        for notebook, *row in db.execute(found.where(Assignment.name == assignment).order_by(BaseCell.name)):
            by_notebook.setdefault(notebook, []).append(row)
        return by_notebook

    grades = rows(
        Grade.auto_score, Grade.manual_score, Grade.score, Grade.needs_manual_grade, Grade.max_score, of=Grade
    )
    comments = rows(Comment.manual_comment, of=Comment)
    marks: dict[str, dict[str, Mark]] = {}
    for submission in db.scalars(lateness.submissions_to(assignment)):
        for notebook in submission.notebooks:
            own = [_Grade(*grade) for grade in grades.get(notebook.id, ())]
            part = _part(notebook, submission, own, comments.get(notebook.id, ()))
            marks.setdefault(submission.student_id, {})[notebook.name] = part
    return {student: dict(sorted(of_student.items())) for student, of_student in marks.items()}


def _part(notebook, submission, grades: list[_Grade], comments: Iterable) -> Mark:
    """The mark of one notebook."""
    automatic = sum(grade.automatic or 0.0 for grade in grades if grade.manual is None)
    manual = sum(grade.manual or 0.0 for grade in grades)
    total = sum(grade.points for grade in grades)
    penalty = notebook.late_submission_penalty or 0.0
    at = submission.timestamp
    waiting = [grade for grade in grades if grade.waits]
    without = {grade.grade_id for grade in waiting if grade.automatic is None and grade.manual is None}
    return Mark(
        student=submission.student_id,
        assignment=submission.assignment.name,
        score=max(0.0, total - penalty),
        max_score=notebook.notebook.max_score,
        automatic=automatic,
        manual=manual,
        extra=total - automatic - manual,
        penalty=penalty,
        open=tuple(grade.grade_id for grade in waiting),
        cells={grade.grade_id: None if grade.grade_id in without else grade.points for grade in grades},
        late_seconds=float(submission.total_seconds_late),
        submitted_at=at.replace(tzinfo=datetime.UTC) if at else None,
        open_points=sum(grade.most for grade in waiting),
        by_hand=frozenset(grade.grade_id for grade in grades if grade.manual is not None),
        comments={grade_id: comment for grade_id, comment in comments if comment},
    )


def _whole(parts: dict[str, Mark], nothing_graded: bool) -> Mark:
    """The mark of a submission, of the marks of its notebooks."""
    first, *others = parts.values()

    def named(notebook: str, grade_id: str) -> str:
        return f"{notebook}/{grade_id}" if others else grade_id

    total, automatic, manual, extra, penalty, open_points = (
        sum(getattr(part, name) for part in parts.values())
        for name in ("max_score", "automatic", "manual", "extra", "penalty", "open_points")
    )
    by_hand = frozenset(named(name, grade_id) for name, part in parts.items() for grade_id in part.by_hand)
    is_empty = nothing_graded and not by_hand and not extra
    return dataclasses.replace(
        first,
        score=None if is_empty else max(0.0, automatic + manual + extra - penalty),
        max_score=total,
        automatic=automatic,
        manual=manual,
        extra=extra,
        penalty=penalty,
        open=tuple(named(name, grade_id) for name, part in parts.items() for grade_id in part.open),
        cells={named(name, key): points for name, part in parts.items() for key, points in part.cells.items()},
        open_points=open_points,
        by_hand=by_hand,
        comments={named(name, key): text for name, part in parts.items() for key, text in part.comments.items()},
        parts={name: dataclasses.replace(part, score=None) if is_empty else part for name, part in parts.items()},
    )
