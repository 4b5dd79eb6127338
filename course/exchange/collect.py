"""Submissions from archives and folders of learning platforms to `submitted/`.

In: a `Request`. Out: a `Row` for each thing that was found, and for everybody who handed in nothing. First all sources
are read for whose is what, then the students are taken one by one: nothing is held in memory of more than one.
"""

import contextlib
import dataclasses
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from course import Refusal
from course.exchange import archives, arrivals, people, placing, platforms
from course.exchange import roster as rosters
from course.exchange.archives import Entry, Opened, SourceError
from course.exchange.arrivals import Arrival
from course.exchange.attempts import Attempt, Build, Finding, Reader
from course.exchange.people import Identity
from course.exchange.platforms import Owned, Person
from course.exchange.roster import Roster, Student
from course.folder import Folder
from course.nearest import hint
from course.notebooks.kinds import Kind, kinds

Status = Literal[
    "placed", "replaced", "older", "same", "other", "ambiguous", "empty", "refused", "unknown", "missing"
]  # fmt: skip
NESTED = 2  # archives in archives of a whole class
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class CollectError(Refusal):
    """What keeps the whole from being collected."""


@dataclasses.dataclass(frozen=True)
class Request:
    """What is collected. `name` is an assignment's or a unit's. `build` is the grader's way of building a submission,
    by which a notebook is chosen; `due` the due date of an assignment for the class."""

    folder: Folder
    name: str
    sources: tuple[Path, ...]
    build: Build
    table: Path | None = None
    keep: Literal["latest", "first"] = "latest"
    dry_run: bool = False
    due: Callable[[str], datetime | None] = lambda assignment: None


@dataclasses.dataclass(frozen=True)
class Row:
    """What became of one thing. `entry` is its path in the source, `target` where it lies now, in the course folder;
    `submitted_at` is ISO 8601 with zone, `late` None where nothing tells. What is unknown is ""."""

    source: str = ""
    entry: str = ""
    student: str = ""
    name: str = ""
    assignment: str = ""
    status: Status = "refused"
    reason: str = ""
    target: str = ""
    submitted_at: str = ""
    late: bool | None = None

    def as_json(self) -> str:
        """One line of JSON."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)


Candidate = tuple[Attempt, Person, Identity]


def collect(request: Request, begin: Callable[[int], None] = lambda people: None) -> Iterator[list[Row]]:
    """Collect, yielding the rows of each person as they are done. `begin` hears how many people there are.

    Raises `Refusal` before anything is written: an unknown name, a roster or all sources that cannot be read.
    """
    known = kinds(request.folder)
    wanted = assignments(request.name, known)
    roster, numbers = _roster(request)
    with contextlib.ExitStack() as stack:
        words = frozenset(word for kind in known for word in (kind.assignment, kind.unit, kind.name))
        sorting = _Sorting(words, lambda name: _is_on(roster, name))
        sorting.take(request.sources, stack)
        if not request.dry_run:
            stack.enter_context(placing.alone(request.folder))
            if request.table:
                rosters.save(request.folder, roster)
        before = [arrival for name in sorted(wanted) for arrival in arrivals.load(request.folder, name)]
        identities = people.Directory(roster, numbers, tuple(before)).identities(one.person for one in sorting.owned)
        reader = Reader(known, wanted, request.build, lambda name: _is_on(roster, name), request.keep == "first")
        work = _Work(request, roster, reader, wanted)
        theirs, nobodys = _by_student(sorting.owned, identities)
        begin(len(theirs))
        yield sorting.rows + nobodys
        for student in sorted(theirs):
            yield work.one(student, theirs[student], identities)
        yield work.missing()


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


class _Sorting:
    """Whose is what in all sources; what is nobody's becomes rows."""

    def __init__(self, words: frozenset[str], is_known: Callable[[str], bool]):
        self.words, self.is_known = words, is_known
        self.owned: list[Owned] = []
        self.rows: list[Row] = []

    def take(self, sources: tuple[Path, ...], stack: contextlib.ExitStack) -> None:
        """Read the sources. Raises `SourceError` if none of them can be read, or one is not there."""
        troubles = []
        for path in sources:
            if not path.exists():
                raise SourceError(f"There is no archive or folder {path}.")
            try:
                self._sort(archives.opened(path, stack), stack, 0)
            except SourceError as error:
                troubles.append(error)
                self.rows.append(Row(path.name, reason=str(error)))
        if len(troubles) == len(sources):
            raise troubles[0]

    def _sort(self, source: Opened, stack: contextlib.ExitStack, depth: int) -> None:
        self.rows += [Row(source.name, path, reason=reason) for path, reason in source.refused]
        owned, rest = platforms.owned(source, self.words, self.is_known)
        self.owned += owned
        for entry in rest:
            if not self._is_nested(entry, stack, depth) and entry.path.lower().endswith((".ipynb", ".zip", ".txt")):
                reason = "Nothing says whose it is: put it into a folder with the student's name."
                self.rows.append(Row(source.name, entry.path, reason=reason, submitted_at=_iso(entry.time)))

    def _is_nested(self, entry: Entry, stack: contextlib.ExitStack, depth: int) -> bool:
        """Whether it is an archive in which somebody can be found: a class's, or one with a person's name."""
        if not entry.path.lower().endswith(".zip") or depth >= NESTED:
            return False
        try:
            inner = archives.nested(entry, stack)
        except SourceError as error:
            self.rows.append(Row(entry.source, entry.path, reason=str(error)))
            return True
        found, _ = platforms.owned(inner, self.words, self.is_known)
        if found:
            self._sort(inner, stack, depth + 1)
        return bool(found)


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
            rows.append(_row(one, name=name, status="ambiguous", reason=identity.problem, time=one.time))
    return theirs, rows


