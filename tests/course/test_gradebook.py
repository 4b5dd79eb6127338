"""nbgrader's gradebook in the ledger's hands: nothing is written by halves, and a class may be large."""

import contextlib
import os
import signal
import sqlite3

import nbformat
import pytest
from sqlalchemy import create_engine, event, inspect, text

from course.folder import Folder
from course.grade import dropped, lateness
from course.grade.gradebook import LOOKED_UP_BY, make_indexes
from course.grade.job import Graded
from course.grade.ledger import GradingError, Ledger
from course.verdict import CellScore, Verdict

INDEXES = {f"course_{table}_{column}" for table, column in LOOKED_UP_BY.items()}


@pytest.fixture
def book(sums):
    """The open ledger of a course whose source is in the gradebook."""
    with Ledger(Folder.at(sums.root)) as ledger:
        ledger.register("sums")
        yield ledger


def record(ledger: Ledger, student: str, test_add: float = 3.0) -> Verdict:
    """Enter a verdict that nobody needs to run for: points for one test, and an essay that waits for a person."""
    cells = (CellScore("test_add", test_add, 3.0, "passed"), CellScore("essay", None, 2.0, "manual"))
    verdict = Verdict(student, "sums", "graded", "", (), test_add, 9.0, 1.0, cells)
    path = ledger.folder.path("source", "sums") / "sums.ipynb"
    return ledger.record(verdict, {"sums": Graded(verdict, path.read_bytes())})


def killed(work) -> bool:
    """Whether a process died of the signal that cannot be caught, while it did this."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    try:
        work()
    finally:
        os._exit(0)


def kill_myself(*_) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def give_points(course, grade_id: str, points: int, name: str = "sums") -> None:
    """Make a graded cell of the source worth so much."""
    path = course.root / "source" / "sums" / f"{name}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    (cell,) = (cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)
    cell.metadata.nbgrader.points = points
    course.write(notebook, name)


@contextlib.contextmanager
def statements(ledger: Ledger, name: str):
    """A list, to which goes what the gradebook's engine says to the listener of this name."""
    said = []

    def hear(*arguments):
        said.append(arguments)

    event.listen(ledger.gradebook.engine, name, hear)
    yield said
    event.remove(ledger.gradebook.engine, name, hear)


class TestIndexes:
    @pytest.fixture
    def plain(self, sums):
        """The file of a gradebook as nbgrader makes it."""
        path = sums.root / "gradebook.db"
        with contextlib.closing(sqlite3.connect(path)) as database:
            for name in INDEXES:
                database.execute(f"DROP INDEX {name}")
        return path

    def test_a_gradebook_that_nbgrader_has_made_gets_them(self, sums, plain):
        with Ledger(Folder.at(sums.root)) as ledger:
            assert _indexes(ledger.gradebook.engine) >= INDEXES

    def test_a_database_that_refuses_them_is_used_without(self, plain):
        engine = create_engine(f"sqlite:///file:{plain}?mode=ro&uri=true")
        make_indexes(engine)
        assert not _indexes(engine) & INDEXES

    def test_no_question_goes_through_all_of_a_class(self, book):
        """SQLite says how it would answer each that is asked while a verdict is entered, the first and a later one."""
        with statements(book, "before_cursor_execute") as said:
            record(book, "anna")
            record(book, "anna", test_add=0.0)
        asked = {(statement, parameters) for _, _, statement, parameters, *_ in said if statement.startswith("SELECT")}
        with book.gradebook.engine.connect() as connection:
            plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {one}", given).all() for one, given in asked]
        steps = {tuple(step.detail.split()[:2]) for plan in plans for step in plan}
        assert ("SEARCH", "grade") in steps
        assert not steps & {("SCAN", table) for table in LOOKED_UP_BY}


def _indexes(engine) -> set[str]:
    return {index["name"] for table in LOOKED_UP_BY for index in inspect(engine).get_indexes(table)}


