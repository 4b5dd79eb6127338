"""The notebook that is run for grading: the teacher's, with the student's sources in it.

In: the bytes of a submission, and the teacher's notebook with and without solutions. Out: a copy of the teacher's
notebook in which answers and essays are the student's, and a sentence for everything that had to be repaired. The
grader calls it; nothing of the student is run here, and of the student's file only sources get through.

How an answer is found: grade id, then cell id, then the function that it defines, then likeness and place. Metadata
of a submission are hints for that and nothing else: tags, points and roles are the teacher's
(`research/autograders.md` §4: one tag in a student's file gave full marks).
"""

import ast
import bisect
import copy
import dataclasses
import io
import json
import re
import struct
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import count, islice
from typing import Literal

import nbformat
from nbformat import NotebookNode
from rapidfuzz import process
from rapidfuzz.distance import Indel

from course.verdict import bounded

MAX_FILE = 64 * 2**20  # bytes: pictures of a long training fit, and they are dropped anyway
MAX_VALUES = 4_000_000  # JSON values in the file: each needs up to 100 bytes of memory, however short it is
MAX_CELLS = 20_000  # a hundred times a long notebook
MAX_MEMBERS = 10_000  # files in an archive
MAX_ID = 200  # characters of an id that is looked at: nbformat allows 64
MAX_PARSED = 400_000  # characters of code that are parsed in one notebook: ten times a long one
MAX_PARSED_CELL = 20_000  # of one cell: Python's parser needs quadratic time for an f-string (300,000: 20 seconds)
MAX_COMPARED_CELLS = 2_000  # unrecognised cells that are compared with the teacher's; the rest stay the student's
MAX_COMPARED_WORDS = 300  # of each cell
MAX_REPAIRS = 40  # sentences
MAX_NAMED = 8  # grade ids in one sentence

# Likeness is the share of words that two cells have in common, in order. Measured on `ner` in three languages:
# different cells stay under 0.28 (text) and 0.52 (code).
LIKE = 0.6  # from here on a cell counts as the teacher's, wherever it stands
LIKE_IN_PLACE = 0.4  # the same for a cell between the teacher's cells that are its neighbours
MIN_WORDS = 3  # shorter cells are recognised by equality only
LITTLE = 0.2  # a notebook with less of the teacher's cells may be another one

WEAK_ID = re.compile(r".*-\d+", re.DOTALL)  # a running number: it moves when the teacher inserts a cell
SOLUTION = re.compile(r"^[^\n]*### BEGIN SOLUTION.*?### END SOLUTION[^\n]*\n?", re.DOTALL | re.MULTILINE)
DEFINITION = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)[ \t]*[(:]", re.MULTILINE)
MAGIC = re.compile(r"^([ \t]*)(?:[%!?].*|[\w.]+\?{1,2}[ \t]*|[\w.][\w., \t]*=[ \t]*[%!].*)$", re.MULTILINE)
FOREIGN_CELL = re.compile(r"\s*%%(?!time|timeit|capture|prun)\w")  # %%bash, %%writefile, …: not Python
WORD = re.compile(r"\w+")
SURROGATE = re.compile("[\ud800-\udfff]")

Role = Literal["answer", "essay", "test", "given"]


class Unreadable(Exception):
    """The file cannot be read as a notebook; the message says why, for a teacher."""


class WrongNotebook(Exception):
    """The notebook belongs to something else; the message says so, for a teacher."""


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """The notebook to run, and how it came about.

    `repairs` are English sentences, at most `MAX_REPAIRS`. `recovered`: an answer, an essay or a test was not where
    it belongs, or not alone there. `answered`: grade ids of answers and essays that are not the released stub.
    """

    notebook: NotebookNode
    repairs: tuple[str, ...]
    recovered: bool
    answered: frozenset[str]


# --- Reading a file ---------------------------------------------------------------------------------------------


def read_notebook(data: bytes) -> NotebookNode:
    """Read what was handed in: a notebook of nbformat 3 or 4, in UTF-8, UTF-16 or UTF-32, or an archive with one.

    The result has only what `build` looks at: type, source, grade id and id of each cell; `metadata.repairs` counts
    what was left out. Raises `Unreadable`.
    """
    if data.startswith(b"PK\x03\x04"):
        data = _unpacked(data)
    root, repairs = _json(data)
    if not isinstance(root, dict):
        raise Unreadable("The file is JSON, but not a notebook.")
    cells = []
    for cell in _raw_cells(root):
        if (read := _read_cell(cell, repairs)) is None:
            repairs["not_text"] += 1
        else:
            cells.append(read)
    if not cells:
        raise Unreadable("The notebook has no cell that can be read.")
    return nbformat.from_dict(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {"repairs": dict(repairs)}, "cells": cells}
    )


