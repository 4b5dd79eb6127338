"""Does a person have to look again at what they have marked?

In: the graded notebook that was there, and the one that takes its place. Out: the graded cells of which a person would
see the same in both. A written answer is its own text; a test is the same if its code and all code of the student's and
the teacher's that is no other test are.
"""

import json


def unchanged(before: bytes | None, after: bytes | None) -> frozenset[str]:
    """Grade ids of the cells that a person need not look at again.

    >>> unchanged(None, b"{}")
    frozenset()
    """
    old, new = _seen(before), _seen(after)
    return frozenset(grade_id for grade_id, seen in new.items() if old.get(grade_id) == seen)


def _seen(notebook: bytes | None) -> dict[str, tuple]:
    """Grade id → what a person looks at who marks that cell."""
    try:
        cells = [_Cell(fields) for fields in json.loads(notebook or b"{}").get("cells", ())]
    except (ValueError, AttributeError, TypeError):  # something else lies in its place
        return {}
    code = tuple(cell.source for cell in cells if cell.is_code and not cell.is_test)
    everything = tuple(cell.source for cell in cells if not cell.is_test)
    return {cell.grade_id: cell.seen(code, everything) for cell in cells if cell.is_graded}


class _Cell:
    def __init__(self, fields: dict):
        settings = fields.get("metadata", {}).get("nbgrader", {})
        source = fields.get("source", "")
        self.source = source if isinstance(source, str) else "".join(source)
        self.is_code = fields.get("cell_type") == "code"
        self.grade_id = str(settings.get("grade_id"))
        self.is_task = bool(settings.get("task"))
        self.is_graded = bool(settings.get("grade")) or self.is_task
        self.is_test = self.is_code and bool(settings.get("grade")) and not settings.get("solution")

    def seen(self, code: tuple[str, ...], everything: tuple[str, ...]) -> tuple:
        if self.is_task:
            return everything
        return (self.source, code) if self.is_code else (self.source,)
