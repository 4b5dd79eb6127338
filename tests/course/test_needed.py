"""Of an excursus runs what answers, tests and own cells read, and nothing else."""

import nbformat
import pytest

from course.grade import roles
from course.grade.submission.needed import needed_parts


def parts(*cells: str | tuple[str, ...]) -> list[str]:
    """What is run of the excursions (a tuple of one text) among cells."""
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(cell)
            if isinstance(cell, str)
            else nbformat.v4.new_code_cell(cell[0], metadata={"tags": ["lesson"]})
            for cell in cells
        ]
    )
    return list(needed_parts(notebook, roles.is_excursus).values())


@pytest.mark.parametrize(
    ("excursus", "below", "expected"),
    [
        ("x = 1\ny = 2", "print(x)", "x = 1"),
        ("import evaluate\nseqeval = evaluate.load('seqeval')\nshow(seqeval)", "def f():\n    return seqeval.compute()",
         "import evaluate\nseqeval = evaluate.load('seqeval')"),
        ("x = 1\nfor i in range(3):\n    slow(i)", "y = 2", ""),
        ("rows = []\nrows.append(3)", "rows", "rows = []\nrows.append(3)"),
        ("def helper(n):\n    return limit * n\nlimit = 3\nplot(helper)", "f = helper(2)",
         "def helper(n):\n    return limit * n\nlimit = 3"),
        ("x = 1\nx = x + 1\nprint(x)", "assert x == 2", "x = 1\nx = x + 1"),
        ("if big:\n    size = 9\nelse:\n    size = 1", "size", "if big:\n    size = 9\nelse:\n    size = 1"),
        ("with open('a') as f:\n    text = f.read()\nprint(1)", "text", "with open('a') as f:\n    text = f.read()"),
        ("from math import *\nprint(pi)", "y = pi", "from math import *"),
        ("x = (", "x", ""),
        ("%matplotlib inline\nx = 1", "x", "x = 1"),
    ],
)  # fmt: skip
def test_what_is_read_below_is_run(excursus, below, expected):
    assert parts((excursus,), below) == [expected]


def test_an_excursus_that_another_one_needs():
    assert parts(("a = 1",), ("b = a + 1\nshow(b)",), "assert b == 2") == ["a = 1", "b = a + 1"][::-1]


def test_what_a_function_above_it_reads_when_it_is_called():
    """The notebook's own run had it by then."""
    assert parts("def f():\n    return limit", ("limit = 3\nshow(limit)",), "assert f() == 3") == ["limit = 3"]


def test_what_is_bound_again_before_it_is_read_is_not_needed():
    assert parts(("x = slow()",), "x = 1", "print(x)") == [""]


def test_what_others_made_is_left_as_they_made_it():
    """An excursus that changes what a cell of the notebook's made is an excursus all the same."""
    assert parts("rows = [1]", ("rows.append(2)",), "assert rows == [1]") == [""]


def test_a_cell_that_is_no_excursus_runs_as_a_whole():
    assert parts("x = 1\nplot(x)", "print(x)") == []
