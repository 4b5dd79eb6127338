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

from course import ROOT
from course.demo import fill, reference_answers

LANGUAGES = ("en", "ru", "es")


@pytest.mark.parametrize("language", LANGUAGES)
def test_nbval_passes_on_the_source(language):
    """Every cell of the notebook runs, with the solutions and all tests."""
    notebook = ROOT / "source" / f"ner-{language}" / "ner.ipynb"
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider", "-p", "no:doctest"]
    command += ["-c", "/dev/null", "--rootdir", str(notebook.parent), str(notebook)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=notebook.parent)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def submit(course: Path, student: str, assignment: str, answers: dict[str, str]) -> None:
    notebook = nbformat.read(ROOT / "release" / assignment / "ner.ipynb", as_version=4)
    target = course / "submitted" / student / assignment / "ner.ipynb"
    target.parent.mkdir(parents=True)
    nbformat.write(fill(notebook, answers), target)


@pytest.fixture(scope="module")
def stock_course(tmp_path_factory):
    """An nbgrader course with one right and one untouched submission, graded by the stock `nbgrader autograde`."""
    course = tmp_path_factory.mktemp("course")
    shutil.copytree(ROOT / "source" / "ner-es", course / "source" / "ner-es")
    shutil.copy(ROOT / "nbgrader_config.py", course)
    submit(course, "right", "ner-es", reference_answers("ner"))
    submit(course, "untouched", "ner-es", {})
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
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
