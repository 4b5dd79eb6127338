"""One mark for one student: whatever shows a mark shows that of `nbgrader export`."""

import dataclasses
import datetime
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

from course import ROOT, kept, traces
from course.cli import main
from course.folder import Folder
from course.grade import fingerprints, marks
from course.grade.errors import GradingError
from course.kept import load, load_all
from course.pages import feedback

COURSES = ("outside", "inside", "notebooks", "points")
LATE = re.compile(r"points taken off: ([\d.]+)\.")
EXTRA = re.compile(r"Extra points in this: ([\d.]+)\.")
POINTS = re.compile(r"([\d.]+) of ([\d.]+) points(?:, ([\d.]+) of them still open)?")


@pytest.fixture(params=COURSES)
def graded(request, grid):
    """Each course of the grid."""
    return grid[request.param]


class TestGrid:
    def test_the_marks_are_those_that_are_right(self, graded):
        found = marks.of(graded.root, "sums")
        assert {
            student: (mark.score and round(mark.score, 6), round(mark.penalty, 6), mark.open)
            for student, mark in found.items()
        } == graded.expected
        assert {mark.max_score for mark in found.values()} == {graded.max_score}

    def test_nbgrader_exports_the_same(self, graded):
        found = marks.of(graded.root, "sums")
        rows = graded.exported()
        assert rows.keys() == found.keys()
        for student, mark in found.items():
            row = rows[student]
            assert float(row["score"]) == pytest.approx(mark.score or 0.0), student
            assert float(row["max_score"]) == mark.max_score
            assert float(row["late_submission_penalty"]) == pytest.approx(mark.penalty)
            assert float(row["raw_score"]) == pytest.approx(mark.automatic + mark.manual + mark.extra)

    def test_a_mark_is_the_sum_of_its_cells_and_of_its_notebooks(self, graded):
        for mark in marks.of(graded.root, "sums").values():
            total = sum(points or 0.0 for points in mark.cells.values())
            assert max(0.0, total - mark.penalty) == pytest.approx(mark.score or 0.0)
            assert sum(part.score or 0.0 for part in mark.parts.values()) == pytest.approx(mark.score or 0.0)
            assert sum(part.max_score for part in mark.parts.values()) == mark.max_score

    def test_the_students_pages_show_the_same(self, graded, tmp_path):
        found = marks.of(graded.root, "sums")
        for path in feedback.write_pages("sums", graded.root, found):
            part = found[path.parents[1].name].parts[path.stem]
            page = path.read_text(encoding="utf-8")
            score, most, waiting = (float(number or 0) for number in POINTS.search(page).groups())
            assert score == pytest.approx(part.score or 0.0)
            assert (most, waiting) == (part.max_score, part.open_points)
            assert bool(waiting) == bool(part.open), path
            assert [float(n) for n in LATE.findall(page)] == ([pytest.approx(part.penalty)] if part.penalty else [])
            assert [float(n) for n in EXTRA.findall(page)] == ([pytest.approx(part.extra)] if part.extra else [])

    def test_times_are_with_zone(self, grid):
        found = marks.of(grid["outside"].root, "sums")
        assert found["late"].late_seconds == 86400
        assert found["late"].submitted_at == datetime.datetime(2026, 1, 11, 12, tzinfo=datetime.UTC)
        assert found["extended"].late_seconds == found["in_time"].late_seconds == found["waits"].late_seconds == 0.0
        assert found["waits"].submitted_at is None


def copy_of(course, path):
    """A copy of a graded course, which a test may change."""
    shutil.copytree(course.root, path)
    return dataclasses.replace(course, root=path)


