"""The gradebook and the graded notebooks: the one place of the grader that writes.

In: verdicts. Out: nbgrader's gradebook.db (or PostgreSQL, by `db_url`) and `autograded/`, as formgrader and
nbgrader's exports expect them. Manual marks and comments are kept; an old automatic mark never survives a new
verdict.
"""

import contextlib
import datetime
import fcntl
import functools
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat
from sqlalchemy import make_url, select
from sqlalchemy.exc import SAWarning, SQLAlchemyError

from course import kept
from course.folder import Folder, own_folder, replace_file
from course.grade import dropped, fingerprints, lateness, roles, second_look
from course.grade.errors import GradingError, database_errors
from course.grade.job import Graded
from course.verdict import NO_ANSWER, CellScore, Verdict, bounded


class Ledger:
    """Opens the course's gradebook, making it where it is missing. Use it as a context manager.

    `due`: students' own due dates (aware), which are entered as nbgrader's extensions.
    """

    def __init__(self, folder: Folder, due: Mapping[str, datetime.datetime] | None = None):
        from nbgrader.coursedir import CourseDirectory

        self.folder, self.due = folder, due or {}
        self.config = folder.config.copy()
        self.config.CourseDirectory.root = str(folder.root)
        self.coursedir = CourseDirectory(config=self.config)

    def exists(self) -> bool:
        """Whether there is a gradebook to open; of one on a server this is not known before it is opened."""
        try:
            url = make_url(self.coursedir.db_url)
        except SQLAlchemyError:
            return True  # to be refused
        return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()

    def __enter__(self):
        from course.grade import gradebook

        warnings.filterwarnings("ignore", category=SAWarning)  # nbgrader's own queries, nothing a teacher can act on
        with self.alone(), database_errors():
            self.gradebook = gradebook.opened(self.coursedir.db_url, self.coursedir.course_id)
        return self

    def __exit__(self, *_):
        self.gradebook.close()

    @contextlib.contextmanager
    def alone(self):
        """Only one grader at a time writes to a course; another one waits here for the moment that this takes."""
        home = self.folder.home("autograded")
        home.mkdir(parents=True, exist_ok=True)
        with (home / ".lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @functools.cached_property
    def late_plugin(self):
        """What decides how much a late submission loses: the plugin of the course, as nbgrader makes it."""
        from nbgrader.preprocessors import AssignLatePenalties

        step = AssignLatePenalties(config=self.config)
        step.init_plugin()
        return step.plugin_inst

    def register(self, assignment: str) -> dict[str, tuple[bytes, bytes]]:
        """Bring the gradebook in step with source/, all of it or nothing.

        Returns for each notebook what is graded against: the teacher's, its tests as nbgrader has registered them (with
        what it makes of `### AUTOTEST`), and the released one. Raises `GradingError`.
        """
        from course.grade.gradebook import one_transaction

        with self.alone(), tempfile.TemporaryDirectory() as folder:
            with database_errors(), one_transaction(self.gradebook):
                points = dropped.points_of(self, assignment)
                self._generate(assignment, folder)
                dropped.follow(self, assignment, points)
            released = {path.stem: path.read_bytes() for path in Path(folder).rglob("*.ipynb")}
            paths = self.folder.notebooks("source", assignment)
            return {path.stem: (self._registered(path, assignment), released[path.stem]) for path in paths}

    def _generate(self, assignment: str, folder: str) -> None:
        """Let nbgrader enter the source into the gradebook, and what it would release into a folder."""
        from nbgrader.apps.api import NbGraderAPI

        api = NbGraderAPI(self.coursedir, config=self.config)
        before = self.coursedir.release_directory
        self.coursedir.release_directory = folder  # what lies in release/ is the builder's
        try:
            result = api.generate_assignment(assignment)
        finally:
            self.coursedir.release_directory = before
        if not result["success"]:
            raise GradingError(self._refusal(assignment, result))

    def left_over(self, assignment: str) -> Iterator[str]:
        """A sentence about students who have marks but no submission any more: they were renamed, or left."""
        with database_errors():
            known = [submission.student_id for submission in self.gradebook.assignment_submissions(assignment)]
        if gone := sorted(kept.without_submission(self.folder, assignment, known)):
            yield (
                f"{bounded(', '.join(gone))}: in the gradebook, but not in submitted/ any more. Reports leave them "
                f"out, `nbgrader export` does not; `course forget {bounded(gone[0])}` removes all traces of somebody."
            )

    def _registered(self, path: Path, assignment: str) -> bytes:
        """The teacher's notebook with the tests that nbgrader has registered."""
        notebook = nbformat.read(path, as_version=4)
        with database_errors():
            cells = self.gradebook.find_notebook(path.stem, assignment).source_cells
            tests = {cell.name: cell.source for cell in cells if cell.locked and cell.cell_type == "code"}
        for cell in notebook.cells:
            settings = cell.metadata.get("nbgrader", {})
            if settings.get("grade") and settings.get("grade_id") in tests:
                cell.source = tests[settings.grade_id]
        return nbformat.writes(notebook).encode()

    def record(self, verdict: Verdict, parts: dict[str, Graded]) -> Verdict:
        """Enter the verdict of a submission, all of it or nothing, and write its notebooks and the verdict file.

        `parts` are the notebooks of the submission by name. Returns the verdict, with what it was before.
        """
        submitted = self.folder.path("submitted", verdict.assignment, verdict.student)
        with self.alone():
            target = self.folder.path("autograded", verdict.assignment, verdict.student)
            folder = own_folder(target, self.folder.home("autograded"))
            timestamp = _timestamp(submitted)
            same = {
                name: second_look.unchanged(_read(folder / f"{name}.ipynb"), part.notebook)
                for name, part in parts.items()
            }
            with database_errors():
                mark = self._enter(verdict, parts, timestamp, same)
            _make_writable(folder)
            shutil.rmtree(folder, ignore_errors=True)
            for name, part in parts.items():
                if part.notebook is not None:
                    replace_file(folder / f"{name}.ipynb", part.notebook)
            if timestamp and folder.is_dir():
                replace_file(folder / "timestamp.txt", f"{timestamp} UTC\n".encode())
            verdict = fingerprints.after(kept.load(self.folder, verdict.assignment, verdict.student), verdict, mark)
            kept.save(verdict, self.folder, verdict.student)
        return verdict

    def _enter(
        self, verdict: Verdict, parts: dict[str, Graded], timestamp, same: dict[str, frozenset[str]]
    ) -> float | None:
        """Marks, comments and penalties of a submission, in one transaction. Returns the final mark that it had."""
        db = self.gradebook.db
        try:
            names = self._cell_names(verdict.assignment)
            submission, mark = self._submission(verdict)
            if timestamp:
                submission.timestamp = timestamp
            for notebook in submission.notebooks:
                part = parts[notebook.name]
                cells = {cell.grade_id: cell for cell in part.verdict.cells}
                for grade in notebook.grades:
                    name = names[grade.cell_id]
                    _mark(grade, cells.get(name), seen=name in same[notebook.name])
                for comment in notebook.comments:
                    cell = cells.get(names[comment.cell_id])
                    comment.auto_comment = NO_ANSWER if cell and cell.message == NO_ANSWER else None
            db.flush()
            lateness.settle_one(self, submission)
            db.commit()
        finally:
            db.rollback()
        return mark

    def _cell_names(self, assignment: str) -> dict[str, str]:
        """The key of each cell of an assignment in the gradebook → its grade id."""
        from nbgrader.api import Assignment, BaseCell, Notebook

        cells = select(BaseCell.id, BaseCell.name).join(Notebook, BaseCell.notebook_id == Notebook.id)
        cells = cells.join(Assignment, Notebook.assignment_id == Assignment.id).where(Assignment.name == assignment)
        return dict(self.gradebook.db.execute(cells).all())

    def _submission(self, verdict: Verdict):
        """A submission in the gradebook, and the final mark that it had; where it is missing it is made, as nbgrader
        makes it, and had none."""
        from nbgrader.api import Comment, Grade, MissingEntry, Student, SubmittedAssignment, SubmittedNotebook

        with contextlib.suppress(MissingEntry):
            found = self.gradebook.find_submission(verdict.assignment, verdict.student)
            return found, max(0.0, found.score - found.late_submission_penalty)
        student = self.gradebook.db.get(Student, verdict.student) or Student(id=verdict.student)
        made = SubmittedAssignment(assignment=self.gradebook.find_assignment(verdict.assignment), student=student)
        for notebook in made.assignment.notebooks:
            handed_in = SubmittedNotebook(notebook=notebook, assignment=made)
            for cell in (*notebook.grade_cells, *notebook.task_cells):
                Grade(cell_id=cell.id, notebook=handed_in)
            for cell in (*notebook.solution_cells, *notebook.task_cells):
                Comment(cell_id=cell.id, notebook=handed_in)
        self.gradebook.db.add(made)
        return made, None

    def _refusal(self, assignment: str, result: dict) -> str:
        """Why nbgrader does not take the source, in one sentence."""
        if "Cannot add or remove cells" not in result.get("error", "") + result.get("log", ""):
            reasons = re.findall(r"^ *[\w.]*(?:Error|Exception): (.+)$", result.get("log", ""), re.MULTILINE)
            reason = bounded(reasons[0]) if reasons else "it gave no reason"
            return f"nbgrader does not accept source/{assignment}: {reason}"
        with database_errors():
            registered = set(dropped.points_of(self, assignment))
        there = set(_graded_cells(self.folder.notebooks("source", assignment)))
        if gone := sorted(grade_id for _, grade_id in registered - there):
            return (
                f"The graded cells {', '.join(gone)} were removed from source/{assignment} since submissions were "
                f"graded: put them back; to drop a question, set its points to 0, which keeps all marks given by hand."
            )
        return (
            f"Cells with a grade id were added to source/{assignment} or removed from it since submissions were "
            f"graded: take that back, or hand it out under a new name, or forget its marks with "
            f"`nbgrader db assignment remove {assignment} --force`."
        )


def _graded_cells(paths: list[Path]) -> Iterator[dropped.Cell]:
    """The cells with points of the teacher's notebooks: name of the notebook and grade id."""
    for path in paths:
        for cell in nbformat.read(path, as_version=4).cells:
            if roles.is_graded(cell):
                yield path.stem, roles.settings_of(cell).grade_id


def _mark(grade, cell: CellScore | None, seen: bool) -> None:
    """Enter the automatic mark of a cell. `seen`: a person would see the same as when they marked it."""
    grade.auto_score = cell.score if cell else 0.0
    if grade.manual_score is None:
        grade.needs_manual_grade = cell is not None and cell.status == "manual"
    elif not seen:  # as nbgrader has it, a mark that a person gave to something else wants a second look
        grade.needs_manual_grade = True


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
