"""Test cells on the grader's side, against a student's names in the same process: the transport is real, no sandbox."""

import math
import os
import sys

import nbformat
import pytest

from course.grade.judge import outside
from course.grade.judge.given import Given, plan
from course.grade.judge.hints import Words
from course.grade.judge.outside import Referee
from course.grade.judge.result import partial_credit
from course.grade.sandbox.limits import CallFailed, Forged, MachineExhausted, SandboxGone, Stopped, TimedOut
from course.grade.sandbox.process import session
from course.grade.sandbox.process.shell import described
from course.grade.sandbox.process.values import Handle, decode, encode

POINTS = 4.0


class InProcess:
    """A student whose names live here; what goes over is encoded and decoded as it is in the sandbox."""

    starved = 0.0

    def __init__(self, source: str):
        self.names: dict = {}
        exec(compile(source, "<cell 0>", "exec"), self.names)
        self.objects: list = []
        self.operations = {
            "has": lambda name: name in self.names,
            "name": lambda name: self.names[name],
            "call": session._call,
            "attribute": getattr,
            "item": lambda target, key: target[key],
            "items": list,
            "content": session._content,
            "length": len,
        }

    def ask(self, operation, *arguments, keep=None):
        request = encode([operation, *arguments], keep=keep, pickles=True)
        operation, *arguments = decode(request, resolve=lambda handle: self.objects[handle.number], pickles=True)
        try:
            value = self.operations[operation](*arguments)
        except Exception as error:
            raise CallFailed(*described(error)) from None
        return decode(encode(value, keep=self.keep))

    def keep(self, value) -> Handle:
        self.objects.append(value)
        return Handle(len(self.objects) - 1, type(value).__name__)


def cell(source: str, grade_id: str = "", **roles):
    """A code cell of the teacher's; with a grade id, one of nbgrader's."""
    settings = {"grade_id": grade_id, "grade": False, "solution": False, "locked": True, "points": POINTS} | roles
    return nbformat.v4.new_code_cell(source, metadata={"nbgrader": settings} if grade_id else {})


def notebook(*cells) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=list(cells))


@pytest.fixture
def run():
    """A function: a test cell, a student's source, the teacher's own cell, released test → the referee's result."""

    def run(test: str, student: str = "", given: str = "", files: tuple = (), released: str = ""):
        source = notebook(cell(given), cell(test, "test_f", grade=True))
        referee = Referee(Given(source, source, files), cell_seconds=30)
        referee.pass_by(0)
        return referee.grade(InProcess(student), test, POINTS, "test_f", Words.of((student,), student, released))

    return run


def test_a_test_that_fails_nowhere_gives_all_points(run):
    """The student's function is called, its value compared here."""
    result = run("assert f(2) == 4", "def f(x):\n    return 2 * x")
    assert (result.score, result.status, result.message) == (POINTS, "passed", "")


def test_the_asserts_message_is_the_hint(run):
    """Literally, as the teacher wrote it."""
    result = run('assert f(2) == 4, "Twice two is four."', "f = abs")
    assert (result.score, result.status, result.message) == (0.0, "failed", "Twice two is four.")


def test_a_name_is_the_tests_own_then_pythons_then_the_students(run):
    """A student cannot take the place of `all` or of what the test defines, but everything else is theirs."""
    student = "x = 1\nown = 1\nall = any = lambda *a: True\nAssertionError = ValueError\n__name__ = 'x'"
    assert run("own = 2\nassert own == 2\nassert x == 1\nassert not all([False])", student).score == POINTS
    assert run("def g():\n    return x\nassert g() == 1", student).score == POINTS
    assert run("assert own == 2", student).score == 0


def test_what_the_teachers_cells_bind_is_the_graders(run):
    """Whatever the student calls by these names."""
    student = "class math:\n    pi = 3\nlimit = 100\ndef twice(x):\n    return 7"
    given = "import math\nfrom os.path import join as j\nlimit = 10\ndef twice(x):\n    return 2 * x\nten = twice(5)"
    test = "assert math.pi > 3.1\nassert j('a', 'b')\nassert limit == ten == 10\nassert twice(4) == 8"
    assert run(test, student, given).score == POINTS


