"""Test cells, run on the grader's side against a fork of the student's process.

In: the source of a test cell and a branch. Out: its score. A name that neither the teacher's cells nor the tests bind
is the student's: the call goes over, the value comes back as plain data, and comparing it happens here, out of the
student's reach. A process of the grader's that has run one is good for this submission only.
"""

import ast
import builtins
import contextlib
import functools
import io
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from course.grade.judge import hints
from course.grade.judge.given import Given
from course.grade.judge.hints import Words
from course.grade.judge.remote import handle_of, with_remotes
from course.grade.judge.result import Result, TestMistake, partial_credit
from course.grade.judge.weights import OtherModel
from course.grade.sandbox.limits import STRETCH, CallFailed, Disturbed, Stopped, TimedOut
from course.grade.sandbox.process.values import ValueRefused
from course.grade.sandbox.student import Line
from course.grade.sandbox.watch import starved_seconds
from course.verdict import Group, bounded
from helpers.rules import Score

MARGIN = 10  # seconds that a test may take beyond what a cell may
TEST_BYTES = 4 << 30  # of memory that a test may take on the grader's side


class StudentError(Exception):
    """An exception of the student's code that has no counterpart among Python's own."""


class Referee:
    """Runs the test cells of one submission, in their order."""

    def __init__(self, given: Given, cell_seconds: float, seed: str = ""):
        self.given = given
        self.line: Line | None = None
        self.cell_seconds = cell_seconds
        self.seed = seed  # of the inputs that hidden tests draw
        self.names = given.names
        self.names.reset()
        self.names.lookup = self._look_up

    def pass_by(self, position: int) -> None:
        """Go past a cell of the teacher's that is no test: what it binds is now the grader's, or the student's."""
        for name in self.given.steps[position].theirs:
            self.names.pop(name, None)
        self.names.update(self.given.values[position])

    def grade(self, line: Line | None, source: str, points: float, grade_id: str, words: Words) -> Result:
        """Run a test cell. Errors of the student's code cost its points; what it prints, also on stderr, does not.

        `line` leads to the student's process as it is where the test stands; None if that could not be reached.
        """
        self.line = line
        printed = io.StringIO()
        hint = functools.partial(_hint, source=source, grade_id=grade_id, words=words)

        def lost(message: str, **more) -> Result:
            return Result(0.0, "failed", message, "outside", printed.getvalue(), **more)

        try:
            with (
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
                self.given.inside(),
                _seed(self.seed),
                _limits(self.cell_seconds, self.line),
            ):
                value = self._execute(source, grade_id)
            score = partial_credit(value, points)
            more = _by_group(value, hint) if isinstance(value, Score) else {}
            return Result.of(score, points, "outside", printed.getvalue(), **more)
        except TestMistake as mistake:
            return Result(None, "manual", str(mistake), "person", printed.getvalue())
        except (KeyboardInterrupt, GeneratorExit, Disturbed):
            raise
        except BaseException as error:  # a panic of Rust's, pytest's Failed, SystemExit: all are failed tests
            return lost(hint(error), stopped=error if isinstance(error, Stopped) else None)

    def _execute(self, source: str, grade_id: str):
        """Run the cell; returns the value of its last line if that is an expression."""
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            raise TestMistake(
                f"The test is not plain Python (line {error.lineno}): to be looked at by the teacher."
            ) from None
        name = _file_of(grade_id)
        last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), self.names)
        return eval(compile(last, name, "eval"), self.names) if last else None

    def _look_up(self, name: str):
        if name in self.given.broken:
            raise TestMistake(f"`{name}` could not be computed by the grader ({self.given.broken[name]}).")
        if not self._ask("has", name):
            raise KeyError(name)
        return self._ask("name", name)

    def _ask(self, operation: str, *arguments):
        if self.line is None:
            raise Stopped("The notebook's process has ended.")
        try:
            value = self.line.ask(operation, *arguments, keep=handle_of)
        except CallFailed as failed:
            raise _as_exception(failed) from None
        return with_remotes(value, self._ask)


