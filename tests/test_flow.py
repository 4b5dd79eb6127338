"""The whole flow, as its users see it: notebooks that run, marks that are right."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config.loader import PyFileConfigLoader

from course import ROOT, kept
from course.build.read import languages_of, unit_names
from course.cli import main
from course.demo import fill, reference_answers
from course.grade import roles

EVERYTHING = [(unit, language) for unit in unit_names() for language in languages_of(unit)]
# The code of a unit's languages is the same (the build sees to it), so each unit runs in one, and each language has
# its turn, with the short training that grading takes. `COURSE_ALL_NOTEBOOKS=1` runs all, with the one of students.
ONE_EACH = [(unit, languages_of(unit)[number % len(languages_of(unit))]) for number, unit in enumerate(unit_names())]
ALL = bool(os.environ.get("COURSE_ALL_NOTEBOOKS"))
CHOSEN = EVERYTHING if ALL else ONE_EACH
each_notebook = pytest.mark.parametrize(
    ("unit", "language"), [pytest.param(*case, marks=pytest.mark.xdist_group("-".join(case))) for case in CHOSEN]
)


def copied(assignment: str, target: Path, short: bool = True) -> Path:
    """The teacher's notebook, copied into a folder; `short`: with the training that grading takes."""
    target.mkdir(parents=True, exist_ok=True)
    name = f"{assignment.partition('-')[0]}.ipynb"
    notebook = nbformat.read(ROOT / "source" / assignment / name, as_version=4)
    if short:
        roles.set_parameters(notebook)
    nbformat.write(notebook, target / name)
    return target / name


@each_notebook
def test_nbval_passes_on_the_source(unit, language, tmp_path):
    """Every cell of the notebook runs, with the solutions and all tests; what it saves lies beside it."""
    notebook = copied(f"{unit}-{language}", tmp_path, short=not ALL)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider", "-p", "no:doctest"]
    command += ["-c", "/dev/null", "--rootdir", str(notebook.parent), str(notebook)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=notebook.parent)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def submit(course: Path, student: str, assignment: str, answers: dict[str, str]) -> None:
    """Hand in a released notebook with these answers."""
    unit = assignment.partition("-")[0]
    notebook = nbformat.read(ROOT / "release" / assignment / f"{unit}.ipynb", as_version=4)
    target = course / "submitted" / student / assignment / f"{unit}.ipynb"
    target.parent.mkdir(parents=True)
    nbformat.write(fill(notebook, answers), target)


@each_notebook
def test_the_reference_gets_all_points_and_an_untouched_notebook_none(unit, language, tmp_path):
    """All but those of the written answer, which waits for a person."""
    assignment = f"{unit}-{language}"
    for step in ("source", "release"):
        shutil.copytree(ROOT / step / assignment, tmp_path / step / assignment)
    submit(tmp_path, "right", assignment, reference_answers(unit))
    submit(tmp_path, "untouched", assignment, {})
    assert main(["grade", assignment, "--course-dir", str(tmp_path)]) == 0
    right, untouched = kept.load_all(tmp_path, assignment)
    assert (right.max_score, untouched.max_score) == (25, 25)
    missed = {cell.grade_id: cell.message for cell in right.cells if cell.score != cell.max_score}
    assert {grade_id.partition("_")[0] for grade_id in missed} == {"essay"}, missed
    assert untouched.score == 0, untouched.cells
    assert (right.verdict, right.flags) == ("graded", ("copied",)), right.cause  # by the letter: the teacher is told
    assert (untouched.verdict, untouched.flags) == ("graded", ())


@pytest.fixture(scope="module")
def stock_course(tmp_path_factory):
    """An nbgrader course with one right and one untouched submission, graded by the stock `nbgrader autograde`."""
    course = tmp_path_factory.mktemp("course")
    copied("ner-es", course / "source" / "ner-es")
    shutil.copy(ROOT / "nbgrader_config.py", course)
    submit(course, "right", "ner-es", reference_answers("ner"))
    submit(course, "untouched", "ner-es", {})
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    del config["Autograde"]  # which puts `course grade` in its place
    config.CourseDirectory.root = str(course)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)  # nbgrader calls alembic by name
        api = NbGraderAPI(CourseDirectory(config=config), config=config)
        assert api.generate_assignment("ner-es")["success"]
        for student in ("right", "untouched"):
            result = api.autograde("ner-es", student)
            assert result["success"], result.get("log", "")[-2000:]
        yield api


def scores(api, student):
    with api.gradebook as gradebook:
        notebook = gradebook.find_submission_notebook("ner", "ner-es", student)
        return {g.cell.name: g.auto_score for g in notebook.grades if g.cell.name != "essay_token_to_tag"}


def test_stock_nbgrader_gives_the_reference_all_but_the_essay(stock_course):
    assert sum(scores(stock_course, "right").values()) == 23


def test_stock_nbgrader_gives_an_untouched_notebook_nothing(stock_course):
    assert set(scores(stock_course, "untouched").values()) == {0}
