"""What students wrote, for comparing them with each other.

In: the graded notebooks of a unit. Out: student → item → answer: the answers and written answers by grade id, and all
code that a student added, as one item.
"""

import json

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
            cells = [cell for path in sorted(home.glob("*.ipynb")) for cell in _cells(path.read_bytes())]
            found[row.student] = dict(_answers(cells, given))
    return found


def _cells(data: bytes) -> list[dict]:
    """The cells of a notebook that grading has written: it is not validated once more, which takes longest."""
    return [
        cell | {"source": "".join(cell["source"])}
        for cell in json.loads(data)["cells"]
        if cell["cell_type"] in ("code", "markdown")
    ]


def _answers(cells: list[dict], given: frozenset[str]):
    own = []
    for cell in cells:
        settings = cell["metadata"].get("nbgrader", {})
        is_code = cell["cell_type"] == "code"
        if settings.get("solution") and settings.get("grade_id"):
            yield settings["grade_id"], Answer(cell["source"], is_code)
        elif is_code and not settings.get("grade_id") and cell.get("id") not in given:
            own.append(cell["source"])
    if own:
        yield OWN, Answer("\n".join(own)[:OWN_LIMIT], True)
