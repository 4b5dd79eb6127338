"""Courses as others have them: nbgrader's marks and settings, and what a teacher hears before the class is graded."""

import dataclasses
import os
import re
import shutil
import subprocess
import sys
import zipfile

import nbformat
import pytest

from course import ROOT
from course.grade import engine
from course.grade.ledger import GradingError
from course.kept import load_all

AUTOTESTS = """
python3:
  setup: "from hashlib import sha1"
  hash: 'sha1({{snippet}}.encode("utf-8")+b"{{salt}}").hexdigest()'
  dispatch: "type({{snippet}})"
  normalize: "str({{snippet}})"
  check: 'assert {{snippet}} == "{{value}}", "{{message}}"'
  success: "print('Success!')"
  templates:
    default:
      - test: "type({{snippet}})"
        fail: "type of {{snippet}} is not correct"
      - test: "{{snippet}}"
        fail: "value of {{snippet}} is not correct"
"""


RIGHT = "def double(x):\n    return 2 * x"
STUB = "# YOUR CODE HERE\nraise NotImplementedError()"


def notebook(*cells: tuple[str, str, float | str | None], **metadata) -> nbformat.NotebookNode:
    """Cells as (grade id, source, points or "answer" or "person" or None for a given one)."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = nbformat.v4.new_notebook(metadata={"kernelspec": kernel} | metadata)
    for name, source, role in cells:
        cell = nbformat.v4.new_code_cell(source, id=name.replace("_", "-"))
        if role is not None:
            is_test = isinstance(role, (int, float))
            settings = {"schema_version": 3, "grade_id": name, "grade": role != "answer", "solution": not is_test}
            settings |= {"locked": is_test, "task": False, "points": role if is_test else 2}
            cell.metadata["nbgrader"] = settings
        made.cells.append(cell)
    return made


def answered(source: nbformat.NotebookNode, **answers: str) -> nbformat.NotebookNode:
    """What a student hands in: the notebook as nbgrader releases it, with these answers."""
    made = nbformat.from_dict(source)
    for cell in made.cells:
        cell.source = re.sub(r"### BEGIN SOLUTION.*### END SOLUTION", STUB, cell.source, flags=re.S)
        cell.source = re.sub(r"\n### BEGIN HIDDEN.*### END HIDDEN TESTS", "", cell.source, flags=re.S)
        cell.source = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    return made


TWO = (
    ("imports", "import pandas as pd", None),
    ("double", "### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION", "answer"),
    (
        "test_double",
        "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double('a') == 'aa'\n### END HIDDEN TESTS",
        3,
    ),
    ("table", "### BEGIN SOLUTION\nt = pd.DataFrame({'a': [1, 2]})\n### END SOLUTION", "answer"),
    ("test_table", "assert isinstance(t, pd.DataFrame)\nassert (t['a'] > 1).sum() == 1", 4),
    ("by_hand", "### BEGIN SOLUTION\nlast = double(t['a'].sum())\nprint(last)\n### END SOLUTION", "person"),
    ("test_last", "assert last == 6\n0.5 if last else 0", 1),
)


@pytest.fixture
def course(sums):
    """A new course with the notebook of other people's."""
    sums.write(notebook(*TWO))
    return sums


def told(course, **options) -> tuple[dict, list[str]]:
    """Grade; returns the verdicts by student, and what the teacher was told first."""
    heard: list[str] = []
    options = engine.Options(**{"sandbox": "bwrap"} | options)
    with course.in_process():
        verdicts = list(engine.grade("sums", course.root, options, heard.append))
    return {verdict.student: verdict for verdict in verdicts}, heard


def by_command(course, *options: str) -> dict:
    """Grade with the command, on one worker; returns the scores by student."""
    command = [sys.executable, "-m", "course.cli", "grade", "sums", "--course-dir", course.root]
    done = subprocess.run([*command, "--sandbox", "bwrap", "--jobs", "1", *options], cwd=ROOT, capture_output=True)
    assert done.returncode == 0, done.stderr
    return {verdict.student: verdict.score for verdict in load_all(course.root, "sums")}


