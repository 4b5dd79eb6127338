"""Canvas: its exported gradebook, with the grades of one assignment filled in.

In: the gradebook as a teacher exported it, what goes back. Out: the same file with grades in one column. The rules are
those of Canvas's `gradebook_exporter.rb` and `gradebook_importer.rb`: an assignment's column is headed `Title (id)`,
totals are read only, a title that Canvas does not know makes a new assignment.
"""

import dataclasses
import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from course.exchange import matching, naming, returning, sheet
from course.exchange.matching import Found, Lines
from course.exchange.returning import Back, Filled, ReturnError, Row
from course.exchange.sheet import Sheet
from course.exchange.tables import CANVAS, head_key
from course.spreadsheet import safe

ASSIGNMENT = re.compile(r"(?P<title>.+?)\s*\((?P<id>\d+)\)", re.DOTALL)
POINTS = re.compile(r"points possible", re.IGNORECASE)
READ_ONLY = re.compile(r"read\s+only|только.*чтени|s[oó]lo.*lectura", re.IGNORECASE)
TOTAL = re.compile(r"(current|final|override) (score|points|grade|status)", re.IGNORECASE)
KEPT = {"EX": "Canvas has them excused.", "N/A": "Canvas has not given them this assignment."}
SHOWN = 8  # titles that a sentence names


@dataclasses.dataclass(frozen=True)
class Column:
    """The column of an assignment. `maximum`: its points possible, if they are known."""

    index: int
    title: str
    number: str
    maximum: float | None


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The assignment in Canvas: `names` that it may have there; `column` what a person has typed, a title or a number;
    `new`: the title of an assignment that Canvas is to make. `others` are names of the course's other assignments."""

    names: tuple[str, ...]
    column: str = ""
    new: str = ""
    others: tuple[str, ...] = ()


def fill(path: Path, backs: Sequence[Back], wanted: Wanted, with_open: bool = False) -> Filled:
    """Fill a gradebook. Raises `ReturnError`, `TableError`, `OSError`."""
    read = sheet.read(path)
    if not read.table.is_canvas:
        raise ReturnError(f"{path} is no gradebook of Canvas's: export it with «Export Entire Gradebook».")
    lines = Lines.of(read, "canvas", path.name)
    matched = lines.match(backs)
    taken = {index for found in matched.values() for index in found.rows}
    if not taken:
        raise ReturnError(f"Nobody of these students is in {path}: is it the gradebook of another course?")
    columns, points = _columns(read)
    column = _new(read, columns, wanted.new) if wanted.new else _find(columns, wanted, path)
    filling = _Filling(read, column, with_open)
    rows = [
        filling.student(back, found) for back in backs if (found := matched[back.student.id]).rows or back.assignment
    ]
    rows += [Row("", one.name, "", "unknown") for index, one in lines.people.items() if index not in taken]
    cells = filling.cells
    if wanted.new:
        most = max((back.mark.max_score for back in backs if back.mark), default=0.0)
        cells |= {(-1, column.index): safe(wanted.new), (points, column.index): returning.number(most)}
        cells = {(index, column.index): "" for index in range(len(read.table.rows))} | cells
    is_guess = not wanted.new and not wanted.column and not _named([column], wanted.names)
    why = f": the only assignment there, though its title does not say {wanted.names[0]}" if is_guess else ""
    notes = [f"The column is «{column.title}»{why}."]
    if filling.is_scaled:
        notes.append(f"Canvas has {returning.number(column.maximum)} points for it: the marks are converted.")
    return Filled(read.filled(cells), tuple(rows), tuple(notes))


def _columns(read: Sheet) -> tuple[list[Column], int]:
    """The columns of assignments that may be filled, and the row of the points possible."""
    table = read.table
    points = next((index for index, row in enumerate(table.rows) if row and POINTS.search(row[0])), None)
    if points is None:
        raise ReturnError("The gradebook lacks its row «Points Possible»: export it from Canvas once more.")
    columns = []
    for index, head in enumerate(table.header):
        cell = table.rows[points][index] if index < len(table.rows[points]) else ""
        found = ASSIGNMENT.fullmatch(head.strip())
        is_person = index in table.fields.values() or head_key(head) in CANVAS
        if found and not is_person and not READ_ONLY.search(cell) and not TOTAL.search(head):
            columns.append(Column(index, found["title"], found["id"], returning.parsed(cell)))
    return columns, points


