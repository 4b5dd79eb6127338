"""Who takes part in the course: `roster.csv` in the course folder.

In: a course folder, or a table that a platform exported. Out: students by id, with groups and own due dates. The id is
the name of the student's folder in `submitted/` and their name in the gradebook; it is made when they are first seen
and stays. A `due:<assignment>` column holds a student's own due date, in ISO 8601 with zone; the class's is in the
gradebook.
"""

import csv
import dataclasses
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

from course import Refusal
from course.exchange import naming, tables
from course.folder import Folder, replace_file

FILE = "roster.csv"
COLUMNS = ("id", "name", "email", "username", "number", "group")
DUE = "due:"
MAX_STUDENTS = 20_000
TEST_STUDENT = re.compile(r"student, test|points possible", re.IGNORECASE)  # rows of Canvas's that are nobody


class RosterError(Refusal):
    """A roster that cannot be used; the message says which line is wrong."""


@dataclasses.dataclass(frozen=True)
class Student:
    """A person. `number` is Canvas's number of them, or the university's; `group` may name several, with commas.

    `due`: assignment → their own due date, with zone.
    """

    id: str
    name: str = ""
    email: str = ""
    username: str = ""
    number: str = ""
    group: str = ""
    due: Mapping[str, datetime] = dataclasses.field(default_factory=dict)

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of their groups."""
        return tuple(part.strip() for part in re.split(r"[,;]", self.group) if part.strip())


@dataclasses.dataclass(frozen=True)
class Roster:
    """Students by id, in the order of the ids."""

    students: Mapping[str, Student] = dataclasses.field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.students)

    def find(self, *, name: str = "", email: str = "", username: str = "", number: str = "") -> list[str]:
        """The ids of those whom this may be, by the surest of what is known: nobody, one, or several of one name."""
        known = {"number": number, "email": email, "username": username}
        for field, value in known.items():
            if value:
                found = [one.id for one in self.students.values() if _same(getattr(one, field), value)]
                if found:
                    return found
        if username and username in self.students:
            return [username]
        keys = naming.keys(name)
        return [one.id for one in self.students.values() if keys & (naming.keys(one.name) | naming.keys(one.id))]

    def members(self, group: str) -> list[str]:
        """The ids of those who are in a group."""
        key = naming.key(group)
        return [one.id for one in self.students.values() if key and key in map(naming.key, one.groups)]

    def due(self, assignment: str) -> dict[str, datetime]:
        """The students' own due dates of an assignment, by their ids."""
        return {one.id: one.due[assignment] for one in self.students.values() if assignment in one.due}

    def with_due(self, identity: str, due: Mapping[str, datetime | None]) -> "Roster":
        """With own due dates of a student by assignment, None for none; somebody who was not there is added."""
        student = self.students.get(identity, Student(identity))
        dates = {name: date for name, date in {**student.due, **due}.items() if date}
        return Roster(dict(sorted({**self.students, identity: dataclasses.replace(student, due=dates)}.items())))

    def merged(self, others: Iterable[Student]) -> "Roster":
        """With others, who may be the same people: then the id stays, and what is new about them is added."""
        students = dict(self.students)
        for other in others:
            found = Roster(students).match(other)
            if found:
                students[found] = _updated(students[found], other)
            else:
                identity = naming.unused(other.id, set(students), other.number or other.email)
                students[identity] = dataclasses.replace(other, id=identity)
        return Roster(dict(sorted(students.items())))

    def match(self, other: Student) -> str | None:
        """The id of the student whom a line of another table means; a name alone is enough if nothing contradicts."""
        if other.id in self.students and not contradict(self.students[other.id], other):
            return other.id
        for field in ("email", "username", "number"):
            value = getattr(other, field)
            found = [one.id for one in self.students.values() if value and _same(getattr(one, field), value)]
            if len(found) == 1:
                return found[0]
        found = [identity for identity in self.find(name=other.name) if other.name]
        return found[0] if len(found) == 1 and not contradict(self.students[found[0]], other) else None