def _unpacked(data: bytes) -> bytes:
    """The largest notebook of a zip archive, never more than `MAX_FILE` bytes of it."""
    if len(data) > MAX_FILE:
        raise Unreadable(f"The archive is larger than {MAX_FILE // 2**20} MiB.")
    if data.count(b"PK\x01\x02") > MAX_MEMBERS:
        raise Unreadable(f"The archive holds more than {MAX_MEMBERS} files.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [member for member in archive.infolist() if _is_notebook(member.filename)]
            if not members:
                raise Unreadable("The archive holds no notebook.")
            member = max(members, key=lambda member: (member.file_size, member.filename))
            if member.flag_bits & 1:
                raise Unreadable("The archive is protected by a password.")
            # Other methods may ask for any amount of memory.
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Unreadable("The archive is packed in an unusual way: pack it as an ordinary zip.")
            with archive.open(member) as file:
                content = file.read(MAX_FILE + 1)
            if max(member.file_size, len(content)) > MAX_FILE:
                raise Unreadable(f"The notebook in the archive is larger than {MAX_FILE // 2**20} MiB.")
            return content
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, LookupError):
        raise Unreadable("The archive is damaged.") from None


def _is_notebook(path: str) -> bool:
    folders = path.replace("\\", "/").split("/")
    hidden = {"__MACOSX", ".ipynb_checkpoints"} & set(folders) or folders[-1].startswith(".")
    return path.lower().endswith(".ipynb") and not hidden


def _json(data: bytes) -> tuple[object, Counter]:
    repairs = Counter()
    if len(data) > MAX_FILE:
        raise Unreadable(f"The file is larger than {MAX_FILE // 2**20} MiB: clear its outputs and hand it in again.")
    if not data.strip(b"\0 \r\n\t"):
        raise Unreadable("The file is empty.")
    encoding = json.detect_encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode(encoding, "replace")
        repairs["encoding"] = 1
    del data
    if sum(map(text.count, ",[{")) > MAX_VALUES:
        raise Unreadable("The file holds too many values: clear its outputs and hand it in again.")
    try:
        return json.loads(text), repairs
    except RecursionError:
        raise Unreadable("The file is nested too deep to be a notebook.") from None
    except ValueError:
        if text.lstrip("\ufeff \r\n\t").startswith("<"):
            raise Unreadable("The file is a web page, not a notebook.") from None
        raise Unreadable("The file is not a notebook: it is not JSON, or it is cut off.") from None


def _raw_cells(root: dict) -> list:
    """The cells of nbformat 4, or those of all worksheets of nbformat 3."""
    cells = root.get("cells")
    if not isinstance(cells, list):
        sheets = root.get("worksheets")
        sheets = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if _is_list(sheets) else []
        cells = [cell for sheet in sheets if _is_list(sheet) for cell in sheet]
    if not cells:
        raise Unreadable("The notebook has no cells.")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"The notebook has more than {MAX_CELLS} cells.")
    return cells


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _read_cell(cell: object, repairs: Counter) -> dict | None:
    """Type, source and ids of a cell; None for what is no cell with a text."""
    if not isinstance(cell, dict):
        return None
    kind = cell.get("cell_type")
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or kind not in ("code", "markdown", "raw", "heading", "html"):
        return None
    if kind == "heading":
        level = cell.get("level")
        source = f"{'#' * level if isinstance(level, int) and 0 < level < 7 else '#'} {source}"
    cleaned = SURROGATE.sub("\ufffd", source.replace("\0", ""))
    repairs["cleaned"] += cleaned != source
    read = {
        "cell_type": kind if kind in ("code", "raw") else "markdown",
        "source": cleaned.replace("\r\n", "\n").replace("\r", "\n"),
        "metadata": {},
    }
    if grade_id := _grade_id(cell):
        read["metadata"]["nbgrader"] = {"grade_id": grade_id}
    if cell_id := _cell_id(cell):
        read["id"] = cell_id
    return read


def _grade_id(cell: dict) -> str | None:
    metadata = cell.get("metadata")
    settings = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return _short(settings.get("grade_id")) if isinstance(settings, dict) else None


def _cell_id(cell: dict) -> str | None:
    """The id of a cell; Colab writes it to the metadata."""
    metadata = cell.get("metadata")
    return _short(cell.get("id")) or _short(metadata.get("id") if isinstance(metadata, dict) else None)