class TestEqualToNbgrader:
    """The same class graded by both, cell by cell: where a test is judged inside, nothing tells them apart."""

    CLASS = (
        ("right", {"double": RIGHT, "table": "t = pd.DataFrame({'a': [1, 2]})", "by_hand": "last = 6"}),
        ("half", {"double": "def double(x):\n    return 2.0 * x", "table": "t = [1, 2]", "by_hand": "last = 6"}),
        ("untouched", {}),
        ("broken", {"double": "def double(x:", "table": "1 / 0", "by_hand": "last = 0"}),
    )  # fmt: skip

    def test_cell_by_cell(self, course, tmp_path):
        source = notebook(*TWO)
        for student, answers in self.CLASS:
            course.submit(student, answered(source, **answers))
        stock = dataclasses.replace(course, root=tmp_path / "stock")
        shutil.copytree(course.root, stock.root)
        verdicts, heard = told(course)
        assert heard == [
            "sums: the teacher's own solution does not pass test_last (0.5 of 1 points): a person marks it."
        ]
        api = stock.api()
        assert api.generate_assignment("sums")["success"]
        for student, _ in self.CLASS:
            assert api.autograde("sums", student)["success"]
            ours, theirs = course.marks(student), stock.marks(student)
            assert ours.pop("test_last")[0] is None  # its solution is half right: nobody is judged by it
            theirs.pop("test_last")
            assert ours == theirs
        assert {cell.grade_id: cell.judged for cell in verdicts["right"].cells} == {
            "test_double": "inside", "test_table": "inside", "by_hand": "person", "test_last": "person",
        }  # fmt: skip


class TestFirst:
    """What the teacher hears before anybody's marks."""

    def test_nothing_where_nothing_is_wrong(self, course):
        course.write(notebook(*TWO[:5]))
        course.submit("ana", answered(notebook(*TWO[:5])))
        assert told(course)[1] == []

    def test_a_test_that_everybody_passes(self, course):
        source = notebook(*TWO[:2], ("test_double", "double_is_there = True", 3))
        course.write(source)
        course.submit("ana", answered(source))
        verdicts, heard = told(course)
        assert heard == ["sums: the untouched notebook passes test_double: everybody gets these points."]
        assert verdicts["ana"].score == 3

    def test_a_source_without_solutions(self, course):
        source = notebook(("double", STUB, "answer"), ("test_double", "assert double(1) == 2", 3))
        course.write(source)
        course.submit("ana", answered(source, double=RIGHT))
        verdicts, heard = told(course)
        assert len(heard) == 1 and "there is no solution in the source" in heard[0]
        assert verdicts["ana"].score == 3  # and it counts against nobody

    def test_what_does_not_work_outside_is_said(self, course):
        """A frame is compared by the student's process: its notebook must not promise plain values."""
        course.write(notebook(*TWO[:5], course={"tests": "outside"}))
        course.submit("ana", answered(notebook(*TWO[:5]), double=RIGHT))
        verdicts, heard = told(course)
        assert len(heard) == 1 and "the teacher's own solution does not pass test_table" in heard[0]
        scores = {cell.grade_id: (cell.score, cell.judged) for cell in verdicts["ana"].cells}
        assert scores == {"test_double": (3, "outside"), "test_table": (None, "person")}

    @pytest.mark.parametrize("way", ["inside", "outside"])
    def test_a_teacher_decides_otherwise(self, course, way):
        source = notebook(*TWO[:3])
        course.write(source)
        course.submit("ana", answered(source, double=RIGHT))
        (cell,) = told(course, tests=way)[0]["ana"].cells
        assert (cell.score, cell.judged) == (3, way)

    def test_it_is_said_again_the_next_time_and_not_run_again(self, course, monkeypatch):
        source = notebook(*TWO[:2], ("test_double", "assert double(1) == 3", 3))
        course.write(source)
        course.submit("ana", answered(source))
        first = told(course)[1]
        monkeypatch.setattr("course.grade.job.grade", lambda *_: pytest.fail("It was run again."))
        assert told(course)[1] == first != []


def test_autotest_is_what_nbgrader_makes_of_it(course):
    """The released cell holds what the gradebook holds; the source only the comment."""
    source = notebook(("a", "### BEGIN SOLUTION\na = 5\n### END SOLUTION", "answer"), ("test_a", "### AUTOTEST a", 3))
    course.write(source)
    (course.root / "autotests.yml").write_text(AUTOTESTS)
    for student, answer in (("right", "a = 5"), ("wrong", "a = 6"), ("untouched", STUB)):
        course.submit(student, answered(source, a=answer))
    verdicts, heard = told(course)
    assert heard == []
    assert {student: verdict.score for student, verdict in verdicts.items()} == {"right": 3, "wrong": 0, "untouched": 0}


