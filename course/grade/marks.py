"""The final marks: the one place where they are made, from the gradebook.

In: a course folder and an assignment. Out: a `Mark` for everybody who handed it in; each page, table and export shows
that one. A mark is what `nbgrader export` says: a person's points before the grader's, extra credit, minus what the
late-submission plugin takes. Before they are read, penalties are brought in step with what persons have marked since.
"""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlalchemy import select

from course import kept
from course.folder import Folder
from course.grade import lateness
from course.grade.errors import database_errors
from course.grade.ledger import Ledger


@dataclasses.dataclass(frozen=True)
class Mark:
    """The mark of a student, in points.

    `score` is the final one, 0 or more; None where nothing could be graded and no person has given anything.
    It is `automatic + manual + extra - penalty`, or 0 where that is less: `automatic` has the cells to which no person
    gave points, `manual` the others. `max_score` is the assignment's as it is now.

    `open`: grade ids that wait for a person, for the first time or for a second look. `cells`: the final points of
    each graded cell, None where it waits and has none yet. In an assignment of several notebooks a grade id stands
    behind its notebook's name (`first/test_f`), as in a `Verdict`; `parts` are the marks of each notebook by its name,
    with its own grade ids. `by_hand`: the cells that a person gave points to. `comments`: a person's, by the grade
    id of the answer.

    `late_seconds` is 0.0 for what came in time, or where no time or no due date is known. `submitted_at` is aware.
    """

    student: str
    assignment: str
    score: float | None
    max_score: float
    automatic: float
    manual: float
    extra: float
    penalty: float
    open: tuple[str, ...]
    cells: Mapping[str, float | None]
    late_seconds: float
    submitted_at: datetime.datetime | None
    by_hand: frozenset[str] = frozenset()
    comments: Mapping[str, str] = dataclasses.field(default_factory=dict)
    parts: Mapping[str, "Mark"] = dataclasses.field(default_factory=dict)


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

    grades = rows(Grade.auto_score, Grade.manual_score, Grade.score, Grade.needs_manual_grade, of=Grade)
    comments = rows(Comment.manual_comment, of=Comment)
    submissions = select(SubmittedAssignment).join(Assignment).where(Assignment.name == assignment)
    marks: dict[str, dict[str, Mark]] = {}
    for submission in db.scalars(submissions):
        for notebook in submission.notebooks:
            part = _part(notebook, submission, grades.get(notebook.id, ()), comments.get(notebook.id, ()))
            marks.setdefault(submission.student_id, {})[notebook.name] = part
    return {student: dict(sorted(of_student.items())) for student, of_student in marks.items()}


def _part(notebook, submission, grades: Iterable, comments: Iterable) -> Mark:
    """The mark of one notebook: `grades` are (grade id, automatic, manual, final points, waits)."""
    automatic = sum(auto or 0.0 for _, auto, manual, _, _ in grades if manual is None)
    manual = sum(manual or 0.0 for _, _, manual, _, _ in grades)
    total = sum(score for _, _, _, score, _ in grades)
    penalty = notebook.late_submission_penalty or 0.0
    at = submission.timestamp
    return Mark(
        student=submission.student_id,
        assignment=submission.assignment.name,
        score=max(0.0, total - penalty),
        max_score=notebook.notebook.max_score,
        automatic=automatic,
        manual=manual,
        extra=total - automatic - manual,
        penalty=penalty,
        open=tuple(grade_id for grade_id, _, _, _, waits in grades if waits),
        cells={
            grade_id: None if waits and auto is None and manual is None else score
            for grade_id, auto, manual, score, waits in grades
        },
        late_seconds=float(submission.total_seconds_late),
        submitted_at=at.replace(tzinfo=datetime.UTC) if at else None,
        by_hand=frozenset(grade_id for grade_id, _, manual, _, _ in grades if manual is not None),
        comments={grade_id: comment for grade_id, comment in comments if comment},
    )


def _whole(parts: dict[str, Mark], nothing_graded: bool) -> Mark:
    """The mark of a submission, of the marks of its notebooks."""
    first, *others = parts.values()

    def named(notebook: str, grade_id: str) -> str:
        return f"{notebook}/{grade_id}" if others else grade_id

    total, automatic, manual, extra, penalty = (
        sum(getattr(part, name) for part in parts.values())
        for name in ("max_score", "automatic", "manual", "extra", "penalty")
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
        by_hand=by_hand,
        comments={named(name, key): text for name, part in parts.items() for key, text in part.comments.items()},
        parts={name: dataclasses.replace(part, score=None) if is_empty else part for name, part in parts.items()},
    )
