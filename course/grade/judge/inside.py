"""Test cells, run where they stand: in the student's process, as nbgrader would run them, and watched.

In: the source of a test cell and the process. Out: its score. A process can do to such a test what it likes; so forks
of it, taken just before, run the same test with planted failures. A process in which one of these passes has been
tampered with: the test gives nothing, and the teacher is told. What a test defines and no later cell of the teacher's
reads is gone before the next cell runs.
"""

import contextlib
import dataclasses
import functools
import math
import secrets
import time
from collections.abc import Callable, Sequence

from course.grade.judge import hints
from course.grade.judge.hints import Words
from course.grade.judge.plants import Plant, held, planted, planted_at_once
from course.grade.judge.result import Result, TestMistake, partial_credit
from course.grade.sandbox.limits import CallFailed, Forged, Patience, Stopped
from course.grade.sandbox.process.values import ValueRefused
from course.grade.sandbox.student import Branch, Line, Student
from course.verdict import bounded

QUICK = 1.0  # seconds up to which all planted failures of a test are tried, in one fork
SUSPECTS = 3  # of those that passed there, how many are looked into
WATCHED = 2  # of those that cannot be tried there, drawn at random, how many get a fork each
SLACK = 2.0  # seconds that a planted failure may take beyond three times what the test took
SLOW = 5.0  # seconds from which on a test is watched by one false assertion only
TRIED = 20.0  # seconds for trying planted failures on the teacher's own solution
TAMPERED = "This notebook changes how tests run: the test counts for nothing, and your teacher has been told."
UNWATCHED = "The test passed, but whether it can be trusted could not be seen: a person has to look at it."
UNSEEN = Result(None, "manual", UNWATCHED, "person")


@functools.cache
def as_python(source: str) -> str:
    """A cell as plain Python, by IPython's own rules; what a student has added to those has no effect here."""
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)


def run(line: Line, source: str, name: str, transient: frozenset[str], patience: Patience, nothing: str = "") -> dict:
    """Run a test in a process. Returns what `course.grade.sandbox.process.shell.run_test` does. Raises `Stopped`."""
    try:
        found = line.ask("test", as_python(source), name, sorted(transient), nothing or None, patience=patience)
    except (CallFailed, ValueRefused):
        raise Forged("The notebook's process answered with something that is not the result of a test.") from None
    match found:
        case {"ok": bool(), "number": float() | None, "text": str(), "error": error, "outputs": [*_]}:
            if error is None or _is_error(error):
                return found
    raise Forged("The notebook's process answered with something that is not the result of a test.")


def _is_error(error) -> bool:
    match error:
        case (str(), [*names], str(), str(), [*places]):
            return all(type(name) is str for name in names) and all(type(place) is tuple for place in places)
    return False


def score_of(found: dict, source: str, points: float) -> float:
    """What a test gives, as nbgrader has it: nothing for an error, the last line's number, else everything."""
    if not found["ok"]:
        return 0.0
    is_quiet = source.rstrip().endswith(";")
    value = None if is_quiet else found["number"] if found["number"] is not None else _number(found["text"])
    return partial_credit(value, points)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def grade(
    student: Student,
    source: str,
    points: float,
    grade_id: str,
    words: Words,
    *,
    plants: tuple[Plant, ...],
    theirs: frozenset[str],
    transient: frozenset[str],
    patience: Patience,
) -> tuple[Result, list[dict], float]:
    """Run a test cell and watch it; returns what it said, the outputs of the cell, and the seconds of the test itself.

    `plants` are the planted failures that the teacher's solution does not pass, `theirs` the names that are the
    student's, `transient` those that the test shall leave no trace of.
    """
    name = f"<test {grade_id}>"
    fork = _fork(student) if plants else None
    started, seconds, has_passed, outputs = student.clock(), None, False, []
    try:
        found = run(student, source, name, transient, patience)
        seconds = student.clock() - started
        outputs = student.take_printed() + found["outputs"]
        if not found["ok"]:
            return Result(0.0, "failed", _hint(found["error"], source, name, words), "inside"), outputs, seconds
        score = score_of(found, source, points)
        has_passed = bool(score)
        if score and plants and fork is None:
            return UNSEEN, outputs, seconds
        if score and plants:
            with _files_kept(student):
                trouble = _Watch(fork, source, points, theirs, transient, seconds, patience).trouble(plants, score)
            student.take_printed()  # by the forks
            if trouble:
                return trouble, outputs, seconds
        return Result.of(score, points, "inside"), outputs, seconds
    except TestMistake as mistake:
        return Result(None, "manual", str(mistake), "person"), outputs, seconds
    except Stopped as stopped:
        if has_passed:  # it was while it was being watched
            return dataclasses.replace(UNSEEN, stopped=stopped), outputs, seconds
        return Result(0.0, "failed", str(stopped), "inside", stopped=stopped), outputs, student.clock() - started
    finally:
        if fork:
            fork.close()


@contextlib.contextmanager
def _files_kept(student: Student):
    """What forks do to files that they share with the process is taken back."""
    with contextlib.suppress(CallFailed, ValueRefused):
        student.ask("mark")
    yield
    with contextlib.suppress(CallFailed, ValueRefused):
        student.ask("restore")


def _fork(student: Student) -> Branch | None:
    """A fork of the process; None if there can be none. Whether the process itself has ended, the test will say."""
    try:
        return student.branch()
    except Stopped:
        return None


