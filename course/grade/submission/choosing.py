"""Which of the student's cells holds each answer and each essay, and where the others stand.

In: slots, pieces, homes. Out: the chosen piece of each answer, and the student's own cells by place. What counts is
what a run of the student's notebook from top to bottom would have when it reaches the tests of the answer: an
experiment below them that defines the same function anew is an experiment. Only what stands nowhere above the tests is
looked for below them.
"""

from rapidfuzz.distance import Indel

from course.grade.submission.cells import Chosen, Homes, Piece, Slot
from course.grade.submission.code import DEFINITION, is_remark, key
from course.grade.submission.recognising import MAX_COMPARED_CELLS, between, in_order, words


def choose(slots: list[Slot], pieces: list[Piece], homes: Homes) -> Chosen:
    """Say which piece holds each answer and essay."""
    claimants = claimants_of(slots, pieces, homes)
    reached = reached_at(slots, pieces, homes)
    chosen: Chosen = {}
    for slot in slots:
        if slot.role == "answer":
            piece = _answer(slot, slots, pieces, homes, claimants[slot.index], reached[slot.index])
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


def claimants_of(slots: list[Slot], pieces: list[Piece], homes: Homes) -> dict[int, list[Piece]]:
    """The pieces whose home a cell of the teacher's is."""
    claimants: dict[int, list[Piece]] = {slot.index: [] for slot in slots}
    for piece in pieces:
        if piece.index in homes:
            claimants[homes[piece.index]].append(piece)
    return claimants


def reached_at(slots: list[Slot], pieces: list[Piece], homes: Homes) -> dict[int, int]:
    """Answer → the piece at which a run of the student's notebook reaches its tests.

    That is the first cell from the tests on that stands where the teacher had it: tests may have been deleted.
    """
    order = in_order({piece: home for piece, home in homes.items() if not slots[home].is_students})
    reached = {}
    for slot in slots:
        if slot.role == "answer":
            test = next((other.index for other in slots if _tests(other, slot)), len(slots))
            reached[slot.index] = next((piece for piece, home in order if home >= test), len(pieces))
    return reached


def _tests(test: Slot, answer: Slot) -> bool:
    """Whether a test below an answer asks for it; where no function says so, the next one does."""
    is_below = test.role == "test" and test.index > answer.index
    return is_below and (not answer.functions or not test.reads or bool(test.reads & answer.functions))


def _answer(
    slot: Slot, slots: list[Slot], pieces: list[Piece], homes: Homes, claimants: list[Piece], reached: int
) -> Piece | None:
    definers = [piece for piece in pieces if piece.defined & slot.functions]
    own = [piece for piece in definers if piece.index not in homes or slots[homes[piece.index]].is_students]
    written = [piece for piece in claimants if not piece.blank]
    assigned = [piece for piece in written if piece.is_code and piece.bound and piece.bound & slot.functions]
    strays = [piece for piece in pieces if piece.index not in homes and piece.bound and piece.bound & slot.functions]
    # In this order: `def`; `double = …` in its own cell; `def` in the cell of a test; anything in its own cell;
    # `double = …` in a cell that the student added.
    for candidates in (own, assigned, definers, written, strays):
        if candidates:
            in_time = [piece for piece in candidates if piece.index < reached]
            return max(in_time or candidates, key=lambda piece: _rank(piece, slot))
    return None


def _rank(piece: Piece, slot: Slot) -> tuple[int, bool, bool, int]:
    """The last one counts; before that, what a kernel would have accepted."""
    return len(piece.defined & slot.functions), piece.is_code, piece.bound is not None, piece.index


def _essay(slot: Slot, claimants: list[Piece]) -> Piece | None:
    written = [piece for piece in claimants if not piece.blank]
    return max(written, key=lambda piece: (piece.is_code == slot.is_code, piece.index), default=None)


def _in_place(slot: Slot, slots: list[Slot], pieces: list[Piece], homes: Homes, chosen: Chosen) -> Piece | None:
    """The unrecognised cell that stands where the answer should: the most like the solution, or the longest text."""
    used = homes.keys() | chosen.values()
    span = between(slot.index, in_order(positions_of(slots, homes, chosen)), len(pieces))
    stubs = [index for index in span if key(pieces[index].source) == key(slot.released)]
    below = range(max(stubs, default=span.start), span.stop)
    strangers = [pieces[index] for index in below if index not in used and not pieces[index].blank]
    if slot.is_code:
        strangers = [piece for piece in strangers if piece.is_code and not piece.defined][:MAX_COMPARED_CELLS]
        if slot.functions:  # a function under another name
            strangers = [piece for piece in strangers if DEFINITION.search(piece.source)]
        solution = words(slot.source)
        return max(
            strangers,
            key=lambda piece: (Indel.normalized_similarity(words(piece.source), solution), piece.index),
            default=None,
        )
    texts = [piece for piece in strangers if not piece.is_code]
    prose = [piece for piece in strangers if piece.bound is None]  # an essay in a code cell is no Python
    return max(texts or prose, key=lambda piece: (len(piece.source), piece.index), default=None)


def positions_of(slots: list[Slot], homes: Homes, chosen: Chosen) -> dict[int, int]:
    """Where the teacher's cells stand in the submission: piece → cell; of several candidates the chosen one."""
    positions = {piece: home for piece, home in homes.items() if not slots[home].is_students or home not in chosen}
    for slot, piece in sorted(chosen.items(), reverse=True):
        positions[piece] = slot
    return positions


def added(slots: list[Slot], pieces: list[Piece], homes: Homes, chosen: Chosen) -> dict[int, list[Piece]]:
    """The student's own cells, by the teacher's cell that they come after (−1: before the first)."""
    positions = positions_of(slots, homes, chosen)
    order = dict(in_order(positions))
    reached = reached_at(slots, pieces, homes)
    keys = {key(slot.released) for slot in slots} | {key(slot.source) for slot in slots if not slot.is_students}
    keys |= {key(pieces[piece].source) for piece in chosen.values()}
    owners = {name: slot.index for slot in slots for name in slot.functions}
    found: dict[int, list[Piece]] = {}
    placed, nearest = -1, -1
    for piece in pieces:
        if piece.index in positions:
            nearest = positions[piece.index]
            placed = order.get(piece.index, placed)
        if piece.index in positions or key(piece.source) in keys or (piece.blank and not is_remark(piece.source)):
            continue
        if piece.index in homes and not slots[homes[piece.index]].is_students:
            continue
        # After an answer that goes back to an earlier place, a cell stays where it is.
        anchor = max(placed, nearest)
        rivals = [owners[name] for name in piece.defined if owners[name] in chosen]
        rivals = [slot for slot in rivals if piece.index < max(reached[slot], chosen[slot])]
        if rivals:
            # An earlier version of an answer is dropped, unless others may need what else it defines.
            used = frozenset().union(*(pieces[chosen[slot]].bound or () for slot in rivals))
            if not piece.is_code or not (piece.bound or frozenset()) - used - piece.defined:
                continue
            anchor = min(anchor, min(rivals) - 1)
        found.setdefault(anchor, []).append(piece)
    return found
