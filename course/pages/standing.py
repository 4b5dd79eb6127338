"""Who stands where: one line a student and unit, whatever languages the unit was handed in.

In: the kept verdicts, the final marks, the names of the roster, what is stale. Out: a `Unit` with a `Row` for
everybody: those who were graded, those whose submission waits for it, those who handed in nothing. Of two languages of
a unit the better mark counts, of equal ones the later submission.
"""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from typing import Literal

from course.folder import Folder, name_problem
from course.kept import load_all
from course.mark import Mark
from course.pages.texts import settings
from course.verdict import Outcome, Verdict, bounded

# "waiting": handed in and not graded yet; "missing": nothing was handed in
State = Outcome | Literal["waiting", "missing"]


@dataclasses.dataclass(frozen=True)
class Handed:
    """What the command hands over. `marks` and `stale` by assignment and student, `roster`: id → name, maybe empty.

    `stale`: what has changed since a submission was graded (`course.verdict.Reason`); not there: nothing has.
    """

    marks: Mapping[str, Mapping[str, Mark]] = dataclasses.field(default_factory=dict)
    roster: Mapping[str, str] = dataclasses.field(default_factory=dict)
    stale: Mapping[str, Mapping[str, tuple[str, ...]]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Row:
    """A student in a unit. `assignment` is the one that counts, "" if there is none; `also`: those that do not.

    `points`: grade id → final points of each graded cell, None while it waits for a person. `stale`: why the verdict
    is an old one.
    """

    student: str
    name: str
    assignment: str = ""
    language: str = ""
    state: State = "missing"
    verdict: Verdict | None = None
    score: float | None = None
    max_score: float = 0.0
    automatic: float | None = None
    manual: float = 0.0
    extra: float = 0.0
    penalty: float = 0.0
    open: tuple[str, ...] = ()
    points: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    late_seconds: float = 0.0
    submitted_at: datetime.datetime | None = None
    stale: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[str, ...]:
        """What grading noticed."""
        return self.verdict.flags if self.verdict else ()


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit with its assignments and a row for everybody, in the order of the students' ids."""

    name: str
    assignments: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def most(self) -> float:
        """The points that the unit has."""
        return max((row.max_score for row in self.rows), default=0.0)

    @property
    def counted(self) -> list[Row]:
        """The rows that numbers are made of: what was graded; old verdicts only where there are no others."""
        graded = [row for row in self.rows if row.verdict is not None]
        return [row for row in graded if not row.stale] or graded


def units(folder: Folder, assignments: Iterable[str], handed: Handed) -> list[Unit]:
    """The units of these assignments, in their order."""
    named: dict[str, dict[str, str]] = {}
    for assignment in dict.fromkeys(assignments):
        found = settings(folder, assignment)
        named.setdefault(found.get("unit", assignment), {})[assignment] = found.get("language", "")
    there = {unit: _rows(folder, languages, handed) for unit, languages in named.items()}
    everybody = {row.student for rows in there.values() for row in rows} | handed.roster.keys()
    return [Unit(unit, tuple(named[unit]), _all_of(rows, everybody, handed)) for unit, rows in there.items()]


def graded_assignments(folder: Folder) -> list[str]:
    """The assignments of a course of which verdicts are kept."""
    home = folder.home("autograded") / ".verdicts"
    return sorted(path.name for path in home.glob("*") if path.is_dir() and any(path.glob("[!.]*.json")))


def _rows(folder: Folder, languages: dict[str, str], handed: Handed) -> list[Row]:
    """The rows of those who handed in something."""
    rows: dict[str, list[Row]] = {}
    for assignment, language in languages.items():
        verdicts = {verdict.student: verdict for verdict in load_all(folder.root, assignment)}
        names = [bounded(name) if name_problem(name) else name for name in folder.students(assignment)]
        for student in dict.fromkeys([*verdicts, *names]):
            row = _row(student, assignment, verdicts.get(student), handed)
            rows.setdefault(student, []).append(dataclasses.replace(row, language=language))
    return [_counting(found) for found in rows.values()]


def _row(student: str, assignment: str, verdict: Verdict | None, handed: Handed) -> Row:
    name = handed.roster.get(student, "")
    if verdict is None:
        return Row(student, name, assignment, state="waiting")
    row = Row(
        student,
        name,
        assignment,
        state=verdict.verdict,
        verdict=verdict,
        score=verdict.score,
        max_score=verdict.max_score,
        automatic=verdict.score,
        open=tuple(cell.grade_id for cell in verdict.cells if cell.status == "manual"),
        points={cell.grade_id: cell.score for cell in verdict.cells},
        stale=tuple(handed.stale.get(assignment, {}).get(student, ())),
    )
    mark = handed.marks.get(assignment, {}).get(student)
    if mark is None:
        return row
    return dataclasses.replace(
        row,
        score=mark.score,
        max_score=mark.max_score,
        automatic=mark.automatic,
        manual=mark.manual,
        extra=mark.extra,
        penalty=mark.penalty,
        open=tuple(mark.open),
        points=row.points | dict(mark.cells),
        late_seconds=mark.late_seconds,
        submitted_at=mark.submitted_at,
    )


def _counting(rows: list[Row]) -> Row:
    """Of a student's submissions to one unit the one that counts."""

    def order(row: Row):
        return row.score is not None, row.score or 0.0, row.submitted_at.timestamp() if row.submitted_at else 0.0

    first, *others = sorted(rows, key=order, reverse=True)
    return dataclasses.replace(first, also=tuple(row.assignment for row in others))


def _all_of(rows: list[Row], everybody: Iterable[str], handed: Handed) -> tuple[Row, ...]:
    """The rows, and one for each student who is not among them."""
    there = {row.student for row in rows}
    most = max((row.max_score for row in rows), default=0.0)
    found = [dataclasses.replace(row, max_score=row.max_score or most) for row in rows]
    found += [Row(name, handed.roster.get(name, ""), max_score=most) for name in everybody if name not in there]
    return tuple(sorted(found, key=lambda row: row.student))