def _short(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_ID else None


# --- Building ---------------------------------------------------------------------------------------------------


def build(source: NotebookNode, release: NotebookNode, submitted: NotebookNode) -> Skeleton:
    """Put a submission's sources into the teacher's notebook.

    `source` has the solutions and hidden tests, `release` is what the students got, `submitted` comes from
    `read_notebook`. Raises `WrongNotebook` if the submission has nothing to do with the two.
    """
    slots = _slots(source, release)
    pieces = _pieces(submitted, slots)
    homes = _recognise(slots, pieces)
    chosen = _choose(slots, pieces, homes)
    texts = _texts(slots, pieces, homes, chosen)
    added = _added(slots, pieces, homes, chosen)
    found, minor = _repairs(slots, pieces, homes, chosen, submitted)
    return Skeleton(
        notebook=_assemble(source, slots, texts, added),
        repairs=_limited([*found, *minor]),
        recovered=bool(found),
        answered=frozenset(slots[slot].name for slot in chosen),
    )


@dataclasses.dataclass(frozen=True)
class _Slot:
    """A cell of the teacher's. `functions` are those by which an answer is known: no other cell defines them."""

    index: int
    role: Role
    name: str
    is_code: bool
    grade_id: str | None
    cell_id: str | None
    source: str
    released: str
    functions: frozenset[str] = frozenset()

    @property
    def is_students(self) -> bool:
        return self.role in ("answer", "essay")

    @property
    def has_strong_id(self) -> bool:
        return self.cell_id is not None and (self.cell_id == self.grade_id or not WEAK_ID.fullmatch(self.cell_id))


@dataclasses.dataclass(frozen=True)
class _Piece:
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
_Homes = dict[int, int]
# Answer or essay → the piece that holds it; those that were not answered are missing. Several may share a piece.
_Chosen = dict[int, int]


def _slots(source: NotebookNode, release: NotebookNode) -> list[_Slot]:
    by_grade_id = {_grade_id(cell): cell.source for cell in reversed(release.cells) if _grade_id(cell)}
    by_cell_id = {cell.id: cell.source for cell in reversed(release.cells) if cell.get("id")}
    slots = []
    for index, cell in enumerate(source.cells):
        grade_id, cell_id, role = _grade_id(cell), cell.get("id"), _role(cell)
        # Where the release lacks the cell (ids made anew, say), it is what it would be: nothing but solutions goes.
        released = by_grade_id.get(grade_id, by_cell_id.get(cell_id))
        if released is None:
            released = _without_solution(cell.source) if role in ("answer", "essay") else cell.source
        slots.append(
            _Slot(
                index=index,
                role=role,
                name=grade_id or cell_id or f"cell-{index}",
                is_code=cell.cell_type == "code",
                grade_id=grade_id,
                cell_id=cell_id,
                source=cell.source,
                released=released,
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


def _functions(slots: list[_Slot]) -> Iterator[frozenset[str]]:
    defined = []
    for slot in slots:
        texts = (slot.released, slot.source) if slot.is_code else ()
        defined.append(next((names for text in texts if (names := frozenset(_definitions(parse(text))))), frozenset()))
    owners = Counter(name for names in defined for name in names)
    for slot, names in zip(slots, defined):
        unique = frozenset(name for name in names if owners[name] == 1)
        yield unique if slot.role == "answer" else frozenset()


def _pieces(submitted: NotebookNode, slots: list[_Slot]) -> list[_Piece]:
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
            names = DEFINITION.findall(source) if is_code and _key(source) not in stubs.keys else ()
            defined = stubs.functions.keys() & names
        pieces.append(
            _Piece(
                index=index,
                is_code=is_code,
                source=source,
                grade_id=_grade_id(cell),
                cell_id=_cell_id(cell),
                defined=frozenset(defined),
                bound=_bound(tree) if tree else None,
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
    def of(cls, slots: list[_Slot]) -> "_Stubs":
        students = [slot for slot in slots if slot.is_students]
        trees = [parse(slot.released) for slot in students if slot.role == "answer"]
        definitions = {name: node for tree in trees for name, node in _definitions(tree).items()}
        names = [name for slot in students for name in slot.functions]
        return cls(
            keys=frozenset(_key(slot.released) for slot in students),
            functions={name: _meaning(definitions[name]) if name in definitions else "" for name in names},
            meanings=frozenset(_meaning(tree) for tree in trees if tree) - {""},
            longest=max((len(slot.released) for slot in students), default=0),
        )

    def defined_by(self, tree: ast.Module) -> set[str]:
        found = {name: node for name, node in _definitions(tree).items() if name in self.functions}
        return {
            name for name, node in found.items() if not self.functions[name] or _meaning(node) != self.functions[name]
        }

    def is_blank(self, source: str, tree: ast.Module | None) -> bool:
        key = _key(source)
        if not key or key in self.keys:
            return True
        if tree is None or len(key) > 2 * self.longest + 400:
            return False
        return not tree.body or _meaning(tree) in self.meanings


# --- Reading code -----------------------------------------------------------------------------------------------


def parse(source: str) -> ast.Module | None:
    """The syntax tree; magics and shell commands count as `pass`. None for what is no Python, or too long to parse."""
    if len(source) > MAX_PARSED_CELL or FOREIGN_CELL.match(source):
        return None
    for text in (source, MAGIC.sub(r"\1pass", source)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _definitions(tree: ast.Module | None) -> dict[str, ast.stmt]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name: node for node in tree.body if isinstance(node, kinds)} if tree else {}


def _bound(tree: ast.Module) -> frozenset[str]:
    """The names that a cell leaves behind."""
    names, queue = set(), list(tree.body)
    for node in queue:  # grows on the way: no recursion, whatever the student nests
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            queue.extend(ast.iter_child_nodes(node))
    return frozenset(names)


def _meaning(tree: ast.AST | None) -> str:
    """The tree as text, without comments and the messages of asserts; "" if it is nested too deep."""
    if tree is None:
        return ""
    messages = [(node, node.msg) for node in ast.walk(tree) if isinstance(node, ast.Assert)]
    try:
        for node, _ in messages:
            node.msg = None
        return ast.dump(tree)
    except RecursionError:
        return ""
    finally:
        for node, message in messages:
            node.msg = message


def _key(source: str) -> str:
    return "".join(source.split())


def _is_remark(source: str) -> bool:
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    return bool(lines) and all(line.startswith("#") for line in lines)


def _words(source: str) -> list[str]:
    return [match.group() for match in islice(WORD.finditer(source), MAX_COMPARED_WORDS)]


# --- Recognising the teacher's cells ----------------------------------------------------------------------------


def _recognise(slots: list[_Slot], pieces: list[_Piece]) -> _Homes:
    """Say of each piece which cell of the teacher's it is, where that can be said. Raises `WrongNotebook`."""
    homes = _by_ids(slots, pieces)
    claimed = set(homes)
    homes |= _by_equality(slots, pieces, homes)
    homes |= _by_likeness(slots, pieces, homes, LIKE, lambda slot: range(len(pieces)))
    alike = {homes[piece] for piece in homes.keys() - claimed}
    _check_assignment(slots, pieces, {homes[piece] for piece in claimed}, alike)
    order = _in_order(homes)
    homes |= _by_likeness(slots, pieces, homes, LIKE_IN_PLACE, lambda slot: _between(slot, order, len(pieces)))
    return homes | _by_weak_ids(slots, pieces, homes)


def _by_ids(slots: list[_Slot], pieces: list[_Piece]) -> _Homes:
    by_grade_id = {slot.grade_id: slot for slot in slots if slot.grade_id}
    by_cell_id = {slot.cell_id: slot for slot in slots if slot.has_strong_id}
    homes = {}
    for piece in pieces:
        for slot in (by_grade_id.get(piece.grade_id), by_cell_id.get(piece.cell_id)):
            if slot and not _contradicts(piece, slot):
                homes[piece.index] = slot.index
                break
    return homes


def _contradicts(piece: _Piece, slot: _Slot) -> bool:
    """Whether the piece is another answer than the one that its ids name."""
    named = slot.role == "essay" or (slot.role == "answer" and bool(slot.functions))
    return named and bool(piece.defined) and not piece.defined & slot.functions


def _by_equality(slots: list[_Slot], pieces: list[_Piece], homes: _Homes) -> _Homes:
    """Cells with the same text, in the order of the notebook; whitespace makes no difference."""
    by_key: dict[str, list[int]] = {}
    for slot in slots:
        for key in {_key(slot.released)} if slot.is_students else {_key(slot.released), _key(slot.source)}:
            by_key.setdefault(key, []).append(slot.index)
    # A stub that several answers have says nothing about which one it is.
    by_key = {
        key: indices
        for key, indices in by_key.items()
        if key and (len(indices) == 1 or not any(slots[index].is_students for index in indices))
    }
    taken, last, found = set(homes.values()), -1, {}
    for piece in pieces:
        indices = by_key.get(_key(piece.source)) if piece.index not in homes else None
        if indices:
            free = [index for index in indices if index not in taken]
            home = next((index for index in free if index > last), (free or indices)[0])
            taken.add(home)
            last = home if free else last
            found[piece.index] = home
    return found


def _by_likeness(
    slots: list[_Slot], pieces: list[_Piece], homes: _Homes, cutoff: float, where: Callable[[int], range]
) -> _Homes:
    """The most alike pairs of a piece without a home and a cell that nobody is yet, the best pair first.

    A cell that trains a model, say, has no function to be known by: it is compared with the teacher's solution.
    """
    taken = set(homes.values())
    targets = {}
    for slot in slots:
        comparable = not slot.is_students or (slot.role == "answer" and not slot.functions)
        words = _words(slot.source if slot.is_students else slot.released) if comparable else []
        if slot.index not in taken and len(words) >= MIN_WORDS:
            targets[slot.index] = words
    strangers = {}
    for piece in pieces:
        if piece.index not in homes and not piece.defined and not piece.blank and len(strangers) < MAX_COMPARED_CELLS:
            strangers[piece.index] = _words(piece.source)
    spans = {home: where(home) for home in targets}
    found: _Homes = {}
    for piece, home in _pairs(strangers, targets, cutoff):
        free = home not in found.values() and piece not in found
        if free and piece in spans[home] and pieces[piece].is_code == slots[home].is_code:
            found[piece] = home
    return found


def _pairs(left: dict[int, list[str]], right: dict[int, list[str]], cutoff: float) -> list[tuple[int, int]]:
    """Pairs of indices whose words are alike, the most alike first."""
    if not left or not right:
        return []
    table = process.cdist(
        list(left.values()), list(right.values()), scorer=Indel.normalized_similarity, score_cutoff=cutoff
    )
    rows, columns = list(left), list(right)
    scored = [(-table[i, j], rows[i], columns[j]) for i, j in zip(*table.nonzero())]
    return [(piece, home) for _, piece, home in sorted(scored)]


def _by_weak_ids(slots: list[_Slot], pieces: list[_Piece], homes: _Homes) -> _Homes:
    """What is left: a cell with the running number of a cell that nobody is; a student's own cell has no such id."""
    taken, found = set(homes.values()), {}
    free = {slot.cell_id: slot for slot in slots if not slot.is_students and slot.index not in taken}
    for piece in pieces:
        slot = free.get(piece.cell_id) if piece.cell_id and piece.index not in homes and not piece.defined else None
        if slot and slot.index not in found.values():
            found[piece.index] = slot.index
    return found


def _check_assignment(slots: list[_Slot], pieces: list[_Piece], claimed: set[int], alike: set[int]) -> None:
    """Raise `WrongNotebook` for a notebook without a sign of this assignment, or with more signs of another."""
    functions = {name for slot in slots for name in slot.functions}
    defined = {name for piece in pieces for name in piece.defined}
    comparable = [slot for slot in slots if not slot.is_students and len(_words(slot.released)) >= MIN_WORDS]
    share = sum(slot.index in alike | claimed for slot in comparable) / max(len(comparable), 1)
    if not claimed and not defined and share < LITTLE:
        raise WrongNotebook("Nothing in this notebook belongs to the assignment: it is another notebook.")
    # Units of one course share grade ids such as `training`, and a few functions.
    own = {slot.grade_id for slot in slots}
    theirs = {piece.grade_id for piece in pieces if piece.grade_id}
    foreign = len(theirs - own) > len(theirs & own)
    if foreign and share < LITTLE and len(defined) <= len(functions) / 2:
        raise WrongNotebook("Most answers in this notebook belong to another assignment.")


# --- Order ------------------------------------------------------------------------------------------------------


def _in_order(positions: dict[int, int]) -> list[tuple[int, int]]:
    """The longest run of (piece, teacher's cell) in which both go up: what stands where the teacher had it."""
    tails: list[int] = []  # the teacher's cells that end the best run of each length
    ends: list[int] = []  # and the pieces that they come from
    before: dict[int, int | None] = {}
    for piece, slot in sorted(positions.items()):
        length = bisect.bisect_left(tails, slot)
        before[piece] = ends[length - 1] if length else None
        tails[length : length + 1] = [slot]
        ends[length : length + 1] = [piece]
    run, piece = [], ends[-1] if ends else None
    while piece is not None:
        run.append((piece, positions[piece]))
        piece = before[piece]
    return run[::-1]


def _between(slot: int, order: list[tuple[int, int]], total: int) -> range:
    """The pieces between the neighbours of a cell; empty if both of its direct neighbours are unknown."""
    lower = [(piece, home) for piece, home in order if home < slot]
    upper = [(piece, home) for piece, home in order if home > slot]
    first, before = lower[-1] if lower else (-1, -1)
    last, after = upper[0] if upper else (total, total)
    return range(first + 1, last) if before == slot - 1 or after == slot + 1 else range(0)


# --- Choosing the answers ---------------------------------------------------------------------------------------


def _choose(slots: list[_Slot], pieces: list[_Piece], homes: _Homes) -> _Chosen:
    """Say which piece holds each answer and essay. What the kernel would have had at the end counts: the last one."""
    claimants = _claimants(slots, pieces, homes)
    chosen: _Chosen = {}
    for slot in slots:
        if slot.role == "answer":
            piece = _answer(slot, slots, pieces, homes, claimants[slot.index])
        elif slot.role == "essay":
            piece = _essay(slot, claimants[slot.index])
        else:
            continue
        if piece:
            chosen[slot.index] = piece.index
    for slot in slots:
        # A function that is still a stub was not written; a text or a training may have been written beside it.
        open_to_place = not slot.functions or not claimants[slot.index]
        if slot.is_students and slot.index not in chosen and open_to_place:
            piece = _in_place(slot, slots, pieces, homes, chosen)
            if piece:
                chosen[slot.index] = piece.index
    return chosen


def _claimants(slots: list[_Slot], pieces: list[_Piece], homes: _Homes) -> dict[int, list[_Piece]]:
    claimants: dict[int, list[_Piece]] = {slot.index: [] for slot in slots}
    for piece in pieces:
        if piece.index in homes:
            claimants[homes[piece.index]].append(piece)
    return claimants


def _answer(
    slot: _Slot, slots: list[_Slot], pieces: list[_Piece], homes: _Homes, claimants: list[_Piece]
) -> _Piece | None:
    definers = [piece for piece in pieces if piece.defined & slot.functions]
    own = [piece for piece in definers if piece.index not in homes or slots[homes[piece.index]].is_students]
    written = [piece for piece in claimants if not piece.blank]
    assigned = [piece for piece in written if piece.is_code and piece.bound and piece.bound & slot.functions]
    strays = [piece for piece in pieces if piece.index not in homes and piece.bound and piece.bound & slot.functions]
    # In this order: `def`; `double = …` in its own cell; `def` in the cell of a test; anything in its own cell;
    # `double = …` in a cell that the student added.
    for candidates in (own, assigned, definers, written, strays):
        if candidates:
            return max(candidates, key=lambda piece: _rank(piece, slot))
    return None


def _rank(piece: _Piece, slot: _Slot) -> tuple[int, bool, bool, int]:
    """The last one counts; before that, what a kernel would have accepted."""
    return len(piece.defined & slot.functions), piece.is_code, piece.bound is not None, piece.index


def _essay(slot: _Slot, claimants: list[_Piece]) -> _Piece | None:
    written = [piece for piece in claimants if not piece.blank]
    return max(written, key=lambda piece: (piece.is_code == slot.is_code, piece.index), default=None)


def _in_place(slot: _Slot, slots: list[_Slot], pieces: list[_Piece], homes: _Homes, chosen: _Chosen) -> _Piece | None:
    """The unrecognised cell that stands where the answer should: the most like the solution, or the longest text."""
    used = homes.keys() | chosen.values()
    span = _between(slot.index, _in_order(_positions(slots, homes, chosen)), len(pieces))
    stubs = [index for index in span if _key(pieces[index].source) == _key(slot.released)]
    below = range(max(stubs, default=span.start), span.stop)
    strangers = [pieces[index] for index in below if index not in used and not pieces[index].blank]
    if slot.is_code:
        strangers = [piece for piece in strangers if piece.is_code and not piece.defined][:MAX_COMPARED_CELLS]
        if slot.functions:  # a function under another name
            strangers = [piece for piece in strangers if DEFINITION.search(piece.source)]
        solution = _words(slot.source)
        return max(
            strangers,
            key=lambda piece: (Indel.normalized_similarity(_words(piece.source), solution), piece.index),
            default=None,
        )
    texts = [piece for piece in strangers if not piece.is_code]
    prose = [piece for piece in strangers if piece.bound is None]  # an essay in a code cell is no Python
    return max(texts or prose, key=lambda piece: (len(piece.source), piece.index), default=None)


def _positions(slots: list[_Slot], homes: _Homes, chosen: _Chosen) -> dict[int, int]:
    """Where the teacher's cells stand in the submission: piece → cell; of several candidates the chosen one."""
    positions = {piece: home for piece, home in homes.items() if not slots[home].is_students or home not in chosen}
    for slot, piece in sorted(chosen.items(), reverse=True):
        positions[piece] = slot
    return positions


# --- Putting it together ----------------------------------------------------------------------------------------


def _texts(slots: list[_Slot], pieces: list[_Piece], homes: _Homes, chosen: _Chosen) -> dict[int, str]:
    """The sources of answers and essays: the student's; nothing where another cell holds them; else the stub."""
    claimants = _claimants(slots, pieces, homes)
    texts, placed = {}, set()
    for slot in slots:
        if slot.index in chosen:
            piece = pieces[chosen[slot.index]]
            texts[slot.index] = "" if piece.index in placed else piece.source
            placed.add(piece.index)
        elif slot.is_students:
            remarks = [piece.source for piece in claimants[slot.index] if piece.is_code == slot.is_code]
            texts[slot.index] = next((text for text in reversed(remarks) if text.strip()), slot.released)
    return texts


def _added(slots: list[_Slot], pieces: list[_Piece], homes: _Homes, chosen: _Chosen) -> dict[int, list[_Piece]]:
    """The student's own cells, by the teacher's cell that they come after (−1: before the first)."""
    positions = _positions(slots, homes, chosen)
    in_order = dict(_in_order(positions))
    keys = {_key(slot.released) for slot in slots} | {_key(slot.source) for slot in slots if not slot.is_students}
    keys |= {_key(pieces[piece].source) for piece in chosen.values()}
    owners = {name: slot.index for slot in slots for name in slot.functions}
    added: dict[int, list[_Piece]] = {}
    placed, nearest = -1, -1
    for piece in pieces:
        if piece.index in positions:
            nearest = positions[piece.index]
            placed = in_order.get(piece.index, placed)
        if piece.index in positions or _key(piece.source) in keys or (piece.blank and not _is_remark(piece.source)):
            continue
        if piece.index in homes and not slots[homes[piece.index]].is_students:
            continue
        # After an answer that goes back to an earlier place, a cell stays where it is.
        anchor = max(placed, nearest)
        rivals = [owners[name] for name in piece.defined if owners[name] in chosen]
        if rivals:
            # An earlier version of an answer is dropped, unless others may need what else it defines.
            used = frozenset().union(*(pieces[chosen[slot]].bound or () for slot in rivals))
            if not piece.is_code or not (piece.bound or frozenset()) - used - piece.defined:
                continue
            anchor = min(anchor, min(rivals) - 1)
        added.setdefault(anchor, []).append(piece)
    return added


def _assemble(
    source: NotebookNode, slots: list[_Slot], texts: dict[int, str], added: dict[int, list[_Piece]]
) -> NotebookNode:
    notebook = copy.deepcopy(source)
    notebook.nbformat_minor = max(5, notebook.nbformat_minor)  # cells have ids from 4.5 on
    ids: set[str] = set()
    for slot, cell in zip(slots, notebook.cells):
        cell.id = _unused(slot.cell_id or slot.name, ids)
        cell.source = texts.get(slot.index, cell.source)
        if slot.is_code:
            cell.outputs, cell.execution_count = [], None
    fresh = (cell_id for number in count(1) if (cell_id := f"added-{number}") not in ids)
    cells = [_own_cell(piece, next(fresh)) for piece in added.get(-1, [])]
    for index, cell in enumerate(notebook.cells):
        cells += [cell, *(_own_cell(piece, next(fresh)) for piece in added.get(index, []))]
    notebook.cells = cells
    return notebook


def _own_cell(piece: _Piece, cell_id: str) -> NotebookNode:
    code = {"cell_type": "code", "outputs": [], "execution_count": None} if piece.is_code else {"cell_type": "markdown"}
    return nbformat.from_dict({"id": cell_id, "metadata": {}, "source": piece.source, **code})


def _unused(cell_id: str, ids: set[str]) -> str:
    while cell_id in ids:
        cell_id += "x"
    ids.add(cell_id)
    return cell_id


# --- Saying what was repaired -----------------------------------------------------------------------------------


def _repairs(
    slots: list[_Slot], pieces: list[_Piece], homes: _Homes, chosen: _Chosen, submitted: NotebookNode
) -> tuple[list[str], list[str]]:
    """Sentences: on answers, essays and tests that were recovered; on everything else."""
    claimants = _claimants(slots, pieces, homes)
    moved = _positions(slots, homes, chosen).items() - set(_in_order(_positions(slots, homes, chosen)))
    found = [*_reading_repairs(submitted)]
    renamed = []
    for slot in slots:
        if slot.is_students:
            found += _answer_repairs(slot, slots, pieces, claimants[slot.index], chosen, moved)
            piece = pieces[chosen[slot.index]] if slot.index in chosen else None
            if piece and piece.grade_id != slot.grade_id and piece.cell_id != slot.cell_id:
                renamed.append(slot.name)
    if renamed:
        found.append(f"Cells without their grade id were recognised by what they contain: {_named(renamed)}.")
    tests = [slot for slot in slots if slot.role == "test"]
    missing = [slot.name for slot in tests if not claimants[slot.index]]
    if missing:
        found.append(f"Tests were missing and have been put back: {_named(missing)}.")
    edited = [slot.name for slot in tests if _is_edited(slot, claimants[slot.index])]
    minor = [f"The tests {_quoted(name)} had been changed; the teacher's were run." for name in edited]
    return found, [*minor, *_given_repairs(slots, claimants, moved)]


def _reading_repairs(submitted: NotebookNode) -> Iterator[str]:
    sentences = {
        "not_text": "Some cells held no text and were left out.",
        "cleaned": "Characters that no notebook may hold were taken out.",
        "encoding": "The file was not in UTF-8; some letters could not be read.",
    }
    counts = submitted.metadata.get("repairs", {})
    return (sentence for name, sentence in sentences.items() if isinstance(counts, dict) and counts.get(name))


def _answer_repairs(
    slot: _Slot,
    slots: list[_Slot],
    pieces: list[_Piece],
    claimants: list[_Piece],
    chosen: _Chosen,
    moved: Iterable[tuple[int, int]],
) -> Iterator[str]:
    name = f"The {slot.role} {_quoted(slot.name)}"
    if slot.index not in chosen:
        # Stubs that several answers share, without ids: nothing is missing.
        if not claimants and not any(_key(piece.source) == _key(slot.released) for piece in pieces):
            yield f"{name} is missing; the released cell stands in its place."
        return
    piece = pieces[chosen[slot.index]]
    first = min(index for index, chosen_piece in chosen.items() if chosen_piece == piece.index)
    if first != slot.index:
        yield f"{name} stood in one cell with {_quoted(slots[first].name)}; its own cell is empty."
        return
    written = {other.index for other in claimants if not other.blank} - (set(chosen.values()) - {piece.index})
    written |= {other.index for other in pieces if other.defined & slot.functions}
    if max(len(written), len(claimants)) > 1:
        times = max(len(written | {piece.index}), len(claimants))
        yield f"{name} was there {times} times; the last one that was written counts."
    elif claimants and piece not in claimants:
        yield f"{name} was found in another cell."
    elif (piece.index, slot.index) in moved:
        yield f"{name} stood in another place and was moved back."
    if piece.is_code != slot.is_code:
        yield f"{name} had become a {'code' if piece.is_code else 'text'} cell and was turned back."


def _is_edited(slot: _Slot, versions: list[_Piece]) -> bool:
    """Whether a student's version of a teacher's cell says something else; the first five versions are looked at."""
    keys = {_key(slot.released), _key(slot.source)}
    changed = [piece for piece in versions[:5] if _key(piece.source) not in keys]
    if not changed or not slot.is_code:
        return bool(changed)
    meanings = {_meaning(parse(slot.released)), _meaning(parse(slot.source))} - {""}
    limit = 4 * len(slot.source) + 400
    return any(len(piece.source) > limit or _meaning(parse(piece.source)) not in meanings for piece in changed)


def _given_repairs(
    slots: list[_Slot], claimants: dict[int, list[_Piece]], moved: Iterable[tuple[int, int]]
) -> Iterator[str]:
    given = [slot for slot in slots if slot.role == "given"]
    teachers = {slot.index for slot in slots if not slot.is_students}
    counts = {
        "had been changed; the teacher's version stands.": sum(_is_edited(s, claimants[s.index]) for s in given),
        "were missing and have been put back.": sum(not claimants[slot.index] for slot in given),
        "stood in another place and were moved back.": len(
            {slot for _, slot in moved if slot in teachers and len(claimants[slot]) == 1}
        ),
        "were there several times; the copies were left out.": sum(len(claimants[slot]) > 1 for slot in teachers),
    }
    return (f"Cells of the teacher's that {what[:-1]}: {count}." for what, count in counts.items() if count)


def _quoted(name: str) -> str:
    return f"`{name}`"


def _named(names: list[str]) -> str:
    shown = ", ".join(map(_quoted, names[:MAX_NAMED]))
    return f"{shown} and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else shown


def _limited(sentences: list[str]) -> tuple[str, ...]:
    shown = sentences[:MAX_REPAIRS]
    if len(sentences) > MAX_REPAIRS:
        shown = [*sentences[: MAX_REPAIRS - 1], f"There were {len(sentences) - MAX_REPAIRS + 1} more repairs."]
    return tuple(map(bounded, shown))
