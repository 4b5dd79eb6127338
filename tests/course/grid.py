"""Marks of every kind, in courses of every kind: whatever shows a mark is compared with nbgrader's export of them.

The fixture `grid` grades them once; `give` enters what a person gives.
"""

import csv
import dataclasses
import datetime
import tempfile
from pathlib import Path

import nbformat
import pytest

PENALTIES = """
from nbgrader.plugins import LateSubmissionPlugin


class Tenths(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return {"generous": None, "greedy": 100.0}.get(student_id, score * total_seconds_late / 86400 / 10)


c = get_config()
c.AssignLatePenalties.plugin_class = Tenths
"""
DUE = "2026-01-10 12:00:00 UTC"
A_DAY_LATE = "2026-01-11 12:00:00 UTC"
# Student → final mark (None: nothing could be graded), penalty, and what waits for a person.
GRID = {
    "automatic": (7.0, 0.0, ()),
    "waits": (7.0, 0.0, ("essay",)),
    "marked": (8.5, 0.0, ()),
    "better": (8.5, 0.0, ("essay",)),
    "worse": (4.5, 0.0, ("essay",)),
    "zero": (4.0, 0.0, ("essay",)),
    "extra": (7.5, 0.0, ("essay",)),
    "extra_marked": (10.0, 0.0, ()),
    "extra_waits": (7.0, 0.0, ("essay",)),
    "again": (8.5, 0.0, ("essay",)),
    "in_time": (7.0, 0.0, ("essay",)),
    "late": (6.3, 0.7, ("essay",)),
    "late_marked": (8.1, 0.9, ()),
    "generous": (9.0, 0.0, ()),
    "greedy": (0.0, 9.0, ()),
    "extended": (9.0, 0.0, ()),
    "unreadable": (None, 0.0, ()),
    "unreadable_marked": (1.0, 0.0, ("essay",)),
    "dies": (0.0, 0.0, ("essay",)),
}


@dataclasses.dataclass(frozen=True)
class Graded:
    """A graded course of the grid: `expected` as in `GRID`, `max_score` of the assignment `sums`."""

    course: object  # a `SmallCourse`
    max_score: float
    expected: dict[str, tuple[float | None, float, tuple[str, ...]]]

    @property
    def root(self) -> Path:
        return self.course.root

    def exported(self) -> dict[str, dict[str, str]]:
        """The rows of nbgrader's own table by student."""
        from nbgrader.plugins import CsvExportPlugin

        with tempfile.TemporaryDirectory() as folder, self.course.gradebook() as gradebook:
            CsvExportPlugin(to=f"{folder}/grades.csv", assignment=["sums"]).export(gradebook)
            with open(f"{folder}/grades.csv", encoding="utf-8") as file:
                return {row["student_id"]: row for row in csv.DictReader(file)}


def _give(course, student: str, grade_id: str, score=None, extra=None, notebook: str = "sums") -> None:
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade(grade_id, notebook, "sums", student)
        grade.manual_score, grade.extra_credit = score, extra
        grade.needs_manual_grade = score is None and grade.auto_score is None
        gradebook.db.commit()


@pytest.fixture(scope="session")
def give():
    """A function: course, student, grade id, points, extra credit → they are in the gradebook, as formgrader has it."""
    return _give


@pytest.fixture(scope="session")
def grid(course_at, right, tmp_path_factory) -> dict[str, Graded]:
    """Graded courses by what is special about them. Nobody may change them."""
    makers = {"outside": _outside, "inside": _inside, "notebooks": _notebooks, "points": _points}
    return {name: make(course_at(tmp_path_factory.mktemp("grid") / name), right) for name, make in makers.items()}


def _hand_in(course, student: str, at: str | None = None, **answers: str) -> None:
    path = course.submit(student, **answers)
    if at:
        path.with_name("timestamp.txt").write_text(at)


def _source(course) -> nbformat.NotebookNode:
    return nbformat.read(course.root / "source" / "sums" / "sums.ipynb", as_version=4)


