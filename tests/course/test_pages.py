"""A student's page of a notebook that has headings, rules and hints: in their words, and open to everybody."""

import dataclasses
import html
import re

import nbformat
import pytest

from course.pages import feedback
from course.verdict import CellScore, Group, Verdict
from tests import pages

TITLE = """# Words & sums

[![Open in Colab](https://colab.research.google.com/badge.svg)](https://colab.research.google.com/github/a/b/blob/main/release/x-en/x.ipynb)
"""
EXERCISE = """## 2. Counting

### Exercise 1: `count` (4 points)

Write `count(words)`.

1. **The example.** `["a", "a"]` gives `{"a": 2}`.
2. **Any case.** Words are the same in capitals, with $n \\ge 0$ words:

   | words | result |
   | --- | --- |
   | `["A", "a"]` | `{"a": 2}` |

<details>
<summary>Hint 1</summary>

Look at `Counter`.

</details>

<details>
<summary>Hint 2</summary>

`Counter(map(str.lower, words))`

</details>
"""
RELEASED_TEST = """\
rules = Rules({"the example": 1, "any case": 3})
with rules("the example"):
    assert count(["a", "a"]) == {"a": 2}, "Look at the example."
with rules("any case"):
    assert count(["A"]) == {"a": 1}, "Capitals do not matter."
rules.score()"""
SECRET = "SECRET = 42"
ANSWER = 'def count(words):\n    return {w: words.count(w) for w in words}  # "quick"'
GROUPS = (Group("the example", 1.0, 1.0), Group("any case", 0.0, 3.0, "Capitals do not matter."))
LENT = ("prepare",)
SHOWN = nbformat.v4.new_output("stream", text="{'a': 2}")


def verdict(status="partial", score=1.0, message="any case: Capitals do not matter.", groups=GROUPS, lent=LENT):
    cell = CellScore("test_count", score, 4.0, status, message, "outside", groups, lent)
    essay = CellScore("essay_why", 0.0, 2.0, "failed", "No answer.", "person")
    notes = ("Added to cells of the teacher's and kept: `torch`.",)
    return Verdict("Анна Ω", "x-en", "graded", "", (), score, 6.0, 1.0, (cell, essay), "bwrap", notes)


def cells(*, test: str, answer: str) -> nbformat.NotebookNode:
    def graded(grade_id, solution):
        return {"nbgrader": {"grade_id": grade_id, "solution": solution, "grade": not solution}}

    v4 = nbformat.v4
    made = [
        v4.new_markdown_cell(TITLE, id="x-00"),
        v4.new_markdown_cell(EXERCISE, id="x-01"),
        v4.new_code_cell(answer, id="count", metadata=graded("count", True)),
        v4.new_code_cell(test, id="test_count", metadata=graded("test_count", False)),
        v4.new_markdown_cell("### Question 1: why?", id="x-02"),
        v4.new_markdown_cell("YOUR ANSWER HERE", id="essay_why", metadata=graded("essay_why", True)),
    ]
    return v4.new_notebook(cells=made)


@pytest.fixture
def page():
    """A function: a verdict, a language, what the answer showed → the page."""

    def make(found=None, language="en", shown=SHOWN):
        graded = cells(test=f"{RELEASED_TEST}\n{SECRET}", answer=ANSWER)
        graded.cells[2].outputs = [shown]
        released = cells(test=RELEASED_TEST, answer="def count(words):\n    raise NotImplementedError()")
        return feedback.page(found or verdict(), graded, language, released=released)

    return make


def read(page: str) -> str:
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", "", page, flags=re.S))


def test_exercises_have_the_headings_of_the_notebook(page):
    text = page()
    assert "<h1>Words &amp; sums</h1>" in text
    assert '<h2 id="exercise-1-title">Exercise 1: <code>count</code></h2>' in text
    assert "Question 1: why?" in text
    assert "test_count" not in read(text)


def test_each_rule_says_whether_it_was_kept(page):
    text = read(page())
    assert re.search(r"✓\s+the example: right 1 / 1", text)
    assert re.search(r"✗\s+any case: not yet 0 / 3", text)


def test_a_rule_that_was_not_kept_is_quoted_with_a_test_that_the_student_has(page):
    text = read(page())
    assert "Any case. Words are the same in capitals" in text
    assert "Capitals do not matter." in text
    assert 'assert count(["A"]) == {"a": 1}' in text
    assert "The example. " not in text, "a rule that was kept needs no help"


def test_without_rules_the_visible_tests_are_shown(page):
    text = read(page(verdict("failed", 0.0, "Count the words.", ())))
    assert RELEASED_TEST in text
    assert "SECRET" not in text
    assert RELEASED_TEST not in read(page(verdict("passed", 4.0, "", ())))


def test_hints_stand_beside_what_was_lost(page):
    assert "Look at Counter." in read(page())
    kept = (Group("the example", 1.0, 1.0), Group("any case", 3.0, 3.0))
    assert "Look at Counter." not in read(page(verdict("passed", 4.0, "", kept)))