def load(folder: Folder) -> Roster:
    """The roster of a course folder; empty where there is none. Raises `RosterError`."""
    path = folder.root / FILE
    if not path.is_file():
        return Roster()
    table = tables.read(path)
    if "id" not in table.fields:
        raise RosterError(f"{path} has no column `id`: its columns are {', '.join(COLUMNS)}.")
    students: dict[str, Student] = {}
    for number, row in enumerate(table.rows, 2):
        values = {field: table.value(row, field) for field in COLUMNS}
        due = {
            head.removeprefix(DUE): _date(cell.strip(), f"{path}, line {number}")
            for head, cell in zip(table.header, row)
            if head.startswith(DUE) and cell.strip()
        }
        if problem := naming.problem(values["id"]):
            raise RosterError(f"{path}, line {number}: {problem}")
        if values["id"] in students:
            raise RosterError(f"{path}, line {number}: the id {values['id']} was there already.")
        students[values["id"]] = Student(**values, due=due)
    return Roster(dict(sorted(students.items())))


def save(folder: Folder, roster: Roster) -> None:
    """Write `roster.csv`, all at once; unchanged, it is left alone."""
    names = sorted({name for student in roster.students.values() for name in student.due})
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(f"{DUE}{name}" for name in names)])
    for _, student in sorted(roster.students.items()):
        due = [student.due[name].isoformat() if name in student.due else "" for name in names]
        writer.writerow([*(getattr(student, field) for field in COLUMNS), *due])
    path, data = folder.root / FILE, text.getvalue().encode()
    if not path.is_file() or path.read_bytes() != data:
        replace_file(path, data)


def read_table(path: Path) -> tuple[list[Student], dict[str, Student]]:
    """The students in a table of a platform's: Moodle's participants or grading worksheet, Canvas's gradebook, or
    `id,name,email,…`; and by the numbers that Moodle gives them in one assignment, if the table has those.

    Raises `TableError`, `RosterError`, `OSError`.
    """
    table = tables.read(path)
    if not table.fields.keys() & {"id", "name", "first", "last", "email", "username"}:
        raise RosterError(f"{path} is no roster: it has none of the columns {', '.join(COLUMNS)}.")
    if len(table.rows) > MAX_STUDENTS:
        raise RosterError(f"{path} has more than {MAX_STUDENTS} lines: it is no roster of a class.")
    students, numbers = [], {}
    for row in table.rows:
        student = student_of(table, row)
        if student is None:
            continue
        students.append(student)
        if found := re.search(r"(\d+)\s*$", table.value(row, "identifier")):
            numbers[found[1]] = student
    if not students:
        raise RosterError(f"{path} names no student.")
    return students, numbers


def student_of(table: tables.Table, row: tuple[str, ...]) -> Student | None:
    """The person in a row of a platform's table; None where it is nobody."""
    field = {name: unicodedata.normalize("NFC", table.value(row, name)) for name in tables.HEADERS}
    name = field["name"] or " ".join(filter(None, (field["first"], field["last"])))
    is_named = any((name, *(field[key] for key in ("id", "email", "username", "number"))))
    if not is_named or TEST_STUDENT.search(name):
        return None
    number, given = field["number"], field["id"]
    if table.is_canvas:
        number, given = field["id"], ""
        if "," in name:
            name = " ".join(part.strip() for part in reversed(name.split(",", 1)))
    identity = given or field["username"] or field["number"] or field["email"] or name
    return Student(naming.safe(identity), name, field["email"], field["username"], number, field["group"])


def _updated(student: Student, other: Student) -> Student:
    """A student with what a newer table says about them."""
    fresh = {field: getattr(other, field) for field in COLUMNS[1:] if getattr(other, field)}
    return dataclasses.replace(student, **fresh, due={**student.due, **other.due})


def contradict(one: Student, other: Student) -> bool:
    """Whether two of one name are two: what both have of addresses and numbers differs in all."""
    both = [field for field in ("email", "username", "number") if getattr(one, field) and getattr(other, field)]
    return bool(both) and not any(_same(getattr(one, field), getattr(other, field)) for field in both)


def _same(one: str, other: str) -> bool:
    return bool(one) and one.casefold() == other.casefold()


def _date(text: str, where: str) -> datetime:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        raise RosterError(f"{where}: {text} is no date: write it as 2026-03-01T23:59:00+03:00.") from None
    return date if date.tzinfo else date.astimezone()
