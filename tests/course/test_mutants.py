"""Do the units' tests see typical mistakes? Each mutant must lose the points of its rules, the reference none."""

import ast

import pytest

from course import answers
from course.answers import by_turns, cells_of, lacking, lost, mutant, mutants, namespace_of, reference_answers
from course.build.read import languages_of, unit_names

READY = [unit for unit in unit_names() if not lacking(unit)]
FUNCTIONS = [(unit, name) for unit in READY for name in reference_answers(unit) if name != "training"]
MUTANTS = [(unit, grade_id, name) for unit in READY for grade_id, name, *_ in mutants(unit)]
each_function = pytest.mark.parametrize(("unit", "grade_id"), FUNCTIONS)


@pytest.mark.parametrize("unit", unit_names())
def test_a_unit_has_what_its_tests_are_tested_with(unit):
    if what := lacking(unit):
        pytest.fail(what)


@pytest.mark.parametrize(
    ("unit", "grade_id", "language"), [(*case, language) for case in FUNCTIONS for language in languages_of(case[0])]
)
def test_reference_passes_whatever_is_drawn(unit, grade_id, language, monkeypatch, capfd):
    """Hidden tests draw inputs from a seed of the class; here each language is a class.

    In nbgrader a line on stderr in a test cell costs all points, so the course's own tests print none.
    """
    namespace_of(unit, language)
    capfd.readouterr()
    monkeypatch.setenv("CLASS_SEED", f"class {language}")
    assert lost(unit, grade_id, cells_of(unit)[grade_id].source, language) == set()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("unit", "grade_id", "name", "language"), by_turns(MUTANTS))
def test_mutant_loses_the_points_of_its_rules_and_no_others(unit, grade_id, name, language):
    """Texts, data and the encoder differ by language: each wrong answer is tried in one, the reference in all."""
    rules = next(rules for owner, mutated, *_, rules in mutants(unit) if (owner, mutated) == (grade_id, name))
    assert lost(unit, grade_id, mutant(unit, grade_id, name), language) == (set(rules) or {""})


@each_function
def test_every_function_has_at_least_four_mutants(unit, grade_id):
    assert sum((owner, mutated) == (unit, grade_id) for owner, mutated, _ in MUTANTS) >= 4


@pytest.mark.parametrize("unit", READY)
def test_lesson_cells_do_not_need_the_tests(unit):
    """Test cells run on the grader's side, so no other cell may use a name that only a test defines."""
    defined_by_tests, defined = set(), set()
    for identity, cell in cells_of(unit).items():
        stored, loaded = names_in(cell.source, ast.Store), names_in(cell.source, ast.Load)
        if identity.startswith("test_"):
            defined_by_tests |= stored - defined
        else:
            assert not (loaded - stored) & (defined_by_tests - defined), identity
            defined |= stored


def test_a_mutant_whose_text_is_gone_is_an_error(monkeypatch):
    monkeypatch.setattr(answers, "mutants", lambda unit: [("do_ner", "gone", "no such text", "", ())])
    with pytest.raises(ValueError, match="no longer there"):
        mutant("ner", "do_ner", "gone")


def names_in(source, context):
    tree = ast.parse(source.replace("    %pip", "    pass  # %pip"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, context)}
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return names | defined if context is ast.Store else names
