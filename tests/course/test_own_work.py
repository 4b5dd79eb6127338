"""A copied reference is flagged, and nobody else: what a hint dictates or two people write alike says nothing."""

import functools
import re

import nbformat
import pytest

from course import ROOT
from course.answers import fill, reference_answers, right
from course.build.read import unit_names
from course.grade.judge import own_work
from course.grade.submission.building import build
from course.notebooks.reading import read_notebook

BODY = '''def count_words(texts, stop_words, minimum):
    """Word → how often it is there."""
    counts = {}
    for text in texts:
        for word in text.lower().split():
            word = word.strip(".,;:!?()[]")
            if not word or word in stop_words:
                continue
            counts[word] = counts.get(word, 0) + 1
    kept = {}
    for word, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])):
        if count < minimum:
            break
        kept[word] = count
    total = sum(kept.values())
    shares = {word: round(count / total, 4) for word, count in kept.items()}
    longest = max((len(word) for word in shares), default=0)
    return [f"{word:<{longest}} {share:.2%}" for word, share in shares.items()]'''
OTHER = """def count_words(texts, stop_words, minimum):
    from collections import Counter

    def words():
        for text in texts:
            yield from (w.strip(".,;:!?()[]") for w in text.lower().split())

    counter = Counter(w for w in words() if w and w not in stop_words)
    frequent = [(w, n) for w, n in counter.most_common() if n >= minimum]
    frequent.sort(key=lambda item: (-item[1], item[0]))
    everything = sum(n for _, n in frequent)
    width = max([len(w) for w, _ in frequent] or [0])
    return ["{} {:.2%}".format(w.ljust(width), round(n / everything, 4)) for w, n in frequent]"""
SMALL = "def double(x):\n    return 2 * x"


def cell(source, grade_id="", solution=True, points=None):
    settings = {"schema_version": 3, "grade_id": grade_id, "solution": solution, "grade": points is not None}
    settings |= {"locked": not solution, "task": False, "points": points or 0}
    return nbformat.v4.new_code_cell(source, metadata={"nbgrader": settings} if grade_id else {})


@pytest.fixture
def copied():
    """A function: answers, an own cell and the notebook's text → the sentences by grade id."""

    def copied(
        large: str = OTHER, small: str = "def double(y):\n    return y + y", own: str = "", text: str = "# Words"
    ):
        def notebook(*answers: str):
            cells = [nbformat.v4.new_markdown_cell(text), cell("from helpers import words", "given", False)]
            cells += [cell(answers[0], "count_words"), cell("assert count_words", "test_1", False, 1)]
            cells += [cell(answers[1], "double"), cell("assert double", "test_2", False, 1)]
            return nbformat.v4.new_notebook(cells=[*cells, *map(cell, answers[2:])])

        marked = [f"### BEGIN SOLUTION\n{text}\n### END SOLUTION" for text in (BODY, SMALL)]
        source, release = notebook(*marked), notebook("raise NotImplementedError()", "raise NotImplementedError()")
        handed = read_notebook(nbformat.writes(notebook(large, small, own)).encode())
        return own_work.copied(source, release, build(source, release, handed))

    return copied


def renamed(text: str) -> str:
    for name, other in (("counts", "freq"), ("kept", "result"), ("word", "w1"), ("texts", "lines"), ("count", "c")):
        text = text.replace(name, other)
    return text.replace("def c_w1s", "def count_words").replace('"""Word → how often it is there."""', '"Mine."')


def swapped(text: str) -> str:
    lines = text.split("\n")
    lines[9], lines[15] = lines[15], lines[9]
    return "\n".join(lines)


COPIES = {
    "as it stands": BODY,
    "with other names": renamed(BODY),
    "with lines in another order": swapped(BODY),
    "without its comments and with others": BODY.replace("    counts = {}", "    # mine\n    counts = {}  # empty"),
    "in another layout": BODY.replace("\n    total", "\n\n\n    total"),
    "with a line more": BODY.replace("    kept = {}", "    kept = {}\n    print(kept)"),
}


@pytest.mark.parametrize("name", COPIES)
def test_the_references_text_is_flagged(copied, name):
    assert list(copied(COPIES[name])) == ["count_words"]
    assert "text of the reference" in copied(COPIES[name])["count_words"]


def test_in_an_own_cell_as_well(copied):
    alias = "def count_words(texts, stop_words, minimum):\n    return solve(texts, stop_words, minimum)"
    assert list(copied(alias, own=BODY.replace("def count_words", "def solve"))) == ["count_words"]


