"""A tiny course, its honest answers, and a warm sandbox in which each test grades submissions to it.

Three exercises of ten points: `add` returns plain values, `scale` an array, `make_tally` an object that stays in the
student's process. The tests use a library and a module of the teacher's that lies beside the notebook. Every exercise
that an attack does not touch must keep its points, and whatever a submission does, nothing of it may be left.
"""

import dataclasses
import importlib.util
import os
import re
from pathlib import Path

import nbformat
import pytest

from course.grade import job
from course.grade.sandbox.choice import choose
from course.grade.sandbox.limits import Limits, SandboxUnavailable
from course.grade.sandbox.warm import Warm
from course.notebooks.unpacking import Handed
from course.pages import feedback
from course.verdict import Verdict

CANARY = "canary-3f9c-which-stands-in-hidden-tests-only"
HOST_VARIABLE = "canary-of-the-host"  # what a teacher's HF_TOKEN would be
TESTS = {"test_add", "test_scale", "test_tally"}
POINTS = 10.0
WAY = "outside"  # in which these tests are judged
FAST = Limits(cell_seconds=20, total_seconds=120, memory_mib=1024, processes=64, disk_mib=64)
FILES = (("checks.py", b"def same(result, expected):\n    assert result == expected, 'It is not the same.'\n"),)

IMPORTS = "import numpy as np\nimport checks"
REFERENCE = {
    "add": "def add(a, b):\n    ### BEGIN SOLUTION\n    return a + b\n    ### END SOLUTION",
    "scale": """def scale(values):
    ### BEGIN SOLUTION
    values = np.asarray(values)
    return values / values.max()
    ### END SOLUTION""",
    "make_tally": """def make_tally(words):
    ### BEGIN SOLUTION
    class Tally(dict):
        def count(self, word):
            return self.get(word, 0)

    return Tally({word: words.count(word) for word in words})
    ### END SOLUTION""",
}
HIDDEN = {
    "test_add": (
        'assert add(1, 2) == 3, "1 + 2 is 3."',
        f'''secret = "{CANARY}"


def is_right(n):
    return add(n, 1) == n + 1


assert add(-4, 9) == 5, "Negative numbers count too."
assert all(map(is_right, range(5))), "Not all sums are right."
assert add("ab", "c") == "abc", "Texts can be added as well."''',
    ),
    "test_scale": (
        "np.testing.assert_allclose(scale([1.0, 2.0, 4.0]), [0.25, 0.5, 1.0])",
        "np.testing.assert_allclose(scale(np.array([2.0, 5.0])), [0.4, 1.0])\nassert scale([7.0]).shape == (1,)",
    ),
    "test_tally": (
        'tally = make_tally(["a", "b", "a"])\nassert tally.count("a") == 2, "There are two a."\nassert len(tally) == 2',
        'checks.same(tally["b"], 1)\nchecks.same(make_tally([]).count("x"), 0)',
    ),
}


def _cell(grade_id: str, source: str, *, points: float | None = None, solution: bool = False, kind: str = "code"):
    settings = {"grade_id": grade_id, "solution": solution, "grade": points is not None, "schema_version": 3}
    settings |= {"locked": not solution, "task": False} | ({"points": points} if points is not None else {})
    new_cell = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
    return new_cell(source, id=grade_id, metadata={"nbgrader": settings})


def source_notebook() -> nbformat.NotebookNode:
    """The teacher's notebook, with solutions and hidden tests."""
    cells = [nbformat.v4.new_code_cell(IMPORTS, id="imports")]
    for answer, test in zip(REFERENCE, HIDDEN):
        visible, hidden = HIDDEN[test]
        source = f"{visible}\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"
        cells += [_cell(answer, REFERENCE[answer], solution=True), _cell(test, source, points=POINTS)]
    cells.append(_cell("essay", "Because.", points=5.0, solution=True, kind="markdown"))
    return nbformat.v4.new_notebook(cells=cells, metadata={"course": {"tests": WAY}})


def release_notebook() -> nbformat.NotebookNode:
    """What students get."""
    notebook = source_notebook()
    for cell in notebook.cells:
        cell.source = re.sub(r" *### BEGIN SOLUTION.*### END SOLUTION", "    ...", cell.source, flags=re.DOTALL)
        cell.source = re.sub(r"\n### BEGIN HIDDEN.*TESTS", "", cell.source, flags=re.DOTALL)
    notebook.cells[-1].source = "Why?"
    return notebook


