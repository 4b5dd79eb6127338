"""What the grader says is said in every language, to a student and to a teacher."""

import ast
import re

import pytest

from course import ROOT
from course.grade.judge import own_work
from course.pages.sentences import translated
from tests.course.test_feedback import SENTENCES

ENDS = {"Unreadable", "NoNotebook", "WrongNotebook", "Unfit", "ungraded"}  # whoever is called with a cause
PLACES = ("course/notebooks", "course/grade", "course/folder.py")
YOU = re.compile(r"\b(?:you|your|тв\w+|тобой|тебя|tu|tus|añadiste|habías)\b", re.IGNORECASE)
SAID = re.compile(r"[A-Z{].*\.(?: .*)?$")


def text_of(node: ast.AST) -> str:
    """What a string in a program may say; a number stands for all that is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) if isinstance(part, ast.Constant) else "7" for part in node.values)
    return ""


def causes() -> list[str]:
    """Every sentence on why there is nothing to grade, out of the programs that say them."""
    found = set()
    for place in PLACES:
        path = ROOT / place
        for module in [path] if path.is_file() else path.rglob("*.py"):
            tree = ast.parse(module.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
                parts = [text_of(part) for part in node.args] if name in ENDS else []
                found |= {part for part in parts if " " in part}
                is_cause = isinstance(node, ast.Assign) and any(
                    getattr(one, "id", "") == "cause" for one in node.targets
                )
                found |= {part for part in map(text_of, ast.walk(node.value)) if " " in part} if is_cause else set()
                if isinstance(node, ast.FunctionDef) and node.name == "name_problem":
                    returned = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value]
                    found |= {part for part in map(text_of, returned) if part}
    return sorted(part for part in found if SAID.match(part) or part.startswith("7"))


def test_the_sentences_are_found():
    assert len(causes()) > 25
    assert {"The archive is damaged.", "The file is empty."} <= {*causes()}


@pytest.mark.parametrize("language", ["ru", "es"])
@pytest.mark.parametrize("cause", causes())
def test_why_there_is_nothing_to_grade(cause, language):
    found = translated(cause, language, "teacher")
    assert found != cause and "{" not in found
    assert translated(cause, "en", "teacher") == cause


@pytest.mark.parametrize("language", ["en", "ru", "es"])
@pytest.mark.parametrize("message", SENTENCES)
def test_a_teacher_is_not_spoken_to_as_the_student(message, language):
    assert not YOU.search(translated(message, language, "teacher"))


@pytest.mark.parametrize("language", ["en", "ru", "es"])
def test_a_copy_is_called_by_the_flags_word(language):
    """All that the grader says of it is translated, and names and numbers stay."""
    found = {f"f{n}": own_work.TAKEN for n in range(9)} | {"g": own_work.TEXT, "h": own_work.COMMENT, "": own_work.TEXT}
    said = translated(f"Flagged `copied`: {own_work.sentence(found)}", language, "teacher")
    assert "`copied`" in said and "f7" in said and "g" in said
    english = re.search(r"taken|reference|comment|more|together", said)
    assert bool(english) == (language == "en")


def test_of_several_notebooks_each_sentence_is_translated():
    assert translated("first: The archive is damaged.", "es") == "first: El archivo comprimido está dañado."
    assert translated("KeyError: nobody knows", "es") == "KeyError: nobody knows"
