"""What the teacher's cells are for, as nbgrader's metadata say it.

In: a cell of the teacher's notebook, or of the notebook that is run: its metadata are the teacher's as well. Out: yes
or no.
"""

from nbformat import NotebookNode

from course.grade.submission.code import key
from course.verdict import Judged


def settings_of(cell: NotebookNode) -> dict:
    """nbgrader's metadata of a cell."""
    return cell.metadata.get("nbgrader", {})


def is_graded(cell: NotebookNode) -> bool:
    """Whether a cell has points: a test, a written answer, or a task (which has no place for an answer of its own)."""
    settings = settings_of(cell)
    return bool(settings.get("grade") or settings.get("task"))


def is_test(cell: NotebookNode) -> bool:
    """Whether a cell is graded by running it."""
    settings = settings_of(cell)
    return cell.cell_type == "code" and bool(settings.get("grade")) and not settings.get("solution")


def is_excursus(cell: NotebookNode) -> bool:
    """Whether a cell is a picture or an excursus of the teacher's, on which no mark depends."""
    return cell.cell_type == "code" and "lesson" in cell.metadata.get("tags", []) and not is_graded(cell)


def points_of(cell: NotebookNode) -> float:
    """What a graded cell is worth."""
    return float(settings_of(cell).get("points") or 0)


def way_of(notebook: NotebookNode) -> Judged:
    """How the tests of a notebook are judged: outside where its metadata say so, else inside."""
    return "outside" if notebook.metadata.get("course", {}).get("tests") == "outside" else "inside"


def is_solved(source: NotebookNode, release: NotebookNode) -> bool:
    """Whether the teacher's notebook holds solutions that the students' does not."""
    released = {settings_of(cell).get("grade_id"): key(cell.source) for cell in release.cells if settings_of(cell)}
    answers = [cell for cell in source.cells if settings_of(cell).get("solution") and cell.cell_type == "code"]
    return any(released.get(settings_of(cell).get("grade_id")) != key(cell.source) for cell in answers)


def set_parameters(notebook: NotebookNode) -> None:
    """Give the cell with the tag `parameters` the values that the course wants for grading: a short training, say."""
    values = notebook.metadata.get("course", {}).get("grading", {})
    for cell in notebook.cells:
        if values and "parameters" in cell.metadata.get("tags", []):
            cell.source = "\n".join([cell.source, *(f"{name} = {value!r}" for name, value in values.items())])
