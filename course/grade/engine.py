"""submitted/ → autograded/ and gradebook.db, by nbgrader's own autograde.

In: a course folder and an assignment. Out: one `Verdict` per submission. Each submission is graded by a call of
its own, so that what stops one does not stop the next. The student's code runs in an ordinary kernel, with the
rights of whoever starts the command: grade only submissions of people you trust.
"""

import os
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import nbformat
from sqlalchemy.exc import SAWarning
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from course.verdict import CellScore, Outcome, Verdict, bounded, save

ANSI = re.compile(r"\x1b\[[0-9;]*m")
CAUSES: tuple[tuple[str, Outcome, str], ...] = (
    ("DeadKernelError", "kernel_died", "The notebook's process died while it was being graded."),
    ("CellTimeoutError", "timed_out", "A cell did not end within the time limit and could not be interrupted."),
    ("NotJSONError", "unreadable", "The file is not a notebook."),
    ("ValidationError", "unreadable", "The notebook breaks the rules of its format."),
    ("No notebooks were matched", "wrong_notebook", "The folder holds no notebook."),
    ("No notebooks found", "wrong_notebook", "The folder holds no notebook of this assignment."),
)


class GradingError(Exception):
    """A class that cannot be graded at all; the message says what is missing."""


def students_of(course_dir: Path, assignment: str) -> list[str]:
    """Who handed in something for the assignment, in alphabetical order."""
    return sorted(path.parent.name for path in (course_dir / "submitted").glob(f"*/{assignment}") if path.is_dir())


def grade(assignment: str, course_dir: Path, *, students: list[str], cell_timeout: int) -> Iterator[Verdict]:
    """Grade submissions one after the other, yielding each verdict when it is there.

    `students` is what `submissions` returned. Raises `GradingError` before the first verdict if nbgrader does not
    accept the assignment.
    """
    root = course_dir.resolve()
    api = _api(root, cell_timeout)
    _register(api, assignment)
    for student in students:
        verdict = _grade_one(api, root, assignment, student)
        save(verdict, root)
        yield verdict


def submissions(assignment: str, course_dir: Path, wanted: list[str] | None = None) -> list[str]:
    """The students whose submissions are to be graded: all, or those that are wanted. Raises `GradingError`."""
    root = course_dir.resolve()
    handed_in = students_of(root, assignment)
    if not (root / "source" / assignment).is_dir():
        raise GradingError(f"There is no assignment {root / 'source' / assignment}: build it, or name another.")
    for student in wanted or []:
        if student not in handed_in:
            raise GradingError(f"There is no submission {root / 'submitted' / student / assignment}.")
    if not handed_in:
        raise GradingError(f"Nobody has handed in {assignment}: nothing lies at {root / 'submitted'}/*/{assignment}.")
    return wanted or handed_in


def _api(root: Path, cell_timeout: int):
    from nbgrader.apps.api import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory

    # nbgrader calls `alembic` by name; it stands beside the interpreter, also where that is not on PATH.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    config = Config()
    if (root / "nbgrader_config.py").is_file():
        config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(root)
    config.Execute.timeout = cell_timeout
    config.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--log-level=ERROR"]
    return NbGraderAPI(CourseDirectory(config=config), config=config)


def _register(api, assignment: str) -> None:
    """Bring the gradebook in step with source/; a gradebook that is missing is made."""
    with tempfile.TemporaryDirectory() as folder:
        before = api.coursedir.release_directory
        api.coursedir.release_directory = folder  # the released notebooks in release/ are the builder's
        try:
            result = api.generate_assignment(assignment)
        finally:
            api.coursedir.release_directory = before
    if not result["success"]:
        raise GradingError(f"nbgrader does not accept source/{assignment}: {bounded(_last_error(result))}")


def _grade_one(api, root: Path, assignment: str, student: str) -> Verdict:
    started = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # nbgrader's own queries, nothing a teacher can act on
        result = api.autograde(assignment, student)
    seconds = round(time.monotonic() - started, 1)
    cells = tuple(_cells(api, root, assignment, student)) if result["success"] else ()
    if result["success"]:
        outcome, cause = "graded", ""
    else:
        outcome, cause = _cause(result)
    scores = [cell.score for cell in cells if cell.score is not None]
    return Verdict(
        student=student,
        assignment=assignment,
        verdict=outcome,
        cause=cause,
        flags=(),
        score=sum(scores) if scores else None,
        max_score=_max_score(api, assignment),
        seconds=seconds,
        cells=cells,
    )


def _cause(result: dict) -> tuple[Outcome, str]:
    text = result.get("error", "") + result.get("log", "")
    for sign, outcome, sentence in CAUSES:
        if sign in text:
            return outcome, sentence
    return "unreadable", bounded(f"nbgrader could not grade the notebook: {_last_error(result)}")


def _last_error(result: dict) -> str:
    lines = ANSI.sub("", result.get("log", "") + result.get("error", "")).splitlines()
    return next((line for line in reversed(lines) if "Error" in line or "ERROR" in line), "no reason was given")


def _max_score(api, assignment: str) -> float:
    with api.gradebook as gradebook:
        return gradebook.find_assignment(assignment).max_score


def _cells(api, root: Path, assignment: str, student: str) -> Iterator[CellScore]:
    with api.gradebook as gradebook:
        for notebook in gradebook.find_submission(assignment, student).notebooks:
            messages = _messages(root / "autograded" / student / assignment / f"{notebook.name}.ipynb")
            order = list(messages)
            for grade in sorted(notebook.grades, key=lambda grade: order.index(grade.cell.name)):
                score = grade.manual_score if grade.manual_score is not None else grade.auto_score
                if grade.needs_manual_grade and grade.manual_score is None:
                    score, status = None, "manual"
                elif score == grade.max_score:
                    status = "passed"
                else:
                    status = "partial" if score else "failed"
                yield CellScore(grade.cell.name, score, grade.max_score, status, messages.get(grade.cell.name, ""))


def _messages(path: Path) -> dict[str, str]:
    """Grade id → the error that the cell ended with, without traceback, or ""; in the order of the notebook."""
    found = {}
    for cell in nbformat.read(path, as_version=4).cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id:
            errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
            found[grade_id] = bounded(_sentence(errors[-1])) if errors else ""
    return found


def _sentence(error) -> str:
    if error.ename == "AssertionError":
        return error.evalue
    return f"{error.ename}: {error.evalue}" if error.evalue else error.ename
