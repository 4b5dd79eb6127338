"""Notebooks whose cells say that they are something else: the teacher's notebook decides."""

import json

import nbformat
import pytest

ALL = {"test_add", "test_scale", "test_tally"}


def cell_of(notebook, grade_id: str):
    """The cell with this grade id."""
    return next(cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def settings(notebook, grade_id: str, **values) -> None:
    """Change nbgrader's settings of a cell."""
    cell_of(notebook, grade_id).metadata.nbgrader.update(values)


def skip_tests(notebook):
    for cell in notebook.cells:
        cell.metadata["tags"] = ["skip-execution", "raises-exception", "lesson", "remove-cell"]


def no_grade(notebook):
    for grade_id in ALL:
        settings(notebook, grade_id, grade=False)


def more_points(notebook):
    for grade_id in ALL:
        settings(notebook, grade_id, points=1000.0, max_points=1000.0)


def solutions_for_tests(notebook):
    for grade_id in ALL:
        settings(notebook, grade_id, solution=True, grade=False, task=True, locked=False, schema_version=99)


def emptied_tests(notebook):
    for grade_id in ALL:
        cell_of(notebook, grade_id).source = "10.0"


def deleted_tests(notebook):
    notebook.cells = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") not in ALL]


def markdown_tests(notebook):
    for index, cell in enumerate(notebook.cells):
        if cell.metadata.get("nbgrader", {}).get("grade_id") in ALL:
            notebook.cells[index] = nbformat.v4.new_markdown_cell(cell.source, metadata=cell.metadata)


def no_metadata(notebook):
    for cell in notebook.cells:
        cell.metadata = nbformat.NotebookNode()


def odd_metadata(notebook):
    notebook.metadata.update(
        kernelspec={"name": "../../evil", "language": "bash"}, language_info={"name": "R"}, course={"grading": {"x": 1}}
    )
    for cell in notebook.cells:
        cell.metadata.nbgrader = {"grade_id": ["x"], "points": "many", "grade": "yes", "solution": None}


def doubled_ids(notebook):
    for cell in notebook.cells:
        cell.id = "same"


def forged_outputs(notebook):
    for grade_id in ALL:
        cell_of(notebook, grade_id).outputs = [nbformat.v4.new_output("execute_result", {"text/plain": "10.0"})]


EDITS = {
    "1: tags that skip cells": skip_tests,
    "13: tests that are not graded": no_grade,
    "more points": more_points,
    "tests that are answers": solutions_for_tests,
    "tests that say 10.0": emptied_tests,
    "15: tests deleted": deleted_tests,
    "tests as text": markdown_tests,
    "15: no metadata": no_metadata,
    "metadata of other types": odd_metadata,
    "ids that are all the same": doubled_ids,
    "6: outputs that say 10.0": forged_outputs,
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_edited_metadata_win_nothing(release, grade_bytes, name):
    """An empty notebook stays empty, whatever it says of itself."""
    EDITS[name](release)
    outcome = grade_bytes(json.dumps(release).encode())
    assert outcome.earned == set()
    assert outcome.verdict.max_score == 35.0


@pytest.mark.parametrize("name", EDITS)
def test_edited_metadata_cost_nothing(filled, grade_bytes, name):
    """Colab, editors and students lose metadata all the time: right answers keep their points."""
    EDITS[name](filled)
    outcome = grade_bytes(json.dumps(filled).encode())
    assert outcome.earned == ALL
    assert outcome.verdict.verdict == "graded"


def test_12_an_essay_that_says_its_own_points(release, grade_bytes):
    """A manual cell made automatic waits for the teacher, as before."""
    settings(release, "essay", solution=False, points=5.0)
    index = release.cells.index(cell_of(release, "essay"))
    release.cells[index] = nbformat.v4.new_code_cell("5.0", metadata=release.cells[index].metadata)
    essay = next(cell for cell in grade_bytes(json.dumps(release).encode()).verdict.cells if cell.grade_id == "essay")
    assert (essay.status, essay.score) == ("manual", None)


def test_14_a_copy_of_the_own_answer(filled, grade_bytes):
    """The last one that was written counts; nothing aborts."""
    copy = nbformat.v4.new_code_cell("def add(a, b):\n    return 0", metadata=cell_of(filled, "add").metadata)
    filled.cells.insert(1, copy)
    assert grade_bytes(json.dumps(filled).encode()).earned == ALL


def test_a_test_written_by_the_student_is_not_run_as_one(release, grade_bytes):
    """A test's grade id on a cell that sets the names that the test reads."""
    cell_of(release, "test_add").source = "add = lambda a, b: 3 if (a, b) == (1, 2) else 5\nassert True"
    outcome = grade_bytes(json.dumps(release).encode())
    assert outcome.earned == set()


def test_untouched_stubs_get_nothing(release, grade_bytes):
    """`...` is no answer."""
    outcome = grade_bytes(json.dumps(release).encode())
    assert (outcome.verdict.verdict, outcome.verdict.score, outcome.earned) == ("graded", 0.0, set())
