"""Which of the teacher's cells is which of the student's.

In: slots and pieces. Out: the home of each piece, where it has one: by grade id, cell id, the same text, the functions
that it defines, likeness, place. Raises `WrongNotebook` for a notebook of something else.
"""

import bisect
import re
from collections.abc import Callable
from itertools import islice

from rapidfuzz import process
from rapidfuzz.distance import Indel

from course.grade.submission.cells import Homes, Piece, Slot
from course.grade.submission.code import key
from course.notebooks.reading import WrongNotebook

MAX_COMPARED_CELLS = 2_000  # unrecognised cells that are compared with the teacher's; the rest stay the student's
MAX_COMPARED_WORDS = 300  # of each cell

# Likeness is the share of words that two cells have in common, in order. Measured on `ner` in three languages:
# different cells stay under 0.28 (text) and 0.52 (code).
LIKE = 0.6  # from here on a cell counts as the teacher's, wherever it stands
LIKE_IN_PLACE = 0.4  # the same for a cell between the teacher's cells that are its neighbours
MIN_WORDS = 3  # shorter cells are recognised by equality only
LITTLE = 0.2  # a notebook with less of the teacher's cells may be another one
MUCH = 0.5  # one with more of them is not, though most of its grade ids are unknown
WORD = re.compile(r"\w+")


def recognise(slots: list[Slot], pieces: list[Piece]) -> Homes:
    """Say of each piece which cell of the teacher's it is, where that can be said. Raises `WrongNotebook`."""
    homes = _by_ids(slots, pieces)
    claimed = set(homes)
    homes |= _by_equality(slots, pieces, homes)
    homes |= _by_likeness(slots, pieces, homes, LIKE, lambda slot: range(len(pieces)))
    alike = {homes[piece] for piece in homes.keys() - claimed}
    _check_assignment(slots, pieces, {homes[piece] for piece in claimed}, alike)
    order = in_order(homes)
    homes |= _by_likeness(slots, pieces, homes, LIKE_IN_PLACE, lambda slot: between(slot, order, len(pieces)))
    return homes | _by_weak_ids(slots, pieces, homes)


def _by_ids(slots: list[Slot], pieces: list[Piece]) -> Homes:
    by_grade_id = {slot.grade_id: slot for slot in slots if slot.grade_id}
    by_cell_id = {slot.cell_id: slot for slot in slots if slot.has_strong_id}
    homes = {}
    for piece in pieces:
        for slot in (by_grade_id.get(piece.grade_id), by_cell_id.get(piece.cell_id)):
            if slot and not _contradicts(piece, slot):
                homes[piece.index] = slot.index
                break
    return homes


def _contradicts(piece: Piece, slot: Slot) -> bool:
    """Whether the piece is another answer than the one that its ids name."""
    named = slot.role == "essay" or (slot.role == "answer" and bool(slot.functions))
    return named and bool(piece.defined) and not piece.defined & slot.functions


def _by_equality(slots: list[Slot], pieces: list[Piece], homes: Homes) -> Homes:
    """Cells with the same text, in the order of the notebook; whitespace makes no difference."""
    by_key: dict[str, list[int]] = {}
    for slot in slots:
        for text in {key(slot.released)} if slot.is_students else {key(slot.released), key(slot.source)}:
            by_key.setdefault(text, []).append(slot.index)
    # A stub that several answers have says nothing about which one it is.
    by_key = {
        text: indices
        for text, indices in by_key.items()
        if text and (len(indices) == 1 or not any(slots[index].is_students for index in indices))
    }
    taken, last, found = set(homes.values()), -1, {}
    for piece in pieces:
        indices = by_key.get(key(piece.source)) if piece.index not in homes else None
        if indices:
            free = [index for index in indices if index not in taken]
            home = next((index for index in free if index > last), (free or indices)[0])
            taken.add(home)
            last = home if free else last
            found[piece.index] = home
    return found


def _by_likeness(
    slots: list[Slot], pieces: list[Piece], homes: Homes, cutoff: float, where: Callable[[int], range]
) -> Homes:
    """The most alike pairs of a piece without a home and a cell that nobody is yet, the best pair first.

    A cell that trains a model, say, has no function to be known by: it is compared with the teacher's solution.
    """
    taken = set(homes.values())
    targets = {}
    for slot in slots:
        comparable = not slot.is_students or (slot.role == "answer" and not slot.functions)
        found_words = words(slot.source if slot.is_students else slot.released) if comparable else []
        if slot.index not in taken and len(found_words) >= MIN_WORDS:
            targets[slot.index] = found_words
    strangers = {}
    for piece in pieces:
        if piece.index not in homes and not piece.defined and not piece.blank and len(strangers) < MAX_COMPARED_CELLS:
            strangers[piece.index] = words(piece.source)
    spans = {home: where(home) for home in targets}
    found: Homes = {}
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


def _by_weak_ids(slots: list[Slot], pieces: list[Piece], homes: Homes) -> Homes:
    """What is left: a cell with the running number of a cell that nobody is; a student's own cell has no such id."""
    taken, found = set(homes.values()), {}
    free = {slot.cell_id: slot for slot in slots if not slot.is_students and slot.index not in taken}
    for piece in pieces:
        slot = free.get(piece.cell_id) if piece.cell_id and piece.index not in homes and not piece.defined else None
        if slot and slot.index not in found.values():
            found[piece.index] = slot.index
    return found


def _check_assignment(slots: list[Slot], pieces: list[Piece], claimed: set[int], alike: set[int]) -> None:
    """Raise `WrongNotebook` for a notebook without a sign of this assignment, or with more signs of another.

    One function of the right name is no sign: units of a course share such names, and everybody writes a `train`.
    """
    functions = {name for slot in slots for name in slot.functions}
    defined = {name for piece in pieces for name in piece.defined}
    comparable = [slot for slot in slots if not slot.is_students and len(words(slot.released)) >= MIN_WORDS]
    share = sum(slot.index in alike | claimed for slot in comparable) / max(len(comparable), 1)
    several = len(defined) > 1 and len(defined) >= len(functions) / 2
    if not claimed and not several and share < LITTLE:
        raise WrongNotebook("Nothing in this notebook belongs to the assignment: it is another notebook.")
    own = {slot.grade_id for slot in slots}
    theirs = {piece.grade_id for piece in pieces if piece.grade_id}
    foreign = len(theirs - own) > len(theirs & own)
    if foreign and share < MUCH and len(defined) <= len(functions) / 2:
        raise WrongNotebook("Most answers in this notebook belong to another assignment.")


def in_order(positions: dict[int, int]) -> list[tuple[int, int]]:
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


def between(slot: int, order: list[tuple[int, int]], total: int) -> range:
    """The pieces between the neighbours of a cell; empty if both of its direct neighbours are unknown."""
    lower = [(piece, home) for piece, home in order if home < slot]
    upper = [(piece, home) for piece, home in order if home > slot]
    first, before = lower[-1] if lower else (-1, -1)
    last, after = upper[0] if upper else (total, total)
    return range(first + 1, last) if before == slot - 1 or after == slot + 1 else range(0)


def words(source: str) -> list[str]:
    """The first words of a cell."""
    return [match.group() for match in islice(WORD.finditer(source), MAX_COMPARED_WORDS)]
