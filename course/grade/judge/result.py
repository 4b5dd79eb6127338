"""What a test cell said, and what its last value is worth."""

import dataclasses
import numbers

from course.grade.sandbox.limits import Stopped
from course.verdict import Group, Judged, Status


class TestMistake(Exception):
    """A test that cannot be right, whatever the answer: a person has to look at it."""

    __test__ = False  # for pytest: no class of tests


@dataclasses.dataclass(frozen=True)
class Result:
    """What a test cell said. `stopped` is set if the student's process had to be ended during it.

    `printed` is what was printed on the grader's side, `tampered` whether the process was caught at changing tests.
    """

    score: float | None
    status: Status
    message: str
    judged: Judged
    printed: str = ""
    stopped: Stopped | None = None
    tampered: bool = False
    groups: tuple[Group, ...] = ()

    @classmethod
    def of(
        cls, score: float, points: float, judged: Judged, printed: str = "", *, message: str = "", **more
    ) -> "Result":
        """Of a test that ran to its end."""
        status = "passed" if score == points else "partial" if score else "failed"
        return cls(score, status, message, judged, printed, **more)


def partial_credit(value, points: float) -> float:
    """The score that a test cell's last value stands for, as nbgrader has it: a number is partial credit, all
    else full.

    Raises `TestMistake` for NaN.

    >>> partial_credit(None, 5), partial_credit(2.5, 5), partial_credit(7, 5), partial_credit(-1, 5)
    (5.0, 2.5, 5.0, 0.0)
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return float(points)
    if value != value:  # NaN; a whole number may be too large for math.isnan
        raise TestMistake("The test's last value is NaN: a mistake of the test, to be looked at by the teacher.")
    return float(min(max(value, 0), points))