class TestFolders:
    def test_the_configs_directories_hold(self, course):
        course.submit("ana", answered(notebook(*TWO[:3]), double=RIGHT))
        course.write(notebook(*TWO[:3]))
        (course.root / "nbgrader_config.py").write_text(
            "c = get_config()\nc.CourseDirectory.source_directory = 'master'\n"
            "c.CourseDirectory.submitted_directory = 'in'\nc.CourseDirectory.autograded_directory = 'out'\n"
        )
        (course.root / "source").rename(course.root / "master")
        (course.root / "submitted").rename(course.root / "in")
        assert told(course)[0]["ana"].score == 3
        assert (course.root / "out" / "ana" / "sums" / "sums.ipynb").is_file()
        assert not (course.root / "autograded").exists()
        assert [verdict.student for verdict in load_all(course.root, "sums")] == ["ana"]

    def test_own_modules_and_data_in_folders(self, course):
        source = notebook(
            ("f", "### BEGIN SOLUTION\ndef f():\n    return 3\n### END SOLUTION", "answer"),
            ("test_f", "assert f() == 3", 3),
        )
        course.write(source)
        answer = "from mine import three\ndef f():\n    return three() + len(open('parts/a.txt').read())"
        path = course.submit("ana", answered(source, f=answer))
        (path.parent / "mine.py").write_text("def three():\n    return 2\n")
        (path.parent / "parts").mkdir()
        (path.parent / "parts" / "a.txt").write_text("x")
        assert told(course)[0]["ana"].score == 3

    def test_data_of_forty_megabytes(self, course):
        test = "import os\nassert size() == os.path.getsize('big.bin') == 40 << 20"
        answer = "### BEGIN SOLUTION\ndef size():\n    return len(open('big.bin', 'rb').read())\n### END SOLUTION"
        source = notebook(("size", answer, "answer"), ("test_size", test, 3))
        course.write(source)
        (course.root / "source" / "sums" / "big.bin").write_bytes(bytes(40 << 20))
        course.submit("ana", answered(source, size="import os\ndef size():\n    return os.stat('big.bin').st_size"))
        verdicts, heard = told(course)
        assert heard == [] and verdicts["ana"].score == 3

    def test_a_zip_with_a_folder(self, course):
        source = notebook(*TWO[:3])
        course.write(source)
        content = nbformat.writes(answered(source, double=RIGHT))
        folder = course.root / "submitted" / "ana" / "sums"
        folder.mkdir(parents=True)
        with zipfile.ZipFile(folder / "Homework.zip", "w") as archive:
            archive.writestr("homework/sums (final).ipynb", content)
            archive.writestr("homework/scratch.ipynb", nbformat.writes(notebook(("x", "x = 1" * 9_999, None))))
        assert told(course)[0]["ana"].score == 3

    def test_no_repair_is_said_of_what_everybody_lacks(self, course):
        """The teacher's notebook has an empty cell at its end."""
        source = notebook(*TWO[:3], ("end", "", None))
        course.write(source)
        course.submit("ana", answered(source))
        assert told(course)[0]["ana"].cause == ""


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}},
        {"kernelspec": {"name": "julia-1.10", "display_name": "Julia", "language": "julia"}},
        {"kernelspec": {"name": "x", "display_name": "x"}, "language_info": {"name": "R"}},
    ],
)
def test_a_notebook_in_another_language_is_one_sentence(course, metadata):
    course.submit("ana", b"{}")
    course.write(notebook(*TWO[:3], **metadata))
    with pytest.raises(GradingError, match="only Python is graded"):
        told(course)
    assert not (course.root / "autograded" / ".verdicts").exists()


TOUCHING = """import os, random
import numpy as np
np.mean = None
os.environ['HOME_OF_THE_TEST'] = random.random = 'gone'
assert double(2) == 4, os.environ.get('LEFT')
"""
LEFT = "assert callable(np.mean) and callable(random.random) and 'HOME_OF_THE_TEST' not in os.environ\n"