class TestInStep:
    def test_the_export_command_counts_penalties_from_the_marks_as_they_are(self, grid, give, tmp_path):
        """`nbgrader export` itself leaves them as they were when the submission was graded."""
        course = copy_of(grid["outside"].course, tmp_path / "course")
        config = course.root / "nbgrader_config.py"
        ours = re.search(r"^c\.ExportApp.*$", (ROOT / "nbgrader_config.py").read_text(), re.M)[0]
        config.write_text(f"{config.read_text()}\n{ours}\n")
        give(course, "late", "essay", 1)
        command = [sys.executable, "-m", "nbgrader", "export", "--to", "grades.csv"]
        done = subprocess.run(command, cwd=course.root, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        rows = [line.split(",") for line in (course.root / "grades.csv").read_text().splitlines()]
        (late,) = [dict(zip(rows[0], row)) for row in rows if "late" in row]
        assert float(late["score"]) == pytest.approx(7.2)
        assert marks.of(course.root, "sums")["late"].score == pytest.approx(7.2)

    def test_a_plugin_that_fails_is_one_sentence(self, grid, tmp_path):
        course = copy_of(grid["outside"].course, tmp_path / "course")
        config = course.root / "nbgrader_config.py"
        config.write_text(config.read_text().replace('{"generous": None', '1 / 0, {"generous": None'))
        with pytest.raises(GradingError, match=r"late-submission plugin fails for .*ZeroDivisionError"):
            marks.of(course.root, "sums")

    def test_without_a_gradebook_there_are_none_and_none_is_made(self, sums):
        (sums.root / "gradebook.db").unlink()
        assert marks.of(sums.root, "sums") == {}
        assert not (sums.root / "gradebook.db").exists()


class TestGhosts:
    @pytest.fixture
    def renamed(self, grid, tmp_path):
        course = copy_of(grid["inside"].course, tmp_path / "course")
        (course.root / "submitted" / "marked").rename(course.root / "submitted" / "remarked")
        return course

    def test_who_was_renamed_is_nobody(self, renamed):
        assert "marked" not in marks.of(renamed.root, "sums")
        assert "marked" not in {verdict.student for verdict in load_all(renamed.root, "sums")}

    def test_the_teacher_hears_of_it(self, renamed):
        from course.grade import engine

        heard = []
        with renamed.in_process():
            list(engine.grade("sums", renamed.root, engine.Options(sandbox="bwrap"), say=heard.append))
        assert any(sentence.startswith("marked: in the gradebook") for sentence in heard)

    def test_a_class_whose_submissions_were_put_away_keeps_its_marks(self, renamed):
        (renamed.root / "submitted").rename(renamed.root / "put_away")
        assert "marked" in marks.of(renamed.root, "sums")
        assert "marked" in {verdict.student for verdict in load_all(renamed.root, "sums")}


class TestDropping:
    def points(self, course, index: int, points: float) -> None:
        path = course.root / "source" / "sums" / "sums.ipynb"
        source = nbformat.read(path, as_version=4)
        source.cells[index].metadata.nbgrader.points = points
        course.write(source)

    @pytest.mark.parametrize(("index", "grade_id"), [(3, "test_add"), (6, "essay")])
    def test_what_a_person_gave_comes_back_with_the_points(self, grid, give, tmp_path, index, grade_id):
        course = copy_of(grid["outside"].course, tmp_path / "course")
        give(course, "marked", grade_id, 1.25)
        before = marks.of(course.root, "sums")["marked"]
        points = {3: 3, 6: 2}[index]
        self.points(course, index, 0)
        course.grade(students=("marked",))
        without = marks.of(course.root, "sums")
        assert without["marked"].score == pytest.approx(before.score - before.cells[grade_id])
        assert without["marked"].max_score == before.max_score - points
        assert grade_id not in {cell for mark in without.values() for cell in mark.open}
        assert {mark.cells[grade_id] for mark in without.values()} == {0.0}
        assert kept.set_aside(Folder.at(course.root), "sums", "marked") in traces.of(course.root, "marked").paths
        self.points(course, index, points)
        course.grade(students=("marked",))
        after = marks.of(course.root, "sums")["marked"]
        assert (after.score, after.cells, after.max_score) == (before.score, before.cells, before.max_score)
        assert grade_id not in after.open

    def test_a_bonus_for_a_question_without_points_stays(self, grid, give, tmp_path):
        course = copy_of(grid["points"].course, tmp_path / "course")
        give(course, "waits", "test_add", extra=1)
        course.grade()
        assert marks.of(course.root, "sums")["waits"].score == 5.0


@pytest.fixture(scope="module")
def first(course_at, right, tmp_path_factory):
    course = course_at(tmp_path_factory.mktemp("before") / "course")
    course.submit("anna", **right)
    course.submit("boris", **right | {"add": "def add(a, b):\n    return abs(a) + b"})
    course.grade()
    return course


class TestBefore:
    """What the last grading changed for somebody, and which verdicts are stale."""

    @pytest.fixture
    def course(self, first, tmp_path):
        return copy_of(first, tmp_path / "course")

    def change(self, course, index: int, source: str) -> None:
        path = course.root / "source" / "sums" / "sums.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[index].source = source
        course.write(notebook)

    def before(self, course, student: str):
        return load(Folder.at(course.root), "sums", student).before

    def test_a_first_verdict_replaces_none(self, course):
        assert self.before(course, "anna") is None
        assert fingerprints.stale(course.root, "sums") == {}

    def test_a_changed_hidden_test(self, course, give):
        give(course, "boris", "essay", 2)
        self.change(course, 3, "assert add(1, 2) == 3")
        assert fingerprints.stale(course.root, "sums") == {"anna": ("tests",), "boris": ("tests",)}
        course.grade()
        before = self.before(course, "boris")
        assert (before.score, before.mark, before.reasons, before.tests) == (4.0, 6.0, ("tests",), ("test_add",))
        assert before.cells == {"test_add": 0.0, "test_evens": 4.0, "essay": None}
        assert marks.of(course.root, "sums")["boris"].score == 9.0
        assert fingerprints.stale(course.root, "sums") == {}
        course.grade()
        assert self.before(course, "boris") == before

    def test_a_new_submission(self, course, right):
        course.submit("boris", **right)
        assert fingerprints.stale(course.root, "sums") == {"boris": ("submission",)}
        course.grade()
        assert self.before(course, "boris").reasons == ("submission",)
        assert self.before(course, "anna") is None

    def test_text_that_is_not_run_changes_nothing(self, course):
        self.change(course, 0, "# Other words")
        assert fingerprints.stale(course.root, "sums") == {}

    @pytest.mark.parametrize(("index", "source"), [(1, "import math, re"), (2, "def add(a, b):\n    return b + a")])
    def test_other_code_of_the_teachers(self, course, index, source):
        self.change(course, index, source)
        assert set(fingerprints.stale(course.root, "sums").values()) == {("source",)}

    def test_a_submission_without_a_verdict(self, course):
        course.submit("maria", b"junk")
        assert fingerprints.stale(course.root, "sums") == {"maria": ("ungraded",)}


class TestDue:
    def due(self, course, *arguments: str) -> int:
        return main(["due", "sums", *arguments, "--course-dir", str(course.root)])

    @pytest.fixture
    def late(self, grid, tmp_path):
        return copy_of(grid["outside"].course, tmp_path / "course")

    def test_a_date_for_the_class_counts_at_once(self, late, capsys):
        assert self.due(late, "2026-01-12 12:00 UTC") == 0
        assert marks.of(late.root, "sums")["late"].penalty == 0.0
        assert "due 2026-01-12 12:00:00" in capsys.readouterr().out
        assert self.due(late, "2026-01-01 12:00 UTC") == 0
        found = marks.of(late.root, "sums")
        assert found["late"].late_seconds == 10 * 86400
        assert found["late"].score == 0.0
        assert self.due(late, "none") == 0
        found = marks.of(late.root, "sums")
        assert {mark.penalty for mark in found.values()} == {0.0}

    def test_an_extension_holds_before_anything_is_handed_in(self, sums, right):
        (sums.root / "submitted" / "anna").mkdir(parents=True)
        (sums.root / "roster.csv").write_text("id,name\nanna,Anna\n")
        assert self.due(sums, "2026-01-10 12:00 UTC") == 0
        assert self.due(sums, "2026-01-12 12:00 UTC", "--student", "anna") == 0
        for student in ("anna", "boris"):
            sums.submit(student, b"junk").with_name("timestamp.txt").write_text("2026-01-12 12:00:01 UTC")
        with sums.in_process():
            assert main(["grade", "sums", "--course-dir", str(sums.root)]) == 0
        found = marks.of(sums.root, "sums")
        assert {student: mark.late_seconds for student, mark in found.items()} == {"anna": 1.0, "boris": 2 * 86400 + 1}

    def test_an_extension_counts_at_once_and_can_be_taken_back(self, late):
        assert self.due(late, "2026-01-20 12:00 UTC", "--student", "late") == 0
        assert marks.of(late.root, "sums")["late"].late_seconds == 0.0
        assert "2026-01-20T12:00:00+00:00" in (late.root / "roster.csv").read_text()
        assert self.due(late, "none", "--student", "late") == 0
        assert marks.of(late.root, "sums")["late"].late_seconds == 86400

    def test_a_later_date_of_the_class_is_the_extension_of_nobody(self, late):
        self.due(late, "2026-01-11 06:00 UTC", "--student", "late")
        self.due(late, "2026-02-01 UTC")
        assert marks.of(late.root, "sums")["late"].late_seconds == 0.0
        self.due(late, "2026-01-10 12:00 UTC")
        assert marks.of(late.root, "sums")["late"].late_seconds == 6 * 3600

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["2026-02-30"], "is no date"),
            (["tomorrow"], "is no date"),
            (["2026-01-12 25:00"], "is no date"),
            (["2026-01-12 12:00 Nowhere/Else"], "is no date"),
            (["2026-01-12 12:00+01:00 UTC"], "is no date"),
            (["0001-01-01"], "is no date"),
            (["2026-01-12", "--student", "lat"], "Did you mean late?"),
            (["2026-01-01", "--student", "late"], "before the due date of the class"),
        ],
    )
    def test_a_mistake_is_one_sentence_and_changes_nothing(self, late, capsys, arguments, sentence):
        before = (late.root / "gradebook.db").read_bytes()
        assert self.due(late, *arguments) == 2
        assert sentence in capsys.readouterr().err
        assert (late.root / "gradebook.db").read_bytes() == before
        assert not (late.root / "roster.csv").exists()

    def test_without_a_date_of_the_class_there_are_no_extensions(self, sums, capsys):
        sums.submit("anna", b"junk")
        assert self.due(sums, "2026-01-12", "--student", "anna") == 2
        assert "first give one, `course due sums DATE`" in capsys.readouterr().err

    def test_a_unit_means_all_of_its_languages(self, sums, small_notebook, capsys):
        for language in ("en", "ru"):
            notebook = small_notebook(language)
            notebook.metadata["course"]["unit"] = "ner"
            (sums.root / "source" / f"ner-{language}").mkdir()
            nbformat.write(notebook, sums.root / "source" / f"ner-{language}" / "ner.ipynb")
        assert main(["due", "ner", "2026-01-12 18:00 Europe/Madrid", "--course-dir", str(sums.root)]) == 0
        assert re.findall(r"^(\S+): due", capsys.readouterr().out, re.M) == ["ner-en", "ner-ru"]
        assert main(["due", "nre", "2026-01-12", "--course-dir", str(sums.root)]) == 2
        assert "Did you mean ner?" in capsys.readouterr().err

    @pytest.mark.parametrize("name", ["Anna Petrova", "anna@example.org", "s1"])
    def test_an_extension_by_what_the_roster_says_of_somebody(self, sums, capsys, name):
        (sums.root / "roster.csv").write_text("id,name,email\ns1,Anna Petrova,anna@example.org\ns2,Anna,\n")
        main(["due", "sums", "2026-01-12", "--course-dir", str(sums.root)])
        assert main(["due", "sums", "2026-01-19", "--student", name, "--course-dir", str(sums.root)]) == 0
        assert "s1: " in capsys.readouterr().out
