"""Written answers in the gradebook: what there is to mark, and the marks that persons give.

In: an open ledger. Out: `Essay`s; in the gradebook, points and comments as formgrader enters them. What has been
changed since somebody looked at it, in formgrader or by grading again, is never overwritten.
"""

import functools
import json
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import and_, func, select, update

from course import kept
from course.essay import Essay, Given
from course.grade import lateness
from course.grade.errors import database_errors
from course.grade.ledger import Ledger


def of(ledger: Ledger, assignment: str) -> list[Essay]:
    """The written answers to an assignment, those that were left as they were aside. Raises `GradingError`.

    A written answer is a cell that is graded and the student's own. Dropped questions (0 points) and students without
    a submission are left out.
    """
    with database_errors():
        rows = ledger.gradebook.db.execute(_query(assignment)).all()
        ledger.gradebook.db.rollback()
    gone = kept.without_submission(ledger.folder, assignment, {row.student for row in rows})
    return [
        Essay(
            key=row.key,
            student=row.student,
            assignment=assignment,
            notebook=row.notebook,
            grade_id=row.grade_id,
            text=_text(ledger, assignment, row.student, row.notebook, row.grade_id),
            most=row.most,
            given=Given(row.points, row.comment or "", row.waits),
            is_code=row.cell_type == "code",
        )
        for row in rows
        if row.student not in gone and (row.waits or row.points is not None)
    ]


def _query(assignment: str):
    from nbgrader.api import (
        Assignment,
        Comment,
        Grade,
        GradeCell,
        Notebook,
        SolutionCell,
        SubmittedAssignment,
        SubmittedNotebook,
    )

    own = and_(SolutionCell.notebook_id == GradeCell.notebook_id, SolutionCell.name == GradeCell.name)
    comment = and_(Comment.cell_id == SolutionCell.id, Comment.notebook_id == Grade.notebook_id)
    return (
        select(
            Grade.id.label("key"),
            SubmittedAssignment.student_id.label("student"),
            Notebook.name.label("notebook"),
            GradeCell.name.label("grade_id"),
            GradeCell.cell_type,
            GradeCell.max_score.label("most"),
            Grade.manual_score.label("points"),
            Grade.needs_manual_grade.label("waits"),
            Comment.manual_comment.label("comment"),
        )
        .join(GradeCell, Grade.cell_id == GradeCell.id)
        .join(SolutionCell, own)
        .join(Notebook, GradeCell.notebook_id == Notebook.id)
        .join(Assignment, Notebook.assignment_id == Assignment.id)
        .join(SubmittedNotebook, Grade.notebook_id == SubmittedNotebook.id)
        .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Comment, comment, isouter=True)
        .where(Assignment.name == assignment, GradeCell.max_score > 0)
        .order_by(SubmittedAssignment.student_id, GradeCell.name)
    )


def enter(ledger: Ledger, changes: Iterable[tuple[Essay, Given]]) -> list[Essay]:
    """Give answers, as they were seen, what a person gave for them: all of it or nothing. Raises `GradingError`.

    Returns the answers that are no longer what was seen, in text or marks; then nothing was entered.
    """
    from nbgrader.api import Grade

    changes = list(changes)
    db = ledger.gradebook.db
    with ledger.alone(), database_errors():
        try:
            others = [essay for essay, given in changes if not _replace(ledger, essay, given)]
            if others:
                return others
            db.expire_all()
            grades = db.scalars(select(Grade).where(Grade.id.in_([essay.key for essay, _ in changes])))
            for submission in {grade.notebook.assignment for grade in grades}:
                lateness.settle_one(ledger, submission)
            db.commit()
        finally:
            db.rollback()
    return []


def _replace(ledger: Ledger, essay: Essay, given: Given) -> bool:
    """Whether the answer was as it had been seen; then it has the new marks. A compare-and-swap in the database: what
    others write without our lock, formgrader for one, cannot come in between."""
    from nbgrader.api import Comment, Grade, SolutionCell

    seen, db = essay.given, ledger.gradebook.db
    if _text(ledger, essay.assignment, essay.student, essay.notebook, essay.grade_id) != essay.text:
        return False
    as_seen = Grade.manual_score.is_(None) if seen.points is None else Grade.manual_score == seen.points
    grade = update(Grade).where(Grade.id == essay.key, as_seen, Grade.needs_manual_grade == seen.waits)
    grade = grade.values(manual_score=given.points, needs_manual_grade=given.waits)
    if not db.execute(grade, execution_options={"synchronize_session": False}).rowcount:
        return False
    notebook = select(Grade.notebook_id).where(Grade.id == essay.key).scalar_subquery()
    cells = select(SolutionCell.id).where(SolutionCell.name == essay.grade_id)
    comment = update(Comment).where(
        Comment.notebook_id == notebook,
        Comment.cell_id.in_(cells),
        func.coalesce(Comment.manual_comment, "") == seen.comment,
    )
    comment = comment.values(manual_comment=given.comment or None)
    return bool(db.execute(comment, execution_options={"synchronize_session": False}).rowcount)


def _text(ledger: Ledger, assignment: str, student: str, notebook: str, grade_id: str) -> str:
    path = ledger.folder.path("autograded", assignment, student) / f"{notebook}.ipynb"
    try:
        status = path.stat()
        return _texts(path, (status.st_mtime_ns, status.st_size)).get(grade_id, "")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""


@functools.lru_cache(4096)
def _texts(path: Path, _changed: tuple[int, int]) -> dict[str, str]:
    """Grade id → text of the written answers in a graded notebook, as it is since its last change."""
    found = {}
    for cell in json.loads(path.read_bytes())["cells"]:
        settings = cell["metadata"].get("nbgrader", {})
        if settings.get("grade") and settings.get("solution"):
            found[settings["grade_id"]] = "".join(cell["source"])
    return found
