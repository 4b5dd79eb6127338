"""Do the units' tests see typical mistakes? Each mutant must lose the points of its rules, the reference none."""

import ast

import pytest

from course import answers
from course.answers import by_turns, cells_of, lacking, lost, mutant, mutants, namespace_of, reference_answers, said
from course.build.read import languages_of, unit_names

READY = [unit for unit in unit_names() if not lacking(unit)]
FUNCTIONS = [(unit, name) for unit in READY for name in reference_answers(unit) if name != "training"]
MUTANTS = [(unit, grade_id, name) for unit in READY for grade_id, name, *_ in mutants(unit)]
# What a student must read to mend a mistake: unit, grade id, mutant, rule, part of the message.
MENDS = [
    ("emotion", "encode_tweets", "no special tokens", "every text", "special tokens included"),
    ("emotion", "compute_metrics", "weighted F1", "F1", "each of them weighs the same"),
    ("emotion", "compute_metrics", "absent classes are left out", "absent classes", "does not occur counts 0"),
    ("emotion", "predict_emotions", "no texts are an error", "every text", "an empty list gives an empty list"),
    ("emotion", "train_stance", "batches of another size", "settings", "batch size"),
    ("emotion", "train_stance", "names with a prefix", "scores", "Call the scores accuracy and f1"),
]
PAIR = "Return a pair: first the trainer, then the scores."
UNMEASURED = """\
from types import SimpleNamespace

trainer = SimpleNamespace(state=SimpleNamespace(global_step=1), evaluate=lambda rows: {"eval_loss": 1.0})
tokenized = dataset
"""
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


@pytest.mark.parametrize(("unit", "grade_id", "name", "rule", "part"), MENDS)
def test_a_message_says_what_to_mend(unit, grade_id, name, rule, part):
    assert part in said(unit, grade_id, mutant(unit, grade_id, name))[rule]


def test_whoever_returns_no_pair_reads_so_at_every_rule():
    assert set(said("emotion", "train_stance", mutant("emotion", "train_stance", "only the scores")).values()) == {PAIR}


def test_a_trainer_that_does_not_measure_is_told_apart_from_one_that_has_not_learned():
    assert "give it your function as compute_metrics" in said("emotion", "training", UNMEASURED)["learned"]


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
