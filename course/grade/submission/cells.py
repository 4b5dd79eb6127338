"""The teacher's cells and the student's, with what is needed to tell which is which.

In: the teacher's notebook with and without solutions, and a submission as cells. Out: a `Slot` for each cell of the
teacher's and a `Piece` for each of the student's.
"""

import ast
import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from typing import Literal

from nbformat import NotebookNode

from course.grade.submission.code import (
    DEFINITION,
    MAX_PARSED,
    MAX_PARSED_CELL,
    bound,
    definitions,
    key,
    meaning,
    parse,
    taken_by,
)
from course.notebooks.reading import cell_id, grade_id

WEAK_ID = re.compile(r".*-\d+", re.DOTALL)  # a running number: it moves when the teacher inserts a cell
SOLUTION = re.compile(r"^[^\n]*### BEGIN SOLUTION.*?### END SOLUTION[^\n]*\n?", re.DOTALL | re.MULTILINE)

Role = Literal["answer", "essay", "test", "given"]


@dataclasses.dataclass(frozen=True)
class Slot:
    """A cell of the teacher's.

    `functions` are those by which an answer is known: no other cell defines them. `reads` are the names that a test
    reads. `locked`: nbgrader, too, would put the teacher's text in its place.
    """

    index: int
    role: Role
    name: str
    is_code: bool
    locked: bool
    grade_id: str | None
    cell_id: str | None
    source: str
    released: str
    functions: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()

    @property
    def is_students(self) -> bool:
        """Whether what stands in the cell is the student's to write."""
        return self.role in ("answer", "essay")

    @property
    def has_strong_id(self) -> bool:
        """Whether the cell's id stays the same from one release to the next."""
        return self.cell_id is not None and (self.cell_id == self.grade_id or not WEAK_ID.fullmatch(self.cell_id))


@dataclasses.dataclass(frozen=True)
class Piece:
    """A cell of the submission.

    `defined`: answers' functions that it defines, other than as in the stub. `bound`: all names that it binds, None
    if it is no Python. `blank`: it holds nothing but comments or a stub.
    """

    index: int
    is_code: bool
    source: str
    grade_id: str | None
    cell_id: str | None
    defined: frozenset[str]
    bound: frozenset[str] | None
    blank: bool


# Piece → the cell of the teacher's that it is, or claims to be. Several pieces may have one home.
Homes = dict[int, int]
# Answer or essay → the piece that holds it; those that were not answered are missing. Several may share a piece.
Chosen = dict[int, int]


def slots_of(source: NotebookNode, release: NotebookNode) -> list[Slot]:
    """The teacher's cells. `source` has the solutions and hidden tests, `release` is what the students got."""
    by_grade_id = {grade_id(cell): cell.source for cell in reversed(release.cells) if grade_id(cell)}
    by_cell_id = {cell.id: cell.source for cell in reversed(release.cells) if cell.get("id")}
    slots = []
    for index, cell in enumerate(source.cells):
        name, identity, role = grade_id(cell), cell.get("id"), _role(cell)
        # Where the release lacks the cell (ids made anew, say), it is what it would be: nothing but solutions goes.
        released = by_grade_id.get(name, by_cell_id.get(identity))
        if released is None:
            released = _without_solution(cell.source) if role in ("answer", "essay") else cell.source
        settings = cell.metadata.get("nbgrader", {})
        slots.append(
            Slot(
                index=index,
                role=role,
                name=name or identity or f"cell-{index}",
                is_code=cell.cell_type == "code",
                locked=bool(settings.get("locked") or settings.get("grade")),
                grade_id=name,
                cell_id=identity,
                source=cell.source,
                released=released,
                reads=taken_by(tree) if role == "test" and (tree := parse(cell.source)) else frozenset(),
            )
        )
    return [dataclasses.replace(slot, functions=names) for slot, names in zip(slots, _functions(slots))]


def _role(cell: NotebookNode) -> Role:
    settings = cell.metadata.get("nbgrader", {})
    marked = "### BEGIN SOLUTION" in cell.source and not settings.get("grade")
    if settings.get("solution") or marked:
        return "answer" if cell.cell_type == "code" else "essay"
    return "test" if settings.get("grade") and cell.cell_type == "code" else "given"


def _without_solution(text: str) -> str:
    return SOLUTION.sub("", text) if SOLUTION.search(text) else ""


def _functions(slots: list[Slot]) -> Iterator[frozenset[str]]:
    defined = []
    for slot in slots:
        texts = (slot.released, slot.source) if slot.is_code else ()
        defined.append(next((names for text in texts if (names := frozenset(definitions(parse(text))))), frozenset()))
    owners = Counter(name for names in defined for name in names)
    for slot, names in zip(slots, defined):
        unique = frozenset(name for name in names if owners[name] == 1)
        yield unique if slot.role == "answer" else frozenset()


def pieces_of(submitted: NotebookNode, slots: list[Slot]) -> list[Piece]:
    """The student's cells. `submitted` comes from `reading`."""
    stubs = _Stubs.of(slots)
    pieces, budget = [], MAX_PARSED
    for index, cell in enumerate(submitted.cells):
        source, is_code = cell.source, cell.cell_type == "code"
        # A cell of text is parsed only if it may be an answer that was turned into text.
        promising = is_code or any(name in stubs.functions for name in DEFINITION.findall(source))
        promising = promising and len(source) <= min(budget, MAX_PARSED_CELL)
        budget -= len(source) if promising else 0
        tree = parse(source) if promising else None
        if tree:
            defined = stubs.defined_by(tree)
        else:
            names = DEFINITION.findall(source) if is_code and key(source) not in stubs.keys else ()
            defined = stubs.functions.keys() & names
        pieces.append(
            Piece(
                index=index,
                is_code=is_code,
                source=source,
                grade_id=grade_id(cell),
                cell_id=cell_id(cell),
                defined=frozenset(defined),
                bound=bound(tree) if tree else None,
                blank=stubs.is_blank(source, tree),
            )
        )
    return pieces


@dataclasses.dataclass(frozen=True)
class _Stubs:
    """What the students got in place of the answers. Comments and messages do not make a difference."""

    keys: frozenset[str]
    meanings: frozenset[str]
    functions: dict[str, str]  # name → meaning of its stub, "" if the stub does not define it
    longest: int

    @classmethod
    def of(cls, slots: list[Slot]) -> "_Stubs":
        students = [slot for slot in slots if slot.is_students]
        trees = [parse(slot.released) for slot in students if slot.role == "answer"]
        defined = {name: node for tree in trees for name, node in definitions(tree).items()}
        names = [name for slot in students for name in slot.functions]
        return cls(
            keys=frozenset(key(slot.released) for slot in students),
            functions={name: meaning(defined[name]) if name in defined else "" for name in names},
            meanings=frozenset(meaning(tree) for tree in trees if tree) - {""},
            longest=max((len(slot.released) for slot in students), default=0),
        )

    def defined_by(self, tree: ast.Module) -> set[str]:
        found = {name: node for name, node in definitions(tree).items() if name in self.functions}
        return {
            name for name, node in found.items() if not self.functions[name] or meaning(node) != self.functions[name]
        }

    def is_blank(self, source: str, tree: ast.Module | None) -> bool:
        text = key(source)
        if not text or text in self.keys:
            return True
        if tree is None or len(text) > 2 * self.longest + 400:
            return False
        return not tree.body or meaning(tree) in self.meanings
