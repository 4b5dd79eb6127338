"""Do the tests let other right answers pass? What hint 2 dictates, and other readings of the text, lose nothing."""

import ast
import re

import nbformat
import pytest

from course import ROOT, exercise
from course.answers import by_turns, lacking, lost, reference_answers, right
from course.build.read import unit_names

HINTED = "hint 2"
CODE = re.compile(r"`([^`]+)`")


READY = [unit for unit in unit_names() if not lacking(unit)]  # test_mutants.py names the others
FUNCTIONS = [(unit, name) for unit in READY for name in reference_answers(unit) if name != "training"]
RIGHT = [(unit, grade_id, how) for unit in READY for grade_id, how, _ in right(unit)]
TRAININGS = [(unit, "training") for unit in READY if "training" in reference_answers(unit)]


def source_of(unit: str, grade_id: str, how: str) -> str:
    return next(source for known, way, source in right(unit) if (known, way) == (grade_id, how))


@pytest.mark.parametrize(
    ("unit", "grade_id", "how", "language"), by_turns(case for case in RIGHT if case[1] != "training")
)
def test_a_right_answer_loses_nothing(unit, grade_id, how, language):
    assert lost(unit, grade_id, source_of(unit, grade_id, how), language) == set()


@pytest.mark.parametrize(("unit", "grade_id"), FUNCTIONS + TRAININGS)
def test_an_answer_of_hint_2_says_what_the_hint_says(unit, grade_id):
    """Every piece of code of the hint stands in the answer, so that the answer is one that the hint dictates."""
    answer = _plain(source_of(unit, grade_id, HINTED))
    for code in CODE.findall(_hints(unit, grade_id)[1]):
        for part in re.split(r"…|\.\.\.", code):
            assert _plain(part) in answer, code


@pytest.mark.parametrize(("unit", "grade_id"), FUNCTIONS + TRAININGS)
def test_an_answer_of_hint_2_imports_only_what_the_text_names(unit, grade_id):
    hints = " ".join(_hints(unit, grade_id))
    for node in ast.walk(ast.parse(source_of(unit, grade_id, HINTED))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert "import" in hints, ast.unparse(node)


def _hints(unit: str, grade_id: str) -> tuple[str, ...]:
    notebook = nbformat.read(ROOT / "source" / f"{unit}-en" / f"{unit}.ipynb", as_version=4)
    index = next(index for index, cell in enumerate(notebook.cells) if cell.id == f"test_{grade_id}")
    return exercise.of(notebook.cells, index).hints


def _plain(code: str) -> str:
    return re.sub(r"""[\s"'$]""", "", code)
