"""What was found, judged: is the notebook ready?

In: a `Notebook`. Out: a `Report`.
"""

import contextlib
import dataclasses
import math
import sys
import time
from collections.abc import Iterator
from typing import Literal

from helpers.check import cells, fresh
from helpers.check.cells import Answer, Remark
from helpers.check.fresh import DIED, Result
from helpers.check.reading import Cell, Notebook

Tests = Literal["passed", "partly", "failed", "not_reached", "not_there", "none"]
WRONG = ("partly", "failed", "not_reached")
FAILED = "✗"  # how the line of a failed rule group begins (helpers.rules)


@dataclasses.dataclass(frozen=True)
class Tried:
    """What the visible tests of an answer say: `points` of `most`, and a line for each thing that is wrong."""

    tests: Tests
    points: float = 0.0
    most: float = 0.0
    lines: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Stop:
    """A cell other than a test that ends in an error; `kind` as in `fresh.Result`."""

    section: str
    first_line: str
    kind: str
    error: str


@dataclasses.dataclass(frozen=True)
class Report:
    """All that was found; `seconds` is what the run took.

    `stops` stand above the first answer that is not written; what fails below it (`waiting` cells) may need it.
    """

    notebook: Notebook
    answers: tuple[tuple[Answer, Tried], ...]
    stops: tuple[Stop, ...]
    waiting: int
    seconds: float
    remarks: tuple[Remark, ...]

    @property
    def to_mend(self) -> int:
        """How many things stand in the way."""
        wrong = [answer.state != "written" or tried.tests in WRONG for answer, tried in self.answers]
        return sum(wrong) + len(self.stops)

    @property
    def is_ready(self) -> bool:
        return not self.to_mend


def examine(notebook: Notebook, *, with_bar: bool) -> Report:
    """Look at the notebook, run it, and judge. `with_bar`: a person waits."""
    answers = cells.answers(notebook)
    started = time.monotonic()
    results = {result.index: result for result in _run(notebook, with_bar)}
    seconds = time.monotonic() - started
    gap = _first_gap(notebook, answers)
    failed = [cell for cell in notebook.cells if _is_stop(cell, results)]
    return Report(
        notebook=notebook,
        answers=tuple((answer, _tried(notebook, answer, results)) for answer in answers),
        stops=tuple(_stop(cell, results[cell.index]) for cell in failed if cell.index < gap),
        waiting=sum(cell.index > gap for cell in failed),
        seconds=seconds,
        remarks=tuple(cells.remarks(notebook)),
    )


def _run(notebook: Notebook, with_bar: bool) -> Iterator[Result]:
    from tqdm import tqdm

    bar = tqdm(
        total=fresh.code_cells(notebook),
        disable=not with_bar,
        file=sys.stdout,
        leave=False,
        bar_format="{percentage:3.0f}% |{bar:30}| {n_fmt}/{total_fmt} [{elapsed}]",
    )
    with contextlib.closing(fresh.run(notebook)) as results, bar:
        for result in results:
            bar.update()
            yield result


def _first_gap(notebook: Notebook, answers: list[Answer]) -> float:
    """Where the first answer stands, or its tests, that cannot be run; infinity where there is none."""
    names = {
        answer.grade_id for answer in answers if not answer.is_essay and answer.state in ("empty", "missing", "broken")
    }
    names |= {f"test_{name}" for name in names}
    return min([cell.index for cell in notebook.cells if cell.grade_id in names], default=math.inf)


def _is_stop(cell: Cell, results: dict[int, Result]) -> bool:
    result = results.get(cell.index)
    return result is not None and bool(result.kind) and (not cell.is_test or result.kind == DIED)


def _stop(cell: Cell, result: Result) -> Stop:
    return Stop(cell.section, cell.first_line, result.kind, result.error)


def _tried(notebook: Notebook, answer: Answer, results: dict[int, Result]) -> Tried:
    if answer.is_essay:
        return Tried("none")
    test = next((cell for cell in notebook.cells if cell.is_test and cell.grade_id == f"test_{answer.grade_id}"), None)
    if test is None:
        return Tried("not_there")
    result = results.get(test.index)
    return Tried("not_reached") if result is None or result.kind == DIED else _judged(test, result)


def _judged(test: Cell, result: Result) -> Tried:
    """A test passes if it raises nothing; where its last value is a number, that is the points (nbgrader's rule).

    In a table of rules some may be tested only after handing in: then points are missing though nothing has failed.
    """
    most = float(test.graded.get("points") or 0)
    if result.kind:
        error = result.error if result.kind == "AssertionError" else f"{result.kind}: {result.error}"
        return Tried("failed", 0.0, most, (error.removesuffix(": "),))
    try:
        points = float(result.value)
    except ValueError:
        points = most
    lines = [line for line in result.said.splitlines() if line.startswith(FAILED)]
    if points >= most or (result.is_table and not lines):
        return Tried("passed", points, most)
    return Tried("partly" if points else "failed", points, most, tuple(lines))
