"""What tests of the report build their classes of: notebooks, verdicts, marks; and a page to read."""

import csv
import dataclasses
import datetime
import html
import re
from html.parser import HTMLParser

import nbformat

from course.folder import Folder
from course.kept import save
from course.mark import Mark
from course.pages import standing
from course.verdict import CellScore, Group, Verdict

TEST = """\
rules = Rules({"%s": 1, "%s": 2})
with rules("%s"):
    assert add(1, 1) == 2, "%s"
with rules("%s"):
    assert add("a", "b") == "ab", "%s"
rules.score()"""
ENGLISH = ("numbers", "texts", "numbers", "Add the numbers.", "texts", "Join the texts.")
RUSSIAN = ("числа", "тексты", "числа", "Сложи числа.", "тексты", "Соедини тексты.")
AT = datetime.datetime(2024, 3, 1, 12, tzinfo=datetime.UTC)


def notebook(language: str, words: tuple[str, ...], unit: str = "sums"):
    def settings(grade_id, points=0.0, solution=False):
        own = {
            "grade_id": grade_id,
            "grade": points > 0,
            "solution": solution,
            "points": points,
            "locked": not solution,
        }
        return {"nbgrader": own | {"schema_version": 3, "task": False}}

    v4 = nbformat.v4
    heading, question = ("Exercise 1: `add`", "Why?") if language == "en" else ("Задание 1: `add`", "Почему?")
    cells = [
        v4.new_markdown_cell("# Sums" if language == "en" else "# Суммы", id="a"),
        v4.new_markdown_cell(f"### {heading} (3 points)", id="b"),
        v4.new_code_cell("def add(a, b):\n    return a + b", id="add", metadata=settings("add", solution=True)),
        v4.new_code_cell(TEST % words, id="test_add", metadata=settings("test_add", 3.0)),
        v4.new_markdown_cell(f"### {question}", id="c"),
        v4.new_markdown_cell("Because.", id="why", metadata=settings("why", 2.0, solution=True)),
    ]
    return v4.new_notebook(cells=cells, metadata={"course": {"unit": unit, "language": language}})


def cell(numbers: float = 1.0, texts: float = 2.0, said: tuple[str, str] = ("", "")) -> CellScore:
    groups = (Group("numbers", numbers, 1.0, said[0]), Group("texts", texts, 2.0, said[1]))
    points = numbers + texts
    status = "passed" if points == 3 else "partial" if points else "failed"
    return CellScore("test_add", points, 3.0, status, "; ".join(said), "outside", groups)


ESSAY = CellScore("why", None, 2.0, "manual", "", "person")


def verdict(student: str, *cells: CellScore, language: str = "en", **fields) -> Verdict:
    cells = cells or (cell(), ESSAY)
    score = sum(one.score or 0.0 for one in cells)
    made = Verdict(student, f"sums-{language}", "graded", "", (), score, 5.0, 12.3, cells, "bwrap")
    return dataclasses.replace(made, **fields)


def lost(student: str, outcome: str = "timed_out", **fields) -> Verdict:
    return verdict(student, verdict=outcome, score=None, cells=(), cause="It did not end.", **fields)


def mark(score: float | None = 4.0, **fields) -> Mark:
    """A final mark; what is open of it is the question."""
    parts = {"max_score": 5.0, "automatic": 3.0, "manual": 1.0, "extra": 0.0, "penalty": 0.0, "open": ()}
    parts |= {"cells": {"test_add": 3.0, "why": 1.0}, "late_seconds": 0.0, "submitted_at": AT}
    return Mark("", "sums-en", score, open_points=2.0 if fields.get("open") else 0.0, **parts | fields)


def handed(**marks) -> standing.Handed:
    """What a command hands over: marks in `sums-en` by student."""
    return standing.Handed(marks={"sums-en": marks})


def of(folder: Folder, *verdicts: Verdict, given=None, waiting: tuple[str, ...] = ()) -> list[standing.Unit]:
    """The units of a class of these verdicts."""
    given = given or standing.Handed()
    for one in verdicts:
        save(one, folder, one.student)
        folder.path("submitted", one.assignment, one.student).mkdir(parents=True, exist_ok=True)
    for student in waiting:
        folder.path("submitted", "sums-en", student).mkdir(parents=True)
    return standing.units(folder, ["sums-en", "sums-ru"], given)


class Page(HTMLParser):
    """The tags of a page, its attributes, and what a reader sees."""

    def __init__(self, text: str):
        super().__init__()
        self.source, self.tags, self.attributes = text, [], []
        self.feed(text)
        seen = re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.S)
        self.text = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", seen)).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def row(self, student: str) -> list[str]:
        """The cells of a student's line in the last table."""
        rows = re.findall(rf"<tr data-is[^>]*><th[^>]*>{re.escape(student)}\b.*?</tr>", self.source, re.S)
        return [
            " ".join(re.sub(r"<[^>]*>", " ", part).split()) for part in re.findall(r"<t[hd].*?</t[hd]>", rows[-1], re.S)
        ]


def read_csv(path) -> list[dict]:
    """The lines of a table."""
    return list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
