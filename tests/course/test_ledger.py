"""The gradebook after grading: what a person gave stays, what the grader gave is always the newest."""

import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import nbgrader
import pytest
from nbgrader.api import Gradebook

from course.cli import main
from course.folder import CourseError, Folder
from course.grade import lateness, marks
from course.grade.gradebook import schema_version
from course.grade.ledger import GradingError, Ledger
from tests import postgres as server

WRONG = {"add": "def add(a, b):\n    return a - b"}


def small_source_of(course) -> nbformat.NotebookNode:
    """The teacher's notebook as it is."""
    return nbformat.read(course.root / "source" / "sums" / "sums.ipynb", as_version=4)


def review(course, student: str, **points: float) -> None:
    """Give marks by hand, and a comment, as formgrader does."""
    with course.gradebook() as gradebook:
        for grade_id, score in points.items():
            grade = gradebook.find_grade(grade_id, "sums", "sums", student)
            grade.manual_score, grade.needs_manual_grade = score, False
        gradebook.find_comment("essay", "sums", "sums", student).manual_comment = "Well said."
        gradebook.db.commit()


def test_the_version_of_the_tables_is_the_one_that_nbgrader_writes():
    """It asks the program, which stands beside the interpreter."""
    folder = Path(nbgrader.__file__).parent
    ini = f"[alembic]\nscript_location = {folder / 'alembic'}"
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as file:
        file.write(ini)
        file.flush()
        command = [Path(sys.executable).parent / "alembic", "-c", file.name, "heads"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split()[0] == schema_version()


class TestManualMarks:
    @pytest.fixture
    def reviewed(self, sums, right):
        sums.submit("anna", **right)
        sums.grade()
        review(sums, "anna", essay=1.5, test_add=2.5)
        return sums

    def comment(self, course) -> str | None:
        with course.gradebook() as gradebook:
            return gradebook.find_comment("essay", "sums", "sums", "anna").manual_comment

    def test_they_survive_a_new_submission_and_want_a_second_look_where_something_is_new(self, reviewed, right):
        reviewed.submit("anna", **right | WRONG)
        reviewed.grade()
        marks = reviewed.marks("anna")
        assert marks["test_add"] == (0, 2.5, True)
        assert marks["essay"] == (None, 1.5, False)
        reviewed.submit("anna", **right | {"essay": "Because it is longer."})
        reviewed.grade()
        assert reviewed.marks("anna")["essay"] == (None, 1.5, True)
        assert self.comment(reviewed) == "Well said."

    @pytest.mark.parametrize(
        ("cell", "changed", "looks"),
        [
            (3, "assert add(5, 5) == 10", {"test_add"}),
            (5, "4.0 * (evens(2) == [0])", set()),
            (1, "import math, re", {"test_add"}),
            (0, "# Sums, again", set()),
        ],
        ids=["its test", "another test", "a given cell", "text"],
    )
    def test_a_change_of_the_source_asks_for_a_look_where_it_matters(self, reviewed, cell, changed, looks):
        source = nbformat.from_dict(small_source_of(reviewed))
        source.cells[cell].source = changed
        reviewed.write(source)
        reviewed.grade()
        assert {name for name, (_, _, waits) in reviewed.marks("anna").items() if waits} == looks

    @pytest.mark.parametrize("force", [False, True])
    def test_the_same_submission_graded_again_wants_no_second_look(self, reviewed, force):
        reviewed.grade(force=force)
        marks = reviewed.marks("anna")
        assert marks["essay"] == (None, 1.5, False)
        assert marks["test_add"] == (3, 2.5, False)
        assert self.comment(reviewed) == "Well said."

    def test_they_survive_junk(self, reviewed):
        reviewed.submit("anna", b"junk")
        reviewed.grade()
        assert reviewed.marks("anna")["essay"] == (0, 1.5, True)
        assert self.comment(reviewed) == "Well said."


class TestOldMarks:
    @pytest.mark.parametrize(
        ("answers", "marks"),
        [
            (b"junk", {"test_add": 0, "test_evens": 0, "essay": 0}),
            (b"", {"test_add": 0, "test_evens": 0, "essay": 0}),
            ({"evens": "import os\nos._exit(1)"}, {"test_add": 0, "test_evens": 0, "essay": 0}),
            ({"add": "def add(a, b):\n    import os\n    os._exit(1)"}, {"test_add": 0, "test_evens": 0, "essay": 0}),
            ({}, {"test_add": 0, "test_evens": 0, "essay": 0}),
        ],
        ids=["junk", "empty file", "dies", "dies in a test", "untouched"],
    )
    def test_they_never_survive(self, sums, right, answers, marks):
        sums.submit("anna", **right)
        sums.grade()
        sums.submit("anna", answers) if isinstance(answers, bytes) else sums.submit("anna", **answers)
        sums.grade()
        assert {grade_id: auto for grade_id, (auto, _, _) in sums.marks("anna").items()} == marks

    def test_nor_does_the_old_notebook(self, sums, right):
        sums.submit("anna", **right)
        sums.grade()
        sums.submit("anna", b"junk")
        sums.grade()
        assert not (sums.root / "autograded" / "anna" / "sums").exists()

    def test_files_that_nbgrader_made_read_only_are_replaced(self, sums, right):
        sums.submit("anna", **right)
        old = sums.root / "autograded" / "anna" / "sums" / "sums.ipynb"
        old.parent.mkdir(parents=True)
        old.write_text("old")
        old.chmod(0o444)
        sums.grade()
        assert nbformat.read(old, as_version=4).cells

    def test_one_that_was_not_answered_has_a_comment_that_goes_with_an_answer(self, sums, right):
        def comment():
            with sums.gradebook() as gradebook:
                return gradebook.find_comment("essay", "sums", "sums", "anna").auto_comment

        sums.submit("anna")
        sums.grade()
        assert comment() == "No answer."
        sums.submit("anna", **right)
        sums.grade()
        assert comment() is None


class TestLateSubmissions:
    DUE = "2026-01-10 12:00:00 UTC"

    @pytest.fixture
    def late(self, sums, right):
        """A function: text of timestamp.txt → (seconds late, penalty), where being late costs everything."""
        (sums.root / "nbgrader_config.py").write_text(
            "c = get_config()\nc.LateSubmissionPlugin.penalty_method = 'zero'\n"
        )
        sums.submit("anna", **right)
        with Ledger(Folder.at(sums.root)) as book:
            book.register("sums")
            book.gradebook.update_or_create_assignment("sums", duedate=self.DUE)

        def grade(timestamp: str | None) -> tuple[float, float | None]:
            if timestamp is not None:
                (sums.root / "submitted" / "anna" / "sums" / "timestamp.txt").write_text(timestamp)
            sums.grade()
            with sums.gradebook() as gradebook:
                submission = gradebook.find_submission("sums", "anna")
                return submission.total_seconds_late, submission.notebooks[0].late_submission_penalty

        return grade

    @pytest.mark.parametrize(
        ("timestamp", "expected"),
        [
            ("2026-01-10 12:01:00 UTC", (60, 7)),
            ("2026-01-10 11:59:00 UTC", (0, None)),
            ("2026-01-10T15:01:00+03:00", (60, 7)),
            (None, (0, None)),
            ("", (0, None)),
            ("yesterday \0 ☃", (0, None)),
        ],
    )
    def test_the_plugin_of_the_course_decides(self, late, timestamp, expected):
        assert late(timestamp) == expected

    def test_a_penalty_is_taken_back_with_its_reason(self, late):
        late("2026-01-10 12:01:00 UTC")
        assert late("2026-01-10 11:00:00 UTC") == (0, None)

    def test_a_link_in_its_place_is_not_read(self, sums, late, tmp_path):
        (tmp_path / "other.txt").write_text("2026-01-10 12:01:00 UTC")
        (sums.root / "submitted" / "anna" / "sums" / "timestamp.txt").symlink_to(tmp_path / "other.txt")
        assert late(None) == (0, None)

    def test_nbgrader_sees_the_submission_as_graded(self, sums, late):
        """It compares the two timestamps."""
        late("2026-01-10 12:01:00.5 UTC")
        assert sums.api().get_autograded_students("sums") == {"anna"}


class TestRegister:
    def test_a_missing_gradebook_is_made(self, sums):
        (sums.root / "gradebook.db").unlink()
        sums.submit("anna", b"junk")
        sums.grade()
        assert sums.marks("anna")["essay"] == (0, None, False)

    def test_what_lies_in_release_is_left_alone(self, sums):
        path = sums.root / "release" / "sums" / "sums.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(sums.notebook(), path)
        before = path.read_bytes()
        sums.submit("anna", b"junk")
        sums.grade()
        assert path.read_bytes() == before

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ("added", r"^Cells with a grade id were added .* `nbgrader db assignment remove"),
            (
                "removed",
                r"^The graded cells test_add were removed .* put them back; to drop a question, set ",
            ),
        ],
    )
    def test_cells_that_change_after_grading_are_one_sentence(self, sums, change, sentence):
        sums.submit("anna", b"junk")
        sums.grade()
        notebook = small_source_of(sums)
        if change == "added":
            cell = nbformat.from_dict(notebook.cells[3] | {"id": "new"})
            cell.metadata = nbformat.from_dict({"nbgrader": cell.metadata.nbgrader | {"grade_id": "test_more"}})
            notebook.cells.append(cell)
        else:
            del notebook.cells[3]
        sums.write(notebook)
        with pytest.raises(GradingError, match=sentence):
            sums.grade()

    def test_a_changed_number_of_points_is_taken_over(self, sums, right):
        sums.submit("anna", **right)
        sums.grade()
        path = sums.root / "source" / "sums" / "sums.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[3].metadata.nbgrader.points = 5
        sums.write(notebook)
        assert sums.grade()["anna"].score == 9
        assert sums.marks("anna")["test_add"] == (5, None, False)

    def test_a_source_that_nbgrader_refuses_is_one_sentence(self, sums):
        path = sums.root / "source" / "sums" / "sums.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[5].metadata.nbgrader.grade_id = "test_add"
        sums.write(notebook)
        sums.submit("anna", b"junk")
        with pytest.raises(GradingError, match=r"nbgrader does not accept source/sums: Duplicate grade id: test_add$"):
            sums.grade()

    @pytest.mark.parametrize(
        ("config", "sentence"),
        [
            ("c = get_config(\n", r"nbgrader_config\.py cannot be read"),
            ("1 / 0\n", r"nbgrader_config\.py cannot be read: ZeroDivisionError"),
            (
                "c = get_config()\nc.CourseDirectory.db_url = 'sqlite:////nowhere/gradebook.db'\n",
                "The gradebook cannot be used: unable to open database file",
            ),
        ],
    )
    def test_a_config_that_cannot_be_used_is_one_sentence(self, sums, config, sentence):
        (sums.root / "nbgrader_config.py").write_text(config)
        sums.submit("anna", b"junk")
        with pytest.raises(CourseError, match=sentence):
            sums.grade()


