"""Do the tests of the unit `ner` see typical mistakes? Each mutant must lose points, the reference none."""

import ast
import contextlib
import io
import sys

import nbformat
import pytest

from course import ROOT
from course.demo import mutant
from course.units.ner.mutants import MUTANTS

FUNCTIONS = ("preprocess_ner_dataset", "build_model", "calculate_metrics", "do_ner")


@pytest.fixture(scope="module")
def cells():
    notebook = nbformat.read(ROOT / "source" / "ner-en" / "ner.ipynb", as_version=4)
    return {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}


@pytest.fixture(scope="module")
def namespace(cells):
    """What the notebook has defined before its first exercise, and the four functions."""
    names = {"__name__": "__notebook__"}
    for identity, cell in cells.items():
        if identity in FUNCTIONS:
            break
        if "show." not in cell.source and "google.colab" not in cell.source:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(cell.source, identity, "exec"), names)
    for identity in FUNCTIONS:
        exec(cells[identity].source, names)
    return names


def passes(cells, namespace, grade_id, answer):
    """Whether an answer passes the visible and hidden tests of its exercise."""
    names = dict(namespace)
    exec(compile(answer, grade_id, "exec"), names)
    try:
        exec(compile(cells[f"test_{grade_id}"].source, f"test_{grade_id}", "exec"), names)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("grade_id", FUNCTIONS)
def test_reference_passes(cells, namespace, grade_id):
    assert passes(cells, namespace, grade_id, cells[grade_id].source)


@pytest.mark.parametrize(("grade_id", "name"), [(grade_id, name) for grade_id, name, _, _ in MUTANTS])
def test_mutant_loses_points(cells, namespace, grade_id, name):
    assert not passes(cells, namespace, grade_id, mutant(grade_id, name))


@pytest.mark.parametrize("grade_id", FUNCTIONS)
def test_every_function_has_at_least_four_mutants(grade_id):
    assert sum(mutated == grade_id for mutated, _, _, _ in MUTANTS) >= 4


@pytest.mark.parametrize("grade_id", FUNCTIONS)
def test_a_test_says_nothing_on_stderr(cells, namespace, grade_id, capfd):
    """In nbgrader a line on stderr in a test cell costs all points, so the course's own tests print none."""
    assert passes(cells, namespace, grade_id, cells[grade_id].source)
    assert capfd.readouterr().err == ""


def test_lesson_cells_do_not_need_the_tests(cells):
    """Test cells run on the grader's side, so no other cell may use a name that only a test defines."""
    defined_by_tests, defined = set(), set()
    for identity, cell in cells.items():
        stored, loaded = names_in(cell.source, ast.Store), names_in(cell.source, ast.Load)
        if identity.startswith("test_"):
            defined_by_tests |= stored - defined
        else:
            assert not (loaded - stored) & (defined_by_tests - defined), identity
            defined |= stored


def test_a_mutant_whose_text_is_gone_is_an_error(monkeypatch):
    monkeypatch.setattr(sys.modules["course.demo"], "MUTANTS", [("do_ner", "gone", "no such text", "")])
    with pytest.raises(ValueError, match="no longer there"):
        mutant("do_ner", "gone")


def test_no_mark_needs_a_lesson_cell(cells):
    """The grader leaves cells with the tag `lesson` out, so nothing else may use a name that only they define."""
    stored = {identity: names_in(cell.source, ast.Store) for identity, cell in cells.items()}
    lessons = {identity for identity, cell in cells.items() if "lesson" in cell.metadata.get("tags", [])}
    others = cells.keys() - lessons
    only_in_lessons = set().union(*(stored[i] for i in lessons)) - set().union(*(stored[i] for i in others))
    for identity in others:
        assert not names_in(cells[identity].source, ast.Load) & only_in_lessons, identity


def names_in(source, context):
    tree = ast.parse(source.replace("    %pip", "    pass  # %pip"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, context)}
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return names | defined if context is ast.Store else names
