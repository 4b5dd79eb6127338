"""Of all files that somebody hands in, the newest finished notebook of the assignment counts."""

import io
import json
import os
import zipfile

import nbformat
import pytest

from course.notebooks import files
from course.notebooks.reading import Unreadable, WrongNotebook
from course.notebooks.unpacking import Handed
from course.pages import feedback

OLD, NEW = 1_000_000_000.0, 1_700_000_000.0


@pytest.fixture
def choose(small_source, sums):
    """A function: files that were handed in → the choice for the notebook `sums`."""
    from course.grade.submission.building import build

    release = sums.notebook()

    def choose(*handed: Handed):
        return files.choose(handed, "sums", lambda read: build(small_source, release, read))

    return choose


@pytest.fixture
def notebook(sums, right):
    """A function: answers (all of them without any) → a notebook of the assignment, as a file."""

    def notebook(mark: str = "", **answers: str) -> bytes:
        answers = answers or right
        answers = answers | ({"add": f"{answers.get('add', '')}  # {mark}"} if mark else {})
        return nbformat.writes(sums.notebook(**answers)).encode()

    return notebook


def foreign(*sources: str) -> bytes:
    """A notebook that is not of the assignment."""
    return nbformat.writes(nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, sources)])).encode()


def archive(*members: tuple[str, bytes, int]) -> bytes:
    """A zip: path, content and year of each file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data, year in members:
            file.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


SCRATCH = foreign("import math\nmath.pi", "x = [1, 2, 3]\nsum(x)")


class TestChoice:
    @pytest.mark.parametrize(
        "others",
        [
            [Handed("scratch.ipynb", NEW, SCRATCH)],
            [Handed("a/b/sums.ipynb", NEW, SCRATCH)],
            [Handed("broken.ipynb", NEW, b"{")],
            [Handed("sums-Copy1.ipynb", NEW, b"")],
            [Handed("large.ipynb", NEW, foreign("x = '" + "y" * 500_000 + "'"))],
            [Handed("notes.txt", NEW, b"x"), Handed("picture.png", NEW, os.urandom(99))],
        ],
        ids=["scratch", "right name, wrong notebook", "broken", "empty", "large", "no notebooks"],
    )
    def test_what_is_not_of_the_assignment_is_passed_over(self, choose, notebook, others):
        """Whatever its name, age and size."""
        mine = Handed("Homework 1 (final).ipynb", OLD, notebook())
        assert choose(mine, *others).path == choose(*others, mine).path == mine.path

    def test_the_newest_counts(self, choose, notebook):
        first, second = Handed("sums.ipynb", OLD, notebook("1")), Handed("sums (1).ipynb", NEW, notebook("2"))
        made = choose(first, second)
        assert made.path == second.path
        assert made.notes == (f"Of 2 notebooks of this assignment the newest finished one was graded: {second.path}.",)

    @pytest.mark.parametrize("answers", [{"add": "# YOUR CODE HERE\nraise NotImplementedError()"}, {"essay": "x"}])
    def test_a_newer_one_that_is_not_finished_does_not(self, choose, notebook, answers):
        """Somebody downloaded the assignment again, or tried one exercise in a copy."""
        mine = Handed("mine/sums.ipynb", OLD, notebook())
        assert choose(mine, Handed("sums.ipynb", NEW, notebook(**answers))).path == mine.path

    def test_the_name_decides_between_those_of_one_time(self, choose, notebook):
        mine = Handed("sums.ipynb", OLD, notebook("1"))
        assert choose(Handed("zums.ipynb", OLD, notebook("2")), mine).path == mine.path

    def test_hidden_files_do_not_count(self, choose, notebook):
        checkpoint = Handed(".ipynb_checkpoints/sums-checkpoint.ipynb", NEW, notebook("2"))
        mac = Handed("__MACOSX/._sums.ipynb", NEW, b"\0\5\x16\7")
        assert choose(Handed("sums.ipynb", OLD, notebook("1")), checkpoint, mac).path == "sums.ipynb"

    def test_the_reason_is_that_of_the_likely_one(self, choose):
        with pytest.raises(Unreadable):
            choose(Handed("sums.ipynb", OLD, b"{"), Handed("scratch.ipynb", NEW, SCRATCH))
        with pytest.raises(WrongNotebook, match=r"holds no notebook sums\.ipynb"):
            choose(Handed("sums.py", OLD, b"x = 1"))

    @pytest.mark.parametrize("source", ["def add(a, b):\n    return a + b", "add = 3"])
    def test_one_function_of_the_right_name_makes_no_notebook_of_the_assignment(self, choose, source):
        """A notebook of another course may have one as well."""
        other = foreign("import numpy as np", "def load(path):\n    return np.load(path)", source, "load('x')")
        with pytest.raises(WrongNotebook):
            choose(Handed("sums.ipynb", NEW, other))


class TestArchives:
    def test_the_newest_in_an_archive_counts(self, choose, notebook):
        zipped = archive(
            ("hw/sums.ipynb", notebook("old"), 2024),
            ("hw/final/Untitled.ipynb", notebook("new"), 2026),
            ("hw/scratch.ipynb", foreign("x = '" + "y" * 99_999 + "'"), 2026),
        )
        made = choose(Handed("hw.zip", NEW, zipped))
        assert made.path == "hw.zip/hw/final/Untitled.ipynb"
        assert any("# new" in cell.source for cell in made.submission.notebook.cells)

    def test_an_archive_and_a_notebook(self, choose, notebook):
        zipped = archive(("sums.ipynb", notebook("zip"), 2020))
        assert choose(Handed("old.zip", OLD, zipped), Handed("sums.ipynb", NEW, notebook())).path == "sums.ipynb"

    def test_an_archive_that_is_called_a_notebook(self, choose, notebook):
        zipped = archive(("sums.ipynb", notebook(), 2020))
        assert choose(Handed("sums.ipynb", NEW, zipped)).submission.answered

    @pytest.mark.parametrize("date", [(1980, 1, 1, 0, 0, 0), (1980, 0, 0, 0, 0, 0)])
    def test_a_date_that_is_none(self, choose, notebook, date):
        data = bytearray(archive(("sums.ipynb", notebook(), 1980)))
        for mark, at in ((b"PK\3\4", 10), (b"PK\1\2", 12)):
            place = data.index(mark) + at
            data[place : place + 4] = bytes(4) if date[1] == 0 else data[place : place + 4]
        assert choose(Handed("x.zip", NEW, bytes(data))).submission.answered

    def test_a_damaged_archive_beside_a_notebook_costs_nothing(self, choose, notebook):
        assert choose(Handed("x.zip", NEW, b"PK\3\4junk"), Handed("sums.ipynb", OLD, notebook())).path == "sums.ipynb"

    @pytest.mark.parametrize(
        "path", ["../evil.ipynb", "/etc/sums.ipynb", "a/../../sums.ipynb", "C:\\x\\..\\..\\s.ipynb"]
    )
    def test_no_path_leads_elsewhere(self, choose, notebook, path):
        zipped = archive((path, notebook(), 2024), ("m.py", b"x = 1", 2024))
        try:
            made = choose(Handed("x.zip", NEW, zipped))
        except Unreadable:
            return
        assert ".." not in made.path.split("/")
        assert all(not name.startswith("/") and ".." not in name.split("/") for name, _ in made.beside)


class TestBeside:
    def test_what_lies_beside_the_notebook_is_laid_beside_it(self, choose, notebook):
        """Not what lies elsewhere, nor other notebooks."""
        made = choose(
            Handed("hw/sums.ipynb", NEW, notebook()),
            Handed("hw/mine.py", OLD, b"x = 1"),
            Handed("hw/data/a.csv", OLD, b"1,2"),
            Handed("other/mine.py", OLD, b"x = 2"),
            Handed("hw/old.ipynb", OLD, SCRATCH),
        )
        assert made.beside == (("data/a.csv", b"1,2"), ("mine.py", b"x = 1"))

    @pytest.mark.parametrize("name", ["json.py", "numpy.py", "torch/__init__.py", "helpers/__init__.py", "IPython.py"])
    def test_nothing_takes_the_place_of_a_library(self, choose, notebook, name):
        made = choose(Handed("sums.ipynb", NEW, notebook()), Handed(name, OLD, b"x = 1"))
        assert made.beside == ()
        assert made.notes == (f"Files with names of Python's own modules were left out: {name}.",)

    def test_there_is_a_limit(self, choose, notebook):
        rows = [Handed(f"data/{number}.txt", OLD, b"x" * (1 << 20)) for number in range(40)]
        many = [Handed(f"more/{number}.txt", OLD, b"") for number in range(2_000)]
        made = choose(Handed("sums.ipynb", NEW, notebook()), *rows, *many)
        assert len(made.beside) <= files.MAX_BESIDE_FILES
        assert sum(len(data) for _, data in made.beside) <= files.MAX_BESIDE


def test_the_student_is_told_which_one_was_graded(sums, right):
    """In the verdict, and so in the report, and on the page."""
    sums.submit("anna", **right | {"add": "def add(a, b):\n    return 0"})
    os.utime(sums.root / "submitted" / "anna" / "sums" / "sums.ipynb", (OLD, OLD))
    sums.submit("anna", name="sums (2)", **right)
    verdict = sums.grade()["anna"]
    assert verdict.score == 7
    assert verdict.notes == ("Of 2 notebooks of this assignment the newest finished one was graded: sums (2).ipynb.",)
    graded = nbformat.read(sums.root / "autograded" / "anna" / "sums" / "sums.ipynb", as_version=4)
    assert "sums (2).ipynb" in feedback.page(verdict, graded)


def test_nothing_that_lies_in_submitted_is_changed(sums, right):
    sums.submit("anna", **right)
    before = {path: path.read_bytes() for path in (sums.root / "submitted").rglob("*") if path.is_file()}
    sums.grade()
    assert before == {path: path.read_bytes() for path in (sums.root / "submitted").rglob("*") if path.is_file()}
    assert json.loads(next(iter(before.values())))["cells"]
