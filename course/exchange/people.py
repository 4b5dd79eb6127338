"""Which student somebody is whom a platform names: the id of one on the roster, else an id made of the name.

In: the people of all sources, the roster, and the arrivals so far. Out: an `Identity` for each. Two of one name stay
two, by the numbers that the platform gives them; who was collected before keeps their id.
"""

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from course.exchange import naming
from course.exchange.arrivals import Arrival
from course.exchange.platforms import Person, scope
from course.exchange.roster import Roster, Student

# Moodle's word for a participant whose name it hides, in the languages of its pages.
ANONYMOUS = frozenset({"", "participant", "участник", "participante", "teilnehmer", "teilnehmer/in", "teilnehmer in"})


@dataclasses.dataclass(frozen=True)
class Identity:
    """The students whom a person means: one, or all of a team; nobody, where `problem` says why.

    `is_known`: the roster has them.
    """

    students: tuple[str, ...]
    is_known: bool = False
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Directory:
    """Whom names mean. `numbers`: Moodle's numbers in one assignment, as its grading worksheet has them."""

    roster: Roster
    numbers: Mapping[str, Student]
    arrivals: tuple[Arrival, ...]

    def identities(self, people: Iterable[Person]) -> dict[Person, Identity]:
        """Each person's identity; the same in whatever order they come."""
        ordered = sorted(set(people), key=dataclasses.astuple)
        known = {person: identity for person in ordered if (identity := self._on_roster(person))}
        strangers = [person for person in ordered if person not in known]
        return self._told_apart(known) | self._made(strangers)

    def _before(self) -> dict[tuple[str, str, str], str]:
        """Scope, number and name → the id that this person got."""
        return {
            (scope(one.platform, one.source), one.number, one.name): one.student for one in self.arrivals if one.number
        }

    def _on_roster(self, person: Person) -> Identity | None:
        row = self.numbers.get(person.number) if person.platform == "moodle" else None
        if row and (is_anonymous(person) or not row.name or naming.keys(row.name) & naming.keys(person.name)):
            found = self.roster.match(row)
            return Identity((found,), True) if found else None
        number = person.number if person.platform == "canvas" else ""
        found = self.roster.find(name=person.name, username=person.username, number=number)
        first, _, rest = person.name.partition(" ")
        if not found and rest:  # some sites of Moodle's put the username in front
            found = [one for one in self.roster.find(username=first) if self.roster.students[one].username]
        if not found and (team := self.roster.members(person.name)):
            return Identity(tuple(team), True)
        if len(found) < 2:
            return Identity(tuple(found), True) if found else None
        before = self._before().get((person.scope, person.number, person.name))
        if before in found:
            return Identity((before,), True)
        several = f"{len(found)} on the roster have this name: {', '.join(found)}"
        return Identity((), True, f"{several}. Give the platform's own table as --roster: it tells them apart.")

    def _told_apart(self, known: dict[Person, Identity]) -> dict[Person, Identity]:
        """Of several in one archive who would be the same student, none is: one of them is not on the roster."""
        claims = defaultdict(set)
        for person, identity in known.items():
            if len(identity.students) == 1 and person.number not in self.numbers:
                claims[person.scope, identity.students[0]].add(person.number)
        before = self._before()
        apart = {}
        for person, identity in known.items():
            key = (person.scope, *identity.students)
            is_one = len(claims.get(key, ())) < 2 or before.get((person.scope, person.number, person.name)) == key[-1]
            why = f"{len(claims.get(key, ()))} people of this name are in the archive, one is on the roster."
            apart[person] = identity if is_one else Identity((), True, why)
        return apart

    def _made(self, strangers: list[Person]) -> dict[Person, Identity]:
        before = self._before()
        numbers = defaultdict(set)
        for where, number, name in [*before, *((one.scope, one.number, one.name) for one in strangers)]:
            numbers[where, name].add(number)
        taken = {one.student.casefold(): one.name for one in self.arrivals}
        taken |= {student.casefold(): one.name for student, one in self.roster.students.items()}
        made = {}
        for person in strangers:
            label = label_of(person)
            is_shared = len(numbers[person.scope, person.name]) > 1 and not is_anonymous(person)
            identity = naming.safe(f"{label}-{person.number}" if is_shared else label)
            if taken.setdefault(identity.casefold(), person.name) != person.name:
                digest = hashlib.sha256(label.encode("utf-8", "replace")).hexdigest()[:6]
                identity = naming.safe(f"{identity}-{digest}")
            made[person] = Identity((before.get((person.scope, person.number, person.name), identity),))
        return made


def is_anonymous(person: Person) -> bool:
    """Whether the platform hides the name."""
    return person.name.casefold() in ANONYMOUS and not person.username


def label_of(person: Person) -> str:
    """What a person is called who is on no roster."""
    if is_anonymous(person):
        return f"{person.name or 'anonymous'} {person.number}".strip()
    return person.name or person.username or person.number
