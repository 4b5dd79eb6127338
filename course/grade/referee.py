"""Test cells, run on the grader's side against a student's process.

In: the source of a test cell and a `Student`. Out: its score. A name that the tests do not define is the
student's: the call goes over, the value comes back as plain data, and comparing it happens here, out of the
student's reach. Modules are the exception: what the teacher's own cells import, the grader imports itself, so
a patched library changes nothing.
"""

import ast
import builtins
import contextlib
import dataclasses
import io
import numbers
import os
import resource
import signal
import sys
import tempfile
import threading
from pathlib import Path

from nbformat import NotebookNode

from course.grade.sandbox import CallFailed, Stopped, Student, TimedOut
from course.grade.skeleton import parse
from course.grade.values import Handle, ValueRefused
from course.verdict import Status, bounded

MARGIN = 10  # seconds that a test may take beyond what a cell may
TEST_BYTES = 4 << 30  # of memory that a test may take on the grader's side


class StudentError(Exception):
    """An exception of the student's code that has no counterpart among Python's own."""


class TestMistake(Exception):
    """A test that cannot be right, whatever the answer: the teacher has to look at it."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What a test cell said. `stopped` is set if the student's process had to be ended during it."""

    score: float | None
    status: Status
    message: str
    printed: str
    stopped: Stopped | None = None


class Remote:
    """An object in the student's process.

    Attributes, items, calls and `len` go over, and iterating brings all items at once. Anything that would let the
    object decide a test by itself, such as `==` or truth, is an error.
    """

    __slots__ = ("_ask", "_handle")
    __hash__ = None

    def __init__(self, ask, handle: Handle):
        object.__setattr__(self, "_ask", ask)
        object.__setattr__(self, "_handle", handle)

    def __call__(self, *arguments, **keywords):
        return self._ask("call", self, list(arguments), keywords)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._ask("attribute", self, name)

    def __getitem__(self, key):
        return self._ask("item", self, key)

    def __iter__(self):
        return iter(self._ask("items", self))

    def __len__(self):
        length = self._ask("length", self)
        if type(length) is not int or not 0 <= length < 2**62:
            raise TypeError("The length of an object must be a whole number.")
        return length

    def __repr__(self):
        return f"<{self._handle.type_name} of the student's>"

    def __reduce__(self):
        raise ValueRefused("An object of the student's cannot travel inside another object.")

    def _refuse(self, *_):
        raise ValueRefused(f"An object of the type {self._handle.type_name} cannot be compared: make it a plain value.")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __float__ = __int__ = __index__ = __setattr__ = __delattr__ = _refuse


class _Names(dict):
    """The tests' global names; what is missing is looked up with the student, after Python's own."""

    def __init__(self, lookup):
        super().__init__(__name__="__test__", __builtins__=builtins)
        self.lookup = lookup

    def __missing__(self, name):
        if hasattr(builtins, name):
            raise KeyError(name)
        return self.lookup(name)


class Referee:
    """Runs the test cells of one notebook.

    Their names live as long as it does, over restarts of the student's process.
    """

    def __init__(self, imports: list[str], files: tuple[tuple[str, bytes], ...], cell_seconds: float, seed: str = ""):
        self.student: Student | None = None
        self.cell_seconds = cell_seconds
        os.environ["CLASS_SEED"] = seed  # of the inputs that hidden tests draw; a student's process does not see it
        self.names = _Names(self._look_up)
        self.folder = tempfile.TemporaryDirectory()  # the teacher's files, for tests and modules that read them
        for name, data in files:
            path = Path(self.folder.name, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        with _inside(self.folder.name):
            for statement in imports:
                with contextlib.suppress(Exception):  # what the grader has not got is the student's
                    exec(compile(statement, "<imports>", "exec"), self.names)

    def close(self) -> None:
        """Remove the teacher's files, and forget the modules among them."""
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(self.folder.name + os.sep):
                del sys.modules[name]
        self.folder.cleanup()

    def forget(self, names: set[str]) -> None:
        """Give names back to the student: a cell of the teacher's notebook assigns them after the tests that did.

        What a student's own cell assigns says nothing: it could be a library's name, or a helper of the tests.
        """
        for name in names:
            self.names.pop(name, None)

    def grade(self, source: str, points: float, grade_id: str) -> Result:
        """Run a test cell. Errors of the student's code cost its points; what it prints, also on stderr, does not."""
        printed = io.StringIO()
        try:
            with (
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
                _inside(self.folder.name),
                _limits(self.cell_seconds),
            ):
                score = partial_credit(self._execute(source, grade_id), points)
        except TestMistake as mistake:
            return Result(None, "manual", str(mistake), printed.getvalue())
        except Stopped as stopped:
            return Result(0.0, "failed", str(stopped), printed.getvalue(), stopped=stopped)
        except ValueRefused as refused:
            return Result(0.0, "failed", bounded(str(refused)), printed.getvalue())
        except Exception as error:
            return Result(0.0, "failed", hint(error, source), printed.getvalue())
        status = "passed" if score == points else "partial" if score else "failed"
        return Result(score, status, "", printed.getvalue())

    def _execute(self, source: str, grade_id: str):
        """Run the cell; returns the value of its last line if that is an expression."""
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            raise TestMistake(
                f"The test is not plain Python (line {error.lineno}): to be looked at by the teacher."
            ) from None
        last = ast.Expression(tree.body.pop().value) if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"<{grade_id}>", "exec"), self.names)
        return eval(compile(last, f"<{grade_id}>", "eval"), self.names) if last else None

    def _look_up(self, name: str):
        if not self._ask("has", name):
            raise KeyError(name)
        return self._ask("name", name)

    def _ask(self, operation: str, *arguments):
        if self.student is None:
            raise Stopped("The notebook's process has ended.")
        try:
            value = self.student.ask(operation, *arguments, keep=_own_handle)
        except CallFailed as failed:
            raise _as_exception(failed) from None
        return _with_remotes(value, self._ask)