def test_tables_and_formulas_of_a_rule_are_shown(page):
    assert "<td><code>[&quot;A&quot;, &quot;a&quot;]</code></td>" in page()
    assert "<math" in page()


def test_the_answer_is_highlighted_and_its_outputs_stand_below(page):
    assert '<span class="k">def</span>' in page()
    assert ANSWER in read(page())
    assert read(page()).index(ANSWER) < read(page()).index("{'a': 2}\n")


def test_the_next_step_names_the_exercise_and_the_rule(page):
    assert "Next step: go back to “Exercise 1: count”: the rule “any case” is not kept yet." in " ".join(
        read(page()).split()
    )


def test_it_leads_to_the_place_in_colab(page):
    assert "/github/a/b/blob/main/release/x-en/x.ipynb#scrollTo=x-01" in page()


def test_what_was_lent_is_said_where_it_was(page):
    assert "the course's own code stood in for yours: prepare." in read(page())


def test_what_was_kept_of_given_cells_is_said(page):
    assert "What you added to given cells was kept: torch." in read(page())


def test_a_cell_that_ended_with_an_error_is_told_so_instead_of_the_name_that_it_did_not_reach(page):
    missing = "NameError: name 'count' is not defined"
    groups = tuple(Group(group.name, 0.0, group.max_score, missing) for group in GROUPS)
    stopped = nbformat.v4.new_output("error", ename="ValueError", evalue="Column 'words' doesn't exist.", traceback=[])
    text = read(page(verdict("failed", 0.0, missing, groups, lent=()), shown=stopped))
    assert re.search(r"stops with an error before it can be tested:\s+ValueError: Column 'words' doesn't exist\.", text)
    assert "A function got a value that it cannot work with" in text
    assert missing not in text


@pytest.mark.parametrize("said", ["ValueError: no such word", "NameError: name 'words' is not defined"])
def test_what_else_a_test_says_stays_and_so_it_does_without_an_error_of_the_cell(page, said):
    groups = tuple(Group(group.name, 0.0, group.max_score, said) for group in GROUPS)
    stopped = nbformat.v4.new_output("error", ename="KeyError", evalue="'a'", traceback=[])
    shown = {"shown": stopped} if said.startswith("ValueError") else {}
    text = read(page(verdict("failed", 0.0, said, groups, lent=()), **shown))
    assert said in text and "stops with an error" not in text


def test_pythons_own_errors_are_explained_once(page):
    error = "NameError: name 'Counter' is not defined"
    groups = tuple(Group(group.name, 0.0, group.max_score, error) for group in GROUPS)
    text = read(page(verdict("failed", 0.0, error, groups)))
    assert text.count(error) == 1
    assert "Python does not know this name" in text


def test_an_exception_that_the_students_code_raises_is_no_librarys(page):
    text = read(page(verdict("failed", 0.0, "RuntimeError in line 2 of your code: raise RuntimeError()", ())))
    assert "Your own code raises this exception" in text
    assert "shapes" not in text


def test_an_exercise_that_nobody_has_written_is_the_next_step(page):
    message = "NotImplementedError in line 2 of your code: raise NotImplementedError()"
    text = read(page(verdict("failed", 0.0, message, ())))
    assert "Next step: write “Exercise 1: count”." in " ".join(text.split())


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Does not count"), ("ru", "Не учитывается"), ("es", "No cuenta")]
)
def test_a_dropped_exercise_says_so_and_no_points(page, language, said):
    """Its heading in the notebook still has them."""
    made = verdict("passed", 0.0, "", (), ())
    dropped = dataclasses.replace(made, cells=(dataclasses.replace(made.cells[0], max_score=0.0), made.cells[1]))
    text = read(page(dropped, language=language))
    assert said in text
    assert "(4 points)" not in text and "0 / 0" not in text


def test_nothing_of_the_hidden_test_is_there(page):
    assert "SECRET" not in page()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1000])
@pytest.mark.parametrize("language", ["en", "ru", "es"])
def test_it_is_open_to_everybody(page, browser, tmp_path, language, width, scheme):
    """axe-core finds nothing: contrast, names, landmarks, order of headings."""
    path = tmp_path / "page.html"
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    path.write_text(policy.sub("", page(language=language)), encoding="utf-8")  # axe itself is a script
    pages.show(browser, path.as_uri(), width, scheme=scheme)
    assert pages.barriers(browser) == []
    assert pages.fits(browser)


def test_every_language_has_the_same_words_and_errors():
    english = feedback.WORDS["en"]
    for words in feedback.WORDS.values():
        assert words.keys() == english.keys()
        assert words["errors"].keys() == english["errors"].keys()
        for name in english.keys() - {"errors"}:
            assert set(re.findall(r"\{\w+\}", words[name])) == set(re.findall(r"\{\w+\}", english[name])), name
