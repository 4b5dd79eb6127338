"""Builders for the tests of the teacher's side: small units, and a copy of the course that a test may change."""

import contextlib
import dataclasses
import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
import yaml

from course import ROOT
from course.build import catalog, read, write
from course.build.read import UNITS, Unit, languages_of, parse_unit, unit_names
from course.build.write import Built, build_unit
from course.grade.sandbox import bubblewrap
from course.grade.sandbox.limits import Limits
from course.grade.sandbox.warm import Warm
from course.verdict import Verdict
from tests.course.grid import give as give
from tests.course.grid import grid as grid

FRONT_MATTER = {
    "title": "Small things",
    "summary": "What a small unit is.",
    "goals": ["see a unit", "build it"],
    "minutes": 5,
    "training": "no time at all",
    "prerequisites": "none",
    "data": "none",
}


def unit_text(*cells: str, **fields) -> str:
    """The text of a unit: front matter (a field given as None is left out), then the cells."""
    fields = {name: value for name, value in (FRONT_MATTER | fields).items() if value is not None}
    header = "".join(f"# {line}\n" for line in yaml.safe_dump(fields, allow_unicode=True).splitlines())
    return f"# ---\n{header}# ---\n\n" + "\n\n".join(cells) + "\n"


@pytest.fixture(name="unit_text")
def _unit_text():
    return unit_text


@pytest.fixture
def small_unit():
    """A function: cells in percent format → the unit `small`."""

    def build(*cells: str) -> Unit:
        return parse_unit("small", unit_text(*cells))

    return build


@pytest.fixture(scope="session")
def built() -> dict[tuple[str, str], Built]:
    """(unit, language) → what the builder makes of the unit's text, as it is now."""
    return {
        (name, language): made
        for name in unit_names()
        for language, made in zip(languages_of(name), build_unit(name), strict=True)
    }


@pytest.fixture
def course_copy(tmp_path, monkeypatch):
    """A folder with the unit `ner`, its catalogues and its notebooks, which the builder and `course` take for ROOT."""
    shutil.copytree(UNITS / "ner", tmp_path / "course" / "units" / "ner", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for module in (read, catalog):
        monkeypatch.setattr(module, "UNITS", tmp_path / "course" / "units")
    monkeypatch.setattr(write, "ROOT", tmp_path)
    write.write(write.build_unit("ner"), tmp_path)  # anew: a notebook names the other units, and here are none
    for command in ("build", "messages"):
        monkeypatch.setattr(f"course.commands.{command}.ROOT", tmp_path)
    return tmp_path


TYPED = """
import contextlib, io, json, sys
from course.cli import main
for line in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(line.split())
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""


@pytest.fixture(scope="session")
def course_in():
    """A function: a copy of the course, lines typed behind `course` → (exit code, what it printed, its errors) of each.

    All lines are run in one new process.
    """

    def run(root: Path, *lines: str) -> list[tuple[int, str, str]]:
        command = [sys.executable, "-c", TYPED, json.dumps(lines)]
        environment = os.environ | {"PYTHONPATH": str(root)}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [tuple(json.loads(line)) for line in done.stdout.splitlines()]

    return run


@pytest.fixture(scope="session")
def copy_of_the_course(tmp_path_factory):
    """A function: names of units → a folder with a copy of the builder, `helpers` and these units, for other processes.

    Nothing is built there. Run with PYTHONPATH set to it, `course` is the copy's.
    """

    def copy(*units: str) -> Path:
        root = tmp_path_factory.mktemp("copy")
        for folder in ("course", "helpers", "tests/bench", "tests/course"):
            shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
        for name in set(unit_names()) - set(units):
            shutil.rmtree(root / "course" / "units" / name)
        for name in ("pyproject.toml", "nbgrader_config.py"):
            shutil.copy(ROOT / name, root)
        return root

    return copy


# A course for the grader: two functions and an essay, quick to grade.

LIMITS = Limits(cell_seconds=4, total_seconds=60)  # the same in all tests, so that they share one warm parent
RIGHT = {
    "add": "def add(a, b):\n    return sum([a, b])",
    "evens": "def evens(n):\n    return [i for i in range(n) if i % 2 == 0]",
    "essay": "Because it is shorter.",
}
CELLS = (
    ("title", "markdown", "# Small sums", None),
    ("imports", "code", "import math", None),
    ("add", "code", "def add(a, b):\n    ### BEGIN SOLUTION\n    return a + b\n    ### END SOLUTION", "answer"),
    (
        "test_add",
        "code",
        'assert add(1, 2) == 3, "One and two."\n### BEGIN HIDDEN TESTS\n'
        'assert add(-20, 62) == 42, "Negative numbers, too."\n### END HIDDEN TESTS',
        3,
    ),
    (
        "evens",
        "code",
        "def evens(n):\n    ### BEGIN SOLUTION\n    return list(range(0, n, 2))\n    ### END SOLUTION",
        "answer",
    ),
    ("test_evens", "code", "float(sum(evens(n) == list(range(0, n, 2)) for n in (0, 1, 2, 5)))", 4),
    ("essay", "markdown", "Why is a comprehension better here?", 2),
)


def small_notebook(language: str = "en", cells=CELLS) -> nbformat.NotebookNode:
    """The teacher's notebook of the small course: (id, type, source, points or "answer" or None) for each cell."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "course": {"language": language, "tests": "outside"},
        }
    )
    for name, kind, source, role in cells:
        cell = nbformat.v4.new_code_cell(source) if kind == "code" else nbformat.v4.new_markdown_cell(source)
        cell.id = name.replace("_", "-")
        if role is not None:
            graded = role != "answer"
            solution = role == "answer" or kind == "markdown"
            settings = {"schema_version": 3, "grade_id": name, "grade": graded, "solution": solution}
            settings |= {"locked": not solution, "task": False} | ({"points": role} if graded else {})
            cell.metadata["nbgrader"] = settings
        notebook.cells.append(cell)
    return notebook


