"""The gradebook and the graded notebooks: the one place of the grader that writes.

In: verdicts. Out: nbgrader's gradebook.db (or PostgreSQL, by `db_url`) and `autograded/`, as formgrader and
nbgrader's exports expect them. Manual marks and comments are kept; an old automatic mark never survives a new
verdict.
"""

import contextlib
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import nbformat
from sqlalchemy.exc import SAWarning
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from course.grade.job import Graded
from course.verdict import CellScore, save


class GradingError(Exception):
    """A class that cannot be graded at all; the message says what is missing."""


class Ledger:
    """Opens the course's gradebook, making it where it is missing. Use it as a context manager."""

    def __init__(self, root: Path):
        from nbgrader.coursedir import CourseDirectory

        # nbgrader calls `alembic` by name; it stands beside the interpreter, also where that is not on PATH.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        self.root = root
        self.config = Config()
        if (root / "nbgrader_config.py").is_file():
            self.config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
        self.config.CourseDirectory.root = str(root)
        self.coursedir = CourseDirectory(config=self.config)

    def __enter__(self):
        from nbgrader.api import Gradebook

        warnings.filterwarnings("ignore", category=SAWarning)  # nbgrader's own queries, nothing a teacher can act on
        self.gradebook = Gradebook(self.coursedir.db_url, self.coursedir.course_id)
        return self

    def __exit__(self, *_):
        self.gradebook.close()

    def register(self, assignment: str) -> dict[str, bytes]:
        """Bring the gradebook in step with source/.

        Returns the released notebooks, by name. Raises `GradingError`.
        """
        from nbgrader.apps.api import NbGraderAPI

        with tempfile.TemporaryDirectory() as folder:
            api = NbGraderAPI(self.coursedir, config=self.config)
            before = self.coursedir.release_directory
            self.coursedir.release_directory = folder  # what lies in release/ is the builder's
            try:
                result = api.generate_assignment(assignment)
            finally:
                self.coursedir.release_directory = before
            if not result["success"]:
                lines = [line for line in result.get("log", "").splitlines() if "ERROR" in line]
                reason = lines[0] if lines else "it gave no reason"
                raise GradingError(f"nbgrader does not accept source/{assignment}: {reason}")
            return {path.stem: path.read_bytes() for path in Path(folder).rglob("*.ipynb")}

    def record(self, notebook: str, graded: Graded) -> None:
        """Enter one verdict, all of it or nothing, and write the graded notebook and the verdict file."""
        verdict = graded.verdict
        folder = self.root / self.coursedir.autograded_directory / verdict.student / verdict.assignment
        submitted = self.root / self.coursedir.submitted_directory / verdict.student / verdict.assignment
        self._enter(notebook, graded, self.coursedir.get_existing_timestamp(str(submitted)))
        _make_writable(folder)
        shutil.rmtree(folder, ignore_errors=True)
        if graded.notebook is not None:
            folder.mkdir(parents=True)
            (folder / f"{notebook}.ipynb").write_bytes(graded.notebook)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(submitted / "timestamp.txt", folder / "timestamp.txt")
        save(verdict, self.root)

    def _enter(self, notebook: str, graded: Graded, timestamp) -> None:
        verdict = graded.verdict
        gradebook = self.gradebook
        gradebook.update_or_create_student(verdict.student)
        more = {"timestamp": timestamp} if timestamp else {}
        gradebook.update_or_create_submission(verdict.assignment, verdict.student, **more)
        submission = gradebook.find_submission_notebook(notebook, verdict.assignment, verdict.student)
        cells = {cell.grade_id: cell for cell in verdict.cells}
        for grade in submission.grades:
            cell = cells.get(grade.cell.name, CellScore(grade.cell.name, 0.0, grade.max_score, "failed"))
            grade.auto_score = cell.score
            # As nbgrader has it: a manual mark on an answer that was graded again wants a second look.
            grade.needs_manual_grade = cell.status == "manual" or grade.manual_score is not None
        for comment in submission.comments:
            cell = cells.get(comment.cell.name)
            comment.auto_comment = cell.message if cell and cell.message == "No answer." else None
        gradebook.db.commit()
        self._late_penalty(notebook, graded)

    def _late_penalty(self, notebook: str, graded: Graded) -> None:
        """What the course's late-submission plugin says, asked through nbgrader's own step."""
        from nbgrader.preprocessors import AssignLatePenalties

        names = {"notebook": notebook, "assignment": graded.verdict.assignment, "student": graded.verdict.student}
        resources = {"nbgrader": names | {"db_url": self.coursedir.db_url}}
        AssignLatePenalties(config=self.config).preprocess(nbformat.v4.new_notebook(), resources)


def _make_writable(folder: Path) -> None:
    """nbgrader's own autograde leaves its files read-only."""
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            path.chmod(0o755 if path.is_dir() else 0o644)