def _file_of(grade_id: str) -> str:
    return f"<{grade_id}>"


def _as_exception(failed: CallFailed) -> Exception:
    """The student's exception as one of the same class, so that `except ValueError` in a test works.

    Not what loops take for their end: `all(map(is_right, cases))` would be true after no case at all.
    """
    for name in failed.names:
        kind = getattr(builtins, name, None)
        is_error = isinstance(kind, type) and issubclass(kind, Exception) and kind is not Exception
        if is_error and not issubclass(kind, (StopIteration, StopAsyncIteration)):
            with contextlib.suppress(TypeError):
                return _marked(kind(failed.message), failed)
    return _marked(StudentError(failed.message), failed)


def _marked(error: Exception, failed: CallFailed) -> Exception:
    error.failed_call = failed
    return error


def _by_group(score: Score, hint: Callable[[BaseException], str]) -> dict:
    """What a test with rule groups says beside its points. Raises what is no failed test."""
    rules = score.rules
    for error in rules.errors.values():
        if isinstance(error, (TestMistake, Disturbed)):
            raise error
    said = {name: hint(error) for name, error in rules.errors.items()}
    return {
        "message": bounded(" ".join(f"{name}: {message}" for name, message in said.items())),
        "stopped": next((error for error in rules.errors.values() if isinstance(error, Stopped)), None),
        "groups": tuple(
            Group(name, points * (name in rules.tried and name not in said), points, said.get(name, ""))
            for name, points in rules.points.items()
        ),
    }


def _hint(error: BaseException, source: str, grade_id: str, words: Words) -> str:
    """What the student reads about an error that a test ended with."""
    if isinstance(error, Stopped):
        return str(error)
    if isinstance(error, ValueRefused):
        return bounded(str(error))
    if isinstance(failed := getattr(error, "failed_call", None), CallFailed):
        return hints.of_call(failed, words)
    if isinstance(error, OtherModel):
        return str(error)
    line, trace = None, error.__traceback__
    while trace:  # the innermost line of the test itself
        if trace.tb_frame.f_code.co_filename == _file_of(grade_id):
            line = trace.tb_lineno
        trace = trace.tb_next
    return hints.of_test(type(error).__name__, _text(error), line, source, words)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # of a class of the test's
        return ""


@contextlib.contextmanager
def _seed(seed: str):
    """What hidden tests draw their inputs from; a student's process does not see it."""
    before = os.environ.get("CLASS_SEED")
    os.environ["CLASS_SEED"] = seed
    try:
        yield
    finally:
        os.environ.pop("CLASS_SEED") if before is None else os.environ.update(CLASS_SEED=before)


@contextlib.contextmanager
def _limits(seconds: float, line: Line | None):
    """Stop a test that does not end, or that grows, on the grader's own side, where no sandbox watches.

    A student's value can bring it there: an array whose shape makes a comparison as large as the machine.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    started, starved = time.monotonic(), _starved(line)

    def ring(*_):
        elapsed = time.monotonic() - started
        if elapsed - (_starved(line) - starved) < seconds + MARGIN and elapsed < STRETCH * seconds + MARGIN:
            return  # others had the processor; the bell rings again
        raise TimedOut(f"A test did not end within {seconds:g} s.")  # the student may be in the middle of a reply

    memory = resource.getrlimit(resource.RLIMIT_DATA)
    handler = signal.signal(signal.SIGALRM, ring)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (_more_memory(memory), memory[1]))
        signal.setitimer(signal.ITIMER_REAL, seconds + MARGIN, 0.2)  # again and again: a test could swallow the first
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_DATA, memory)


def _starved(line: Line | None) -> float:
    """Seconds for which this process and the student's have waited for a processor that others had."""
    return starved_seconds(os.getpid()) + (line.starved if line else 0.0)


def _more_memory(limits: tuple[int, int]) -> int:
    status = Path("/proc/self/status").read_text()
    used = next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData")), 0)
    return min(bound for bound in (used + TEST_BYTES, *limits) if bound >= 0)
