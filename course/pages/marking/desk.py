"""The desk at which somebody marks: the answers in groups, what was marked, and what can be taken back.

In: functions that read the answers from the gradebook and enter marks there. Out: groups for the page. A group has one
mark and one comment; what has another mark in the gradebook is a group of its own. Nothing here knows of HTTP.
"""

import dataclasses
import hashlib
from collections.abc import Callable, Hashable, Sequence

from course.essay import Essay, Given
from course.pages.marking.grouping import groups

COMMENT_LIMIT = 10_000  # characters
Key = tuple[str, str, str]
Changes = Sequence[tuple[Essay, Given]]


class Refused(Exception):
    """What could not be entered; the message is the name of a sentence in the table of words."""


@dataclasses.dataclass
class Group:
    """Answers that get one mark. The first one is what most of them say. `version` counts what was done to it."""

    number: int
    essays: list[Essay]
    version: int = 0

    @property
    def given(self) -> Given:
        return self.essays[0].given

    @property
    def most(self) -> float:
        return self.essays[0].most


class Desk:
    """`load` reads all answers; `enter` gives some of them new marks and returns those that have changed meanwhile, and
    then has entered nothing. `question_of` says to which question an answer belongs."""

    def __init__(
        self,
        load: Callable[[], list[Essay]],
        enter: Callable[[Changes], list[Essay]],
        question_of: Callable[[Essay], Key],
    ):
        self._load, self._enter, self._question_of = load, enter, question_of
        self._seen: dict[str, Essay] = {}
        self._alone: set[str] = set()  # keys of the answers that were taken out of their groups
        self._numbers = 0
        self._done: list[Changes] = []
        self._clusters: dict[Hashable, list[list[int]]] = {}
        self.groups: dict[Key, list[Group]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read the gradebook; the groups stay as they are if it says what they say."""
        found = {essay.key: essay for essay in self._load()}
        if found == self._seen and self.groups:
            return
        self._seen, self._done = found, []
        by_question: dict[Key, list[Essay]] = {}
        for essay in found.values():
            by_question.setdefault(self._question_of(essay), []).append(essay)
        self.groups = {key: self._grouped(essays) for key, essays in by_question.items()}

    def _grouped(self, essays: list[Essay]) -> list[Group]:
        """The biggest group first; of equal ones, in an order that says nothing of names."""
        together: dict[Hashable, list[Essay]] = {}
        for number, cluster in enumerate(self._cluster(essays)):
            for essay in (essays[index] for index in cluster):
                own = essay.key if essay.key in self._alone else ""
                together.setdefault((number, own, essay.given, essay.most), []).append(essay)
        found = sorted(together.values(), key=lambda group: (-len(group), _blind(group[0])))
        return [self._group(group) for group in found]

    def _cluster(self, essays: list[Essay]) -> list[list[int]]:
        texts = tuple(essay.text for essay in essays)
        if texts not in self._clusters:
            self._clusters[texts] = groups(texts, is_code=essays[0].is_code)
        return self._clusters[texts]

    def _group(self, essays: list[Essay]) -> Group:
        self._numbers += 1
        return Group(self._numbers, essays)

    def left(self, key: Key) -> int:
        """How many answers to a question wait for a person."""
        return sum(essay.given.waits for group in self.groups.get(key, ()) for essay in group.essays)

    @property
    def can_undo(self) -> bool:
        return bool(self._done)

    def mark(self, number: int, version: int, points: float | None, comment: str) -> Group:
        """Give a group points and a comment; None leaves the points as they are. Raises `Refused`."""
        group = self._find(number)
        if group.version != version:
            raise Refused("changed")
        before = group.given
        points = before.points if points is None else points
        # What somebody has given in formgrader may be more than the question has.
        if points not in (None, before.points) and not 0 <= points <= group.most:
            raise Refused("out_of_range")
        if len(comment) > COMMENT_LIMIT:
            raise Refused("too_long")
        given = Given(points, comment.strip(), waits=points is None)
        if given != before:
            self._change([(essay, given) for essay in group.essays])
        return group

    def take_out(self, number: int, key: str) -> Group:
        """Make an answer a group of its own, behind the one in which it was. Raises `Refused`."""
        group = self._find(number)
        place = next(place for place in self.groups.values() if group in place)
        essay = next((essay for essay in group.essays if essay.key == key), None)
        if essay is None or len(group.essays) == 1:
            raise Refused("changed")
        group.essays.remove(essay)
        group.version += 1
        self._alone.add(key)
        own = self._group([essay])
        place.insert(place.index(group) + 1, own)
        return own

    def undo(self) -> list[Group]:
        """Take back what was entered last; returns the groups that are concerned. Raises `Refused`."""
        if not self._done:
            raise Refused("nothing_to_undo")
        changes = self._done[-1]
        now = [(self._seen[essay.key], essay.given) for essay, _ in changes]
        touched = self._change(now)
        del self._done[-2:]
        return touched

    def _change(self, changes: Changes) -> list[Group]:
        if self._enter(changes):
            self.refresh()
            raise Refused("changed")
        self._done.append(changes)
        new = {essay.key: dataclasses.replace(essay, given=given) for essay, given in changes}
        self._seen |= new
        touched = []
        for group in (group for place in self.groups.values() for group in place):
            if any(essay.key in new for essay in group.essays):
                group.essays = [new.get(essay.key, essay) for essay in group.essays]
                group.version += 1
                touched.append(group)
        return touched

    def _find(self, number: int) -> Group:
        for place in self.groups.values():
            for group in place:
                if group.number == number:
                    return group
        raise Refused("changed")


def _blind(essay: Essay) -> str:
    return hashlib.sha256(f"{essay.text}\0{essay.key}".encode("utf-8", "replace")).hexdigest()
