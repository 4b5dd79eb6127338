"""What a student reads about a failed test: a hint, and nothing of the test.

In: how a test ended. Out: one sentence. Of the student's own exception it has the type and the line of their own code,
of a message only what Python itself says about names: what a student's code puts into an exception may be what a
hidden test called it with.
"""

import ast
import builtins
import dataclasses
import re

from course.grade.sandbox.limits import CallFailed
from course.grade.submission.code import meaning, statements
from course.verdict import bounded

MAX_LINE = 100  # characters of the student's line
PLACE = re.compile(r"<cell (\d{1,5})>")
IDENTIFIER = re.compile(r"[^\W\d]\w*")

# What Python says about names; the words in place of {} must be the student's own, or Python's.
SAYINGS = (
    r"name '{}' is not defined",
    r"No module named '{}'",
    r"cannot import name '{}' from '{}'",
    r"'{}' object has no attribute '{}'",
    r"module '{}' has no attribute '{}'",
    r"'{}' object is not (?:callable|iterable|subscriptable|an iterator)",
    r"'{}' object does not support item assignment",
    r"{}\(\) missing \d+ required (?:positional|keyword-only) arguments?: '{}'(?:,? and '{}')?",
    r"{}\(\) takes (?:from )?\d+(?: to \d+)? positional arguments? but \d+ (?:was|were) given",
    r"{}\(\) takes no arguments",
    r"{}\(\) got an unexpected keyword argument '{}'",
    r"cannot access local variable '{}' where it is not associated with a value",
    r"local variable '{}' referenced before assignment",
    r"unsupported operand type\(s\) for \S{{1,3}}: '{}' and '{}'",
    r"'\S{{1,2}}' not supported between instances of '{}' and '{}'",
    r"(?:list|tuple|string) index out of range",
    r"division by zero",
    r"maximum recursion depth exceeded",
)
TYPES = "NoneType ndarray Tensor BatchEncoding Encoding DataFrame Series Dataset function method generator module"
KNOWN = frozenset(dir(builtins)) | frozenset(TYPES.split())


@dataclasses.dataclass(frozen=True)
class Words:
    """What may be said about a test to this student: their own cells, and what they were given.

    `cells` are the sources of the notebook that is run, `released` the text of the test cell that the student has, and
    `own` every name in their own cells and in what was released.
    """

    cells: tuple[str, ...]
    released: str
    own: frozenset[str]

    @classmethod
    def of(cls, cells: tuple[str, ...], theirs: str, released: str) -> "Words":
        """`theirs` is the text of all cells that the student wrote or was given."""
        return cls(cells, released, frozenset(IDENTIFIER.findall(theirs)))


def of_call(failed: CallFailed, words: Words) -> str:
    """A sentence about an exception of the student's code."""
    kind = failed.type_name if failed.type_name in words.own | KNOWN else failed.names[0] if failed.names else "Error"
    said, place = _pythons(failed.message, words), _place(failed, words)
    if said and place:
        return bounded(f"{kind}: {said} ({place})")
    return bounded(f"{kind}: {said}" if said else f"{kind} in {place}" if place else kind)


def _place(failed: CallFailed, words: Words) -> str:
    """Where in the student's own code it happened: the innermost line that is theirs."""
    for name, line in reversed(failed.places):
        if text := _line(name, line, words):
            return f"line {line} of your code: {text}"
    return ""


def _pythons(message: str, words: Words) -> str:
    """The part of a message that Python itself has written, if its names are no secret."""
    for saying in SAYINGS:
        if match := re.match(saying.format(*[r"([\w.]{1,100})"] * saying.count("{}")), message):
            names = [part for group in match.groups() if group for part in group.split(".") if part]
            is_known = all(name in words.own or name in KNOWN for name in names)
            return match.group() if is_known else ""
    return ""


def _line(name: str, line: int, words: Words) -> str:
    """A line of a cell of the notebook that is run: the text is taken from there, never from the process."""
    match = PLACE.fullmatch(name)
    lines = words.cells[int(match[1])].split("\n") if match and int(match[1]) < len(words.cells) else []
    text = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]}…"


def of_test(kind: str, message: str, line: int | None, source: str, words: Words) -> str:
    """A sentence about an exception of the test itself. `line` is where in the test's `source` it was raised.

    An assert says its message. Where that is put together while the test runs, what the message takes from hidden
    cells stays hidden. What is visible to the student anyway says what it says, or else is named itself.
    """
    if kind == "NameError":
        name = re.fullmatch(r"name '(\w+)' is not defined", message)
        if name and (name[1] in words.own or name[1] in IDENTIFIER.findall(words.released)):
            return bounded(f"NameError: {message}")
    statement = _statement_at(source, line)
    found = _assert_at(source, line) if kind == "AssertionError" else None
    if statement is not None and _is_visible(statement, source, words.released):
        if message:
            return bounded(message if kind == "AssertionError" else f"{kind}: {message}")
        if found is not None:
            text = (ast.get_source_segment(source, found) or "").partition("\n")[0]
            return bounded(f"The test stops at: {text[:MAX_LINE]}")
    if found is not None and (said := _said(found.msg)):
        return bounded(said)
    if kind == "AssertionError":
        return "A condition of this test is not met."
    return f"The test could not work with the result ({kind if kind.isidentifier() else 'Exception'})."


def _statement_at(source: str, line: int | None) -> ast.stmt | None:
    return next((node for node in _body(source) if line and node.lineno <= line <= node.end_lineno), None)


def _assert_at(source: str, line: int | None) -> ast.Assert | None:
    tree = ast.Module(_body(source), [])
    asserts = [node for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    return next((node for node in asserts if line and node.lineno <= line <= node.end_lineno), None)


def _body(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _is_visible(statement: ast.stmt, source: str, released: str) -> bool:
    """Whether the student has this statement, and all above it, in the released test."""
    seen = [meaning(node) for node, _ in statements(released)]
    for number, node in enumerate(_body(source)):
        if number >= len(seen) or not seen[number] or meaning(node) != seen[number]:
            return False
        if (node.lineno, node.col_offset) == (statement.lineno, statement.col_offset):
            return True
    return False


def _said(message: ast.expr | None) -> str:
    """The fixed parts of an assert's message, with … in place of what is put in when the test runs."""
    if isinstance(message, ast.Constant) and isinstance(message.value, str):
        return message.value
    if isinstance(message, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else "…" for part in message.values]
        text = "".join(map(str, parts))
        return text if any(letter.isalpha() for letter in text) else ""
    if isinstance(message, ast.BinOp) and isinstance(message.op, ast.Mod):
        return re.sub(r"%[-#0-9.]*\w", "…", _said(message.left))
    if isinstance(message, ast.BinOp) and isinstance(message.op, ast.Add):
        return "".join(_said(side) or "…" for side in (message.left, message.right))
    if isinstance(message, ast.Call) and isinstance(message.func, ast.Attribute) and message.func.attr == "format":
        return re.sub(r"\{[^{}]*\}", "…", _said(message.func.value))
    return ""