@pytest.fixture(name="small_notebook", scope="session")
def _small_notebook():
    return small_notebook


@dataclasses.dataclass(frozen=True)
class SmallCourse:
    """A course folder with the assignment `sums`, and what a teacher and the students do there."""

    root: Path
    warm: Callable[[str, Limits, tuple[str, ...]], Warm]

    def write(self, notebook=None, name: str = "sums") -> None:
        """Put a notebook into source/."""
        path = self.root / "source" / "sums" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook or small_notebook(), path)

    def notebook(self, **answers: str) -> nbformat.NotebookNode:
        """What a student has who filled in these answers."""
        notebook = small_notebook()
        for cell in notebook.cells:
            if cell.metadata.get("nbgrader", {}).get("solution"):
                code = cell.cell_type == "code"
                cell.source = "# YOUR CODE HERE\nraise NotImplementedError()" if code else "YOUR ANSWER HERE"
            elif "HIDDEN" in cell.source:
                cell.source = cell.source.split("\n")[0]
            cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
        return notebook

    def submit(self, student: str, notebook: nbformat.NotebookNode | bytes | None = None, name="sums", **answers):
        """Hand something in: these bytes, this notebook, or the notebook with these answers."""
        path = self.root / "submitted" / student / "sums" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(notebook, bytes):
            notebook = nbformat.writes(notebook or self.notebook(**answers)).encode()
        path.write_bytes(notebook)
        return path

    def grade(self, **options) -> dict[str, Verdict]:
        """Grade in this process; returns the verdicts by student, in the order in which they came."""
        from course.grade import engine

        options = engine.Options(**{"limits": LIMITS, "sandbox": "bwrap"} | options)
        with self.in_process():
            return {verdict.student: verdict for verdict in engine.grade("sums", self.root, options)}

    @contextlib.contextmanager
    def in_process(self):
        """Jobs run in this process, with the one warm parent that all tests share."""
        from course.grade import job as jobs
        from course.grade import pool

        def local(todo, workers, crew, say):
            yield from ((job, jobs.grade(job, self.warm(job.sandbox, job.limits, job.modules))) for job in todo)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pool, "local", local)
            patch.setattr(pool.Crew, "prepare", lambda *_: None)
            yield

    def api(self):
        """nbgrader's own programming interface, in this course."""
        from nbgrader.apps.api import NbGraderAPI
        from nbgrader.coursedir import CourseDirectory
        from traitlets.config import Config

        config = Config()
        config.CourseDirectory.root = str(self.root)
        return NbGraderAPI(CourseDirectory(config=config), config=config)

    @contextlib.contextmanager
    def gradebook(self):
        """nbgrader's gradebook of this course."""
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as gradebook:
            yield gradebook

    def marks(self, student: str, notebook: str = "sums") -> dict[str, tuple]:
        """Grade id → (automatic score, manual score, whether it waits for a person)."""
        with self.gradebook() as gradebook:
            grades = gradebook.find_submission_notebook(notebook, "sums", student).grades
            return {g.cell.name: (g.auto_score, g.manual_score, g.needs_manual_grade) for g in grades}


@pytest.fixture(scope="session")
def warm():
    """A function: kind, limits and modules of a sandbox → its warm parent, started once in all tests."""
    if problem := bubblewrap.problem():
        pytest.skip(f"bubblewrap does not work on this machine: {problem}")
    with contextlib.ExitStack() as stack:
        yield functools.cache(lambda *settings: stack.enter_context(Warm(*settings)))


@pytest.fixture(scope="session")
def course_at(warm, tmp_path_factory):
    """A function: folder → a new small course there."""
    from course.folder import Folder
    from course.grade.ledger import Ledger

    empty = tmp_path_factory.mktemp("empty")
    with Ledger(Folder.at(empty)):  # takes nbgrader some seconds
        pass

    def make(root: Path) -> SmallCourse:
        course = SmallCourse(root, warm)
        course.write()
        shutil.copy(empty / "gradebook.db", root)
        return course

    return make


@pytest.fixture
def sums(course_at, tmp_path) -> SmallCourse:
    """A new small course."""
    return course_at(tmp_path / "course")


@pytest.fixture(scope="session")
def right() -> dict[str, str]:
    """Right answers to the small course."""
    return dict(RIGHT)


@pytest.fixture(scope="session")
def small_source() -> nbformat.NotebookNode:
    """The teacher's notebook of the small course."""
    return small_notebook()