def _find(columns: Sequence[Column], wanted: Wanted, path: Path) -> Column:
    """The column that is meant: what was typed, else the one that has one of the names, else the only one, if it is not
    another assignment's. Raises `ReturnError`."""
    known = " | ".join(f"{column.title} ({column.number})" for column in columns[:SHOWN]) or "none"
    if wanted.column:
        typed = ASSIGNMENT.fullmatch(wanted.column.strip())
        keys = {wanted.column.strip(), typed["id"] if typed else ""}
        found = [one for one in columns if one.number in keys] or _named(columns, (wanted.column,), words=1)
        if len(found) == 1:
            return found[0]
        titles = {one.title.casefold(): one.title for one in columns}
        near = difflib.get_close_matches(wanted.column.casefold(), titles, n=1)
        hint = f" Did you mean «{titles[near[0]]}»?" if near and not found else ""
        what = "several columns" if found else "no column"
        raise ReturnError(f"{path} has {what} «{wanted.column}» to be filled; there are: {known}.{hint}")
    found = _named(columns, wanted.names)
    if not found and len(columns) == 1 and not _named(columns, wanted.others, words=1):
        found = list(columns)
    if len(found) == 1:
        return found[0]
    what = "Several columns" if found else "No column"
    raise ReturnError(
        f"{what} of {path} may be {wanted.names[0]}: say which with --column TITLE, or have Canvas make an assignment "
        f"with --new-column TITLE; there are: {known}."
    )


def _named(columns: Sequence[Column], names: Sequence[str], words: int = 2) -> list[Column]:
    """The columns with one of the names as their title; else those that have one of at least so many words in it."""
    keys = [set(key.split()) for key in map(naming.key, names) if key]
    titles = [(one, set(naming.key(one.title).split())) for one in columns]
    return [one for one, title in titles if title in keys] or [
        one for one, title in titles if any(key <= title for key in keys if len(key) >= words)
    ]


def _new(read: Sheet, columns: Sequence[Column], title: str) -> Column:
    """A column at the end, for an assignment that Canvas is to make."""
    if any(naming.key(one.title) == naming.key(title) for one in columns):
        raise ReturnError(f"There is a column «{title}» already: take it with --column.")
    return Column(max(map(len, (read.table.header, *read.table.rows))), title, "", None)


class _Filling:
    """A gradebook that is being filled."""

    def __init__(self, read: Sheet, column: Column, with_open: bool):
        self.table, self.column, self.with_open = read.table, column, with_open
        grades = [self.value(index) for index in range(len(self.table.rows))]
        self.decimal = returning.decimal_sign([*grades, *(cell for row in self.table.rows for cell in row)])
        self.cells: dict[tuple[int, int], str] = {}
        self.is_scaled = False

    def value(self, index: int) -> str:
        row = self.table.rows[index]
        return row[self.column.index].strip() if self.column.index < len(row) else ""

    def student(self, back: Back, found: Found) -> Row:
        """Enter the grade of a student, if there is one."""
        if held := matching.held(back, found, self.with_open):
            return held
        (index,) = found.rows
        before = self.value(index)
        if before.upper() in KEPT:
            return returning.row(back, "locked", KEPT[before.upper()], before)
        score = returning.scaled(back.mark, self.column.maximum)
        self.is_scaled |= score != back.mark.score
        grade = returning.number(score, self.decimal, least=returning.DECIMALS if before else 0)
        if not returning.is_new(before, grade):
            return returning.row(back, "same", grade=before)
        self.cells[index, self.column.index] = grade
        was = f"The grade was {before}." if before else ""
        return returning.row(back, "entered", was, grade)