def _late_course(course) -> None:
    (course.root / "nbgrader_config.py").write_text(PENALTIES)
    with course.gradebook() as gradebook:
        gradebook.update_or_create_assignment("sums", duedate=DUE)


def _outside(course, right: dict[str, str]) -> Graded:
    _late_course(course)
    wrong = right | {"add": "def add(a, b):\n    return a - b"}
    _hand_in(course, "automatic", add=right["add"], evens=right["evens"])
    for student in ("waits", "marked", "worse", "zero", "extra", "extra_marked", "extra_waits", "again"):
        _hand_in(course, student, **right)
    _hand_in(course, "better", **wrong)
    _hand_in(course, "in_time", DUE, **right)
    for student in ("late", "late_marked", "generous", "greedy", "extended"):
        _hand_in(course, student, A_DAY_LATE, **right)
    for student in ("unreadable", "unreadable_marked"):
        course.submit(student, b"junk")
    _hand_in(course, "dies", essay="Why not?", evens="import os\nos._exit(1)")
    course.grade(students=("waits",))  # the others with the same answers get the same from the cache
    own_date = datetime.datetime(2026, 1, 11, 12, 0, 1, tzinfo=datetime.UTC)
    course.grade(due={"extended": own_date})
    for student in ("late_marked", "generous", "greedy", "extended"):
        _give(course, student, "essay", 2)
    for student in ("marked", "again"):
        _give(course, student, "essay", 1.5)
    _give(course, "better", "test_add", 2.5, 2.0)
    _give(course, "worse", "test_add", 0.5)
    _give(course, "zero", "test_add", 0.0)
    _give(course, "extra", "test_evens", extra=0.5)
    _give(course, "extra_marked", "essay", 2, 1)
    _give(course, "extra_waits", "essay", extra=1)
    _give(course, "unreadable_marked", "essay", 1)
    _hand_in(course, "again", **right | {"essay": "I have changed my mind."})
    course.submit("unreadable_marked", b"more junk")
    course.grade(students=("again", "unreadable_marked"))
    return Graded(course, 9.0, GRID)


def _inside(course, right: dict[str, str]) -> Graded:
    """Another teacher's course: tests in the student's process, no metadata of ours, no due date."""
    source = _source(course)
    del source.metadata["course"]
    course.write(source)
    _hand_in(course, "waits", A_DAY_LATE, **right)
    _hand_in(course, "marked", **right)
    course.submit("unreadable", b"junk")
    course.grade()
    _give(course, "marked", "essay", 2)
    return Graded(
        course, 9.0, {"waits": (7.0, 0.0, ("essay",)), "marked": (9.0, 0.0, ()), "unreadable": (None, 0.0, ())}
    )


def _notebooks(course, right: dict[str, str]) -> Graded:
    """Two notebooks in one assignment."""
    _late_course(course)
    course.write(name="more")
    for student in ("both", "late"):
        _hand_in(course, student, A_DAY_LATE if student == "late" else None, **right)
        course.submit(student, name="more", **right)
    course.submit("one", **right)
    course.grade()
    for student in ("both", "late"):
        _give(course, student, "essay", 1, notebook="more")
    expected = {
        "both": (15.0, 0.0, ("sums/essay",)),
        "late": (13.5, 1.5, ("sums/essay",)),
        "one": (7.0, 0.0, ("sums/essay",)),
    }
    return Graded(course, 18.0, expected)


def _points(course, right: dict[str, str]) -> Graded:
    """Points that changed when marks had been given: the first test is dropped, the essay is worth more."""
    for student in ("marked", "waits"):
        _hand_in(course, student, **right)
    course.grade()
    _give(course, "marked", "essay", 1.5)
    _give(course, "marked", "test_add", 2.5)
    source = _source(course)
    source.cells[3].metadata.nbgrader.points = 0
    source.cells[6].metadata.nbgrader.points = 5
    course.write(source)
    course.grade()
    return Graded(course, 9.0, {"marked": (5.5, 0.0, ()), "waits": (4.0, 0.0, ("essay",))})
