"""An error carried forward: what a test would say if the earlier answers that it builds on were right.

In: a run whose tests have been judged outside. Out: a second run's better scores for tests whose own answers were
given, but which build on an answer that is missing or wrong. There the teacher's solution stands in. Nothing that the
second run prints is kept: solutions are in its process.
"""

import copy
import dataclasses

from course.grade import roles
from course.grade.run import Run
from course.grade.submission.cells import Slot
from course.grade.submission.code import IMPORTS, bound, changed, parse, read_names
from course.verdict import CellScore


@dataclasses.dataclass(frozen=True)
class Plan:
    """`tests`: index of a test that is judged again → names of the answers that are lent to it. `lent`: index of a
    cell → the solution that is run after it."""

    tests: dict[int, tuple[str, ...]]
    lent: dict[int, str]


def forward(run: Run) -> tuple[str, ...]:
    """Put better scores into a finished run; returns a sentence for each of them."""
    plan = plan_of(run)
    if not plan.tests:
        return ()
    submission = dataclasses.replace(run.choice.submission, notebook=copy.deepcopy(run.choice.submission.notebook))
    second = run.again(dataclasses.replace(run.choice, submission=submission), plan.lent, frozenset(plan.tests))
    second.all_cells()
    return tuple(
        f"Graded with the course's own {_listed(names)}, because the one handed in is missing or wrong: "
        f"{roles.settings_of(run.notebook.cells[index]).grade_id}."
        for index, names in plan.tests.items()
        if _improve(run, second, index, names)
    )


def _improve(run: Run, second: Run, index: int, names: tuple[str, ...]) -> bool:
    before, after = run.found[index], second.found.get(index, run.found[index])
    if (after.score or 0.0) <= (before.score or 0.0):
        return False
    run.found[index] = dataclasses.replace(after, lent=names)
    said = [output for output in second.notebook.cells[index].outputs if output.output_type != "stream"]
    run.notebook.cells[index].outputs = said
    return True


def plan_of(run: Run) -> Plan:
    """What is to be judged again, and with what."""
    cells, answers = run.notebook.cells, _Answers(run)
    failed = {index for index, score in run.found.items() if _is_lost(score, cells[index])}
    wrong = {slot.name for index in failed for slot in answers.asked_by(index)}
    wrong |= {slot.name for slot in answers.slots.values() if slot.name not in run.choice.submission.answered}
    tests = {}
    for index in sorted(failed):
        own = {slot.name for slot in answers.asked_by(index)}
        if own and own <= run.choice.submission.answered and (names := answers.behind(index) & wrong - own):
            tests[index] = tuple(sorted(names))
    needed = {name for names in tests.values() for name in names}
    again = {slot.name: index for index in tests for slot in answers.asked_by(index)}
    # An answer that is judged again itself is needed up to its own test.
    lent = [(again.get(slot.name, answers.place[slot.name]), slot.source) for slot in answers.in_order(needed)]
    return Plan(tests, {place: "\n".join(text for at, text in lent if at == place) for place, _ in lent})


def _is_lost(score: CellScore, cell) -> bool:
    return roles.is_test(cell) and score.judged == "outside" and score.status in ("failed", "partial")


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


class _Answers:
    """The answers that are code, and which cells build on which of them."""

    def __init__(self, run: Run):
        self.run = run
        self.cells = run.notebook.cells
        self.slots = {slot.name: slot for slot in run.slots if slot.role == "answer"}
        self.tests = {slot.name: slot for slot in run.slots if slot.role == "test"}
        places = {roles.settings_of(cell).get("grade_id"): index for index, cell in enumerate(self.cells)}
        self.place = {name: places[name] for name in self.slots if name in places}
        self.makes = {name: _made(slot) for name, slot in self.slots.items()}

    def in_order(self, names: set[str]) -> list[Slot]:
        return [self.slots[name] for name in sorted(names, key=self.place.get)]

    def asked_by(self, index: int) -> list[Slot]:
        """The answers whose names a test reads."""
        test = self.tests[roles.settings_of(self.cells[index]).grade_id]
        return [self.slots[name] for name in self.place if self.makes[name] & test.reads and self.place[name] < index]

    def behind(self, index: int) -> frozenset[str]:
        """The answers above a test on which it builds, through other cells as well."""
        names = set(self.tests[roles.settings_of(self.cells[index]).grade_id].reads)
        by_place = {place: name for name, place in self.place.items()}
        found = set()
        for above in reversed(range(index)):
            cell = self.cells[above]
            tree = parse(cell.source) if cell.cell_type == "code" and not roles.is_test(cell) else None
            makes = self.makes.get(by_place.get(above, ""), frozenset())
            makes |= (bound(tree) | frozenset().union(*map(changed, tree.body))) if tree else frozenset()
            if makes & names:
                names |= read_names(tree) if tree else frozenset()
                found |= {by_place[above]} if above in by_place else set()
        return frozenset(found)


def _made(slot: Slot) -> frozenset[str]:
    """What the solution binds, other than by an import."""
    nodes = tree.body if (tree := parse(slot.source)) else []
    return frozenset().union(*(bound(node) for node in nodes if not isinstance(node, IMPORTS)))
