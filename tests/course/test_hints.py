"""What a student reads about a failed test: enough to go on, and nothing of the test."""

import pytest

from course.grade.judge import hints
from course.grade.judge.hints import Words
from course.grade.sandbox.limits import CallFailed

ANSWER = "def f(words):\n    total = len(words)\n    return words[total]"
RELEASED = "result = f([1])\nassert result == 1, f'{result} is not 1.'"
WORDS = Words.of((ANSWER,), ANSWER, RELEASED)
SECRET = "canary"


def failed(kind: str, message: str, places=(("<cell 0>", 3),), names=("Exception",)) -> CallFailed:
    return CallFailed(kind, list(names), message, "", list(places))


PYTHONS = [
    ("NameError", "name 'total' is not defined"),
    ("TypeError", "f() missing 1 required positional argument: 'words'"),
    ("TypeError", "f() takes 1 positional argument but 2 were given"),
    ("TypeError", "f() got an unexpected keyword argument 'total'"),
    ("AttributeError", "'list' object has no attribute 'total'"),
    ("TypeError", "'NoneType' object is not subscriptable"),
    ("TypeError", "unsupported operand type(s) for +: 'int' and 'str'"),
    ("TypeError", "'<' not supported between instances of 'str' and 'int'"),
    ("IndexError", "list index out of range"),
    ("ZeroDivisionError", "division by zero"),
    ("RecursionError", "maximum recursion depth exceeded"),
]


@pytest.mark.parametrize(("kind", "message"), PYTHONS)
def test_what_python_says_about_the_students_own_names_is_said(kind, message):
    """Whoever has forgotten an import reads which one."""
    assert hints.of_call(failed(kind, message, []), WORDS) == f"{kind}: {message}"
    said = hints.of_call(failed(kind, message), WORDS)
    assert said == f"{kind}: {message} (line 3 of your code: return words[total])"


def test_a_long_line_is_cut_and_says_so():
    words = Words.of((f"x = {'1 + ' * 99}1",), "", "")
    said = hints.of_call(failed("ValueError", "", (("<cell 0>", 1),)), words)
    assert said.endswith("1 + …")
    assert len(said) < 150


TOLD = [
    ("ValueError", SECRET),
    ("NameError", f"name '{SECRET}' is not defined"),
    ("KeyError", f"'{SECRET}'"),
    ("ImportError", f"cannot import name 'total' from 'f' ({SECRET})"),
    ("AttributeError", f"'list' object has no attribute '{SECRET}'"),
    ("AttributeError", f"'{SECRET}' object has no attribute 'total'"),
    ("RecursionError", f"maximum recursion depth exceeded while {SECRET}"),
    ("TypeError", f"f() got an unexpected keyword argument '{SECRET}'"),
    (SECRET, "x"),
    (f"E_{SECRET}", f"{SECRET}"),
]


@pytest.mark.parametrize(("kind", "message"), TOLD)
def test_what_a_students_code_puts_into_an_exception_is_not(kind, message):
    """It may be what a hidden test called it with; the type may be made of it as well."""
    said = hints.of_call(failed(kind, message), WORDS)
    assert SECRET not in said
    assert said


def test_the_students_own_line_is_shown():
    """From the notebook that is run; the process only says which."""
    assert hints.of_call(failed("KeyError", SECRET), WORDS) == "KeyError in line 3 of your code: return words[total]"


@pytest.mark.parametrize(
    "place", [("<cell 9>", 1), ("<cell 0>", 99), ("<cell 0>", -1), ("/etc/passwd", 1), ("<cell 0", 1)]
)
def test_a_line_that_is_not_there_is_not(place):
    """A process may say anything."""
    assert hints.of_call(failed("KeyError", SECRET, [place]), WORDS) == "KeyError"


def test_an_exception_of_the_students_own_has_its_name_or_that_of_its_base():
    """A name of theirs is no secret; a name that was made up while the test ran may be one."""
    own = Words.of(("class Odd(Exception): pass",), "class Odd(Exception): pass", "")
    assert hints.of_call(failed("Odd", "", []), own) == "Odd"
    assert hints.of_call(failed(f"Odd_{SECRET}", "", [], ["LookupError"]), own) == "LookupError"


MESSAGES = {
    "a text": ("assert f(7) == 8, 'Add one.'", "Add one."),
    "over lines": ("assert (\n    f(7) == 8\n), 'Add one.'", "Add one."),
    "an f-string": ("assert f(7) == 8, f'f({7}) is not {8}.'", "f(…) is not …."),
    "a percent sign": ("assert f(7) == 8, 'f(%d) is %s.' % (7, f(7))", "f(…) is …."),
    "format": ("assert f(7) == 8, 'f({}) is {}.'.format(7, 8)", "f(…) is …."),
    "a sum": ("assert f(7) == 8, 'It is ' + str(7)", "It is …"),
    "nothing but a value": ("assert f(7) == 8, f'{f(7)}'", "A condition of this test is not met."),
    "no message": ("assert f(7) == 8", "A condition of this test is not met."),
    "in a loop": ("for n in [7]:\n    assert f(n) == 8, 'Add one.'", "Add one."),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_an_assert_says_its_message_without_what_is_put_in(name):
    """The hidden values stay hidden, the sentence is read."""
    source, said = MESSAGES[name]
    line = len(source.split("\n")) if "loop" in name else 1
    assert hints.of_test("AssertionError", "f(7) is not 8.", line, source, WORDS) == said


def test_a_visible_assert_says_what_it_says():
    """The student can run it as well."""
    source = f"{RELEASED}\nassert f([7]) == 7, f'{{f([7])}} is not 7.'"
    assert hints.of_test("AssertionError", "5 is not 1.", 2, source, WORDS) == "5 is not 1."
    assert hints.of_test("TypeError", "x is no y", 2, source, WORDS) == "TypeError: x is no y"
    assert hints.of_test("AssertionError", "5 is not 7.", 3, source, WORDS) == "… is not 7."


def test_a_visible_assert_without_a_message_is_named():
    """Its first line, however long it is."""
    visible = RELEASED.split("\n")[1]
    assert hints.of_test("AssertionError", "", 2, RELEASED, WORDS) == f"The test stops at: {visible}"
    hidden = f"{RELEASED}\nassert f({SECRET!r})"
    assert SECRET not in hints.of_test("AssertionError", "", 3, hidden, WORDS)


def test_what_stands_below_a_hidden_line_is_not_visible():
    """Its values may come from there."""
    source = f"result = f([{SECRET!r}])\n{RELEASED}"
    assert SECRET not in hints.of_test("AssertionError", f"{SECRET} is not 1.", 3, source, WORDS)


def test_a_hidden_helper_has_no_name():
    """A visible one has."""
    assert (
        hints.of_test("NameError", "name 'f' is not defined", 1, "f()", WORDS) == "NameError: name 'f' is not defined"
    )
    assert SECRET not in hints.of_test("NameError", f"name '{SECRET}' is not defined", 1, f"{SECRET}()", WORDS)
