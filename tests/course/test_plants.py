"""Planted failures: each version of a test fails in an honest process, and one that is tampered with is caught."""

# ruff: noqa: E501  (tests of teachers)

import ast
import contextlib

import pytest

from course.grade.judge.plants import MAX_PLANTS, held, planted, planted_at_once, plants_of
from course.grade.sandbox.process.nothing import NOTHING

THEIRS = frozenset({"f", "table", "Tally"})
NAME = "_a1b2"
LIKE = f"{NAME}.__like__"


def passes(source: str, names: dict) -> bool:
    """Whether a cell ends without an error."""
    with contextlib.suppress(Exception):
        exec(source, names | {NAME: NOTHING})
        return True
    return False


def caught(source: str, names: dict) -> list[bool]:
    """For each planted failure that an honest solution does not pass: whether these names pass it."""
    return [passes(planted(source, plant, THEIRS, NAME), dict(names)) for plant in plants_of(source, THEIRS)]


def of_kinds(source: str) -> list[str]:
    """What each planted failure makes of a test of one line, but for the false assertions, which are drawn."""
    return [planted(source, plant, THEIRS, NAME) for plant in plants_of(source, THEIRS) if plant.kind != "assertion"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("assert f(1) == 2", [f"assert {NAME} == 2", f"assert f(1) == {LIKE}(2)"]),
        ("assert f(1).x", [f"assert {NAME}"]),
        ("assert f(1)[0].sum() == 3", [f"assert {NAME} == 3", f"assert f(1)[0].sum() == {LIKE}(3)"]),
        ("assert f(4) == 2 or f(4) == -2", [f"assert {NAME} == 2 or {NAME} == -2", f"assert f(4) == {LIKE}(2) or f(4) == {LIKE}(-2)"]),
        ("same(f(1), 2)", [f"same({NAME}, 2)", f"same(f(1), {LIKE}(2))"]),
        ("assert f(1) != 2", [f"assert {NAME} != 2", f"assert f(1) != {LIKE}(2)"]),
        ("def check():\n    assert f(1) == 2", [f"def check():\n    assert {NAME} == 2", f"def check():\n    assert f(1) == {LIKE}(2)"]),
        ("print('f(1) is', f(1))", [f"print('f(1) is', {NAME})"]),
        ("assert 1 == 1", []),
    ],
)  # fmt: skip
def test_values_of_the_students_are_replaced(source, expected):
    """All of a statement, and all that they are compared with; what is not theirs is left alone."""
    assert of_kinds(source) == expected


HOLD = [
    "result = f(1)",
    "for result in f(1):\n    pass",
    "all([result for result in f(1)])",
    "with f(1) as result:\n    pass",
    "if (result := f(1)):\n    pass",
    "for result, other in zip(f(1), [2]):\n    pass",
]


@pytest.mark.parametrize("source", HOLD)
def test_a_variable_that_holds_a_value_of_theirs_is_theirs(source):
    made = of_kinds(f"{source}\nassert result == 2")
    assert f"{source}\nassert {NAME} == 2" in made
    assert f"{source}\nassert result == {LIKE}(2)" in made


HONEST = {"f": lambda x: x + 1, "table": {"a": [1, 2]}, "same": lambda a, b: exec("assert a == b", {"a": a, "b": b})}
TESTS = [
    "assert f(1) == 2",
    "same(f(1), 2)\nassert isinstance(f(3), int)",
    "result = f(1)\nassert result == 2\nassert result > 1",
    "for x in range(3):\n    assert f(x) == x + 1",
    "assert [f(x) for x in range(2)] == [1, 2] and len(table['a']) == 2",
    "with __import__('contextlib').suppress(KeyError):\n    assert f(1) == 2",
]


@pytest.mark.parametrize("source", TESTS)
def test_the_test_passes_and_most_of_its_planted_failures_do_not(source):
    assert passes(source, dict(HONEST))
    found = caught(source, HONEST)
    assert found.count(False) > len(found) / 2


