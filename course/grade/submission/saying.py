"""What was kept, put back, found elsewhere, left out: sentences for the teacher and the student.

In: slots, pieces, and what became of them. Out: English sentences, on answers, essays and tests that were recovered,
and on everything else. Only what this student lacks or changed is said: not what everybody lacks.
"""

from collections.abc import Iterable, Iterator

from nbformat import NotebookNode

from course.grade.submission.cells import Chosen, Homes, Piece, Slot
from course.grade.submission.choosing import claimants_of, positions_of, reached_at
from course.grade.submission.code import key, meaning, parse
from course.grade.submission.keeping import MAX_VERSIONS, Kept
from course.grade.submission.recognising import in_order
from course.verdict import bounded

MAX_REPAIRS = 40  # sentences
MAX_NAMED = 8  # names in one sentence


def repairs(
    slots: list[Slot],
    pieces: list[Piece],
    homes: Homes,
    chosen: Chosen,
    submitted: NotebookNode,
    kept: dict[int, Kept],
    theirs: frozenset[int],
) -> tuple[list[str], list[str]]:
    """Sentences: on answers, essays and tests that were recovered; on everything else.

    `theirs` are the teacher's cells that are the student's to change.
    """
    claimants = claimants_of(slots, pieces, homes)
    moved = positions_of(slots, homes, chosen).items() - set(in_order(positions_of(slots, homes, chosen)))
    found = [*_reading(submitted)]
    reached = reached_at(slots, pieces, homes)
    renamed = []
    for slot in slots:
        if slot.is_students:
            above = pieces[: reached.get(slot.index, len(pieces))]
            found += _answer(slot, slots, pieces, claimants[slot.index], chosen, moved, above)
            piece = pieces[chosen[slot.index]] if slot.index in chosen else None
            if piece and piece.grade_id != slot.grade_id and piece.cell_id != slot.cell_id:
                renamed.append(slot.name)
    if renamed:
        found.append(f"Cells without their grade id were recognised by what they contain: {_named(renamed)}.")
    tests = [slot for slot in slots if slot.role == "test"]
    missing = [slot.name for slot in tests if not claimants[slot.index] and key(slot.released)]
    if missing:
        found.append(f"Tests were missing and have been put back: {_named(missing)}.")
    edited = [slot.name for slot in tests if _is_edited(slot, claimants[slot.index])]
    minor = [f"The tests {_quoted(name)} had been changed; the teacher's were run." for name in edited]
    given = [slot for slot in slots if slot.role == "given" and slot.index not in theirs]
    added_to = {index for index, one in kept.items() if one.statements and not one.put_back}
    edited_cells = [slot for slot in given if slot.index not in added_to and _is_edited(slot, claimants[slot.index])]
    return found, [*minor, *_kept(kept), *_given(slots, len(edited_cells), claimants, moved)]


def _reading(submitted: NotebookNode) -> Iterator[str]:
    sentences = {
        "not_text": "Some cells held no text and were left out.",
        "too_long": "Some cells were too long and were left out.",
        "cleaned": "Characters that no notebook may hold were taken out.",
        "encoding": "The file was not in UTF-8; some letters could not be read.",
    }
    counts = submitted.metadata.get("repairs", {})
    return (sentence for name, sentence in sentences.items() if isinstance(counts, dict) and counts.get(name))


def _answer(
    slot: Slot,
    slots: list[Slot],
    pieces: list[Piece],
    claimants: list[Piece],
    chosen: Chosen,
    moved: Iterable[tuple[int, int]],
    above: list[Piece],
) -> Iterator[str]:
    """`above` are the pieces above the tests of an answer: below them, an experiment is no second answer."""
    name = f"The {slot.role} {_quoted(slot.name)}"
    if slot.index not in chosen:
        # Stubs that several answers share, without ids: nothing is missing.
        if not claimants and not any(key(piece.source) == key(slot.released) for piece in pieces):
            yield f"{name} is missing; the released cell stands in its place."
        return
    piece = pieces[chosen[slot.index]]
    first = min(index for index, chosen_piece in chosen.items() if chosen_piece == piece.index)
    if first != slot.index:
        yield f"{name} stood in one cell with {_quoted(slots[first].name)}; its own cell is empty."
        return
    written = {other.index for other in claimants if not other.blank} - (set(chosen.values()) - {piece.index})
    written |= {other.index for other in above if other.defined & slot.functions}
    if max(len(written), len(claimants)) > 1:
        times = max(len(written | {piece.index}), len(claimants))
        yield f"{name} was there {times} times; the last one before its tests counts."
    elif claimants and piece not in claimants:
        yield f"{name} was found in another cell."
    elif (piece.index, slot.index) in moved:
        yield f"{name} stood in another place and was moved back."
    if piece.is_code != slot.is_code:
        yield f"{name} had become a {'code' if piece.is_code else 'text'} cell and was turned back."


def _is_edited(slot: Slot, versions: list[Piece]) -> bool:
    """Whether a student's version of a teacher's cell says something else."""
    keys = {key(slot.released), key(slot.source)}
    changed = [piece for piece in versions[:MAX_VERSIONS] if key(piece.source) not in keys]
    if not changed or not slot.is_code:
        return bool(changed)
    meanings = {meaning(parse(slot.released)), meaning(parse(slot.source))} - {""}
    limit = 4 * len(slot.source) + 400
    return any(len(piece.source) > limit or meaning(parse(piece.source)) not in meanings for piece in changed)


def _kept(kept: dict[int, Kept]) -> Iterator[str]:
    names = list(dict.fromkeys(name for one in kept.values() for name in one.names))
    calls = any(one.statements for one in kept.values()) and not names
    put_back = list(dict.fromkeys(name for one in kept.values() for name in one.put_back))
    if names or calls:
        yield f"Added to cells of the teacher's and kept: {_named(names) if names else 'code without names'}."
    if put_back:
        yield f"Changed in cells of the teacher's and put back: {_named(put_back)}."


def _given(
    slots: list[Slot], edited: int, claimants: dict[int, list[Piece]], moved: Iterable[tuple[int, int]]
) -> Iterator[str]:
    teachers = {slot.index for slot in slots if not slot.is_students}
    counts = {
        "had been changed; the teacher's version stands.": edited,
        "were missing and have been put back.": sum(
            not claimants[slot.index] and bool(key(slot.released)) for slot in slots if slot.role == "given"
        ),
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


def limited(sentences: list[str]) -> tuple[str, ...]:
    """As many sentences as anybody reads, each on one line."""
    shown = sentences[:MAX_REPAIRS]
    if len(sentences) > MAX_REPAIRS:
        shown = [*sentences[: MAX_REPAIRS - 1], f"There were {len(sentences) - MAX_REPAIRS + 1} more repairs."]
    return tuple(map(bounded, shown))
