"""The gradebook and the graded notebooks: the one place of the grader that writes.

In: verdicts. Out: nbgrader's gradebook.db (or PostgreSQL, by `db_url`) and `autograded/`, as formgrader and
nbgrader's exports expect them. Manual marks and comments are kept; an old automatic mark never survives a new
verdict.
"""

import contextlib
import dataclasses
import datetime
import fcntl
import os
import re
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import nbformat
from sqlalchemy.exc import SAWarning, SQLAlchemyError

from course.folder import CourseError, Folder, own_folder
from course.grade.job import Graded
from course.kept import save
from course.verdict import NO_ANSWER, CellScore, Verdict, bounded


class GradingError(CourseError):
    """A class that cannot be graded at all; the message says what is missing."""


@dataclasses.dataclass(frozen=True)
class Review:
    """What a person has given to a cell: points (None: the automatic ones stand) and a comment."""

    score: float | None
    comment: str


class Ledger:
    """Opens the course's gradebook, making it where it is missing. Use it as a context manager."""

    def __init__(self, folder: Folder):
        from nbgrader.coursedir import CourseDirectory

        # nbgrader calls `alembic` by name; it stands beside the interpreter, also where that is not on PATH.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        self.folder = folder
        self.config = folder.config.copy()
        self.config.CourseDirectory.root = str(folder.root)
        self.coursedir = CourseDirectory(config=self.config)

    def __enter__(self):
        from nbgrader.api import Course, Gradebook

        warnings.filterwarnings("ignore", category=SAWarning)  # nbgrader's own queries, nothing a teacher can act on
        with self._alone(), _database_errors():
            self.gradebook = Gradebook(self.coursedir.db_url, self.coursedir.course_id)
            # nbgrader leaves out the course without a name, which PostgreSQL then misses for each assignment.
            self.gradebook.db.merge(Course(id=self.coursedir.course_id))
            self.gradebook.db.commit()
        return self

    def __exit__(self, *_):
        self.gradebook.close()

    @contextlib.contextmanager
    def _alone(self):
        """Only one grader at a time writes to a course; another one waits here for the moment that this takes."""
        home = self.folder.home("autograded")
        home.mkdir(parents=True, exist_ok=True)
        with (home / ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def register(self, assignment: str) -> dict[str, tuple[bytes, bytes]]:
        """Bring the gradebook in step with source/.

        Returns for each notebook what is graded against: the teacher's, its tests as nbgrader has registered them (with
        what it makes of `### AUTOTEST`), and the released one. Raises `GradingError`.
        """
        from nbgrader.apps.api import NbGraderAPI

        with self._alone(), tempfile.TemporaryDirectory() as folder:
            api = NbGraderAPI(self.coursedir, config=self.config)
            before = self.coursedir.release_directory
            self.coursedir.release_directory = folder  # what lies in release/ is the builder's
            try:
                result = api.generate_assignment(assignment)
            finally:
                self.coursedir.release_directory = before
            if not result["success"]:
                raise GradingError(_refusal(assignment, result))
            released = {path.stem: path.read_bytes() for path in Path(folder).rglob("*.ipynb")}
            paths = self.folder.notebooks("source", assignment)
            return {path.stem: (self._registered(path, assignment), released[path.stem]) for path in paths}

    def _registered(self, path: Path, assignment: str) -> bytes:
        """The teacher's notebook with the tests that nbgrader has registered."""
        notebook = nbformat.read(path, as_version=4)
        with _database_errors():
            cells = self.gradebook.find_notebook(path.stem, assignment).source_cells
            tests = {cell.name: cell.source for cell in cells if cell.locked and cell.cell_type == "code"}
        for cell in notebook.cells:
            settings = cell.metadata.get("nbgrader", {})
            if settings.get("grade") and settings.get("grade_id") in tests:
                cell.source = tests[settings.grade_id]
        return nbformat.writes(notebook).encode()

    def record(self, verdict: Verdict, parts: dict[str, Graded]) -> Verdict:
        """Enter the verdict of a submission, all of it or nothing, and write its notebooks and the verdict file.

        `parts` are the notebooks of the submission by name. Returns the verdict.
        """
        submitted = self.folder.path("submitted", verdict.assignment, verdict.student)
        with self._alone():
            target = self.folder.path("autograded", verdict.assignment, verdict.student)
            folder = own_folder(target, self.folder.home("autograded"))
            timestamp = _timestamp(submitted)
            unchanged = {name for name, part in parts.items() if part.notebook == _read(folder / f"{name}.ipynb")}
            with _database_errors():
                self._enter(verdict, parts, timestamp, unchanged)
            _make_writable(folder)
            shutil.rmtree(folder, ignore_errors=True)
            for name, part in parts.items():
                if part.notebook is not None:
                    folder.mkdir(parents=True, exist_ok=True)
                    (folder / f"{name}.ipynb").write_bytes(part.notebook)
            if timestamp and folder.is_dir():
                (folder / "timestamp.txt").write_text(f"{timestamp} UTC\n")
            save(verdict, self.folder, verdict.student)
        return verdict

    def reviews(self, assignment: str, student: str) -> dict[str, dict[str, Review]]:
        """Notebook → grade id → what a person has given, for the cells where that is anything."""
        from nbgrader.api import MissingEntry

        with _database_errors():
            try:
                notebooks = self.gradebook.find_submission(assignment, student).notebooks
            except MissingEntry:
                return {}
            found = {}
            for notebook in notebooks:
                scores = {
                    grade.cell.name: grade.manual_score + (grade.extra_credit or 0.0)
                    for grade in notebook.grades
                    if grade.manual_score is not None
                }
                comments = {c.cell.name: c.manual_comment for c in notebook.comments if c.manual_comment}
                found[notebook.name] = {
                    grade_id: Review(scores.get(grade_id), comments.get(grade_id, ""))
                    for grade_id in scores.keys() | comments.keys()
                }
            return found

    def _enter(self, verdict: Verdict, parts: dict[str, Graded], timestamp, unchanged: set[str]) -> None:
        """Marks, comments and penalties of a submission, in one transaction."""
        gradebook = self.gradebook
        gradebook.update_or_create_student(verdict.student)
        submission = gradebook.update_or_create_submission(verdict.assignment, verdict.student)
        if timestamp:
            submission.timestamp = timestamp
        for notebook in submission.notebooks:
            part = parts[notebook.name]
            cells = {cell.grade_id: cell for cell in part.verdict.cells}
            for grade in notebook.grades:
                _mark(grade, cells.get(grade.cell.name), seen=notebook.name in unchanged)
            for comment in notebook.comments:
                cell = cells.get(comment.cell.name)
                comment.auto_comment = NO_ANSWER if cell and cell.message == NO_ANSWER else None
        gradebook.db.flush()
        for notebook in submission.notebooks:
            self._penalise(notebook, verdict.student, submission.total_seconds_late)
        gradebook.db.commit()

    def _penalise(self, notebook, student: str, seconds_late: float) -> None:
        """What the course's late-submission plugin takes away, as in nbgrader's step of this name."""
        from nbgrader.preprocessors import AssignLatePenalties

        notebook.late_submission_penalty = None
        if seconds_late > 0:
            step = AssignLatePenalties(config=self.config)
            step.init_plugin()
            self.gradebook.db.expire(notebook, ["score"])  # the database adds it up
            penalty = step.plugin_inst.late_submission_penalty(student, notebook.score, seconds_late)
            if penalty is not None:
                notebook.late_submission_penalty = min(max(penalty, 0), notebook.score)


def _mark(grade, cell: CellScore | None, seen: bool) -> None:
    """Enter the automatic mark of a cell. `seen`: it is the same notebook that was graded before."""
    grade.auto_score = cell.score if cell else 0.0
    if grade.manual_score is None:
        grade.needs_manual_grade = cell is not None and cell.status == "manual"
    elif not seen:  # as nbgrader has it, a mark that a person gave to something else wants a second look
        grade.needs_manual_grade = True


@contextlib.contextmanager
def _database_errors():
    try:
        yield
    except SQLAlchemyError as error:
        raise GradingError(f"The gradebook cannot be used: {bounded(str(getattr(error, 'orig', error)))}") from None


def _refusal(assignment: str, result: dict) -> str:
    """Why nbgrader does not take the source, in one sentence."""
    if "Cannot add or remove cells" in result.get("error", "") + result.get("log", ""):
        return (
            f"Cells with a grade id were added to source/{assignment} or removed from it since submissions were "
            f"graded: take that back, or hand it out under a new name, or forget its marks with "
            f"`nbgrader db assignment remove {assignment} --force`."
        )
    reasons = re.findall(r"^ *[\w.]*(?:Error|Exception): (.+)$", result.get("log", ""), re.MULTILINE)
    return f"nbgrader does not accept source/{assignment}: {bounded(reasons[0]) if reasons else 'it gave no reason'}"


def _timestamp(submitted: Path) -> datetime.datetime | None:
    """When it was handed in, if `timestamp.txt` says so; what it holds may be anything."""
    from nbgrader.utils import parse_utc

    path = submitted / "timestamp.txt"
    try:
        if any(part.is_symlink() for part in (submitted.parent, submitted, path)) or not path.is_file():
            return None
        with path.open(encoding="utf-8") as file:
            return parse_utc(file.read(100).strip())
    except (OSError, ValueError, OverflowError, TypeError, AttributeError):
        return None


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _make_writable(folder: Path) -> None:
    """nbgrader's own autograde leaves its files read-only."""
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            path.chmod(0o755 if path.is_dir() else 0o644)
