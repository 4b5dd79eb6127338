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
import math
import signal
import threading

from nbformat import NotebookNode

from course.grade.sandbox import CallFailed, Stopped, Student, TimedOut
from course.grade.values import Handle, ValueRefused
from course.verdict import Status, bounded


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
    refused: bool = False


class Remote:
    """An object in the student's process.

    Attributes, items, calls and `len` go over. Anything that would let the object decide a test by itself,
    such as `==`, truth or iteration, is an error.
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
        raise ValueRefused(f"An object of the type {self._handle.type_name} cannot be compared or iterated over.")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __iter__ = __contains__ = __float__ = __int__ = __index__ = __setattr__ = __delattr__ = _refuse


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

    def __init__(self, imports: str, cell_seconds: float):
        self.student: Student | None = None
        self.cell_seconds = cell_seconds
        self.names = _Names(self._look_up)
        exec(compile(imports, "<imports>", "exec"), self.names)

    def forget(self, names: set[str]) -> None:
        """Give names back to the student: a cell of the notebook has assigned them since."""
        for name in names:
            self.names.pop(name, None)

    def grade(self, source: str, points: float, grade_id: str) -> Result:
        """Run a test cell. Errors of the student's code cost its points; what it prints, also on stderr, does not."""
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), _alarm(self.cell_seconds):
                value = self._execute(source, grade_id)
            score = partial_credit(value, points)
        except TestMistake as mistake:
            return Result(None, "manual", str(mistake), printed.getvalue())
        except Stopped as stopped:
            return Result(0.0, "failed", str(stopped), printed.getvalue(), stopped=stopped)
        except ValueRefused as refused:
            return Result(0.0, "failed", bounded(str(refused)), printed.getvalue(), refused=True)
        except Exception as error:
            return Result(0.0, "failed", hint(error, source), printed.getvalue())
        status = "passed" if score == points else "partial" if score else "failed"
        return Result(score, status, "", printed.getvalue())

    def _execute(self, source: str, grade_id: str):
        """Run the cell; returns the value of its last line if that is an expression."""
        tree = ast.parse(source)
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
        return kind(_with_remotes(item, ask) for item in value)
    if kind is dict:
        return {_hashable(key): _with_remotes(item, ask) for key, item in value.items()}
    return value


def _hashable(key):
    if type(key) is Handle:
        raise ValueRefused("A dictionary's key must be a plain value.")
    return key


def _as_exception(failed: CallFailed) -> Exception:
    """The student's exception as one of the same class, so that `except ValueError` in a test works."""
    for name in failed.names:
        kind = getattr(builtins, name, None)
        if isinstance(kind, type) and issubclass(kind, Exception) and kind is not Exception:
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
    if type(value) not in (int, float):
        return float(points)
    if math.isnan(value):
        raise TestMistake("The test's last value is NaN: a mistake of the test, to be looked at by the teacher.")
    return float(min(max(value, 0), points))


def teacher_imports(notebook: NotebookNode) -> str:
    """The import statements of a notebook's ungraded cells, for the referee's side."""
    statements = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and not cell.metadata.get("nbgrader"):
            with contextlib.suppress(SyntaxError):  # a magic
                body = ast.parse(cell.source).body
                statements += [ast.unparse(node) for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join(statements)


def assigned_names(source: str) -> set[str]:
    """The names that a cell assigns or defines at its top level."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return set()
    defined = {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    nodes = [
        n
        for statement in body
        if not isinstance(statement, (ast.FunctionDef, ast.ClassDef))
        for n in ast.walk(statement)
    ]
    return defined | {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


@contextlib.contextmanager
def _alarm(seconds: float):
    """Stop a test that does not end on the grader's own side, where no sandbox watches."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_):
        raise TimedOut(f"A test did not end within {seconds:g} s.", alive=True)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds + 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
