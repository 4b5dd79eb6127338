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
    """What the command hands over. `marks`, `stale` and `due` by assignment and student.

    `roster`: id → name of those who take part, maybe empty; `names`: id → name of others who are known by one. `stale`:
    what has changed since a submission was graded (`course.verdict.Reason`); not there: nothing has. `due`: until when
    somebody has more time than the class.
    """

    marks: Mapping[str, Mapping[str, Mark]] = dataclasses.field(default_factory=dict)
    roster: Mapping[str, str] = dataclasses.field(default_factory=dict)
    stale: Mapping[str, Mapping[str, tuple[str, ...]]] = dataclasses.field(default_factory=dict)
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    due: Mapping[str, Mapping[str, datetime.datetime]] = dataclasses.field(default_factory=dict)

    def name(self, student: str) -> str:
        """A student's name, "" where nobody knows it."""
        return self.roster.get(student) or self.names.get(student, "")


@dataclasses.dataclass(frozen=True)
class Row:
    """A student in a unit. `assignment` is the one that counts, "" if there is none; `also`: those that do not.

    `points`: grade id → final points of each graded cell, None while it waits for a person; `open_points`: all points
    of those that wait. `stale`: why the verdict is an old one. `due`: until when they have more time than the class.
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
    open_points: float = 0.0
    points: Mapping[str, float | None] = dataclasses.field(default_factory=dict)
    late_seconds: float = 0.0
    submitted_at: datetime.datetime | None = None
    stale: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    due: datetime.datetime | None = None

    @property
    def label(self) -> str:
        """What a reader knows them by."""
        return self.name or self.student

    @property
    def flags(self) -> tuple[str, ...]:
        """What grading noticed."""
        return self.verdict.flags if self.verdict else ()


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit with its assignments and a row for everybody, in the order of the students' names."""

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
    return [_unit(unit, tuple(named[unit]), there[unit], everybody, handed) for unit in named]


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
    name = handed.name(student)
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
        open_points=sum(cell.max_score for cell in verdict.cells if cell.status == "manual"),
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
        open_points=mark.open_points,
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


def _unit(name: str, assignments: tuple[str, ...], rows: list[Row], everybody: Iterable[str], handed: Handed) -> Unit:
    """The rows, and one for each student who is not among them."""
    there = {row.student for row in rows}
    most = max((row.max_score for row in rows), default=0.0)
    found = [dataclasses.replace(row, max_score=row.max_score or most) for row in rows]
    found += [Row(one, handed.name(one), max_score=most) for one in everybody if one not in there]
    found = [dataclasses.replace(row, due=_due(row.student, assignments, handed)) for row in found]
    return Unit(name, assignments, tuple(sorted(found, key=lambda row: (row.label.casefold(), row.student))))


def _due(student: str, assignments: tuple[str, ...], handed: Handed) -> datetime.datetime | None:
    """Until when a student has more time, in the language of the unit that gives most."""
    dates = [handed.due.get(assignment, {}).get(student) for assignment in assignments]
    return max(filter(None, dates), default=None)