class TestTransaction:
    def test_a_submission_is_entered_as_a_whole_or_not_at_all(self, sums, right, monkeypatch):
        """The grader is stopped while it writes: the old marks stand, all of them, and the next run goes on."""
        sums.submit("anna", **right)
        sums.grade()
        before = sums.marks("anna")
        sums.submit("anna", **WRONG)

        def stop(*_):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(lateness, "settle_one", stop)
            sums.grade()
        assert sums.marks("anna") == before
        sums.grade()
        assert sums.marks("anna")["test_add"] == (0, None, False)

    def test_a_locked_gradebook_is_one_sentence(self, sums, monkeypatch):
        sums.submit("anna", b"junk")
        sums.grade()
        lock = sqlite3.connect(sums.root / "gradebook.db", isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        with pytest.raises(GradingError, match="database is locked"):
            sums.grade()
        lock.close()


class TestTasks:
    def test_a_task_waits_for_a_person(self, sums, right):
        """nbgrader's cells of the kind `task` have points and no answer of their own."""
        path = sums.root / "source" / "sums" / "sums.ipynb"
        notebook = nbformat.read(path, as_version=4)
        task = nbformat.v4.new_markdown_cell("Draw something.\n=== BEGIN MARK SCHEME ===\nx\n=== END MARK SCHEME ===")
        settings = {"schema_version": 3, "grade_id": "draw", "grade": False, "solution": False, "locked": True}
        task.metadata["nbgrader"] = settings | {"task": True, "points": 6}
        notebook.cells.append(task)
        sums.write(notebook)
        sums.submit("anna", **right)
        sums.grade()
        assert sums.marks("anna")["draw"] == (None, None, True)


@pytest.fixture
def postgres():
    """A private PostgreSQL server; its URL behind the scheme."""
    try:
        with server.postgres("fsync=off") as url:
            yield url
    except server.PostgresMissing as error:
        pytest.skip(str(error))


def test_a_class_is_graded_into_postgresql(sums, right, postgres, give):
    """By `db_url` in nbgrader_config.py, however it is spelled; marks by hand survive there, too."""
    (sums.root / "gradebook.db").unlink()

    def use(scheme: str) -> str:
        """The database with this scheme is the course's."""
        url = f"{scheme}:{postgres}"
        config = f"c = get_config()\nc.CourseDirectory.db_url = {url!r}\n"
        (sums.root / "nbgrader_config.py").write_text(config + "c.LateSubmissionPlugin.penalty_method = 'zero'\n")
        return url

    use("postgresql")
    sums.submit("Анна", **right)
    sums.submit("boris", b"junk")
    sums.submit("maria", **right).with_name("timestamp.txt").write_text("2026-01-12 12:00 UTC")
    sums.grade()
    with Gradebook(use("postgresql+psycopg")) as gradebook:
        for student in ("Анна", "maria"):
            grade = gradebook.find_grade("essay", "sums", "sums", student)
            grade.manual_score, grade.needs_manual_grade = 1.5, False
        gradebook.db.commit()
    assert main(["due", "sums", "2026-01-10", "--course-dir", str(sums.root)]) == 0
    found = marks.of(sums.root, "sums")
    assert {student: mark.score for student, mark in found.items()} == {"Анна": 8.5, "boris": None, "maria": 0.0}
    sums.grade(force=True)
    with Gradebook(use("postgresql+psycopg2")) as gradebook:
        assert {s.student.id: s.score for s in gradebook.assignment_submissions("sums")} == {
            "Анна": 8.5,
            "boris": 0,
            "maria": 8.5,
        }
    assert main(["due", "sums", "2026-01-10", "--student", "maria", "--course-dir", str(sums.root)]) == 0
    assert main(["due", "sums", "2026-01-13", "--student", "maria", "--course-dir", str(sums.root)]) == 0
    assert marks.of(sums.root, "sums")["maria"].score == 8.5
    assert not (sums.root / "gradebook.db").exists()


@pytest.mark.parametrize("scheme", ["postgresql+asyncpg", "oracle+oracledb"])
def test_a_missing_driver_is_one_sentence(sums, scheme):
    config = f"c = get_config()\nc.CourseDirectory.db_url = '{scheme}://anna:secret@localhost/marks'\n"
    (sums.root / "nbgrader_config.py").write_text(config)
    with pytest.raises(GradingError, match=r"needs a Python package that is not there") as refused:
        marks.of(sums.root, "sums")
    assert "secret" not in str(refused.value)
