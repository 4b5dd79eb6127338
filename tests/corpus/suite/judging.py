"""Whether what a grader made of a case is right.

In: a case and the `Outcome` that a runner has seen. Out: a `Finding`: `right`; `asks`, where a person is asked for a
mark that could have been given, and everything else is right; `wrong`, with what is wrong; or `n.a.`, with the reason.
"""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from .cases import EXERCISES, PERSON, POINTS, Case

Word = Literal["right", "asks", "wrong", "n.a."]
WORDS: tuple[Word, ...] = ("right", "asks", "wrong", "n.a.")
CLOSE = 1e-6  # points
SAID = 200  # characters of what a grader says that are kept


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a grader made of one submission.

    `points`: exercise → automatic points, for those that have some. `asked`: those for which a person is asked.
    `refused`: the reason why the whole submission has no marks, as the grader gives it. `broken`: how the grader as
    a whole came to nothing. `neighbours`: honest submission → whether it has all its points. `files`: nothing outside
    of the submission was changed. `printed`: the outputs of all cells but the tests. `page`: what the student gets, as
    HTML. What a runner does not look at is None.
    """

    points: Mapping[str, float] = dataclasses.field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    refused: str = ""
    broken: str = ""
    neighbours: Mapping[str, bool] | None = None
    files: bool | None = None
    printed: str | None = None
    page: str | None = None


@dataclasses.dataclass(frozen=True)
class Finding:
    """The judgement on one case, with what was wrong or why it does not apply."""

    case: str
    kind: str
    word: Word
    why: str = ""


def judge(case: Case, outcome: Outcome) -> Finding:
    """Compare an outcome with what is right for the case."""
    if outcome.broken:
        return Finding(case.name, case.kind, "wrong", outcome.broken)
    wrong = [*_wrong_around(case, outcome)]
    asks = False
    if case.right.refused:
        wrong += _wrong_refusal(outcome)
    else:
        for exercise, right in _expected(case).items():
            if exercise in outcome.points:
                wrong += _wrong_points(exercise, right, outcome.points[exercise])
            elif not (exercise in outcome.asked or outcome.refused):
                wrong.append(f"points: {exercise} has no mark, and nobody is told")
            else:
                asks |= right != PERSON
    if wrong:
        return Finding(case.name, case.kind, "wrong", "; ".join(wrong))
    if asks:
        return Finding(case.name, case.kind, "asks", _last_line(outcome.refused))
    return Finding(case.name, case.kind, "right")


def _last_line(text: str) -> str:
    """What a grader says at the end: of a traceback the exception."""
    return (text.strip().splitlines() or [""])[-1][:SAID]


def _expected(case: Case) -> dict[str, float | str]:
    everything = dict.fromkeys(EXERCISES, POINTS)
    return everything | dict(case.right.points)


def _wrong_points(exercise: str, right: float | str, got: float) -> list[str]:
    if right == PERSON:
        return [f"points: {exercise} got {got:g}, a person should mark it"]
    return [] if abs(got - right) < CLOSE else [f"points: {exercise} got {got:g}, {right:g} are right"]


def _wrong_refusal(outcome: Outcome) -> list[str]:
    if outcome.points:
        return [f"points: {sum(outcome.points.values()):g} points for what cannot be graded"]
    everybody = outcome.asked >= set(EXERCISES)
    return [] if outcome.refused or everybody else ["points: there is no mark, and nobody is told"]


def _wrong_around(case: Case, outcome: Outcome) -> list[str]:
    """What must be so whatever a submission is."""
    wrong = []
    if outcome.neighbours is not None and not all(outcome.neighbours.values()):
        lost = sorted(name for name, whole in outcome.neighbours.items() if not whole)
        wrong.append(f"neighbours: {', '.join(lost)} without the marks that were earned")
    if outcome.files is False:
        wrong.append("files: something outside of the submission was changed")
    if outcome.printed is not None and any(text in outcome.printed for text in case.right.not_printed):
        wrong.append("printed: a hidden test is shown to the student")
    if outcome.page is not None and any(text in outcome.page for text in case.right.not_on_page):
        wrong.append("page: markup of the student's is on the page")
    return wrong


def not_applicable(case: Case, why: str) -> Finding:
    """A case that says nothing about a grader."""
    return Finding(case.name, case.kind, "n.a.", why)