def _own_handle(value) -> Handle | None:
    return value._handle if type(value) is Remote else None


def _with_remotes(value, ask):
    """The value with every handle in it made callable."""
    kind = type(value)
    if kind is Handle:
        return Remote(ask, value)
    if kind in (list, tuple):
        return kind([_with_remotes(item, ask) for item in value])
    if kind is set:
        return {_plain(item) for item in value}
    if kind is dict:
        return {_plain(key): _with_remotes(item, ask) for key, item in value.items()}
    return value


def _plain(key):
    """A dictionary's key or an item of a set: to hash and compare it is not for the student."""
    if type(key) is Handle:
        raise ValueRefused("The keys of a dictionary and the items of a set must be plain values.")
    if type(key) is tuple:
        for item in key:
            _plain(item)
    return key


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
    error.student_sentence = bounded(f"{failed.type_name}: {failed.message}" if failed.message else failed.type_name)
    return error


def hint(error: Exception, source: str) -> str:
    """What a student reads about a failed test: the assert's own message, or their own error; nothing of the test."""
    if hasattr(error, "student_sentence"):
        return error.student_sentence
    if isinstance(error, AssertionError) and str(error) in assert_messages(source):
        return bounded(str(error))
    if isinstance(error, NameError):
        return bounded(f"NameError: {error}")
    return f"The test could not work with the result ({type(error).__name__})."


def assert_messages(source: str) -> set[str]:
    """The literal messages of the asserts in a cell."""
    asserts = [node.msg for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assert)]
    return {message.value for message in asserts if isinstance(message, ast.Constant)}


def partial_credit(value, points: float) -> float:
    """The score that a test cell's last value stands for, as nbgrader has it: a number is partial credit, all
    else full.

    Raises `TestMistake` for NaN.

    >>> partial_credit(None, 5), partial_credit(2.5, 5), partial_credit(7, 5), partial_credit(-1, 5)
    (5.0, 2.5, 5.0, 0.0)
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return float(points)
    if value != value:  # NaN; a whole number may be too large for math.isnan
        raise TestMistake("The test's last value is NaN: a mistake of the test, to be looked at by the teacher.")
    return float(min(max(value, 0), points))


def teacher_imports(source: NotebookNode, release: NotebookNode) -> list[str]:
    """The import statements that a student was given, for the referee's side.

    They stand in cells without points, and in the released answer cells above what the student writes. (What a
    solution itself imports may be the answer.)
    """
    cells = [cell for cell in source.cells if not _settings(cell).get("grade") and not _settings(cell).get("solution")]
    cells += [cell for cell in release.cells if _settings(cell).get("solution")]
    trees = [tree for cell in cells if cell.cell_type == "code" and (tree := parse(cell.source))]
    nodes = [node for tree in trees for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return [ast.unparse(node) for node in nodes]


def _settings(cell: NotebookNode) -> dict:
    return cell.metadata.get("nbgrader", {})


def assigned_names(source: str) -> set[str]:
    """The names that a cell assigns or defines at its top level."""
    tree = parse(source)
    body = tree.body if tree else []
    defined = {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    nodes = [
        n
        for statement in body
        if not isinstance(statement, (ast.FunctionDef, ast.ClassDef))
        for n in ast.walk(statement)
    ]
    return defined | {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


@contextlib.contextmanager
def _inside(folder: str):
    """Where the teacher's files lie, for `open` and `import`."""
    before = os.getcwd()
    os.chdir(folder)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        os.chdir(before)


@contextlib.contextmanager
def _limits(seconds: float):
    """Stop a test that does not end, or that grows, on the grader's own side, where no sandbox watches.

    A student's value can bring it there: an array whose shape makes a comparison as large as the machine.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_):
        raise TimedOut(f"A test did not end within {seconds:g} s.")  # the student may be in the middle of a reply

    memory = resource.getrlimit(resource.RLIMIT_DATA)
    handler = signal.signal(signal.SIGALRM, ring)
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (_more_memory(memory), memory[1]))
        signal.setitimer(signal.ITIMER_REAL, seconds + MARGIN, 1)  # again and again: a test could swallow the first
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_DATA, memory)


def _more_memory(limits: tuple[int, int]) -> int:
    status = Path("/proc/self/status").read_text()
    used = next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData")), 0)
    return min(bound for bound in (used + TEST_BYTES, *limits) if bound >= 0)
