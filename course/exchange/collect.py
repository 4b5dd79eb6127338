"""Submissions from archives and folders of learning platforms to `submitted/`.

In: a `Request`. Out: a `Row` for each thing that was found, and for everybody who handed in nothing. First all sources
are read for whose is what, then the students are taken one by one: nothing is held in memory of more than one.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator

from course import Refusal
from course.exchange import arrivals, people, placing
from course.exchange import roster as rosters
from course.exchange.attempts import Reader
from course.exchange.people import Identity
from course.exchange.platforms import Owned, Person
from course.exchange.request import Request, Row
from course.exchange.roster import Roster, Student
from course.exchange.sorting import Sorting
from course.exchange.students import Students, row_of
from course.nearest import hint
from course.notebooks.kinds import Kind, kinds


class CollectError(Refusal):
    """What keeps the whole from being collected."""


def collect(request: Request, begin: Callable[[int], None] = lambda people: None) -> Iterator[list[Row]]:
    """Collect, yielding the rows of each person as they are done. `begin` hears how many people there are.

    Raises `Refusal` before anything is written: an unknown name, a roster or all sources that cannot be read.
    """
    known = kinds(request.folder)
    wanted = assignments(request.name, known)
    roster, numbers = _roster(request)
    with contextlib.ExitStack() as stack:
        words = frozenset(word for kind in known for word in (kind.assignment, kind.unit, kind.name))
        sorting = Sorting(words, lambda name: _is_on(roster, name))
        sorting.take(request.sources, stack)
        if not request.dry_run:
            stack.enter_context(placing.alone(request.folder))
            if request.table:
                rosters.save(request.folder, roster)
        before = [arrival for name in sorted(wanted) for arrival in arrivals.load(request.folder, name)]
        identities = people.Directory(roster, numbers, tuple(before)).identities(one.person for one in sorting.owned)
        reader = Reader(known, wanted, request.build, lambda name: _is_on(roster, name), request.keep == "first")
        students = Students(request, roster, reader, wanted)
        theirs, nobodys = _by_student(sorting.owned, identities)
        begin(len(theirs))
        yield sorting.rows + nobodys
        for student in sorted(theirs):
            yield students.one(student, theirs[student], identities)
        yield students.missing()


def assignments(name: str, known: list[Kind]) -> frozenset[str]:
    """The assignments that a name means: one, or all languages of a unit. Raises `CollectError`."""
    names = {kind.assignment for kind in known}
    found = {kind.assignment for kind in known if name in (kind.assignment, kind.unit)}
    if not found:
        everything = sorted(names | {kind.unit for kind in known})
        raise CollectError(
            f"There is no assignment or unit {name}: there are {', '.join(sorted(names)[:20])}.{hint(name, everything)}"
            if names
            else "There is no notebook in source/ or release/: build the course, or name its folder with --course-dir."
        )
    return frozenset({name}) if name in names else frozenset(found)


def _roster(request: Request) -> tuple[Roster, dict[str, Student]]:
    roster = rosters.load(request.folder)
    students, numbers = rosters.read_table(request.table) if request.table else ([], {})
    return roster.merged(students), numbers


def _is_on(roster: Roster, name: str) -> bool:
    return bool(roster.find(name=name, username=name))


def _by_student(owned: list[Owned], identities: dict[Person, Identity]) -> tuple[dict[str, list[Owned]], list[Row]]:
    """The entries of each student, and a row for each person who is none."""
    theirs, rows, said = defaultdict(list), [], set()
    for one in owned:
        identity = identities[one.person]
        for student in identity.students:
            theirs[student].append(one)
        if identity.problem and one.person not in said:
            said.add(one.person)
            name = people.label_of(one.person)
            rows.append(row_of(one, name=name, status="ambiguous", reason=identity.problem, time=one.time))
    return theirs, rows