@pytest.mark.parametrize("source", TESTS)
def test_all_at_once_say_the_same_as_each_alone(source):
    """Where its own statement is what fails."""
    plants = [plant for plant in plants_of(source, THEIRS) if plant.kind == "assertion" or "result =" not in source]
    alone = [passes(planted(source, plant, THEIRS, NAME), dict(HONEST)) for plant in plants]
    bits = number(planted_at_once(source, plants, THEIRS, NAME), dict(HONEST))
    assert [bool(bits >> number & 1) for number in range(len(plants))] == alone


def refuse(x):
    raise KeyError(x)


WAYS = {  # a test, the teacher's answer and another right one
    "another root": ("assert f(4) == 2 or f(4) == -2", lambda x: 2, lambda x: -2),
    "one of several": ("assert any([f(4) == 2, f(4) == -2])", lambda x: 2, lambda x: -2),
    "nothing, or zero": ("assert f(4) is None or f(4) == 0", lambda x: 0, lambda x: None),
    "another branch": ("if isinstance(f(4), list):\n    assert f(4) == [1]\nelse:\n    assert tuple(f(4)) == (1,)", lambda x: [1], lambda x: (1,)),
    "an exception": ("try:\n    assert f(4) == 2\nexcept KeyError as error:\n    assert str(error) == '4'", lambda x: 2, refuse),
    "an exception counts": ("try:\n    if f(4) is None:\n        ok = True\nexcept KeyError:\n    ok = True\nassert ok", lambda x: None, refuse),
    "a check for some": ("if isinstance(f(4), int):\n    assert f(4) == 2", lambda x: 2, lambda x: 2.0),
    "a check that was lost": ("try:\n    assert f(4) == 2\nexcept AssertionError:\n    pass", lambda x: 2, lambda x: 3),
    "a sum": ("score = sum([f(4) == 2, f(4) == 3])\nassert score >= 0", lambda x: 2, lambda x: 5),
}  # fmt: skip


@pytest.mark.parametrize("name", WAYS)
def test_a_right_answer_may_go_another_way(name):
    """A planted failure that the teacher's answer does not pass, and this one does, met no comparison that held."""
    source, teachers, students = WAYS[name]
    assert passes(source, {"f": teachers}) and passes(source, {"f": students})
    for plant in plants_of(source, THEIRS):
        failing = planted(source, plant, THEIRS, NAME)
        if passes(failing, {"f": students}) and not passes(failing, {"f": teachers}):
            assert plant.kind != "assertion"
            assert number(held(source, plant, THEIRS, NAME), {"f": students}) == 0


COMPARED = {
    "assert f(1) == 2": 1,
    "assert not f(1) == 3": 0,
    "assert not f(1) != 2": 1,
    "assert f(1) != 3": 0,
    "if f(1) != 2:\n    raise ValueError": 1,
    "assert f(1) == 5 or f(1) == 2": 1,
    "assert f(1) or f(1) == 5": 0,
    "assert f(1) == 2 and f(2) == 3": 1,
    "if isinstance(f(1), int) and f(1) == 5:\n    pass": 0,
    "assert f(1) == 2 if f(1) else True": 1,
    "seen = [f(1) == 5]\nassert seen": 0,
    "assert len(list(map(bool, [f(1) == 2])))": 1,
    "same(f(1), 2)": 1,
    "same(f(1), f(1))": 1,
    "assert isinstance(f(1), int)": 1,
    "for x in range(3):\n    assert f(x) > x": 1,
    "import numpy as np\nassert (np.array([f(1), f(2)]) == [2, 3]).all()": 1,
    "import numpy as np\nassert np.isclose([f(1), f(2)], [2, 3]).all()": 1,
    "import numpy as np\nassert not (np.array([f(1), f(2)]) == [2, 4]).all()": 0,
    "import pandas as pd\nassert (pd.DataFrame({'a': [f(1)]}) == 2).all().all()": 1,
    "import pytest\nwith pytest.raises(TypeError):\n    f()": 1,
    "print(f(1))": 0,
    "x = len([f(1)])": 0,
}


