"""The whole flow, as its users see it: notebooks that are filled in and handed in, marks that are right."""

import os
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config.loader import PyFileConfigLoader

from course import ROOT, kept
from course.cli import main
from course.demo import fill, reference_answers
from tests.notebooks import ALL, ONE_EACH, copied, each_of

STOCK = "transformer-es"  # the assignment that the stock nbgrader grades: it trains for the shortest time


def submit(course: Path, student: str, assignment: str, answers: dict[str, str]) -> None:
    """Hand in a released notebook with these answers."""
    unit = assignment.partition("-")[0]
    notebook = nbformat.read(ROOT / "release" / assignment / f"{unit}.ipynb", as_version=4)
    target = course / "submitted" / student / assignment / f"{unit}.ipynb"
    target.parent.mkdir(parents=True)
    nbformat.write(fill(notebook, answers), target)


def graded(course: Path, assignment: str, **answers: dict[str, str]):
    """The verdicts of a class, student by student, each with these answers in the released notebook."""
    for step in ("source", "release"):
        shutil.copytree(ROOT / step / assignment, course / step / assignment)
    for student, of_one in answers.items():
        submit(course, student, assignment, of_one)
    assert main(["grade", assignment, "--course-dir", str(course)]) == 0
    return kept.load_all(course, assignment)


@each_of(ONE_EACH)
def test_the_reference_gets_all_points_and_an_untouched_notebook_none(unit, language, tmp_path, capsys):
    """`course grade` tries both before a class, as submissions, and would say so.

    In one unit the reference is handed in as well: all points but those of the written answer wait for a person.
    """
    handed_in = {"right": reference_answers(unit)} if ALL or unit == "ner" else {}
    *right, untouched = graded(tmp_path, f"{unit}-{language}", **handed_in, untouched={})
    said = capsys.readouterr().err
    assert "trying your own solution" in said and "NOTE" not in said
    assert (untouched.verdict, untouched.flags, untouched.max_score) == ("graded", (), 25)
    assert untouched.score == 0, untouched.cells
    for verdict in right:
        missed = {cell.grade_id: cell.message for cell in verdict.cells if cell.score != cell.max_score}
        assert {grade_id.partition("_")[0] for grade_id in missed} == {"essay"}, missed
        assert (verdict.verdict, verdict.flags) == ("graded", ("copied",)), verdict.cause  # by the letter: it is told


@pytest.fixture(scope="module")
def stock_course(tmp_path_factory):
    """An nbgrader course with one right and one untouched submission, graded by the stock `nbgrader autograde`."""
    course = tmp_path_factory.mktemp("course")
    copied(STOCK, course / "source" / STOCK)
    shutil.copy(ROOT / "nbgrader_config.py", course)
    submit(course, "right", STOCK, reference_answers("transformer"))
    submit(course, "untouched", STOCK, {})
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    del config["Autograde"]  # which puts `course grade` in its place
    config.CourseDirectory.root = str(course)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # nbgrader calls alembic by name
        api = NbGraderAPI(CourseDirectory(config=config), config=config)
        assert api.generate_assignment(STOCK)["success"]
        for student in ("right", "untouched"):
            result = api.autograde(STOCK, student)
            assert result["success"], result.get("log", "")[-2000:]
        yield api


def scores(api, student):
    with api.gradebook as gradebook:
        notebook = gradebook.find_submission_notebook("transformer", STOCK, student)
        return {g.cell.name: g.auto_score for g in notebook.grades if g.cell.name != "essay_attention"}


def test_stock_nbgrader_gives_the_reference_all_but_the_essay(stock_course):
    assert sum(scores(stock_course, "right").values()) == 23


def test_stock_nbgrader_gives_an_untouched_notebook_nothing(stock_course):
    assert set(scores(stock_course, "untouched").values()) == {0}
