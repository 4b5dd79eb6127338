"""Who was late, and what that costs: nbgrader's due dates, extensions and penalties, kept in step with each other.

In: an open ledger. Out: the gradebook, so that nbgrader itself says the same. The class's due date of an assignment is
its `duedate`, a student's own one the `extension` of their submission; the course's late-submission plugin takes the
points, from the score that stands in the gradebook when it is asked.
"""

import contextlib
import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Select, select
from sqlalchemy.orm import selectinload

from course.grade.errors import GradingError, database_errors
from course.verdict import bounded

if TYPE_CHECKING:
    from course.grade.ledger import Ledger


def settle(ledger: "Ledger", assignment: str) -> None:
    """Bring the extensions and penalties of all submissions to an assignment in step with the due dates and the marks
    as they are now. Writes only what has changed. Raises `GradingError`."""
    with ledger.alone(), database_errors():
        for submission in ledger.gradebook.db.scalars(submissions_to(assignment)):
            settle_one(ledger, submission)
        ledger.gradebook.db.commit()


def submissions_to(assignment: str) -> Select:
    """A query for all submissions to an assignment; their notebooks come with them, instead of one by one."""
    from nbgrader.api import Assignment, SubmittedAssignment

    found = select(SubmittedAssignment).join(Assignment).where(Assignment.name == assignment)
    return found.options(selectinload(SubmittedAssignment.notebooks))


def settle_one(ledger: "Ledger", submission) -> None:
    """The same for one submission, as part of a transaction."""
    _extend(submission, ledger.due.get(submission.student_id))
    seconds_late = submission.total_seconds_late
    for notebook in submission.notebooks:
        penalty = _penalty(ledger, notebook, submission.student_id, seconds_late) if seconds_late > 0 else None
        if notebook.late_submission_penalty != penalty:
            notebook.late_submission_penalty = penalty


def _extend(submission, due: datetime.datetime | None) -> None:
    """Enter a student's own due date, if it is later than the class's; None leaves what nbgrader has. Where the class
    has no due date nobody is late."""
    of_class, extension = submission.assignment.duedate, submission.extension
    if of_class is None:
        extension = None
    elif due is not None:
        extension = max(naive(due) - of_class, datetime.timedelta())
    if submission.extension != extension:
        submission.extension = extension


def _penalty(ledger: "Ledger", notebook, student: str, seconds_late: float) -> float | None:
    """What the plugin takes away, as in nbgrader's step of this name: at most all."""
    ledger.gradebook.db.flush()
    ledger.gradebook.db.expire(notebook, ["score"])  # the database adds it up
    try:
        penalty = ledger.late_plugin.late_submission_penalty(student, notebook.score, seconds_late)
        return None if penalty is None else min(max(float(penalty), 0.0), notebook.score)
    except Exception as error:  # the course's own code
        raise GradingError(f"The course's late-submission plugin fails for {student}: {bounded(repr(error))}") from None


def class_due(ledger: "Ledger", assignment: str) -> datetime.datetime | None:
    """The class's due date of an assignment, aware; None where it has none. Raises `GradingError`."""
    from nbgrader.api import MissingEntry

    with database_errors():
        try:
            due = ledger.gradebook.find_assignment(assignment).duedate
        except MissingEntry:
            return None
    return due.replace(tzinfo=datetime.UTC) if due else None


def set_class_due(ledger: "Ledger", assignment: str, due: datetime.datetime | None) -> None:
    """Give an assignment a due date (aware), or take it away; it may not have been graded yet. Students' own due dates
    stay where they are. Raises `GradingError`."""
    with ledger.alone(), database_errors():
        assigned = ledger.gradebook.update_or_create_assignment(assignment)
        assigned.duedate = naive(due) if due else None
        ledger.gradebook.db.commit()
    settle(ledger, assignment)


def take_extension_back(ledger: "Ledger", assignment: str, student: str) -> None:
    """The class's due date counts for a student again. Raises `GradingError`."""
    from nbgrader.api import MissingEntry

    with ledger.alone(), database_errors(), contextlib.suppress(MissingEntry):
        ledger.gradebook.find_submission(assignment, student).extension = None
        ledger.gradebook.db.commit()
    settle(ledger, assignment)


def naive(moment: datetime.datetime) -> datetime.datetime:
    """An aware moment as the gradebook has it: UTC, without saying so.

    >>> naive(datetime.datetime.fromisoformat("2026-01-10T15:00+03:00"))
    datetime.datetime(2026, 1, 10, 12, 0)
    """
    return moment.astimezone(datetime.UTC).replace(tzinfo=None)
