"""What the teacher's own cells make: on the grader's side it is the grader's own.

In: the teacher's notebook, the names that its tests read, the teacher's files. Out: for each cell, the values that it
binds, computed here and once for all submissions. A student who binds `profile` or `tokenizer` anew changes their own
process and nothing else. What depends on an answer (`tokenized`, which the student's function made) stays with the
student, and so does what neither the teacher's cells nor the tests bind.
"""

import ast
import builtins
import contextlib
import copy
import dataclasses
import io
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Set
from pathlib import Path

from nbformat import NotebookNode

from course.grade import roles
from course.grade.submission.cells import Slot, slots_of
from course.grade.submission.code import (
    DEFINES,
    IMPORTS,
    IN_PLACE,
    asked,
    assigned,
    bound,
    filled,
    parameters,
    read_names,
    read_now,
    root,
    statements,
)

MODULE = "__test__"
BUILTINS = frozenset(dir(builtins)) - {"open"}
FILES = frozenset({"os", "pathlib", "Path", "shutil"})  # what is done by these is found by these: a folder, a file
VIEWERS = frozenset({"print", "pprint", "display", "show", "plt", "sns"})  # they look at what they get


@dataclasses.dataclass(frozen=True)
class Step:
    """What one cell of the teacher's brings.

    `code` are its statements that the tests need, `names` what they bind, or whose objects they change: `changed`.
    `theirs` are the names that from here on are the student's.
    """

    code: tuple[ast.stmt, ...]
    names: frozenset[str]
    changed: frozenset[str]
    theirs: frozenset[str]


def plan(source: NotebookNode, release: NotebookNode) -> list[Step]:
    """A step for each cell of the teacher's notebook."""
    analysis, slots = _Analysis(), slots_of(source, release)
    found = [analysis.cell(slot) for slot in slots]
    wanted = {name for slot in slots if slot.role == "test" for name in slot.reads}
    steps = []
    for slot, (own, theirs) in zip(reversed(slots), reversed(found), strict=True):
        is_excursus = roles.is_excursus(source.cells[slot.index])
        needed = []
        for part in reversed(own):
            may_matter = bound(part.node) | part.changes | (frozenset() if is_excursus else part.touches)
            if may_matter & wanted or _sets_the_seed(part.node):
                needed.append(part)
                wanted |= read_names(part.node)
        changes = frozenset().union(*(part.changes | part.touches & wanted for part in needed))
        # What is bound here at first, and then of what is the student's, is the student's.
        names = changes.union(*(bound(part.node) for part in needed)) - theirs
        steps.append(Step(tuple(part.node for part in reversed(needed)), names, changes, theirs))
    return steps[::-1]


@dataclasses.dataclass(frozen=True)
class _Part:
    """A statement that needs nothing of the student's; the names whose objects it changes, and that it works with."""

    node: ast.stmt
    changes: frozenset[str] = frozenset()
    touches: frozenset[str] = frozenset()


