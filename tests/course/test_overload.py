"""A machine that does not keep its promises costs nobody a mark: a short part of `tests/bench/overload.py`.

A class of four small notebooks, one of which wants more memory than it may have, is graded in quiet by one worker, and
then once in each trouble. What is graded afterwards by the same command is part of it: a teacher would type it again.
"""

import random

import pytest

from course.grade.sandbox import bubblewrap
from tests.bench import overload

STUDENTS = 4


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    """The class, and what it gets without trouble."""
    if problem := bubblewrap.problem():
        pytest.skip(f"bubblewrap does not work on this machine: {problem}")
    template = tmp_path_factory.mktemp("overload") / "class"
    overload.make_class(template, STUDENTS)
    return template, overload.Quiet.of(template)


def test_the_class_has_different_marks(quiet):
    """Else nobody would see that some were exchanged. The last one cannot have its memory."""
    assert quiet[1].marks == {"student-00": 8, "student-01": 6, "student-02": 6, "student-03": 4}


@pytest.mark.parametrize("trouble", ["workers", "disk", "clock", "memory"])
def test_no_mark_changes_and_none_is_lost(quiet, trouble):
    """Nobody is missing or there twice, neither in the verdicts nor in the gradebook."""
    if not overload.possible([trouble]):
        pytest.skip("this trouble can be made by root alone")
    outcome = overload.go_through(trouble, *quiet, random.Random(13))
    assert outcome.struck
    assert (outcome.others, outcome.changed) == ((), ())