def test_what_the_grader_cannot_compute_is_for_a_person(run):
    """It is never the student's instead."""
    result = run("assert missing.x == 7", "class missing:\n    x = 7", "import no_such_module as missing")
    assert (result.score, result.status, result.judged) == (None, "manual", "person")
    assert "no_such_module" in result.message


def test_a_given_function_may_call_the_students(run):
    """It runs here, the student's there."""
    given = "def check(x):\n    return f(x) == 2 * x"
    assert run("assert check(2)", "def f(x):\n    return 2 * x\ndef check(x):\n    return True", given).score == POINTS
    assert run("assert check(2)", "def f(x):\n    return x\ndef check(x):\n    return True", given).score == 0


def test_the_teachers_files_can_be_read_and_imported(run):
    """In a folder of their own, which is gone afterwards with the modules in it."""
    files = (("beside.py", b"LIMIT = 3"), ("data/words.txt", b"one two"))
    before = os.getcwd()
    test = "assert beside.LIMIT == 3\nassert open('data/words.txt').read() == 'one two'"
    assert run(test, "beside = None", "import beside", files).score == POINTS
    assert os.getcwd() == before


def test_a_module_of_one_course_is_not_the_next_ones(run):
    """Two assignments may both have a `checks.py`."""
    for number in (1, 2):
        files = (("beside.py", f"N = {number}".encode()),)
        assert run(f"assert beside.N == {number}", "", "import beside", files).score == POINTS
    assert "beside" not in sys.modules


def test_an_unknown_name_is_a_name_error(run):
    """The sentence names it; nothing else of the test is shown."""
    result = run("secret = 5\nassert f(secret) == 6", released="assert f(1) == 2")
    assert (result.score, result.message) == (0.0, "NameError: name 'f' is not defined")
    hidden = run("assert helper(1) == 6", released="assert f(1) == 2")
    assert (hidden.score, "helper" in hidden.message) == (0.0, False)


@pytest.mark.parametrize("disturbed", [SandboxGone, MachineExhausted])
@pytest.mark.parametrize(
    "test", ["f()", "try:\n    f()\nexcept Exception:\n    pass", "with rules('a'):\n    f()\nrules.score()"]
)
def test_what_ends_a_run_from_outside_is_no_failed_test(test, disturbed, monkeypatch):
    """It is the run's to say: the submission is graded again."""

    def ask(*_, **__):
        raise disturbed

    student = InProcess("def f(): pass")
    monkeypatch.setattr(student, "ask", ask)
    made = cell(f"from helpers.rules import Rules\nrules = Rules({{'a': 1, 'b': 1}})\n{test}", "test_f", grade=True)
    referee = Referee(Given(notebook(made), notebook(made), ()), cell_seconds=30)
    with pytest.raises(disturbed):
        referee.grade(student, made.source, POINTS, "test_f", Words.of((), "", ""))


def test_a_tests_names_last_until_the_teachers_notebook_assigns_them_again():
    """By a cell of the teacher's, never by one of the student's."""
    tests = {"t1": "value = 2", "t2": "assert value == 2", "t3": "assert value == 3", "t4": "assert value == 1"}
    one, two, three, four = (cell(source, name, grade=True) for name, source in tests.items())
    source = notebook(one, two, cell("value = 3"), three, cell("value = f()", "f", solution=True), four)
    referee = Referee(Given(source, source, ()), 30)
    student, words = InProcess("value = 1"), Words.of((), "", "")
    for position, made in enumerate(source.cells):
        name = made.metadata.get("nbgrader", {}).get("grade_id")
        if name in tests:
            assert referee.grade(student, made.source, POINTS, name, words).score == POINTS, name
        else:
            referee.pass_by(position)


def steps(*cells):
    """What of each cell is computed by the grader, and which names are the student's from there on."""
    return [(sorted(step.names), sorted(step.theirs)) for step in plan(notebook(*cells), notebook(*cells))]


def test_what_depends_on_an_answer_stays_with_the_student():
    """Also over a function of the teacher's; and what a later cell binds anew is the grader's again."""
    found = steps(
        cell("import numpy as np\ndata = np.arange(3)"),
        cell("def f(x):\n    return x", "f", solution=True),
        cell("made = f(data)\nplain = data + 1\ndef g():\n    return f(1)\nx = g()"),
        cell("assert made and plain and x and g and np", "t", grade=True),
        cell("made = 1"),
        cell("assert made", "u", grade=True),
    )
    assert found[0] == (["data", "np"], [])
    assert found[1] == ([], ["f"])
    assert found[2] == (["g", "plain"], ["made", "x"])
    assert found[4] == (["made"], [])


