"""What becomes of what one student handed in: which attempt counts, where it goes, what is kept aside.

In: the entries of a student, and what stands in `submitted/`. Out: files there, the arrivals, and rows that say so.
"""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

from course.exchange import arrivals, people, placing
from course.exchange.arrivals import Arrival
from course.exchange.attempts import Attempt, Finding, Reader
from course.exchange.people import Identity
from course.exchange.platforms import Owned, Person
from course.exchange.request import Request, Row, Status, iso
from course.exchange.roster import Roster

LONG_AGO = datetime.min.replace(tzinfo=UTC)

Candidate = tuple[Attempt, Person, Identity]


class Students:
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
        missing = [one for one in self.roster.students.values() if one.id not in before | self.there]
        return [
            Row(
                student=one.id,
                name=one.name,
                assignment=self.request.name,
                status="missing",
                reason=f"Nothing of {self.request.name} came.",
            )
            for one in missing
        ]

    def _finding(self, finding: Finding, student: str, one: Owned, person: Person) -> Row:
        target = ""
        if finding.files and not self.request.dry_run:
            path = placing.keep_aside(self.folder, finding.assignment, student, finding.files, finding.time)
            target = self._relative(path) if path else ""
        return row_of(
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
            status, reason = "unknown", f"Nobody on the roster has this name. {reason}".strip()
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
            iso(attempt.time),
        ):
            return "same", "It was changed in submitted/ after it was collected: what stands there stays."
        time = present.time or (_parsed(arrival.submitted_at) if arrival else None)
        is_first = self.request.keep == "first"
        if time and attempt.time and (time < attempt.time if is_first else time > attempt.time):
            return "older", f"What stands in submitted/ is {'earlier' if is_first else 'newer'}: it counts."
        return "replaced", f"What stood there is kept in submitted/.attempts/{attempt.assignment}."

    def _result(self, student: str, candidate: Candidate, status: Status, reason: str, target: str = "") -> Row:
        attempt, person, _ = candidate
        return row_of(
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
        """As nbgrader has it: an extension counts if it is later than the class's due date; without one nobody is."""
        due = self.request.due(attempt.assignment)
        if due is None or attempt.time is None:
            return attempt.entry.late
        known = self.roster.students.get(student)
        own = known.due.get(attempt.assignment) if known else None
        return attempt.time > max(due, own or due)

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
            submitted_at=iso(attempt.time),
        )

    def _notebook(self, student: str, attempt: Attempt) -> Path:
        home = self.folder.path("submitted", attempt.assignment, student)
        notebooks = [kind.name for kind in self.reader.kinds if kind.assignment == attempt.assignment]
        placed = [f"{name}.ipynb" for name in notebooks if f"{name}.ipynb" in attempt.files]
        return home / placed[0] if len(placed) == 1 else home

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.folder.root).as_posix()


def row_of(one: Owned, *, time: datetime | None, **fields) -> Row:
    return Row(source=one.entry.source, **{"entry": one.entry.path} | fields, submitted_at=iso(time))


def _age(attempt: Attempt, position: int) -> tuple:
    return attempt.time or LONG_AGO, attempt.order, position


def _knows_more(person: Person, arrival: Arrival | None) -> bool:
    """Whether an archive of the same submission says more of where it came from than is known."""
    return arrival is None or (not arrival.number and bool(person.number))


def _parsed(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