TAKEN = {
    "imported": "from helpers.words import count_words",
    "imported with all": "from helpers.words import *",
    "imported under another name": "from helpers.words import count_words as c\ncount_words = c",
    "an attribute": "count_words = words.count_words",
    "an attribute of an alias": "from helpers import words as w\ncount_words = w.count_words",
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_function_taken_from_the_package_is_flagged(copied, name):
    assert list(copied(TAKEN[name])) == ["count_words"]
    assert copied(own=TAKEN[name])["count_words"] == "taken from helpers"


HONEST = {
    "another solution": OTHER,
    "a module with the name of the exercise": f"from helpers import words\n{OTHER}",
    "a method of that name": f"class A:\n    def count_words(self):\n        return 1\nx = A().count_words()\n{OTHER}",
    "an own module": f"import mine\ncount_words = mine.count_words\n{OTHER}",
    "nothing": "raise NotImplementedError()",
    "no Python": "def count_words(:",
    "much": "x = 1\n" * 50_000,
    "a chain of conditions": "def count_words(a):\n    if a == 0:\n        return 0\n"
    + "".join(f"    elif a == {n}:\n        return {n}\n" for n in range(1, 300)),
    "a long sum": "total = " + " + ".join(["1"] * 3_000),
    "a chain of calls": "total = x" + ".y()" * 2_000,
    "nested brackets": "total = " + "[" * 500 + "]" * 500,
}


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_answer_is_not(copied, name):
    """And what cannot be compared is not comparable."""
    assert copied(HONEST[name]) == {}


def test_a_short_answer_says_nothing(copied):
    assert copied(small=SMALL) == {}


def test_what_the_text_dictates_says_nothing(copied):
    assert copied(BODY, text=f"Write it like this:\n\n```python\n{BODY}\n```") == {}


def test_a_comment_of_the_references_is_flagged(copied, monkeypatch):
    remark = "    # the first of them is never counted twice here"
    assert copied(OTHER + "\n" + remark) == {}
    monkeypatch.setitem(globals(), "BODY", BODY.replace("    kept = {}", f"{remark}\n    kept = {{}}"))
    assert (
        "comment of the reference" in copied(OTHER.replace("    def words", f"{remark}\n    def words"))["count_words"]
    )


# ---- the units of this course


@functools.cache
def notebook_of(unit: str, step: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / step / f"{unit}-en" / f"{unit}.ipynb", as_version=4)


def flagged(unit: str, answers: dict[str, str]) -> dict[str, str]:
    source, release = notebook_of(unit, "source"), notebook_of(unit, "release")
    handed = fill(nbformat.from_dict(release), answers)
    handed = read_notebook(nbformat.writes(handed).encode())
    return own_work.copied(source, release, build(source, release, handed))


@pytest.mark.parametrize("unit", unit_names())
def test_nobody_is_accused_who_wrote_it_another_way_or_as_the_hints_say(unit):
    accused = {how for grade_id, how, source in right(unit) if flagged(unit, {grade_id: source})}
    assert accused == set()
    assert flagged(unit, {grade_id: source for grade_id, how, source in right(unit) if how == "hint 2"}) == {}


LONG = [("ner", "do_ner"), ("ner", "calculate_metrics"), ("emotion", "train_stance"), ("toxicity", "compute_metric")]


@pytest.mark.parametrize("rename", [False, True])
@pytest.mark.parametrize(("unit", "grade_id"), LONG)
def test_a_long_reference_is_flagged_under_any_names(unit, grade_id, rename):
    answer = re.sub(r"[ ]*#[^\n]*", "", reference_answers(unit)[grade_id])
    if rename:
        chosen = set(re.findall(r"^ +(\w+) = |for (\w+) in", answer, re.MULTILINE))
        for name in sorted({name for pair in chosen for name in pair if name}):
            answer = re.sub(rf"(?<![\w.\"]){name}(?![\w\"]|=)", f"my_{name}", answer)
    assert flagged(unit, {grade_id: answer}) == {grade_id: own_work.TEXT}


def test_many_functions_are_one_sentence():
    found = {f"f{number}": own_work.TEXT for number in range(30)} | {"g": own_work.TAKEN}
    sentence = own_work.sentence(found)
    assert (
        sentence.startswith("f0, f1, ")
        and "and 22 more: the text" in sentence
        and sentence.endswith("g: taken from helpers.")
    )
    assert len(sentence) < 200