def honest_answers() -> dict[str, str]:
    """Grade id → a right answer, in a student's own words."""
    return {
        "add": "def add(a, b):\n    total = a + b\n    return total",
        "scale": "def scale(values):\n    return np.array([value / max(values) for value in values])",
        "make_tally": """from collections import Counter


class Tally(Counter):
    def count(self, word):
        return self[word]


def make_tally(words):
    return Tally(words)""",
    }


def submission(answers: dict[str, str], before: tuple[str, ...] = (), after: tuple[str, ...] = ()):
    """A released notebook with answers (by grade id), and with cells of the student's own at its begin and end."""
    notebook = release_notebook()
    for cell in notebook.cells:
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    notebook.cells[:0] = [nbformat.v4.new_code_cell(source) for source in before]
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in after]
    return notebook


def job_for(submitted: bytes | None, limits: Limits, **more) -> job.Job:
    """A job for the bytes of a file that was handed in."""
    source, release = (nbformat.writes(make()).encode() for make in (source_notebook, release_notebook))
    handed = () if submitted is None else (Handed("n.ipynb", 0.0, submitted),)
    return job.Job("s", "a", "n", source, release, handed, FILES, limits, **more)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one submission."""

    verdict: Verdict
    notebook: bytes | None

    @property
    def earned(self) -> set[str]:
        """The tests that gave their points; the others gave nothing at all."""
        tests = [cell for cell in self.verdict.cells if cell.grade_id in TESTS]
        assert {cell.score for cell in tests} <= {0.0, POINTS}
        assert {cell.grade_id for cell in tests} == TESTS
        return {cell.grade_id for cell in tests if cell.score}

    @property
    def message(self) -> dict[str, str]:
        """Grade id → the sentence for the student."""
        return {cell.grade_id: cell.message for cell in self.verdict.cells}

    @property
    def printed(self) -> str:
        """All text that the student's cells printed, and the errors that ended them."""
        cells = nbformat.reads(self.notebook.decode(), as_version=4).cells
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        errors = (f"{output.ename}: {output.evalue}\n" if output.output_type == "error" else "" for output in outputs)
        return "".join(output.get("text", error) for output, error in zip(outputs, errors))

    @property
    def page(self) -> str:
        """The page that the student gets back."""
        notebook = nbformat.reads(self.notebook.decode(), as_version=4) if self.notebook else None
        return feedback.page(self.verdict, notebook)


@pytest.fixture
def release():
    """The notebook that students get, to be spoilt."""
    return release_notebook()


@pytest.fixture
def filled():
    """A notebook with right answers, to be spoilt."""
    return submission(honest_answers())


@pytest.fixture(scope="session")
def needed():
    """A function: the name of a sandbox → the same; the test is skipped where it does not work."""

    def needed(kind: str) -> str:
        try:
            return choose(kind)
        except SandboxUnavailable as error:
            pytest.skip(str(error))

    return needed


@pytest.fixture(scope="session")
def compare():
    """The module that has the single submissions with what they deserve, and writes this course into a folder."""
    spec = importlib.util.spec_from_file_location("compare", Path(__file__).with_name("compare.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def warm(needed):
    """The sandbox (`COURSE_SANDBOX=docker` tests the other one), started with a secret in the host's environment."""
    kind = needed(os.environ.get("COURSE_SANDBOX", "bwrap"))
    os.environ["HF_TOKEN"] = HOST_VARIABLE
    try:
        with Warm(kind, FAST) as started:
            yield started
    finally:
        del os.environ["HF_TOKEN"]


@pytest.fixture
def grade_bytes(warm, monkeypatch):
    """A function: the bytes of a file that was handed in → `Outcome`, within limits that are changed by name."""

    def grade(submitted: bytes | None, **limits) -> Outcome:
        monkeypatch.setattr(warm, "limits", dataclasses.replace(FAST, **limits))
        graded = job.grade(job_for(submitted, warm.limits), warm)
        assert warm.process.poll() is None
        assert warm.processes() == {}
        return Outcome(graded.verdict, graded.notebook)

    return grade


@pytest.fixture
def grade(grade_bytes):
    """A function: answers by grade id (the others are right), cells before and after → `Outcome`."""

    def grade(before: tuple[str, ...] = (), after: tuple[str, ...] = (), limits: dict | None = None, **answers):
        notebook = submission(honest_answers() | answers, before, after)
        return grade_bytes(nbformat.writes(notebook).encode(), **(limits or {}))

    return grade


@pytest.fixture(scope="module", autouse=True)
def next_one_unharmed(warm):
    """After each file of attacks an honest submission still gets everything."""
    yield
    submitted = nbformat.writes(submission(honest_answers())).encode()
    graded = job.grade(job_for(submitted, FAST), warm)
    assert (graded.verdict.verdict, graded.verdict.score) == ("graded", 3 * POINTS)
