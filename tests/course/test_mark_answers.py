"""Answers on the marking page: which of them say the same, and what a browser gets of a student's text."""

import re

import pytest

from course import ROOT
from course.build.read import unit_names
from course.folder import Folder
from course.pages.marking import questions, rendering
from course.pages.marking.grouping import differences, groups
from course.pages.marking.view import WORDS
from helpers.language import LANGUAGES
from tests.course.written import HOSTILE

SHORT = "Because it is shorter."
LONG = "It is one expression, so the list is built at C speed and no name is left behind afterwards."


@pytest.mark.parametrize(
    "texts",
    [
        ("It is shorter.", "it is  SHORTER", "**It** is shorter!", "> It is shorter"),
        ("- one\n- two", "1. one\n2. two", "One, two."),
        ("The encoder reads the whole text", "The encodr reads the whole text", "The encoder raeds the whole text"),
        ("Всё идёт по порядку", "все идет по порядку."),
        ("La red convierte el texto en números", "la red convirte el texto en números"),
        ("ﬁne cafe\u0301", "fine café"),
    ],
)
def test_equal_answers_and_typing_mistakes_are_one_group(texts):
    assert len(groups(texts)) == 1


@pytest.mark.parametrize(
    "one, other",
    [
        ("The weights change in this step", "The weights do not change in this step"),
        ("It can change", "It can't change"),
        ("Слой можно обучать", "Слой нельзя обучать"),
        ("Веса меняются", "Веса не меняются"),
        ("Sí cambia el orden", "No cambia el orden"),
        ("The decoder runs once", "The encoder runs once"),
        ("It runs 10 times", "It runs 11 times"),
        ("The label is -100", "The label is 100"),
        ("so a != b", "so a = b"),
        ("so a < b", "so a > b"),
        ("the text is typical here", "the text is atypical here"),
        ("f(x) + g(x)", "f(x) - g(x) - 1"),
    ],
)
def test_another_meaning_is_another_group(one, other):
    """However long the rest is that both have in common."""
    for rest in ("", f" {LONG}" * 8):
        assert len(groups([one + rest, other + rest])) == 2


def test_two_words_that_others_write_as_well_are_no_typing_mistake():
    texts = ["the macro mean is fair", "the micro mean is fair", "macro and then some", "micro and then some"]
    assert [len(group) for group in groups(texts)] == [1, 1, 1, 1]


def test_many_mistakes_are_another_text():
    mistaken = " ".join(word[:-2] + word[-1] if len(word) > 4 else word for word in LONG.split())
    assert len(groups([LONG, mistaken])) == 2


def test_the_biggest_group_comes_first_and_in_it_the_commonest_text():
    found = groups(["b a", SHORT.replace("shorter", "shortr"), SHORT, SHORT])
    assert found == [[2, 3, 1], [0]]


def test_code_is_equal_only_as_it_stands():
    assert len(groups(["if a:\n  f()", "if a:\n  f()  \n", "if a:\nf()", "if A:\n  f()"], is_code=True)) == 3


def test_what_a_text_has_different_is_said():
    assert list(differences("runs once", "runs twice")) == [("same", "runs "), ("less", "once"), ("more", "twice")]
    assert str(rendering.compared("a < b", "a <b> b")) == "a &lt;<ins>b&gt;</ins> b"


# ---- what a student wrote


@pytest.mark.parametrize("text", HOSTILE)
def test_a_browser_gets_nothing_of_a_students_but_text(text):
    page = str(rendering.answer(text, is_code=False))
    assert not re.search(r"<(script|img|form|input|a|h\d|b|iframe|object|/article)\b", page)
    assert page.count("<mrow>") < 100, "a browser takes minutes for hundreds of elements in each other"


def test_nothing_that_a_student_wrote_is_swallowed():
    text = "[a]: http://a.example 'here'\n\n<!-- there -->\n\n" + "> " * 60 + "deep"
    page = str(rendering.answer(text, is_code=False))
    assert all(word in page for word in ("here", "there", "deep"))


def test_formulas_and_tables_are_shown():
    page = str(rendering.answer("$\\frac{1}{2}$\n\n| a |\n|-|\n| 1 |", is_code=False))
    assert "<mfrac>" in page and "<table>" in page


@pytest.mark.parametrize("lines", ["- 1 point: a.\n- ½ point: b.", "- 1 балл: a.\n- 2 балла: b.", "* 1,5 puntos: a."])
def test_a_rubric_is_found_in_any_language(lines):
    text, rubric = questions.split_rubric(f"Why? Take 2 reasons: one here.\n\n- no points here\n\n{lines}")
    assert len(rubric) == len(lines.split("\n"))
    assert "no points here" in text and rubric[0] not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_written_question_of_the_course_says_what_gives_points(language):
    folder = Folder.at(ROOT)
    asked = questions.of(folder, [name for name in folder.assignments() if name.endswith(f"-{language}")], language)
    assert {unit for _assignment, unit, _question in asked} == set(unit_names())
    assert all(question.rubric for question in asked.values())


def test_every_language_has_all_words():
    for words in WORDS.values():
        assert {name: set(re.findall(r"\{\w+\}", text)) for name, text in words.items()} == {
            name: set(re.findall(r"\{\w+\}", text)) for name, text in WORDS["en"].items()
        }