@pytest.mark.parametrize("source", COMPARED)
def test_a_comparison_is_seen_to_hold(source):
    """Of a value of the student's, in the statement of the plant."""
    (plant, *_) = (
        plant for plant in plants_of(source, THEIRS) if plant.kind == "value" and plant.place == source.count("import")
    )
    assert number(held(source, plant, THEIRS, NAME), dict(HONEST)) == COMPARED[source]


def number(source: str, names: dict) -> int:
    """The value of the last line of a cell."""
    *body, last = ast.parse(source).body
    names = names | {NAME: NOTHING}
    exec(compile(ast.Module(body, []), "<test>", "exec"), names)
    return eval(ast.unparse(last), names)


class Anything(int):
    """What a cheat returns."""

    def __eq__(self, other):
        return True

    def __gt__(self, other):
        return True

    __hash__ = int.__hash__


ELSEWHERE = [
    "assert 2 == f(1)",
    "assert [f(x) for x in range(3)] == [1, 2, 3]",
    "assert (f(1), f(2)) == (2, 3)",
    "assert {'a': f(1)} == {'a': 2}",
    "assert list(map(f, [1, 2])) == [2, 3]",
    "assert f(1) in (2, 2.0)",
    "if f(1) != 2:\n    raise ValueError",
    "assert not f(1) != 2",
    "outs = [f(1), f(2)]\nfor out, expected in zip(outs, [2, 3]):\n    assert out == expected",
    "check(f, [(1, 2), (2, 3)])",
    "for g in [f]:\n    assert g(1) == 2",
    "import numpy as np\nassert np.array_equal([f(1), f(2)], [2, 3])",
    "import numpy as np\nassert np.all(np.array([f(1), f(2)]) == np.array([2, 3]))",
    "import pandas as pd\nassert pd.Series([1, 2]).map(f).tolist() == [2, 3]",
    "import unittest\nunittest.TestCase().assertEqual([f(1)], [2])",
]


@pytest.mark.parametrize("source", ELSEWHERE)
def test_an_object_that_equals_everything_is_asked_wherever_it_is_compared(source):
    names = {"check": lambda g, cases: exec("for x, y in cases:\n    assert g(x) == y", {"g": g, "cases": cases})}
    honest, cheat = names | {"f": lambda x: x + 1}, names | {"f": lambda *x: Everything()}
    assert passes(source, dict(honest)) and passes(source, dict(cheat))
    found = [
        plant
        for plant in plants_of(source, THEIRS)
        if passes(planted(source, plant, THEIRS, NAME), dict(cheat))
        and not passes(planted(source, plant, THEIRS, NAME), dict(honest))
    ]
    assert any(number(held(source, plant, THEIRS, NAME), dict(cheat)) for plant in found)


class Everything:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    __hash__ = object.__hash__


CHEATS = {
    "equal to everything": (TESTS[0], {"f": lambda x: Anything()}),
    "in a variable": (TESTS[2], {"f": lambda x: Anything()}),
    "a comparison that says nothing": (TESTS[1], {"f": lambda x: 2, "same": lambda a, b: None}),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_cheat_passes_the_test_and_a_planted_failure(name):
    source, names = CHEATS[name]
    cheat = HONEST | names
    assert passes(source, dict(cheat))
    assert any(theirs and not honest for theirs, honest in zip(caught(source, cheat), caught(source, HONEST)))


def test_there_are_not_too_many():
    source = "\n".join(f"assert f({number}) == {number + 1}" for number in range(500))
    assert len(plants_of(source, THEIRS)) <= MAX_PLANTS


@pytest.mark.parametrize("source", ["", "assert", "f(" * 5_000, "x = '\0'", "assert f(1) ==" + " (" * 300])
def test_what_is_no_python_has_none(source):
    assert [plant.kind for plant in plants_of(source, THEIRS)] in ([], ["assertion"])


def test_a_planted_assertion_looks_like_any_other():
    """Nothing in it says that it is planted, and it is drawn anew."""
    source = 'assert f(1) == 2, "Two."'
    (first, *_) = plants_of(source, THEIRS)
    made = {planted(source, first, THEIRS, NAME) for _ in range(40)}
    assert len(made) > 20
    assert not any(NAME in text for text in made)
