"""Which line of a platform's table is whose.

In: the lines of a worksheet or a gradebook, and what is known of the students. Out: for each student their lines, one,
or those of a team; or why there are none. A number that a platform gave is good for its own table only: Moodle's are
others in each assignment, so a line whose name contradicts is not theirs.
"""

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from course.exchange import naming, people, platforms, returning, roster
from course.exchange.arrivals import Arrival
from course.exchange.platforms import Person
from course.exchange.returning import Back, Row
from course.exchange.roster import Student, contradict
from course.exchange.sheet import Sheet

NUMBER = re.compile(r"(\d+)\s*$")  # of Moodle's identifier, such as "Participant 123"
ACTIVITY = re.compile(r"moodle:\d+")


@dataclasses.dataclass(frozen=True)
class Found:
    """The rows of the table that are a student's; where there are none, `problem` says why, if that is known."""

    rows: tuple[int, ...] = ()
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Lines:
    """Who stands in a table. `people`: row → person, with the university's number; `numbers`: Moodle's or Canvas's own
    number → row; `scope` is what those are good for, as in `platforms.scope`."""

    platform: str
    scope: str
    people: Mapping[int, Student]
    numbers: Mapping[str, int]

    @classmethod
    def of(cls, sheet: Sheet, platform: str, file: str) -> "Lines":
        """The lines of a sheet; `file` is its name."""
        table, persons, numbers = sheet.table, {}, {}
        for index, row in enumerate(table.rows):
            person = roster.student_of(table, row)
            found = NUMBER.search(table.value(row, "identifier" if platform == "moodle" else "id"))
            if person is None and (platform != "moodle" or not found):
                continue
            persons[index] = dataclasses.replace(person or Student(""), number=table.value(row, "number"))
            if found:
                numbers[found[1]] = index
        scope = platforms.scope(platform, re.sub(r"\.csv$", ".zip", file, flags=re.IGNORECASE))
        return cls(platform, scope, persons, numbers)

    def match(self, backs: Iterable[Back]) -> dict[str, Found]:
        """Student → their rows. A row that several claim is nobody's."""
        backs = list(backs)
        shared = Counter(key for back in backs for key in {(one.source, one.number) for one in back.arrivals})
        teams = frozenset(key for key, count in shared.items() if count > 1)
        known = self._known()
        found = {back.student.id: self._found(back, teams, known) for back in backs}
        claims = Counter(index for one in found.values() for index in one.rows)
        for student, one in found.items():
            if any(claims[index] > 1 for index in one.rows):
                found[student] = Found(problem="Several students mean the same line of the table.")
        return found

    def _found(self, back: Back, teams: frozenset, known: Mapping[tuple[str, str], list[int]]) -> Found:
        student, problem = back.student, ""
        for number, name in self._numbers(back, teams):
            index = self.numbers.get(number)
            if index is None:
                continue
            other = self.people[index].name
            if may_be_one(name, other):
                return Found((index,))
            problem = f"Number {number} is {other} there: is it the table of another assignment?"
        fields = {"email": (student.email, student.id), "username": (student.username, student.email, student.id)}
        for field, values in (fields | {"number": (student.number,)}).items():
            for rows in (known.get((field, value.casefold()), ()) for value in values):
                is_sure = field != "number" or self.platform == "moodle"  # else it may be Canvas's number of somebody
                if len(rows) == 1 and (is_sure or may_be_one(student.name, self.people[rows[0]].name)):
                    return Found(tuple(rows))
        plain = student if self.platform == "moodle" else dataclasses.replace(student, number="")
        named = {row for key in naming.keys(student.name) for row in known.get(("name", key), ())}
        rows = tuple(row for row in named if not contradict(plain, self.people[row]))
        if len(rows) == 1:
            return Found(rows)
        if rows:
            return Found(problem="Several there have this name.")
        groups = {arrival.name for arrival in back.arrivals if arrival.platform == "moodle" == self.platform}
        return Found(tuple(index for index, one in self.people.items() if groups & {*one.groups}), problem)

    def _numbers(self, back: Back, teams: frozenset) -> Iterator[tuple[str, str]]:
        """The numbers that may be the student's in this table, each with the name that it came with."""
        for arrival in back.arrivals:
            if self._is_good(arrival, back, teams):
                yield arrival.number, back.student.name if _is_hidden(arrival.name) else arrival.name
        if self.platform == "canvas":
            yield back.student.number, back.student.name

    def _known(self) -> dict[tuple[str, str], list[int]]:
        """Field and value → the rows that have it; names by their keys."""
        known = defaultdict(list)
        for index, one in self.people.items():
            for field in ("email", "username", "number"):
                if value := getattr(one, field):
                    known[field, value.casefold()].append(index)
            for key in naming.keys(one.name):
                known["name", key].append(index)
        return dict(known)

    def _is_good(self, arrival: Arrival, back: Back, teams: frozenset) -> bool:
        """Whether the number of an arrival is one person's in this table."""
        is_anonymous = arrival.platform == "canvas" and not arrival.name  # Canvas's number is then another one
        if arrival.platform != self.platform or is_anonymous or (arrival.source, arrival.number) in teams:
            return False
        if naming.key(arrival.name) in map(naming.key, back.student.groups):
            return False
        scope = platforms.scope(arrival.platform, arrival.source)
        if scope == self.scope or not (ACTIVITY.fullmatch(scope) and ACTIVITY.fullmatch(self.scope)):
            return True
        index = self.numbers.get(arrival.number)
        return index is not None and not _is_hidden(self.people[index].name) and not _is_hidden(arrival.name)


def held(back: Back, found: Found, with_open: bool) -> Row | None:
    """Why nothing is entered for a student, if nothing is: they are not in the table, or have no mark to enter."""
    if not found.rows:
        return returning.row(back, "ambiguous" if found.problem else "absent", found.problem)
    reason = back.held(with_open)
    return returning.row(back, *reason) if reason else None


def may_be_one(one: str, other: str) -> bool:
    """Whether two names may be one person's: a middle name more, another order, a hidden name.

    >>> may_be_one("Anna Ivanova", "Ivanova, Anna Petrovna"), may_be_one("ivanovaanna", "Anna Ivanova")
    (True, True)
    >>> may_be_one("Anna Ivanova", "Anna Petrova")
    False
    """
    if _is_hidden(one) or _is_hidden(other):
        return True
    words = [set(naming.key(name).split()) for name in (one, other)]
    return bool(naming.keys(one) & naming.keys(other)) or words[0] <= words[1] or words[1] <= words[0]


def _is_hidden(name: str) -> bool:
    """Whether it is no name, but what a platform writes in place of one."""
    return people.is_anonymous(Person("", "", re.sub(r"\s*\d+$", "", name.strip())))