def test_what_a_magic_makes_is_made_by_the_students_process_alone():
    """The grader is no IPython: it would go on with what the name meant before."""
    found = steps(
        cell("lines = ['a']\nsize = 1"),
        cell("lines = !cat data.csv\nsize, _ = %time (len(lines), 0)"),
        cell("assert lines and size", "t", grade=True),
    )
    assert found[1] == ([], ["_", "lines", "size"])


FILLING = [
    "for n in [VALUE]:\n    x.append(n)",
    "for n in [VALUE]:\n    if n:\n        x[n:] = [n]",
    "def add(n):\n    x.append(n)\nadd(VALUE)",
    "def add(n):\n    x.append(n)\ndef more(n):\n    add(n)\ny = more(VALUE)",
    "def fill(y, n):\n    y.append(n)\nfill(x, n=VALUE)",
    "def fill(y):\n    y.append(2)\ndef more(z, n):\n    fill(z)\nmore(n=VALUE, z=x)",
    "import heapq\nheapq.heappush(x, VALUE)",
    "from heapq import heappush\nheappush(x, VALUE)",
    "def new():\n    global x\n    x = [VALUE]\nnew()",
    "with open('a') as file:\n    x.extend([VALUE, *file])",
    "n = x.pop(VALUE)",
]


@pytest.mark.parametrize("code", FILLING)
def test_what_fills_a_container_that_a_test_reads_is_computed_as_well(code):
    """Wherever that stands. Of a container that is filled with what an answer makes, the student's is read."""
    answer, test = cell("def f(n):\n    return n", "f", solution=True), cell("assert x", "t", grade=True)
    for value, is_theirs in (("1", False), ("f(1)", True)):
        source = notebook(answer, cell("x = [0, 1]"), cell(code.replace("VALUE", value)), test)
        _, first, second, _ = plan(source, source)
        assert (first.names, first.theirs) == ({"x"}, set())
        assert ("x" in second.names, "x" in second.theirs) == (not is_theirs, is_theirs)


@pytest.mark.parametrize(
    ("code", "is_theirs"),
    [
        ("rows.append(1)", True),
        ("for n in range(3):\n    rows.append(n)", True),
        ("model.fit(rows)", True),
        ("model.head.bias = 3", True),
        ("if rows:\n    model.fit(rows)", True),
        ("def f():\n    model.fit(rows)", False),
        ("made = model.predict(rows)", False),
        ("print(model.predict(rows))", False),
        ("show(model, rows)", False),
    ],
)
def test_what_an_answer_changes_is_the_students(code, is_theirs):
    """Not what the teacher's solution only uses: a student who exchanges it changes no test."""
    given, test = cell("rows, model = [], Model()"), cell("assert rows and model", "t", grade=True)
    answer = cell(f"### BEGIN SOLUTION\n{code}\n### END SOLUTION", "f", solution=True)
    released = cell("raise NotImplementedError()", "f", solution=True)
    _, step, _ = plan(notebook(given, answer, test), notebook(given, released, test))
    assert bool(step.theirs & {"rows", "model"}) == is_theirs


@pytest.mark.parametrize(
    "code", ["show(x)", "print(x, f)", "y = x.copy()", "y = [n for n in x]", "def g():\n    x.append(1)"]
)
def test_what_only_looks_at_an_object_is_not_computed(code):
    (_, second, _) = plan(*[notebook(cell("x = []"), cell(code), cell("assert x", "t", grade=True))] * 2)
    assert not second.code and not second.theirs


def test_a_test_finds_a_list_as_it_was_there():
    """Not as the teacher's cells further down fill it."""
    one, two = cell("assert rows == [1]", "t1", grade=True), cell("assert rows == [1, 2]", "t2", grade=True)
    source = notebook(cell("rows = [1]"), one, cell("for n in [2]:\n    rows.append(n)"), two)
    referee = Referee(Given(source, source, ()), 30)
    words = Words.of((), "", "")
    referee.pass_by(0)
    assert referee.grade(InProcess(""), one.source, POINTS, "t1", words).score == POINTS
    referee.pass_by(2)
    assert referee.grade(InProcess(""), two.source, POINTS, "t2", words).score == POINTS