def _row(one: Owned, *, time: datetime | None, **fields) -> Row:
    return Row(source=one.entry.source, **{"entry": one.entry.path} | fields, submitted_at=_iso(time))


class _Work:
    """The students, one by one."""

    def __init__(self, request: Request, roster: Roster, reader: Reader, wanted: frozenset[str]):
        self.request, self.roster, self.reader, self.wanted = request, roster, reader, wanted
        self.folder = request.folder
        self.arrivals: dict[str, dict[str, Arrival]] = {}
        self.there: set[str] = set()

    def one(self, student: str, owned: list[Owned], identities: dict[Person, Identity]) -> list[Row]:
        """All that a student handed in."""
        by_person = defaultdict(list)
        for one in owned:
            by_person[one.person, one.entry.source].append(one)
        rows, candidates = [], defaultdict(list)
        for (person, _), theirs in by_person.items():
            attempts, findings = self.reader.attempts(theirs)
            for attempt in attempts:
                candidates[attempt.assignment].append((attempt, person, identities[person]))
            rows += [self._finding(finding, student, theirs[0], person) for finding in findings]
        for assignment in sorted(candidates):
            rows += self._assignment(student, assignment, candidates[assignment])
        return rows

    def missing(self) -> list[Row]:
        """Who is on the roster and has handed in nothing, now or before."""
        before = {student for assignment in self.wanted for student in self.folder.students(assignment)}
        return [
            Row(student=one.id, name=one.name, assignment=self.request.name, status="missing", reason="Not handed in.")
            for one in self.roster.students.values()
            if one.id not in before | self.there
        ]

    def _finding(self, finding: Finding, student: str, one: Owned, person: Person) -> Row:
        target = ""
        if finding.files and not self.request.dry_run:
            path = placing.keep_aside(self.folder, finding.assignment, student, finding.files, finding.time)
            target = self._relative(path) if path else ""
        return _row(
            one,
            entry=finding.path,
            student=student,
            name=people.label_of(person),
            assignment=finding.assignment,
            status=finding.status,
            reason=finding.reason,
            target=target,
            time=finding.time,
        )

    def _assignment(self, student: str, assignment: str, candidates: list[Candidate]) -> list[Row]:
        """The attempts at one assignment: one counts, the others are kept aside."""
        ordered = sorted(enumerate(candidates), key=lambda pair: _age(pair[1][0], pair[0]))
        ordered = [candidate for _, candidate in ordered]
        winner = ordered[0] if self.request.keep == "first" else ordered[-1]
        rows = [self._aside(student, one, winner[0]) for one in ordered if one is not winner]
        return [*rows, self._winner(student, winner)]

    def _aside(self, student: str, candidate: Candidate, winner: Attempt) -> Row:
        attempt = candidate[0]
        if attempt.files == winner.files:
            return self._result(student, candidate, "same", "It is the same as the one that counts.")
        target = ""
        if not self.request.dry_run:
            path = placing.keep_aside(self.folder, attempt.assignment, student, attempt.files, attempt.time)
            target = self._relative(path) if path else ""
        word = "A later" if self.request.keep == "first" else "An earlier"
        return self._result(student, candidate, "older", f"{word} attempt; {winner.path} counts.", target)

    def _winner(self, student: str, candidate: Candidate) -> Row:
        attempt, person, identity = candidate
        known = self._known(attempt.assignment)
        try:
            present = placing.present(self.folder, attempt.assignment, student)
        except placing.PlacingError as error:
            return self._result(student, candidate, "refused", str(error))
        status, reason = self._compare(present, known.get(student), attempt)
        target = self._relative(self._notebook(student, attempt))
        if attempt.assignment in self.wanted:
            self.there.add(student)
        if status == "older":
            if not self.request.dry_run:
                placing.keep_aside(self.folder, attempt.assignment, student, attempt.files, attempt.time)
            return self._result(student, candidate, status, reason)
        if status != "same" and not self.request.dry_run:
            placing.place(self.folder, attempt.assignment, student, attempt.files, attempt.time)
        if not self.request.dry_run and (status != "same" or _knows_more(person, known.get(student))):
            known[student] = self._arrival(student, attempt, person)
            arrivals.save(self.folder, attempt.assignment, list(known.values()))
        if status != "same" and attempt.assignment not in self.wanted:
            status, reason = "other", f"It is {attempt.assignment}. {reason}".strip()
        if self.roster and not identity.is_known:
            status, reason = "unknown", f"Not on the roster. {reason}".strip()
        return self._result(student, candidate, status, " ".join([reason, *attempt.notes]).strip(), target)

    def _compare(
        self, present: placing.Present | None, arrival: Arrival | None, attempt: Attempt
    ) -> tuple[Status, str]:
        """What becomes of an attempt beside what stands in `submitted/`."""
        if present is None:
            return "placed", ""
        if present.files == attempt.files:
            return "same", ""
        source = attempt.entry.entry.source
        if arrival and (arrival.source, arrival.entry, arrival.submitted_at) == (
            source,
            attempt.path,
            _iso(attempt.time),
        ):
            return "same", "It was changed in submitted/ after it was collected: what stands there stays."
        time = present.time or (_parsed(arrival.submitted_at) if arrival else None)
        is_first = self.request.keep == "first"
        if time and attempt.time and (time < attempt.time if is_first else time > attempt.time):
            return "older", f"What stands in submitted/ is {'earlier' if is_first else 'newer'}: it counts."
        return "replaced", f"What stood there is kept in submitted/.attempts/{attempt.assignment}."

    def _result(self, student: str, candidate: Candidate, status: Status, reason: str, target: str = "") -> Row:
        attempt, person, _ = candidate
        return _row(
            attempt.entry,
            entry=attempt.path,
            student=student,
            name=people.label_of(person),
            assignment=attempt.assignment,
            status=status,
            reason=reason,
            target=target,
            time=attempt.time,
            late=self._late(student, attempt),
        )

    def _late(self, student: str, attempt: Attempt) -> bool | None:
        own = self.roster.students[student].due.get(attempt.assignment) if student in self.roster.students else None
        due = own or self.request.due(attempt.assignment)
        if due and attempt.time:
            return attempt.time > due
        return attempt.entry.late

    def _known(self, assignment: str) -> dict[str, Arrival]:
        if assignment not in self.arrivals:
            loaded = arrivals.load(self.folder, assignment)
            self.arrivals[assignment] = {arrival.student: arrival for arrival in loaded}
        return self.arrivals[assignment]

    def _arrival(self, student: str, attempt: Attempt, person: Person) -> Arrival:
        return Arrival(
            student=student,
            assignment=attempt.assignment,
            name=person.name,
            platform=person.platform,
            source=attempt.entry.entry.source,
            entry=attempt.path,
            folder=attempt.entry.folder,
            number=person.number,
            submitted_at=_iso(attempt.time),
        )

    def _notebook(self, student: str, attempt: Attempt) -> Path:
        home = self.folder.path("submitted", attempt.assignment, student)
        notebooks = [kind.name for kind in self.reader.kinds if kind.assignment == attempt.assignment]
        placed = [f"{name}.ipynb" for name in notebooks if f"{name}.ipynb" in attempt.files]
        return home / placed[0] if len(placed) == 1 else home

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder.root).as_posix()


def _age(attempt: Attempt, position: int) -> tuple:
    return attempt.time or LONG_AGO, attempt.order, position


def _knows_more(person: Person, arrival: Arrival | None) -> bool:
    """Whether an archive of the same submission says more of where it came from than is known."""
    return arrival is None or (not arrival.number and bool(person.number))


def _iso(time: datetime | None) -> str:
    return time.isoformat(timespec="seconds") if time else ""


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
