"""Test cells on the grader's side, against a student's names in the same process: the transport is real, no sandbox."""

import math
import os
import sys

import nbformat
import pytest

from course.grade import kernel, referee
from course.grade.referee import Referee, assigned_names, hint, partial_credit, teacher_imports
from course.grade.sandbox import CallFailed, Forged, Stopped, TimedOut
from course.grade.values import Handle, decode, encode

POINTS = 4.0


class InProcess:
    """A student whose names live here; what goes over is encoded and decoded as it is in the sandbox."""

    def __init__(self, source: str):
        self.names: dict = {}
        exec(source, self.names)
        self.objects: list = []
        self.operations = {
            "has": lambda name: name in self.names,
            "name": lambda name: self.names[name],
            "call": lambda target, arguments, keywords: target(*arguments, **keywords),
            "attribute": getattr,
            "item": lambda target, key: target[key],
            "items": list,
            "length": len,
        }

    def ask(self, operation, *arguments, keep=None):
        request = encode([operation, *arguments], keep=keep, pickles=True)
        operation, *arguments = decode(request, resolve=lambda handle: self.objects[handle.number], pickles=True)
        try:
            value = self.operations[operation](*arguments)
        except Exception as error:
            raise CallFailed(*kernel._described(error)[1:]) from None
        return decode(encode(value, keep=self.keep))

    def keep(self, value) -> Handle:
        self.objects.append(value)
        return Handle(len(self.objects) - 1, type(value).__name__)


@pytest.fixture
def run(request):
    """A function: a test cell and a student's source → the referee's result."""

    def run(test: str, student: str = "", imports: tuple[str, ...] = (), files: tuple = ()):
        made = Referee(list(imports), files, cell_seconds=30)
        request.addfinalizer(made.close)
        made.student = InProcess(student)
        return made.grade(test, POINTS, "test_f")

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


def test_the_teachers_imports_are_the_graders(run):
    """Whatever the student calls by these names; what the grader has not got is the student's."""
    student = "class math:\n    pi = 3\nmissing = 7"
    imports = ("import math", "import no_such_module as missing", "from os.path import join as j")
    assert run("assert math.pi > 3.1\nassert missing == 7\nassert j('a', 'b')", student, imports).score == POINTS


def test_the_teachers_files_can_be_read_and_imported(run):
    """In a folder of their own, which is gone afterwards with the modules in it."""
    files = (("beside.py", b"LIMIT = 3"), ("data/words.txt", b"one two"))
    before = os.getcwd()
    test = "assert beside.LIMIT == 3\nassert open('data/words.txt').read() == 'one two'"
    assert run(test, "beside = None", ("import beside",), files).score == POINTS
    assert os.getcwd() == before


def test_a_module_of_one_course_is_not_the_next_ones():
    """Two assignments may both have a `checks.py`."""
    for number in (1, 2):
        made = Referee(["import beside"], (("beside.py", f"N = {number}".encode()),), 30)
        made.student = InProcess("")
        assert made.grade(f"assert beside.N == {number}", POINTS, "t").score == POINTS
        made.close()
    assert "beside" not in sys.modules


def test_an_unknown_name_is_a_name_error(run):
    """The sentence names it; nothing else of the test is shown."""
    result = run("secret = 5\nassert f(secret) == 6")
    assert (result.score, result.message) == (0.0, "NameError: name 'f' is not defined")


def test_a_tests_names_last_until_the_teachers_notebook_assigns_them_again():
    """`forget` is told by the teacher's cells, never by the student's."""
    made = Referee([], (), 30)
    made.student = InProcess("value = 1")
    made.grade("value = 2", POINTS, "t1")
    assert made.grade("assert value == 2", POINTS, "t2").score == POINTS
    made.forget({"value", "unknown"})
    assert made.grade("assert value == 1", POINTS, "t3").score == POINTS
    made.close()


def test_assigned_names():
    """Those at the top level of a cell; magics are no obstacle."""
    source = (
        "%matplotlib inline\na, (b, *c) = 1, (2, 3)\nfor d in []:\n    e = 1\ndef f():\n    g = 1\nclass H:\n    i = 1"
    )
    assert assigned_names(source) == {"a", "b", "c", "d", "e", "f", "H"}
    assert assigned_names("not python") == set()


def test_teacher_imports_come_from_what_students_were_given():
    """From cells without points and from the released answer cells, not from solutions or tests."""
    solution = {"nbgrader": {"grade_id": "f", "solution": True, "grade": False}}
    locked = {"nbgrader": {"grade_id": "l", "solution": False, "grade": False, "locked": True}}
    test = {"nbgrader": {"grade_id": "t", "solution": False, "grade": True, "points": 1}}

    def notebook(answer: str):
        new = nbformat.v4.new_code_cell
        cells = [new("%matplotlib inline\nimport a"), new("import b", metadata=locked), new("import c", metadata=test)]
        return nbformat.v4.new_notebook(cells=[*cells, new(answer, metadata=solution)])

    imports = teacher_imports(notebook("import d\nfrom answers import f"), notebook("import d\n..."))
    assert imports == ["import a", "import b", "import d"]


def test_an_exception_of_the_students_is_of_its_own_class(run):
    """`except ValueError` in a test catches it, also a class of the student's derived from it; others it does not."""
    test = "try:\n    f(-1)\nexcept ValueError:\n    pass\nelse:\n    raise AssertionError"
    assert run(test, "def f(x):\n    raise ValueError('negative')").score == POINTS
    assert run(test, "class Own(ValueError):\n    pass\ndef f(x):\n    raise Own").score == POINTS
    assert run(test, "def f(x):\n    return x").score == 0
    result = run(test, "def f(x):\n    raise KeyError('x')")
    assert (result.score, result.message) == (0.0, "KeyError: 'x'")


def test_an_exception_without_a_counterpart(run):
    """It is an exception all the same; the sentence has its name."""
    result = run("f()", "class Odd(Exception):\n    pass\ndef f():\n    raise Odd('so')")
    assert (result.score, result.message) == (0.0, "Odd: so")
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
    made = Referee([], (), 30)
    made.student = Gone(error)
    result = made.grade(test, POINTS, "t")
    assert (result.score, result.stopped) == (0.0, error)
    made.student = None
    assert made.grade(test, POINTS, "t").score == 0.0
    made.close()


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


def test_hint_is_one_short_line():
    """However long the student's exception is."""
    error = ValueError("x")
    error.student_sentence = "ValueError: short"
    assert hint(error, "") == "ValueError: short"
    assert hint(AssertionError("said"), 'assert x, "said"') == "said"
    assert "said" not in hint(AssertionError("said"), "assert x")


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
    monkeypatch.setattr(referee, "MARGIN", -29.9)
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
