"""Of an excursus runs what answers, tests and own cells read, and nothing else."""

import nbformat
import pytest

from course.grade import roles
from course.grade.submission.needed import needed_parts

TEST = {"nbgrader": {"grade": True, "solution": False, "grade_id": "test_f", "points": 1}}


def parts(*cells: str | tuple[str, ...], test: str = "") -> list[str]:
    """What is run of the excursions (a tuple of one text) among cells, after which there may be a test."""
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(cell)
            if isinstance(cell, str)
            else nbformat.v4.new_code_cell(cell[0], metadata={"tags": ["lesson"]})
            for cell in cells
        ]
    )
    notebook.cells += [nbformat.v4.new_code_cell(test, metadata=TEST)] if test else []
    return list(needed_parts(notebook, roles.is_excursus, roles.is_test).values())


@pytest.mark.parametrize(
    ("excursus", "below", "expected"),
    [
        ("x = 1\ny = 2", "print(x)", "x = 1"),
        ("import evaluate\nseqeval = evaluate.load('seqeval')\nshow(seqeval)", "def f():\n    return seqeval.compute()",
         "import evaluate\nseqeval = evaluate.load('seqeval')"),
        ("x = 1\nfor i in range(3):\n    slow(i)", "y = 2", ""),
        ("rows = []\nrows.append(3)", "rows", "rows = []\nrows.append(3)"),
        ("rows = [1, 2]\nshuffle(rows)\nshow(rows)", "rows", "rows = [1, 2]\nshuffle(rows)"),
        ("def helper(n):\n    return limit * n\nlimit = 3\nplot(helper)", "f = helper(2)",
         "def helper(n):\n    return limit * n\nlimit = 3"),
        ("x = 1\nx = x + 1\nprint(x)", "assert x == 2", "x = 1\nx = x + 1"),
        ("if big:\n    size = 9\nelse:\n    size = 1", "size", "if big:\n    size = 9\nelse:\n    size = 1"),
        ("with open('a') as f:\n    text = f.read()\nprint(1)", "text", "with open('a') as f:\n    text = f.read()"),
        ("from math import *\nprint(pi)", "y = pi", "from math import *"),
        ("x = (", "x", ""),
        ("%matplotlib inline\nx = 1", "x", "x = 1"),
        ("x = !ls\ny, z = %time f()", "print(x, z)", "x = !ls\ny, z = %time f()"),
        ("match a:\n    case [x, *y]:\n        pass\nshow(y)", "y", "match a:\n    case [x, *y]:\n        pass"),
        ("match a:\n    case C(b=1 as x):\n        pass", "x", "match a:\n    case C(b=1 as x):\n        pass"),
        ("match a:\n    case {'b': 1, **y}:\n        pass", "y", "match a:\n    case {'b': 1, **y}:\n        pass"),
        ("z = [y for x in a if (y := f(x))]\nshow(z)", "y", "z = [y for x in a if (y := f(x))]"),
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


@pytest.mark.parametrize(
    "below",
    [
        "with rules('a'):\n    x = 1\n    assert x == 1",
        "with open('a') as x:\n    print(x)",
        "for x in range(3):\n    print(x)",
        "if big:\n    import x\n    y = x.y",
        "try:\n    x = 1\n    assert x\nexcept ValueError:\n    pass",
        "try:\n    pass\nexcept ValueError as x:\n    print(x)",
        "match a:\n    case [x, *_] if x > 1:\n        print(x)",
        "match a:\n    case {'b': C(d=1 as y), **x}:\n        print(x, y)",
        "with rules('a'):\n    x = 1\n    for i in range(3):\n        print([x + j for j in y])",
    ],
)
def test_what_a_block_has_bound_is_its_own(below):
    """Names such as `name` and `wrong` are many people's."""
    assert parts(("x = slow()",), below) == [""]


@pytest.mark.parametrize(
    "below",
    [
        "with rules('a'):\n    print(x)\n    x = 1",
        "with rules('a'):\n    x = 1\nprint(x)",
        "for x in x:\n    pass",
        "for x in []:\n    pass\nelse:\n    print(x)",
        "if big:\n    x = 1\nelse:\n    print(x)",
        "try:\n    x = 1\nexcept ValueError:\n    print(x)",
        "try:\n    pass\nexcept x as x:\n    pass",
        "match a:\n    case [x]:\n        pass\n    case _:\n        print(x)",
        "match x:\n    case [x]:\n        pass",
        "match a:\n    case x.b:\n        pass",
        "match a:\n    case x(y):\n        pass",
        "with open(x) as x:\n    pass",
        "while big:\n    if small:\n        x = 1\n    x += 1",
        "with rules('a'):\n    x = 1\n    def f():\n        return x",
        "class A:\n    x = 1\n    def f(self):\n        return x",
    ],
)
def test_what_a_block_may_read_before_it_has_bound_it_is_needed(below):
    assert parts(("x = slow()",), below) == ["x = slow()"]


def test_a_function_of_a_test_finds_what_the_test_has_bound():
    """It is called there, so nothing that an excursus binds afterwards can matter."""
    test = "x = 1\ndef f():\n    return x\nassert f() == 1"
    assert parts(("x = slow()",), test=test) == [""]
    assert parts("x = 1\ndef f():\n    return x", ("x = slow()",), test="assert f() == 1") == ["x = slow()"]
    assert parts(("x = slow()",), test="def f():\n    return x\nassert f() == 1") == ["x = slow()"]


def test_what_others_made_is_left_as_they_made_it():
    """An excursus that changes what a cell of the notebook's made is an excursus all the same."""
    assert parts("rows = [1]", ("rows.append(2)",), "assert rows == [1]") == [""]


def test_a_cell_that_is_no_excursus_runs_as_a_whole():
    assert parts("x = 1\nplot(x)", "print(x)") == []