class _Watch:
    """Runs planted failures in forks of a fork. The test itself took `seconds`."""

    def __init__(self, fork: Branch, source: str, points: float, theirs, transient, seconds: float, patience: Patience):
        self.fork, self.source, self.points, self.seconds = fork, source, points, seconds
        self.theirs, self.transient = theirs, transient
        self.patience = Patience(3 * seconds + SLACK, patience.sentence)

    def trouble(self, plants: tuple[Plant, ...], score: float) -> Result | None:
        """None if planted failures fail as they must."""
        assertions = [plant for plant in plants if plant.kind == "assertion"]
        # A part of the points may be there whatever one of the checks says.
        others = [plant for plant in plants if plant.kind != "assertion"] if score >= self.points else []
        local = [plant for plant in [*assertions, *others] if plant.is_local]
        suspects = self.passed_at_once(local) if self.seconds < QUICK and local else None
        if suspects is not None:  # the local ones have been tried
            others = [plant for plant in others if not plant.is_local]
        drawn = [*_drawn(assertions, 1), *_drawn(others, WATCHED if self.seconds < SLOW else 0)]
        failed = 0
        for plant in [*(suspects or [])[:SUSPECTS], *drawn]:
            got = self.passed(plant)
            if got is None:
                return None if failed else UNSEEN
            if got >= score and self.is_proof(plant, score):
                return Result(0.0, "failed", TAMPERED, "inside", tampered=True)
            failed += 1
        return None if failed else UNSEEN

    def is_proof(self, plant: Plant, score: float) -> bool:
        """Whether a planted failure that has passed must not have. Chance is no crime: it must pass again."""
        if plant.kind != "assertion":
            found = self._run(held, plant)
            if not found or not found["ok"] or not found["number"]:
                return False
        return (self.passed(plant) or 0.0) >= score

    def effective(self, plants: Sequence[Plant]) -> tuple[Plant, ...]:
        """Those at which this solution fails, as it should."""
        passed = self.passed_at_once(plants)
        started, failing, unanswered = time.monotonic(), [], 0
        for plant in _drawn(plants, len(plants)):
            score = self.passed(plant)
            if score is not None and score < self.points:
                failing.append(dataclasses.replace(plant, is_local=passed is not None and plant not in passed))
            unanswered += score is None
            if unanswered > 1:
                return ()
            if time.monotonic() - started > TRIED:
                break
        return tuple(failing)

    def passed(self, plant: Plant) -> float | None:
        """The score of the test with a planted failure; None if the fork did not answer."""
        found = self._run(planted, plant)
        try:
            return found and score_of(found, self.source, self.points)
        except TestMistake:  # no number is no pass
            return 0.0

    def passed_at_once(self, plants: Sequence[Plant]) -> list[Plant] | None:
        """Those that pass the statement in which they stand, tried all in one fork; None if it did not answer."""
        found = self._run(planted_at_once, plants)
        if found is None:
            return None
        number = (found["number"] or 0.0) if found["ok"] else 0.0
        bits = int(number) if math.isfinite(number) else 0
        return [plant for number, plant in enumerate(plants) if bits >> number & 1]

    def _run(self, plant: Callable[..., str], plants) -> dict | None:
        """Run what `plant` makes of the test, in a fork of its own."""
        name = f"_{secrets.token_hex(4)}"
        try:
            source = plant(as_python(self.source), plants, self.theirs, name)
            branch = self.fork.branch()
        except (Stopped, SyntaxError, ValueError, RecursionError):
            return None
        try:
            branch.ask("scratch")
            return run(branch, source, f"<test {name}>", self.transient, self.patience, name)
        except (Stopped, CallFailed, ValueRefused, OSError):
            return None
        finally:
            branch.close()


def _drawn(plants: Sequence[Plant], most: int) -> list[Plant]:
    """Some plants at random, of as many kinds as there are."""
    draw = secrets.SystemRandom()
    mixed = draw.sample(plants, len(plants))
    kinds = {kind: [plant for plant in mixed if plant.kind == kind] for kind in ("assertion", "value", "other side")}
    first = [group[0] for group in kinds.values() if group]
    return [*first, *(plant for plant in mixed if plant not in first)][:most]


def rehearse(
    student: Student, source: str, points: float, grade_id: str, words: Words, *, plants: Sequence[Plant], **how
) -> tuple[Result, list[dict], float, tuple[Plant, ...]]:
    """As `grade`, for the teacher's own solution; returns as well those of the planted failures that it does not pass.

    Where the test is slow, only some are tried; where a fork does not answer, there are none.
    """
    fork = _fork(student) if plants else None
    result, outputs, seconds = grade(student, source, points, grade_id, words, plants=(), **how)
    effective = ()
    try:
        if fork and result.status == "passed":
            with _files_kept(student):
                effective = _Watch(fork, source, points, seconds=seconds, **how).effective(plants)
            student.take_printed()
    except Stopped:
        effective = ()
    finally:
        if fork:
            fork.close()
    return result, outputs, seconds, effective


def _hint(error: tuple, source: str, name: str, words: Words) -> str:
    kind, names, message, _, places = error
    own = [place for place in places if place[0] != name]
    line = next((number for file, number in reversed(places) if file == name), None)
    if own:  # raised in the student's code, or in what it called
        return hints.of_call(CallFailed(kind, list(names), message, "", own), words)
    text = hints.of_test(kind if kind.isidentifier() else "Exception", message, line, source, words)
    return bounded(text)