def test_chance_is_the_same_for_the_grader_as_in_the_notebook(run):
    given = "import random\nimport numpy as np\nrandom.seed(3)\nnp.random.seed(3)\n"
    given += "x = random.random()\ny = np.random.rand()"
    values = {}
    exec(given, values)
    assert run(f"assert (x, y) == ({values['x']!r}, {float(values['y'])!r})", given=given).score == POINTS


def test_only_what_tests_need_is_computed():
    """No training, no picture; but what changes an object that is needed."""
    found = plan(
        notebook(
            cell("rows = []\nmodel = train()\nplot(rows)\nrows.append(1)\nlimit = len(rows)"),
            cell("assert limit == 1", "t", grade=True),
        ),
        notebook(),
    )
    assert [step.names for step in found] == [{"rows", "limit"}, set()]
    assert len(found[0].code) == 3


def test_imports_of_a_released_answer_cell_are_the_graders():
    """Not those of the solution: they may be the answer."""
    answer = "import math\n### BEGIN SOLUTION\nfrom answers import f\n### END SOLUTION"
    source = notebook(cell(answer, "f", solution=True), cell("assert f and math", "t", grade=True))
    release = notebook(cell("import math\n...", "f", solution=True), cell("assert f and math", "t", grade=True))
    (step, _) = plan(source, release)
    assert (step.names, step.theirs) == ({"math"}, {"f"})


def test_an_exception_of_the_students_is_of_its_own_class(run):
    """`except ValueError` in a test catches it, also a class of the student's derived from it; others it does not."""
    test = "try:\n    f(-1)\nexcept ValueError:\n    pass\nelse:\n    raise AssertionError"
    assert run(test, "def f(x):\n    raise ValueError('negative')").score == POINTS
    assert run(test, "class Own(ValueError):\n    pass\ndef f(x):\n    raise Own").score == POINTS
    assert run(test, "def f(x):\n    return x").score == 0
    result = run(test, "def f(x):\n    raise KeyError('x')")
    assert (result.score, result.message) == (0.0, "KeyError in line 2 of your code: raise KeyError('x')")


def test_an_exception_without_a_counterpart(run):
    """It is an exception all the same; the sentence has its name."""
    result = run("f()", "class Odd(Exception):\n    pass\ndef f():\n    raise Odd('so')")
    assert (result.score, result.message) == (0.0, "Odd in line 4 of your code: raise Odd('so')")
    assert (
        run("try:\n    f()\nexcept Exception:\n    pass", "def f():\n    raise type('O', (Exception,), {})").score
        == POINTS
    )


@pytest.mark.parametrize("error", ["StopIteration", "StopAsyncIteration", "type('S', (StopIteration,), {})"])
def test_a_students_stop_iteration_ends_no_loop_of_the_tests(run, error):
    """`all(map(…))` was true after the first case that raised it."""
    student = f"def f(n):\n    raise {error}"
    assert run("assert all(map(lambda n: f(n) == n, [1, 2]))", student).score == 0
    assert run("assert list(map(f, [1, 2])) == []", student).score == 0
    assert run("for n in iter(lambda: f(1), 5):\n    pass", student).score == 0


class Gone:
    """A student whose process has ended."""

    def __init__(self, error: BaseException):
        self.error = error

    starved = 0.0

    def ask(self, *_, keep=None):
        raise self.error


SWALLOWING = [
    "try:\n    f()\nexcept Exception:\n    pass",
    "import contextlib\nwith contextlib.suppress(Exception):\n    f()",
]


@pytest.mark.parametrize("error", [Stopped("gone"), TimedOut("slow"), Forged("forged")])
@pytest.mark.parametrize("test", SWALLOWING)
def test_a_dead_process_is_not_the_exception_that_a_test_asks_for(error, test):
    """Whatever the test catches, its end is its end."""
    made, words = Referee(Given(notebook(), notebook(), ()), 30), Words.of((), "", "")
    result = made.grade(Gone(error), test, POINTS, "t", words)
    assert (result.score, result.stopped) == (0.0, error)
    assert made.grade(None, test, POINTS, "t", words).score == 0.0


