"""What goes back to the platform for each student, and what became of it.

In: the final marks of a unit's assignments, as the command hands them over, with the roster and where submissions came
from. Out: one `Back` a student, whatever languages they handed in; and a `Row` that says what was entered, or why not.
"""

import csv
import dataclasses
import io
import math
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Literal

from course import Refusal
from course.exchange.arrivals import Arrival
from course.exchange.roster import Roster, Student
from course.mark import Mark
from course.spreadsheet import safe

Status = Literal["entered", "same", "open", "unmarked", "locked", "absent", "ambiguous", "missing", "unknown"]
PLAIN = ("id", "name", "email", "assignment", "score", "max_score", "open", "penalty", "submitted_at")
DECIMALS = 2  # of a grade: what Moodle and Canvas show
NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")


class ReturnError(Refusal):
    """Marks that cannot go back; the message says why."""


@dataclasses.dataclass(frozen=True)
class Back:
    """What goes back for one student.

    `mark` is that of the `assignment` which counts; None where nothing was graded, without an assignment nothing was
    handed in. `notes` say what a person should know of it. `arrivals` are the student's in all assignments, that of the
    one which counts first. `comment` is HTML.
    """

    student: Student
    assignment: str = ""
    mark: Mark | None = None
    arrivals: tuple[Arrival, ...] = ()
    notes: tuple[str, ...] = ()
    comment: str = ""
    pages: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """Their name, as far as it is known."""
        return self.student.name or self.student.id

    def held(self, with_open: bool) -> tuple[Status, str] | None:
        """Why no grade is entered, if none is."""
        if self.mark is None:
            return ("unmarked" if self.assignment else "missing"), ""
        if self.mark.score is None:
            return "unmarked", "Nothing could be graded."
        if self.mark.open and not with_open:
            return "open", f"{', '.join(self.mark.open)}; {points(self.mark)}."
        return None


@dataclasses.dataclass(frozen=True)
class Row:
    """What became of one student; `grade` is what stands in the platform's table now."""

    student: str
    name: str
    assignment: str
    status: Status
    grade: str = ""
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Filled:
    """A filled table: the file's content, a row for everybody, and what is to be known of all."""

    data: bytes
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def of(
    marks: Mapping[str, Mapping[str, Mark]],
    roster: Roster,
    arrivals: Mapping[str, Iterable[Arrival]],
    waiting: Mapping[str, Collection[str]] | None = None,
) -> list[Back]:
    """What goes back for everybody who handed in one of the assignments or is on the roster, in the order of the ids.

    `marks`: assignment → student → mark; of several the best one counts, of equal ones the later. `waiting`:
    assignment → students whose last submission has not been graded.
    """
    waiting = waiting or {}
    came = {name: {arrival.student: arrival for arrival in found} for name, found in arrivals.items()}
    students = {student for found in (*marks.values(), *waiting.values()) for student in found} | roster.students.keys()
    backs = []
    for student in sorted(students):
        theirs = sorted(((name, found[student]) for name, found in marks.items() if student in found), key=_order)
        names = [name for name, _ in theirs] + [name for name in came if student not in marks.get(name, {})]
        arrived = tuple(came[name][student] for name in names if student in came.get(name, {}))
        known = roster.students.get(student) or _stranger(student, arrived)
        ungraded = [name for name, found in waiting.items() if student in found]
        notes = [f"Also handed in: {other}, {points(its)}." for other, its in theirs[1:]]
        notes += [f"What they handed in last has not been graded: {name}." for name in ungraded]
        counts, mark = theirs[0] if theirs else (next(iter(ungraded), ""), None)
        backs.append(Back(known, counts, mark, arrived, tuple(notes)))
    return backs


def points(mark: Mark) -> str:
    """A mark in words, as the student's page has it."""
    waiting = f", {number(mark.open_points)} of them still open" if mark.open_points else ""
    return "no mark" if mark.score is None else f"{number(mark.score)} of {number(mark.max_score)} points{waiting}"


def number(value: float, decimal: str = ".", least: int = 0) -> str:
    """A number with no more than two decimals, and no fewer than `least`.

    >>> number(7.5), number(25.0), number(2 / 3, ",", 2), number(7.5, ",", 2)
    ('7.5', '25', '0,67', '7,50')
    """
    whole, _, rest = f"{value:.{DECIMALS}f}".partition(".")
    rest = rest.rstrip("0").ljust(min(least, DECIMALS), "0")
    return f"{whole}{decimal}{rest}" if rest else whole


def parsed(text: str) -> float | None:
    """A number as platforms write it, with either sign; None for anything else.

    >>> parsed(" 7,50 "), parsed("100.00"), parsed("-"), parsed("1 000,5")
    (7.5, 100.0, None, 1000.5)
    """
    bare = "".join(text.split())
    return float(bare.replace(",", ".")) if NUMBER.fullmatch(bare) else None


def decimal_sign(cells: Iterable[str]) -> str:
    """The decimal sign of a table's numbers; a point where none has one, which every platform reads."""
    return "," if any(re.fullmatch(r"-?[\d\s]*\d,\d+", cell.strip()) for cell in cells) else "."


def is_new(before: str, grade: str) -> bool:
    """Whether a grade is another one than that which stands there, as exactly as platforms show it."""
    old = parsed(before)
    return old is None or abs(old - parsed(grade)) > 0.5 * 10**-DECIMALS


def scaled(mark: Mark, maximum: float | None) -> float:
    """The score, on the scale of the platform's table."""
    if not maximum or not mark.max_score or math.isclose(maximum, mark.max_score):
        return mark.score
    return mark.score / mark.max_score * maximum


def plain(backs: Iterable[Back], with_open: bool) -> Filled:
    """A table of the marks as such, a line a student; a mark that waits for a person is left out."""
    text, rows = io.StringIO(newline=""), []
    writer = csv.writer(text)
    writer.writerow(PLAIN)
    for back in backs:
        mark, held = back.mark, back.held(with_open)
        fields = [back.student.id, back.name, back.student.email, back.assignment]
        if mark:
            at = mark.submitted_at.isoformat() if mark.submitted_at else ""
            grade = "" if held else number(mark.score)
            fields += [grade, number(mark.max_score), len(mark.open), number(mark.penalty), at]
        writer.writerow([safe(field) for field in fields + [""] * (len(PLAIN) - len(fields))])
        rows.append(row(back, *(held or ("entered", "")), grade="" if held else fields[4]))
    return Filled(text.getvalue().encode("utf-8-sig"), tuple(rows))


def row(back: Back, status: Status, reason: str = "", grade: str = "") -> Row:
    """What became of a student."""
    said = " ".join(filter(None, (reason, *back.notes)))
    return Row(back.student.id, back.name, back.assignment, status, grade, said)


def _order(pair: tuple[str, Mark]) -> tuple:
    name, mark = pair
    at = mark.submitted_at.timestamp() if mark.submitted_at else 0.0
    return mark.score is None, -(mark.score or 0.0), -at, name


def _stranger(student: str, arrived: tuple[Arrival, ...]) -> Student:
    """Somebody who is not on the roster."""
    return Student(student, next((arrival.name for arrival in arrived if arrival.name), student))
