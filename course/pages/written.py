"""What students wrote, for comparing them with each other.

In: the graded notebooks of a unit. Out: student → item → answer: the answers and written answers by grade id, and all
code that a student added, as one item.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from course.folder import Folder, name_problem
from course.pages.similarity import Answer
from course.pages.standing import Unit

OWN = ""  # the item of the code that a student added
OWN_LIMIT = 20_000  # characters of it


def answers(folder: Folder, unit: Unit, given: frozenset[str]) -> dict[str, dict[str, Answer]]:
    """What those wrote whose notebooks were graded. `given`: the ids of the cells that everybody has."""
    found = {}
    for row in unit.counted:
        if not name_problem(row.student):
            home = folder.path("autograded", row.assignment, row.student)
            paths = sorted(home.glob("*.ipynb"))
            found[row.student] = {
                item: answer
                for path in paths
                for item, answer in _answers(_cells(path), given, f"{path.stem}/" if len(paths) > 1 else "")
            }
    return found


def _cells(path: Path) -> list[dict]:
    """The cells of a notebook that grading has written; none of one that somebody has broken since.

    It is not validated once more, which takes longest.
    """
    try:
        cells = json.loads(path.read_bytes())["cells"]
        return [cell | {"source": "".join(cell["source"]), "metadata": dict(cell["metadata"])} for cell in cells]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _answers(cells: list[dict], given: frozenset[str], prefix: str) -> Iterator[tuple[str, Answer]]:
    own = []
    for cell in cells:
        settings = cell["metadata"].get("nbgrader", {})
        is_code = cell.get("cell_type") == "code"
        if settings.get("solution") and settings.get("grade_id"):
            yield prefix + settings["grade_id"], Answer(cell["source"], is_code)
        elif is_code and not settings.get("grade_id") and cell.get("id") not in given:
            own.append(cell["source"])
    if own:
        yield prefix + OWN, Answer("\n".join(own)[:OWN_LIMIT], True)