class TestAVerdict:
    def test_is_one_commit(self, book):
        with statements(book, "commit") as commits:
            record(book, "anna")
            record(book, "anna", test_add=0.0)
        assert len(commits) == 2

    def test_is_on_the_disk_when_it_is_committed(self, book):
        """3 is EXTRA, with which SQLite promises that for its own kind of journal."""
        with book.gradebook.engine.connect() as connection:
            assert connection.execute(text("PRAGMA synchronous")).scalar() == 3
            assert connection.execute(text("PRAGMA journal_mode")).scalar() == "delete"

    def test_makes_the_rows_that_nbgrader_makes(self, sums):
        notebook = sums.notebook()
        notebook.cells.append(
            nbformat.v4.new_markdown_cell("Draw.\n=== BEGIN MARK SCHEME ===\n=== END MARK SCHEME ===")
        )
        settings = {"schema_version": 3, "grade_id": "draw", "grade": False, "solution": False, "locked": True}
        notebook.cells[-1].metadata["nbgrader"] = settings | {"task": True, "points": 6}
        sums.write(notebook)
        with Ledger(Folder.at(sums.root)) as ledger:
            ledger.register("sums")
            record(ledger, "anna")
        with sums.gradebook() as gradebook:
            gradebook.add_student("boris")
            gradebook.add_submission("sums", "boris")
            ours, theirs = (_rows(gradebook, student) for student in ("anna", "boris"))
        assert ours == theirs
        assert ("sums", "grade", "draw") in ours

    def test_of_a_grader_that_is_killed_leaves_nothing(self, sums):
        with Ledger(Folder.at(sums.root)) as ledger:
            ledger.register("sums")

        def half_a_verdict():
            lateness.settle_one = kill_myself
            with Ledger(Folder.at(sums.root)) as ledger:
                record(ledger, "anna")

        assert killed(half_a_verdict)
        with sums.gradebook() as gradebook:
            assert not gradebook.students
            assert not gradebook.assignment_submissions("sums")

    def test_of_a_grader_that_is_killed_leaves_the_old_one(self, sums):
        with Ledger(Folder.at(sums.root)) as ledger:
            ledger.register("sums")
            record(ledger, "anna")

        def half_a_verdict():
            lateness.settle_one = kill_myself
            with Ledger(Folder.at(sums.root)) as ledger:
                record(ledger, "anna", test_add=0.0)

        assert killed(half_a_verdict)
        assert sums.marks("anna")["test_add"] == (3, None, False)

    def test_that_a_locked_gradebook_refuses_is_one_sentence_and_nothing_else(self, sums):
        """Formgrader writes, and does not end; the next verdict is entered."""
        url = f"sqlite:///{sums.root / 'gradebook.db'}?timeout=0.1"
        (sums.root / "nbgrader_config.py").write_text(f"c = get_config()\nc.CourseDirectory.db_url = {url!r}\n")
        with Ledger(Folder.at(sums.root)) as ledger:
            ledger.register("sums")
            with sums.gradebook() as gradebook:
                gradebook.db.execute(text("BEGIN IMMEDIATE"))
                with pytest.raises(GradingError, match=r"^The gradebook cannot be used: database is locked$"):
                    record(ledger, "anna")
            record(ledger, "boris")
            assert [student.id for student in ledger.gradebook.students] == ["boris"]


def _rows(gradebook, student: str) -> list[tuple[str, str, str]]:
    """Notebook, kind and grade id of each row of a submission that a mark or a comment goes into."""
    return sorted(
        (notebook.name, kind, row.cell.name)
        for notebook in gradebook.find_submission("sums", student).notebooks
        for kind, rows in (("grade", notebook.grades), ("comment", notebook.comments))
        for row in rows
    )


class TestTheSource:
    def points(self, course) -> dict[str, float]:
        with course.gradebook() as gradebook:
            return {
                f"{notebook.name}/{cell.name}": cell.max_score
                for notebook in gradebook.find_assignment("sums").notebooks
                for cell in notebook.grade_cells
            }

    def test_is_one_commit(self, sums):
        with Ledger(Folder.at(sums.root)) as ledger, statements(ledger, "commit") as commits:
            ledger.register("sums")
        assert len(commits) == 1

    def test_is_not_entered_in_part_where_nbgrader_refuses_a_later_notebook(self, sums):
        sums.write(name="more")
        with Ledger(Folder.at(sums.root)) as ledger:
            ledger.register("sums")
            before = self.points(sums)
            give_points(sums, "test_add", 30, name="more")
            notebook = nbformat.read(sums.root / "source" / "sums" / "sums.ipynb", as_version=4)
            notebook.cells[5].metadata.nbgrader.grade_id = "test_add"
            sums.write(notebook)
            with pytest.raises(GradingError, match="Duplicate grade id"):
                ledger.register("sums")
            assert self.points(sums) == before

    def test_that_a_killed_grader_had_begun_to_enter_is_entered_by_the_next(self, sums):
        """A person's mark for a question that is dropped is set aside, and comes back with the question."""
        with Ledger(Folder.at(sums.root)) as ledger:
            ledger.register("sums")
            record(ledger, "anna")
        with sums.gradebook() as gradebook:
            gradebook.find_grade("essay", "sums", "sums", "anna").manual_score = 1.5
            gradebook.db.commit()
        give_points(sums, "essay", 0)

        def half_a_source():
            dropped.follow = kill_myself
            with Ledger(Folder.at(sums.root)) as ledger:
                ledger.register("sums")

        assert killed(half_a_source)
        assert sums.marks("anna")["essay"][1] == 1.5
        with Ledger(Folder.at(sums.root)) as ledger:
            ledger.register("sums")
            assert sums.marks("anna")["essay"][1] is None
            give_points(sums, "essay", 2)
            ledger.register("sums")
        assert sums.marks("anna")["essay"][1] == 1.5