class _Analysis:
    """Says of each statement, from the first to the last, whether it needs anything of the student's."""

    def __init__(self):
        self.own: set[str] = set(dir(builtins))  # the grader's
        self.modules: set[str] = set()  # what imports have bound: nobody means to change it
        self.classes: set[str] = set()  # of the teacher's
        self.later: dict[str, frozenset[str]] = {}  # function of the teacher's → what it reads when it is called
        self.fills: dict[str, frozenset[str]] = {}  # function of the teacher's → whose objects it changes
        self.in_place = IN_PLACE  # the functions that change what they are given
        self.aliases: dict[str, frozenset[str]] = {}  # name → all that may stand for the same object

    def cell(self, slot: Slot) -> tuple[list[_Part], frozenset[str]]:
        """The statements that need nothing of the student's, and the names that are the student's from here on."""
        if not slot.is_code:
            return [], frozenset()
        if slot.role != "given":
            return self._theirs(slot)
        own, theirs = [], set()
        for node, _ in statements(slot.source):
            if self._needs_the_student(read_now(node)):
                lost = bound(node) | self._alike((self._filled(node) | self._set(node)) - bound(node))
                theirs |= lost
                self.own -= lost
            else:
                own.append(_Part(node, self._changed(node), self._touched(node)))
                theirs -= bound(node)
                self.own |= bound(node)
                self._remember(node)
        return own, frozenset(theirs)

    def _changed(self, node: ast.stmt) -> frozenset[str]:
        """The names of objects that a statement changes, or may change, as far as one can see."""
        return self._alike(self._filled(node) | asked(node) - self.modules)

    def _touched(self, node: ast.stmt) -> frozenset[str]:
        """The names of objects that a statement may change, though nobody can see it."""
        reached = self._reached(read_now(node)) if _acts(node) else set()
        return self._alike(reached) - (self.modules - FILES) - BUILTINS

    def _filled(self, node: ast.stmt) -> frozenset[str]:
        """The names of containers that a statement changes, itself or by the teacher's functions."""
        if isinstance(node, DEFINES):
            return frozenset()
        called = self._reached(read_now(node))
        return filled(node, self.in_place).union(*(self.fills.get(name, ()) for name in called)) - self.modules

    def _set(self, node: ast.stmt) -> frozenset[str]:
        """The names of objects whose attributes get something of the student's, `box.value = answer(3)`."""
        inside = bound(node)
        found = (name for name, each in assigned(node) if self._needs_the_student(read_now(each) - inside))
        return frozenset(found) - self.modules

    def _theirs(self, slot: Slot) -> tuple[list[_Part], frozenset[str]]:
        """What a test binds is the test's; what an answer binds or changes is the student's.

        The student was given the imports of the released cell.
        """
        nodes = [node for text in (slot.source, slot.released) for node, _ in statements(text)]
        names = frozenset().union(*(bound(node) for node in nodes if not isinstance(node, IMPORTS)))
        if slot.role == "test":
            self.own -= names
            return [], frozenset()
        imports = [_Part(node) for node, _ in statements(slot.released) if isinstance(node, IMPORTS)]
        given = frozenset().union(*(bound(part.node) for part in imports))
        theirs = frozenset().union(*(bound(node) | self._changed(node) for node in nodes)) - given
        for node in nodes:
            theirs |= self._remember_fills(node)
        self.own = (self.own - theirs) | given
        return imports, theirs

    def _remember(self, node: ast.stmt) -> None:
        value = getattr(node, "value", None)
        is_instance = isinstance(value, ast.Call) and root(value.func) in self.classes
        is_function = isinstance(node, DEFINES) or isinstance(value, ast.Lambda)
        for name in bound(node):
            self.later[name] = read_names(node) if is_function or is_instance else frozenset()
            self.fills[name] = frozenset()
            self.aliases[name] = frozenset({name})
        if isinstance(node, ast.Assign):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            names |= {root(value)} - self.modules - {""} if names else set()
            same = self._alike(names)
            self.aliases |= dict.fromkeys(same, same)
        if isinstance(node, IMPORTS):
            self.modules |= bound(node)
            return
        self.modules -= bound(node)
        self.classes = self.classes - bound(node) | ({node.name} if isinstance(node, ast.ClassDef) else set())
        self.in_place -= bound(node)
        self._remember_fills(node)

    def _remember_fills(self, node: ast.stmt) -> frozenset[str]:
        """Of a function: whether it changes what it is given; returns the names of what else it changes."""
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return frozenset()
        fills = filled(node, self.in_place)
        self.fills[node.name] = fills - parameters(node)
        self.in_place |= {node.name} if fills & parameters(node) else frozenset()
        return self.fills[node.name]

    def _alike(self, names: Set[str]) -> frozenset[str]:
        """These names, and those that may stand for the same objects."""
        return frozenset(names).union(*(self.aliases.get(name, ()) for name in names))

    def _needs_the_student(self, names: frozenset[str]) -> bool:
        return not self._reached(names) <= self.own

    def _reached(self, names: frozenset[str]) -> set[str]:
        """These names, and those that the functions among them read when they are called, and so on."""
        seen, queue = set(names), list(names)
        for name in queue:
            more = self.later.get(name, frozenset()) - seen
            seen |= more
            queue += more
        return seen


def _kept(value: object) -> object:
    """A container of Python's as it is now, for a cell further down changes it."""
    if type(value) in (list, dict, set):
        with contextlib.suppress(Exception):
            return copy.deepcopy(value)
    return value


def _acts(node: ast.stmt) -> bool:
    """Whether a statement does something besides binding names and showing things."""
    match node:
        case ast.Expr(value=ast.Call() as call):
            return root(call.func) not in VIEWERS
        case ast.Assign() | ast.AnnAssign():
            return bool(asked(node) | filled(node))
        case ast.Expr():
            return False
    return not isinstance(node, (*IMPORTS, *DEFINES))


def _sets_the_seed(node: ast.stmt) -> bool:
    """Whether a statement fixes what chance brings from there on: `random.seed(0)`, `torch.manual_seed(0)`."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name))):
            return "seed" in name
    return False


class Names(dict):
    """The global names of tests and of the teacher's own functions; what is missing is looked up by whoever can."""

    def __init__(self):
        super().__init__()
        self.lookup: Callable[[str], object] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything but what every module has."""
        self.clear()
        self.update(__name__=MODULE, __builtins__=builtins)

    def __missing__(self, name):
        if self.lookup is None or hasattr(builtins, name):
            raise KeyError(name)
        return self.lookup(name)


class Given:
    """The steps of a notebook, carried out; `folder` holds the teacher's files.

    `names` are the globals of the functions among them: a referee runs its tests there.
    """

    def __init__(self, source: NotebookNode, release: NotebookNode, files: tuple[tuple[str, bytes], ...]):
        self.folder = tempfile.TemporaryDirectory(prefix="course-")
        for name, data in files:
            path = Path(self.folder.name, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self.steps = plan(source, release)
        self.broken: dict[str, str] = {}  # name → why it could not be computed here
        self.values: list[dict[str, object]] = []
        self.names = Names()
        with self.inside(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            for number, step in enumerate(self.steps, 1):
                for node in step.code:
                    try:
                        exec(compile(ast.Module([node], []), "<given>", "exec"), self.names)
                    except (Exception, SystemExit) as error:
                        self.broken |= dict.fromkeys(bound(node), f"{type(error).__name__}: {error}")
                now = {name: self.names[name] for name in step.names if name in self.names}
                changing = frozenset().union(*(later.changed for later in self.steps[number:]))
                self.values.append({name: _kept(value) if name in changing else value for name, value in now.items()})
        self._forget_modules()

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Where the teacher's files lie, for `open` and `import`."""
        before = os.getcwd()
        os.chdir(self.folder.name)
        sys.path.insert(0, self.folder.name)
        try:
            yield
        finally:
            sys.path.remove(self.folder.name)
            os.chdir(before)

    def _forget_modules(self) -> None:
        """Two assignments may both have a `checks.py`."""
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", "")).startswith(self.folder.name + os.sep):
                del sys.modules[name]
