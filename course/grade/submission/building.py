"""The notebook to run: the teacher's cells with the student's sources in them.

In: the teacher's notebook with and without solutions, and a submission as cells. Out: a `Submission`.
"""

import copy
import dataclasses
from itertools import count

import nbformat
from nbformat import NotebookNode

from course.grade.submission import choosing, keeping, saying
from course.grade.submission.cells import Chosen, Piece, Slot, pieces_of, slots_of
from course.grade.submission.keeping import Kept
from course.grade.submission.recognising import recognise


@dataclasses.dataclass(frozen=True)
class Submission:
    """The notebook to run, and how it came about.

    `own`: ids of the cells that the student added, and of what they added to cells of the teacher's. `repairs` are
    English sentences. `recovered`: an answer, an essay or a test was not where it belongs, or not alone there.
    `answered`: grade ids of answers and essays that are not the released stub.
    """

    notebook: NotebookNode
    own: frozenset[str]
    repairs: tuple[str, ...]
    recovered: bool
    answered: frozenset[str]


def build(
    source: NotebookNode, release: NotebookNode, submitted: NotebookNode, *, unlocked: bool = False
) -> Submission:
    """Put a submission's sources into the teacher's notebook.

    `source` has the solutions and hidden tests, `release` is what the students got, `submitted` comes from `reading`.
    With `unlocked`, a cell that is neither graded nor locked is the student's to change, as in nbgrader. Raises
    `WrongNotebook` if the submission has nothing to do with the two.
    """
    slots = slots_of(source, release)
    pieces = pieces_of(submitted, slots)
    homes = recognise(slots, pieces)
    chosen = choosing.choose(slots, pieces, homes)
    claimants = choosing.claimants_of(slots, pieces, homes)
    theirs = _their_versions(slots, claimants, chosen) if unlocked else {}
    kept = {} if unlocked else _kept(slots, claimants, chosen)
    texts = _texts(slots, pieces, claimants, chosen) | theirs
    added = choosing.added(slots, pieces, homes, chosen)
    found, minor = saying.repairs(slots, pieces, homes, chosen, submitted, kept, frozenset(theirs))
    notebook, own = _assemble(source, slots, texts, kept, added)
    return Submission(
        notebook=notebook,
        own=own,
        repairs=saying.limited([*found, *minor]),
        recovered=bool(found),
        answered=frozenset(slots[slot].name for slot in chosen),
    )


def _their_versions(slots: list[Slot], claimants: dict[int, list[Piece]], chosen: Chosen) -> dict[int, str]:
    """The student's versions of cells that nbgrader would leave to them."""
    open_cells = [slot for slot in slots if slot.role == "given" and slot.is_code and not slot.locked]
    used = set(chosen.values())
    versions = {
        slot.index: [piece for piece in claimants[slot.index] if piece.is_code and piece.index not in used]
        for slot in open_cells
    }
    return {index: pieces[-1].source for index, pieces in versions.items() if pieces}


def _kept(slots: list[Slot], claimants: dict[int, list[Piece]], chosen: Chosen) -> dict[int, Kept]:
    """What is kept of the student's versions of given cells and tests."""
    used = set(chosen.values())
    found = {}
    for slot in slots:
        if not slot.is_students:
            versions = [piece for piece in claimants[slot.index] if piece.index not in used]
            if kept := keeping.kept(slot, versions):
                found[slot.index] = kept
    return found


def _texts(slots: list[Slot], pieces: list[Piece], claimants: dict[int, list[Piece]], chosen: Chosen) -> dict[int, str]:
    """The sources of answers and essays: the student's; nothing where another cell holds them; else the stub."""
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


def _assemble(
    source: NotebookNode,
    slots: list[Slot],
    texts: dict[int, str],
    kept: dict[int, Kept],
    added: dict[int, list[Piece]],
) -> tuple[NotebookNode, frozenset[str]]:
    """The notebook, and the ids of the student's own cells in it."""
    notebook = copy.deepcopy(source)
    notebook.nbformat_minor = max(5, notebook.nbformat_minor)  # cells have ids from 4.5 on
    ids: set[str] = set()
    for slot, cell in zip(slots, notebook.cells):
        cell.id = _unused(slot.cell_id or slot.name, ids)
        cell.source = texts.get(slot.index, cell.source)
        if slot.is_code:
            cell.outputs, cell.execution_count = [], None
    fresh = (cell_id for number in count(1) if (cell_id := f"added-{number}") not in ids)
    own = frozenset()
    cells = []
    for index in range(-1, len(slots)):
        mine = [_own_cell(kept[index].source, True)] if index in kept and kept[index].statements else []
        mine += [_own_cell(piece.source, piece.is_code) for piece in added.get(index, [])]
        for cell in mine:
            cell.id = next(fresh)
        own |= {cell.id for cell in mine}
        cells += [*notebook.cells[index : index + 1], *mine] if index >= 0 else mine
    notebook.cells = cells
    return notebook, own


def _own_cell(source: str, is_code: bool) -> NotebookNode:
    code = {"cell_type": "code", "outputs": [], "execution_count": None} if is_code else {"cell_type": "markdown"}
    return nbformat.from_dict({"metadata": {}, "source": source, **code})


def _unused(cell_id: str, ids: set[str]) -> str:
    while cell_id in ids:
        cell_id += "x"
    ids.add(cell_id)
    return cell_id
