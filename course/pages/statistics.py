"""What the marks of a class say about its exercises.

In: rows of students. Out: how the marks are spread, and for each exercise and rule who got it right, how well it tells
strong from weak students, and what it says to those who did not.
"""

import dataclasses
import statistics
from collections.abc import Callable, Iterable, Mapping

from course.pages.standing import Row
from course.pages.texts import Item
from course.verdict import NO_ANSWER, CellScore

BINS = 10  # of the histogram, from nothing to all points
ENOUGH = 10  # students: below that a correlation is noise
STUB = "raise NotImplementedError()"  # in the message of an exercise that nobody has written
STATES = ("passed", "partial", "failed", "left_out", "waiting")
Held = tuple[Row, CellScore, float | None]  # a student's exercise and its final points


@dataclasses.dataclass(frozen=True)
class Spread:
    """How marks are spread. `bins`: how many lie in each tenth of what can be reached; `open`: in how many of them
    something is still open."""

    count: int
    open: int
    mean: float
    median: float
    deviation: float
    lowest: float
    highest: float
    bins: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Said:
    """A message and who got it, the commonest first."""

    message: str
    students: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Result:
    """An exercise, or one of its rules: both of the same students. `counts`: state → students. `share`: of the points,
    on average; None: nobody has any yet. `discrimination`: see `discrimination`."""

    name: str
    points: float
    counts: Mapping[str, int]
    share: float | None
    discrimination: float | None
    messages: tuple[Said, ...] = ()
    rules: tuple["Result", ...] = ()

    @property
    def passed(self) -> float | None:
        """The share of those who have all points, of those who have a mark."""
        marked = sum(self.counts.values()) - self.counts["waiting"]
        return self.counts["passed"] / marked if marked else None


def spread(rows: Iterable[Row]) -> Spread | None:
    """How the final marks are spread; None where there are none."""
    marked = [row for row in rows if row.score is not None]
    if not marked:
        return None
    scores = [row.score for row in marked]
    bins = [0] * BINS
    for row in marked:
        share = row.score / row.max_score if row.max_score else 0.0
        bins[min(BINS - 1, max(0, int(share * BINS + 1e-9)))] += 1
    return Spread(
        count=len(scores),
        open=sum(bool(row.open) for row in marked),
        mean=statistics.fmean(scores),
        median=statistics.median(scores),
        deviation=statistics.stdev(scores) if len(scores) > 1 else 0.0,
        lowest=min(scores),
        highest=max(scores),
        bins=tuple(bins),
    )


def discrimination(values: list[tuple[float, float]]) -> float | None:
    """How well an item tells strong from weak students: the correlation of its points with the rest of the score.

    For an item that is right or wrong it is the point-biserial correlation, corrected for the item itself (Henrysson
    1963). From -1 to 1; about 0.2 and more is good, below 0 the strong ones fail where the weak ones do not. None
    below ten students, and where all have the same.

    >>> round(discrimination([(1, 9), (1, 8), (0, 2), (0, 1)] * 3), 2)
    0.99
    """
    if len(values) < ENOUGH:
        return None
    try:
        return statistics.correlation(*zip(*values))
    except statistics.StatisticsError:
        return None


def results(rows: list[Row], items: Iterable[Item], said: Callable[[str], str]) -> list[Result]:
    """What came of each item. `said` makes of a message what is the same for all students."""
    return [_result(rows, item, said) for item in items]


def state_of(cell: CellScore, points: float | None) -> str:
    """What became of an exercise, by the final points; "" where it has been dropped and counts for nobody."""
    if not cell.max_score and not points:
        return ""
    if points is None:
        return "waiting"
    if points >= cell.max_score:
        return "passed"
    if points > 0:
        return "partial"
    return "left_out" if cell.message == NO_ANSWER or STUB in cell.message else "failed"


def _result(rows: list[Row], item: Item, said: Callable[[str], str]) -> Result:
    cells = [
        (row, cell, row.points.get(cell.grade_id, cell.score))
        for row in rows
        for cell in (row.verdict.cells if row.verdict else ())
        if cell.grade_id == item.grade_id and state_of(cell, row.points.get(cell.grade_id, cell.score))
    ]
    counts = dict.fromkeys(STATES, 0)
    messages: list[tuple[str, str]] = []
    for row, cell, points in cells:
        state = state_of(cell, points)
        counts[state] += 1
        alike = fails_alike(cell)
        if state in ("failed", "partial") and (alike or not cell.groups):
            message = cell.groups[0].message if alike else cell.message
            messages.append((said(message), row.student))
    values = [
        (points / cell.max_score, _rest(row, item))
        for row, cell, points in cells
        if points is not None and cell.max_score
    ]
    return Result(
        name=item.grade_id,
        points=item.points,
        counts=counts,
        share=statistics.fmean(value for value, _ in values) if values else None,
        discrimination=discrimination(values),
        messages=_commonest(messages),
        rules=tuple(_rule(number, cells, item, said) for number in range(max(_sizes(cells), default=0))),
    )


def fails_alike(cell: CellScore) -> bool:
    """Whether the same goes wrong in every rule of an exercise: it is said once."""
    return cell.status == "failed" and len({group.message for group in cell.groups}) == 1


def _sizes(cells: list[Held]) -> Iterable[int]:
    return (len(cell.groups) for _, cell, _ in cells)


def _rule(number: int, cells: list[Held], item: Item, said: Callable[[str], str]) -> Result:
    """What came of the rule with this number, for all who have the exercise; its name is the notebook's.

    Of an exercise that was left out, or that waits, all rules are. Where a test said nothing of its rules, as one that
    did not get to them, they are as the exercise is.
    """
    counts = dict.fromkeys(STATES, 0)
    messages, values = [], []
    for row, cell, points in cells:
        state, group = state_of(cell, points), cell.groups[number] if number < len(cell.groups) else None
        share = points / cell.max_score if points is not None and cell.max_score else None
        if group and state not in ("left_out", "waiting"):
            share = group.score / group.max_score if group.max_score else None
            state = "passed" if group.score >= group.max_score else "partial" if group.score > 0 else "failed"
            if state != "passed" and not fails_alike(cell):
                messages.append((said(group.message), row.student))
        counts[state] += 1
        if share is not None:
            values.append((share, _rest(row, item)))
    held = [cell.groups[number] for _, cell, _ in cells if number < len(cell.groups)]
    return Result(
        name=item.rules[number] if number < len(item.rules) else held[0].name,
        points=max(group.max_score for group in held),
        counts=counts,
        share=statistics.fmean(value for value, _ in values) if values else None,
        discrimination=discrimination(values),
        messages=_commonest(messages),
    )


def _rest(row: Row, item: Item) -> float:
    """The points of a student but for those of the item."""
    return sum(points or 0.0 for grade_id, points in row.points.items() if grade_id != item.grade_id)


def _commonest(messages: list[tuple[str, str]]) -> tuple[Said, ...]:
    students: dict[str, list[str]] = {}
    for message, student in messages:
        students.setdefault(message, []).append(student)
    ordered = sorted(students.items(), key=lambda one: (-len(one[1]), one[0]))
    return tuple(Said(message, tuple(found)) for message, found in ordered if message)
