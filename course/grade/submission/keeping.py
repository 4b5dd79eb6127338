"""What a student added to cells of the teacher's: imports, definitions, assignments. In the sandbox it harms nobody.

In: a cell as the teacher gave it and as the student has it. Out: the text of what is kept as a cell of its own in that
place, and the names that were kept and put back. A student who adds `import torch` to the notebook's own import cell
has a notebook that runs; without it, most of their answers would not.
"""

import ast
import dataclasses

from course.grade.submission.cells import Piece, Slot
from course.grade.submission.code import IMPORTS, bound, key, meaning, statements

MAX_VERSIONS = 5  # of one cell of the teacher's that are looked at


@dataclasses.dataclass(frozen=True)
class Kept:
    """What of a changed cell is kept, as statements, and which names they bind.

    `put_back`: names that the teacher's cell binds, and that the student had bound otherwise.
    """

    statements: tuple[str, ...]
    names: tuple[str, ...]
    put_back: tuple[str, ...]

    @property
    def source(self) -> str:
        """The statements as a cell."""
        return "\n".join(self.statements)


def kept(slot: Slot, versions: list[Piece]) -> Kept | None:
    """What the student added to a cell of the teacher's, over all versions of it; None if that is nothing."""
    known = {key(slot.released), key(slot.source)}
    own = [piece for piece in versions[:MAX_VERSIONS] if piece.is_code and key(piece.source) not in known]
    found = [_difference(slot, piece.source) for piece in own] if slot.is_code else []
    if not any(difference.statements or difference.put_back for difference in found):
        return None
    fields = [field.name for field in dataclasses.fields(Kept)]
    return Kept(*(tuple(dict.fromkeys(item for one in found for item in getattr(one, name))) for name in fields))


def _difference(slot: Slot, source: str) -> Kept:
    teachers = [node for text in (slot.released, slot.source) for node, _ in statements(text)]
    known = {meaning(node) for node in teachers} - {""}
    students = [(node, text, meaning(node)) for node, text in statements(source)]
    there = {said for _, _, said in students}
    missing = frozenset().union(*(bound(node) for node in teachers if meaning(node) not in there))
    is_addition = slot.role == "given" and all(meaning(node) in there for node, _ in statements(slot.released))
    theirs = frozenset().union(*map(bound, teachers))
    texts, names, put_back = [], [], []
    for node, text, said in students:
        leaves = bound(node)
        if said in known:
            continue
        if isinstance(node, IMPORTS) or (leaves and not leaves & missing):
            texts.append(text)
            names += sorted(leaves - theirs or leaves)
        elif leaves and slot.role == "given":
            put_back += sorted(leaves & missing)
        elif is_addition and _does_something(node):
            texts.append(text)
    return Kept(tuple(texts), tuple(names), tuple(put_back))


def _does_something(node: ast.stmt) -> bool:
    """Whether a statement that binds no name may still matter: a call, or a change of what a name stands for."""
    matters = (ast.Call, ast.Assign, ast.AugAssign, ast.Delete)
    return not isinstance(node, ast.Pass) and any(isinstance(inner, matters) for inner in ast.walk(node))
