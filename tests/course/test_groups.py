"""Points by rule group: what was earned stays, whatever comes later; and nobody gives points to themselves."""

import pytest

TEST = """\
rules = Rules({"small": 1, "large": 2, "none": 1.5})
with rules("small"):
    assert double(1) == 2, "One."
### BEGIN HIDDEN TESTS
with rules("large"):
    assert double(1000) == 2000, "A thousand."
with rules("none"):
    assert double(2) == 4 and double(None) is None, "None stays None."
### END HIDDEN TESTS
rules.score()"""
SOLUTION = """\
def double(x):
    ### BEGIN SOLUTION
    return None if x is None else 2 * x
    ### END SOLUTION"""
CELLS = (
    ("imports", "code", "from helpers.rules import Rules", None),
    ("double", "code", SOLUTION, "answer"),
    ("test_double", "code", TEST, 4.5),
)


@pytest.fixture
def graded(sums, small_notebook):
    """A function: the source of `double`, more cells of the student's → the graded cell."""

    def grade(answer, *own):
        source = small_notebook(cells=CELLS)
        sums.write(source)
        cells = [(f"own{number}", "code", text, None) for number, text in enumerate(own)]
        submitted = small_notebook(cells=(*CELLS[:1], *cells, ("double", "code", answer, "answer"), *CELLS[2:]))
        sums.submit("ana", submitted)
        return sums.grade()["ana"].cells[0]

    return grade


def kept(cell) -> list[str]:
    return [group.name for group in cell.groups if group.score]


def test_each_group_has_its_points(graded):
    cell = graded("def double(x):\n    return 2 * x")
    assert (cell.score, cell.status, kept(cell)) == (3, "partial", ["small", "large"])
    said = "unsupported operand type(s) for *: 'int' and 'NoneType'"
    assert cell.message == f"none: TypeError: {said} (line 2 of your code: return 2 * x)"


def test_all_groups_are_all_points(graded):
    cell = graded("def double(x):\n    return x and x + x")
    assert (cell.score, cell.status, cell.message) == (4.5, "passed", "")


def test_points_stay_when_the_process_ends_later(graded):
    cell = graded("import os\n\n\ndef double(x):\n    return 2 * x if x and x < 9 else os._exit(0)")
    assert kept(cell) == ["small"]


def test_points_stay_when_a_call_does_not_end(graded):
    cell = graded("def double(x):\n    while x and x > 9:\n        pass\n    return x and 2 * x")
    assert "small" in kept(cell)
    assert "large" not in kept(cell)


@pytest.mark.parametrize(
    "own",
    [
        "class Rules(dict):\n    def __call__(self, name):\n        return self\n    score = lambda self: 4.5",
        "import contextlib\nrules = lambda name: contextlib.suppress(BaseException)",
        "import helpers.rules\nhelpers.rules.Rules.score = lambda self: 4.5\nhelpers.rules.Score.__new__ = None",
    ],
)
def test_nobody_gives_points_to_themselves(graded, own):
    cell = graded("def double(x):\n    return 3", own)
    assert (cell.score, kept(cell)) == (0, [])


def test_the_teachers_mistake_is_no_groups_fault(graded, sums, small_notebook):
    """A name that the grader could not compute: a person looks at it."""
    broken = (("imports", "code", "from helpers.rules import Rules\nimport no_such_module as limits", None),)
    test = ("test_double", "code", TEST.replace("double(1) == 2", "double(1) == limits.two"), 4.5)
    sums.write(small_notebook(cells=(*broken, CELLS[1], test)))
    sums.submit(
        "ana", small_notebook(cells=(*broken, ("double", "code", "def double(x):\n    return x", "answer"), test))
    )
    cell = sums.grade()["ana"].cells[0]
    assert (cell.score, cell.status) == (None, "manual")
