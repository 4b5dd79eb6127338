"""What stands in a notebook: which answers are written, and what the grader will not take as it is.

In: a `Notebook`. Out: an `Answer` for each exercise and each written question, and `Remark`s. Nothing is run.
"""

import ast
import dataclasses
import re
import symtable
from typing import Literal

from helpers.check.reading import Cell, Notebook, fingerprint

RUNNING_NUMBER = re.compile(r".*-\d+", re.S)  # the name of a cell that is no exercise
State = Literal["written", "empty", "missing", "doubled", "broken"]


@dataclasses.dataclass(frozen=True)
class Answer:
    """An exercise or a written question; `section` is the heading that it stands under.

    `state` is "broken" where it is no Python: `line` and `error` say where. `count`: how many versions there are.
    """

    grade_id: str
    section: str
    is_essay: bool
    state: State
    line: int = 0
    error: str = ""
    count: int = 1


@dataclasses.dataclass(frozen=True)
class Remark:
    """What the grader does with something: `kind` says what, `subject` to which cell or name."""

    kind: Literal["changed", "changed_test", "put_back", "excursus_name"]
    subject: str
    section: str = ""


def answers(notebook: Notebook) -> list[Answer]:
    """Exercises and written questions in the order of the notebook, those that are missing at the end."""
    graded = [cell.grade_id for cell in notebook.cells if cell.is_answer]
    released = [name for name in notebook.released if not RUNNING_NUMBER.fullmatch(name) and name[:5] != "test_"]
    return [_answer(notebook, grade_id) for grade_id in dict.fromkeys([*graded, *released])]


def _answer(notebook: Notebook, grade_id: str) -> Answer:
    own = [cell for cell in notebook.cells if cell.is_answer and cell.grade_id == grade_id]
    defining = [cell for cell in _above_test(notebook, grade_id) if grade_id in defined_by(cell)]
    versions = {cell.index: cell for cell in [*own, *defining]}
    written = [cell for _, cell in sorted(versions.items()) if not is_empty(notebook, cell)]
    known = (own or defining or [None])[0]
    about = {
        "grade_id": grade_id,
        "section": known.section if known else _section_of(notebook, grade_id),
        "is_essay": bool(known.graded.get("grade")) if known else grade_id.startswith("essay_"),
    }
    if not versions:
        return Answer(**about, state="missing")
    if not written:
        return Answer(**about, state="empty")
    if len(written) > 1:
        return Answer(**about, state="doubled", count=len(written))
    problem = syntax_error(written[0]) if written[0].is_code else None
    if problem:
        return Answer(**about, state="broken", line=problem.lineno or 1, error=problem.msg)
    return Answer(**about, state="written")


def _section_of(notebook: Notebook, grade_id: str) -> str:
    """The heading that names an exercise whose cell is missing."""
    return next((cell.section for cell in notebook.cells if f"`{grade_id}`" in cell.section), "")


def _above_test(notebook: Notebook, grade_id: str) -> list[Cell]:
    """The cells that may hold an answer: below its tests, the same function is an experiment."""
    test = next((cell.index for cell in notebook.cells if cell.grade_id == f"test_{grade_id}"), len(notebook.cells))
    return [cell for cell in notebook.cells[:test] if cell.is_code and not cell.is_given and not cell.is_test]


def is_empty(notebook: Notebook, cell: Cell) -> bool:
    """Whether nothing was written: what was released stands there, or nothing but comments, or only the stub."""
    if not cell.source.strip() or notebook.released.get(cell.name) == fingerprint(cell.source):
        return True
    tree = _tree(cell) if cell.is_code else None
    body = tree.body if tree else []
    if len(body) == 1 and isinstance(body[0], ast.FunctionDef):
        body = body[0].body
    stub = "raiseNotImplementedError()"
    return tree is not None and "".join("".join(map(ast.unparse, body)).split()) in ("", stub)


def remarks(notebook: Notebook) -> list[Remark]:
    """What the grader will not take as it is, or puts right by itself."""
    found, released, there = [], notebook.released, {cell.name for cell in notebook.cells}
    for cell in notebook.cells:
        is_changed = cell.name in released and released[cell.name] != fingerprint(cell.source)
        if is_changed and cell.is_test:
            found.append(Remark("changed_test", cell.name.removeprefix("test_")))
        elif is_changed and cell.is_given and "parameters" not in cell.tags:
            found.append(Remark("changed", cell.first_line, cell.section))
    lost = [name for name in released if name not in there]
    lost = [name for name in lost if RUNNING_NUMBER.fullmatch(name) or name.startswith("test_")]
    if lost:
        found.append(Remark("put_back", str(len(lost))))
    return found + [Remark("excursus_name", name) for name in excursus_names(notebook)]


def excursus_names(notebook: Notebook) -> list[str]:
    """The names that answers read and that only cells make on which no mark depends."""
    code = [cell for cell in notebook.cells if cell.is_code]
    made = {excursus: set() for excursus in (True, False)}
    for cell in code:
        made[cell.is_excursus] |= bound_by(cell)
    read = set().union(*(read_by(cell) for cell in code if cell.is_answer))
    return sorted(read & made[True] - made[False])


# ---- Python, read without running it


def plain(cell: Cell) -> str:
    """The cell's source with magics turned into Python, as IPython runs it."""
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return TransformerManager().transform_cell(cell.source)
    except SyntaxError:
        return cell.source


def syntax_error(cell: Cell) -> SyntaxError | None:
    """Why the cell is no Python, None if it is."""
    try:
        compile(plain(cell), "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError) as error:
        return SyntaxError(str(error) or type(error).__name__)
    return None


def _tree(cell: Cell) -> ast.Module | None:
    return None if syntax_error(cell) else ast.parse(plain(cell))


def defined_by(cell: Cell) -> set[str]:
    """The functions and classes at the top level of a cell."""
    tree = _tree(cell)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in tree.body if isinstance(node, kinds)} if tree else set()


def bound_by(cell: Cell) -> set[str]:
    """The names that a cell leaves behind."""
    table = _symbols(cell)
    return {symbol.get_name() for symbol in table.get_symbols() if _is_bound(symbol)} if table else set()


def read_by(cell: Cell) -> set[str]:
    """The names that a cell takes from elsewhere, also those that its functions take when they are called."""
    table = _symbols(cell)
    tables, found = [table] if table else [], set()
    for inner in tables:  # grows on the way
        is_top = inner is table
        symbols = [symbol for symbol in inner.get_symbols() if symbol.is_referenced()]
        found |= {symbol.get_name() for symbol in symbols if is_top or symbol.is_global()}
        tables += inner.get_children()
    return found - bound_by(cell)


def _symbols(cell: Cell) -> symtable.SymbolTable | None:
    try:
        return None if syntax_error(cell) else symtable.symtable(plain(cell), "cell", "exec")
    except SyntaxError:  # an await at the top level
        return None


def _is_bound(symbol: symtable.Symbol) -> bool:
    return symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