@pytest.mark.parametrize("way", ["inside", "outside"])
def test_what_a_test_replaces_is_whole_again_for_the_next_submission(course, way):
    """One worker grades them all; the referee's own process is a test's as little as the student's."""
    test = TOUCHING.replace("np.mean = None", f"{LEFT}np.mean = None")
    source = notebook(*TWO[:2], ("test_double", test, 3))
    course.write(source)
    for number in range(3):
        course.submit(f"s{number}", answered(source, double=f"{RIGHT}  # {number}"))
    assert by_command(course, "--tests", way) == {"s0": 3, "s1": 3, "s2": 3}


FILLED = (
    (
        "given",
        "import random\n"
        "import numpy as np\n"
        "from sklearn.linear_model import LinearRegression\n"
        "random.seed(1)\n"
        "X = [[n] for n in range(9)]\n"
        "random.shuffle(X)\n"
        "y = []\n"
        "for (n,) in X:\n"
        "    y.append(2 * n)\n"
        "model, squares = LinearRegression(), []\n"
        "lines = !printf 'one\\ntwo'",
        None,
    ),
    (
        "fit",
        "### BEGIN SOLUTION\nmodel.fit(X, y)\nfor n in range(3):\n    squares.append(n * n)\n### END SOLUTION",
        "answer",
    ),
    ("test_fit", "assert squares == [0, 1, 4] and lines == ['one', 'two'] and sum(y) == 72", 3),
    ("more", "for line in lines:\n    squares.append(len(squares))", None),
    ("test_model", "assert squares == [0, 1, 4, 3, 4]\nassert np.allclose(model.predict([[20]]), [40])", 4),
)


@pytest.mark.parametrize("way", ["outside", "inside"])
def test_what_given_cells_and_answers_fill_is_filled(course, way):
    """Not only what they assign: loops and shuffles, a model that is trained, a list that a shell command made."""
    right = "model.fit(X, y)\nsquares += [0, 1, 4]"
    course.write(notebook(*FILLED))
    course.submit("right", answered(notebook(*FILLED), fit=right))
    course.submit("untrained", answered(notebook(*FILLED), fit="squares += [0, 1, 4]"))
    course.submit("unfilled", answered(notebook(*FILLED), fit="model.fit(X, y)"))
    assert by_command(course, "--tests", way) == {"right": 7, "untrained": 3, "unfilled": 0}


POISON = """import signal, time
def double(x):
    if x == 2:
        time.sleep({seconds})
    return 2 * x"""


def test_an_answer_that_times_the_referee_out_costs_the_next_nothing(course):
    """Wherever the referee was when the alarm came, in the middle of an import, say: that process is gone."""
    test = "assert double(2) == 4\nimport colorsys, decimal, wave\nassert wave.open and double(1) == 2"
    source = notebook(*TWO[:2], ("test_double", test, 3))
    course.write(source)
    for number in range(4):
        answer = POISON.format(seconds=1 + number / 50) if number < 3 else RIGHT
        course.submit(f"s{number}", answered(source, double=answer))
    assert by_command(course, "--tests", "outside", "--cell-timeout", "1")["s3"] == 3


def test_two_graders_at_once_harm_nobody(course):
    """Each student has their own verdict at the end, and nothing is left that is not finished."""
    source = notebook(*TWO[:3])
    course.write(source)
    for number in range(6):
        answer = RIGHT if number % 2 else f"def double(x):\n    return {number}"
        course.submit(f"s{number}", answered(source, double=answer))
    command = [sys.executable, "-m", "course.cli", "grade", "sums", "--course-dir", course.root, "--force"]
    graders = [
        subprocess.Popen([*command, "--sandbox", "bwrap", "--jobs", "1"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [grader.communicate()[1] for grader in graders]
    assert [grader.returncode for grader in graders] == [0, 0], said
    assert {verdict.student: verdict.score for verdict in load_all(course.root, "sums")} == {
        f"s{number}": 3 if number % 2 else 0 for number in range(6)
    }
    left = [path for path in (course.root / "autograded").rglob("*") if path.name.endswith(".unfinished")]
    assert left == []
    for number in range(6):
        assert course.marks(f"s{number}")["test_double"][0] == (3 if number % 2 else 0)
    assert os.listdir(course.root / "submitted")