@pytest.mark.parametrize("test", SWALLOWING)
def test_a_value_that_may_not_go_over_is_not_that_exception_either(run, test):
    """A list that contains itself instead of the error that was asked for."""
    assert run(test, "def f():\n    x = []\n    x.append(x)\n    return x").score == 0


OBJECT = """class Thing:
    size = 3
    def __eq__(self, other):
        return True
    __hash__ = lambda self: 1
    __lt__ = __gt__ = __ne__ = __contains__ = lambda self, other: True
    __bool__ = lambda self: True
    __iter__ = lambda self: iter([1, [2], self])
    __float__ = __int__ = __index__ = lambda self: 3
    __len__ = lambda self: 3
    __getitem__ = lambda self, key: [key]
    def double(self, x, *, plus=0):
        return 2 * x + plus
    def itself(self):
        return self
thing = Thing()
pair = (thing, 1)
table = {'a': thing}
def take(x):
    return type(x).__name__"""

REFUSED = {
    "==": "thing == 3",
    "== from the other side": "3 == thing",
    "!=": "thing != 3",
    "<": "thing < 3",
    "bool": "bool(thing)",
    "not": "not thing",
    "if": "x = 1 if thing else 2",
    "among others": "thing in [1, 2]",
    "float": "float(thing)",
    "int": "int(thing)",
    "range": "range(thing)",
    "hash": "{thing}",
    "setting an attribute": "thing.size = 4",
    "inside a tuple": "assert pair == (3, 1)",
    "inside a dictionary": "assert table == {'a': 3}",
    "sorting": "sorted([thing, thing])",
    "arithmetic": "thing + 1",
    "its class": "assert isinstance(thing, int)",
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_an_object_of_the_students_decides_no_test(run, name):
    """Its own `__eq__`, `__bool__` and the like are never asked."""
    result = run(REFUSED[name], OBJECT)
    assert result.score == 0
    assert result.message


def test_an_object_of_the_students_can_be_used(run):
    """Attributes, items, calls and the length go over; it can be handed back."""
    test = """assert thing.size == 3
assert thing.double(2, plus=1) == 5
assert thing[1] == [1]
assert len(thing) == 3
assert thing.itself().itself().size == 3
assert take(thing) == "Thing" and take([1]) == "list"
assert pair[0].size == 3 and table["a"].size == 3
assert hasattr(thing, "size") and not hasattr(thing, "weight")
assert callable(f"{thing}".upper)
assert take(lambda x: x) == "function"
"""
    result = run(test, OBJECT)
    assert result.score == POINTS, result.message


def test_the_items_of_an_object_are_values(run):
    """They are compared here: what iterates can do no more than a list could. Tokenizers return such dictionaries."""
    student = """from collections import OrderedDict, UserDict
encoded = UserDict(input_ids=[1, 2], labels=[0, -100])
ordered = OrderedDict(a=1, b=2)
def numbers():
    yield from range(3)
class Equal:
    __eq__ = lambda self, other: True
    __hash__ = lambda self: 1
def equals():
    yield Equal()
def fails():
    yield 1
    raise StopIteration"""
    test = """assert set(encoded) == {"input_ids", "labels"} and "labels" in encoded and "x" not in encoded
assert list(ordered.items()) == [("a", 1), ("b", 2)] and dict(ordered) == {"a": 1, "b": 2}
assert list(numbers()) == [0, 1, 2] and sorted(numbers(), reverse=True)[0] == 2
first, *rest = numbers()
assert (first, rest) == (0, [1, 2])"""
    result = run(test, student)
    assert result.score == POINTS, result.message
    assert run("assert list(equals()) == [1]", student).score == 0
    assert run("assert 1 in equals()", student).score == 0
    assert run("assert list(fails()) == [1]", student).score == 0


def test_an_object_cannot_travel_inside_another(run):
    """A list of the tests that holds one is pickled; a handle in it would be nobody's."""
    assert run("class Box:\n    pass\nbox = Box()\nbox.thing = thing\ntake(box)", OBJECT).score == 0


@pytest.mark.parametrize(("last", "score", "status"), [
    ("2.5", 2.5, "partial"),
    ("0", 0.0, "failed"),
    ("-3", 0.0, "failed"),
    ("99", POINTS, "passed"),
    ("float('inf')", POINTS, "passed"),
    ("True", POINTS, "passed"),
    ("None", POINTS, "passed"),
    ("'a text'", POINTS, "passed"),
    ("x = 1", POINTS, "passed"),
    ("f()", 1.0, "partial"),
    ("import numpy as np\nnp.mean([1, 2])", 1.5, "partial"),
    ("import fractions\nfractions.Fraction(1, 2)", 0.5, "partial"),
])  # fmt: skip
def test_the_last_value_is_partial_credit(run, last, score, status):
    """A number is, within nothing and all; everything else is full credit."""
    result = run(last, "f = lambda: 1")
    assert (result.score, result.status) == (score, status)


@pytest.mark.parametrize("test", ["float('nan')", "assert (", "%time f()"])
def test_a_test_that_cannot_be_right_waits_for_the_teacher(run, test):
    """Its author made the mistake: no student loses by it."""
    result = run(test, "f = lambda: 1")
    assert (result.score, result.status) == (None, "manual")
    assert "teacher" in result.message


def test_partial_credit_never_leaves_its_range():
    """Nor does it become something other than a float."""
    for value in (-math.inf, -1, 0, 0.5, 4, 10**400, math.inf):
        score = partial_credit(value, POINTS)
        assert type(score) is float
        assert 0 <= score <= POINTS


LEAKS = {
    "an assert without a message": "assert f(12345) == 67890",
    "a message that is computed": "assert f(12345) == 67890, f'{f(1)} is not {67890}'",
    "a library's assertion": "import numpy as np\nnp.testing.assert_allclose(f(12345), 67890)",
    "unittest": "import unittest\nunittest.TestCase().assertEqual(f(12345), 67890)",
    "an error of the test": "[][67890]",
    "a key of the test": "{}['67890']",
    "its own exception": "raise ValueError('67890')",
    "raised by hand": "raise AssertionError('67890')",
}  # fmt: skip


@pytest.mark.parametrize("name", LEAKS)
def test_a_hint_holds_nothing_of_the_test(run, name):
    """Neither its code nor what it expects nor what it called with."""
    result = run(LEAKS[name], "def f(x):\n    return 0")
    assert result.score == 0
    assert result.message
    assert "67890" not in result.message and "12345" not in result.message


def test_a_callback_of_the_tests_takes_nothing_else_along(run):
    """A function that a test hands over is read by the student's process: only what it uses itself goes with it."""
    student = """def f(callback):
    return [callback(1), repr(callback.__globals__), repr(callback.__code__.co_consts)]"""
    result = run("secret = 'canary'\nresult = f(lambda x: x + 1)\nassert result[0] == 2\nprint(result)", student)
    assert result.score == POINTS
    assert "canary" not in result.printed


def test_printing_and_warning_cost_nothing(run):
    """On stderr as well; it is kept for the teacher."""
    test = (
        "import sys, warnings\nprint('out')\nprint('err', file=sys.stderr)\nwarnings.warn('careful')\nassert f() == 1"
    )
    result = run(test, "f = lambda: 1")
    assert result.score == POINTS
    assert "out" in result.printed and "err" in result.printed


def test_a_test_that_does_not_end_is_ended(run, monkeypatch):
    """Also where it catches everything: the bell rings again."""
    monkeypatch.setattr(outside, "MARGIN", -29.9)
    test = """while True:
    try:
        while True:
            pass
    except BaseException:
        n = n + 1
        if n == 3:
            raise"""
    result = run(test, "n = 1")
    assert (result.score, result.status) == (0.0, "failed")
    assert type(result.stopped) is TimedOut
    assert not result.stopped.alive


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts private memory")
def test_a_test_that_grows_is_ended(run):
    """(40 000 000, 1) compared with (1000,) would take forty gigabytes of the grader's memory."""
    student = "import numpy\ndef f():\n    return numpy.ones((40_000_000, 1), dtype='i1')"
    result = run("import numpy as np\nassert (f() == np.ones(1000)).all()", student)
    assert result.score == 0
    assert "MemoryError" in result.message
