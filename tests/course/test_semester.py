"""A semester by the document alone: each command of docs/teachers.md, in its order, with a class of twenty-two."""

import csv
import io
import re
import shlex
from pathlib import Path

import nbformat
import pytest
from django import conf
from django.utils.functional import empty
from nbgrader.api import Gradebook

from course import ROOT
from course.cli import main, parser
from course.grade import marks
from tests.course.exchange.making import zipped
from tests.course.exchange.platform_rules import canvas_grades, moodle_files, moodle_grades

SHELL = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
NEEDS_MORE = re.compile(r"source |dask |.*--scheduler")  # a shell, several machines: tested in test_grade_cli.py
LANGUAGES = ("en", "ru", "es")
TITLES = {
    "en": "# Named entities, a small notebook: people and places in a sentence, step by step",
    "ru": "# Именованные сущности, маленький блокнот: люди и места в предложении, шаг за шагом",
    "es": "# Entidades con nombre, un cuaderno pequeño: personas y lugares de una frase, paso a paso",
}
NAMES = [
    "Anna Petrova", "Анна Петрова", "José Núñez", "María de la Cruz", "Boris O'Neill", "Юлия Ким", "Иван Ёлкин",
    "Lucía Peña", "Ana-María Ruiz", "Олег Сидоров", "Clara Moss", "Dan Lee", "Eva Lind", "Félix Ortiz", "Галина Шум",
    "Hugo Sáez", "Inés Vega", "Jan Novak", "Карина Щит", "Leo Fox", "Mia Stone", "Nora Bell",
]  # fmt: skip
ABSENT, UNREADABLE, LATE, DOUBLED, BARE, OPEN = (
    "Nora Bell",
    "Mia Stone",
    "Leo Fox",
    "Карина Щит",
    "Jan Novak",
    "Юлия Ким",
)
MOODLE = ["Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade", "Grade can be changed",
          "Last modified (submission)", "Last modified (grade)", "Feedback comments"]  # fmt: skip


def numbered() -> dict[str, str]:
    return {name: str(4000 + 7 * place) for place, name in enumerate(NAMES)}


def email(name: str) -> str:
    return f"student{numbered()[name]}@example.org"


class School:
    """The course folder, and what the platform has made of the class."""

    def __init__(self, root: Path, small_notebook):
        self.root, self.small_notebook = root, small_notebook
        for language in LANGUAGES:
            source = self.notebook(language)
            for step, made in (("source", source), ("release", self.notebook(language, {}))):
                path = root / step / f"ner-{language}" / "ner.ipynb"
                path.parent.mkdir(parents=True)
                nbformat.write(made, path)
        (root / "downloads").mkdir()
        (root / "nbgrader_config.py").write_text('c = get_config()\nc.LateSubmissionPlugin.penalty_method = "zero"\n')

    def notebook(self, language: str, answers: dict[str, str] | None = None):
        """The teacher's notebook, or what a student has who gave these answers."""
        made = self.small_notebook(language)
        made.metadata["course"] = {"unit": "ner", "language": language, "tests": "outside"}
        made.cells[0].source = TITLES[language]
        for cell in made.cells if answers is not None else ():
            settings = cell.metadata.get("nbgrader", {})
            if settings.get("solution"):
                is_code = cell.cell_type == "code"
                cell.source = "# YOUR CODE HERE\nraise NotImplementedError()" if is_code else "YOUR ANSWER HERE"
            elif "HIDDEN" in cell.source:
                cell.source = cell.source.split("\n")[0]
            cell.source = answers.get(settings.get("grade_id"), cell.source)
        return made

    def handed_in(self, name: str, right: dict[str, str]) -> list[tuple[str, bytes]]:
        """The files of a student, by their names."""
        place = NAMES.index(name)
        answers = dict(right) | ({"evens": "def evens(n):\n    return []"} if place % 3 == 1 else {})
        answers["essay"] = "It is shorter." if place % 2 else f"It says in one line what it makes, {place}."
        made = self.notebook(LANGUAGES[place % 3], answers)
        if name == BARE:
            made.metadata = {}
            for number, cell in enumerate(made.cells):
                cell.metadata, cell.id = {}, f"c{number}"
        data = nbformat.writes(made).encode()
        if name == UNREADABLE:
            data = b"PK, but no notebook"
        files = [("My homework (final).ipynb", data)]
        return [("ner.ipynb", nbformat.writes(self.notebook("en", {})).encode()), *files] if name == DOUBLED else files

    def download(self, right: dict[str, str]) -> None:
        """All that the document's examples name."""
        numbers, members = numbered(), []
        for name in NAMES:
            time = (2026, 3, 4, 9, 0, 0) if name == LATE else (2026, 2, 28, 9, 0, 0)
            for file, data in [] if name == ABSENT else self.handed_in(name, right):
                members.append((f"{name}_{numbers[name]}_assignsubmission_file/{file}", data, time))
        downloads = self.root / "downloads"
        (downloads / "nlp-ner-1234.zip").write_bytes(zipped(*members))
        people = [["First name", "Last name", "Email address"]]
        people += [[*name.split(" ", 1), email(name)] for name in NAMES]
        self.table("participants.csv", people)
        rest = ["", "", "100.00", "Yes", "-", "-", ""]
        sheet = [[f"Participant {numbers[name]}", name, email(name), *rest] for name in NAMES]
        self.table("Grades-nlp-ner-1234.csv", [MOODLE, *sheet])
        students = [[f"{name}", numbers[name], "", email(name), "A", ""] for name in NAMES]
        heads = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Ner (55)"]
        self.table("Grades-nlp.csv", [heads, ["    Points Possible", "", "", "", "", "9"], *students])

    def table(self, name: str, rows: list[list[str]]) -> None:
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        (self.root / "downloads" / name).write_text(text.getvalue(), encoding="utf-8-sig")


@pytest.fixture(scope="module")
def commands() -> list[str]:
    """The lines to type of docs/teachers.md."""
    blocks = SHELL.findall((ROOT / "docs" / "teachers.md").read_text(encoding="utf-8"))
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines() if line]


def test_every_line_is_a_command_that_there_is(commands):
    for line in commands:
        if line.startswith("course "):
            parser().parse_args(shlex.split(line)[1:])


@pytest.fixture
def fresh_django():
    """Django's settings belong to a process: other tests in it serve another page, before or after."""
    before, conf.settings._wrapped = conf.settings._wrapped, empty
    yield
    conf.settings._wrapped = before


@pytest.fixture
def mark_page(monkeypatch, fresh_django):
    """A function: whoever opens the page of `course mark` gives these points, all but one student's."""
    monkeypatch.setattr("webbrowser.open", lambda address: True)

    def opened(school: School) -> None:
        def give(*_) -> None:
            with Gradebook(f"sqlite:///{school.root / 'gradebook.db'}") as gradebook:
                for language in LANGUAGES:
                    for submission in gradebook.assignment_submissions(f"ner-{language}"):
                        (grade,) = [one for one in submission.notebooks[0].grades if one.cell.name == "essay"]
                        if submission.student.id != email(OPEN) and grade.needs_manual_grade:
                            grade.manual_score, grade.needs_manual_grade = 1.5, False
                gradebook.db.commit()

        monkeypatch.setattr("socketserver.BaseServer.serve_forever", give)

    return opened


def test_a_semester(course_at, small_notebook, right, commands, mark_page, tmp_path, monkeypatch, capsys):
    grader = course_at(tmp_path / "spare")
    school = School(tmp_path / "course", small_notebook)
    school.download(right)
    mark_page(school)
    monkeypatch.chdir(school.root)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    said, finals = {}, {}
    with grader.in_process():
        for line in commands:
            words = [email(NAMES[0]) if word == "anna" else word for word in shlex.split(line)]
            if NEEDS_MORE.match(line):
                continue
            if words[1] == "export-data":
                finals = {
                    student: mark
                    for each in LANGUAGES
                    for student, mark in marks.of(school.root, f"ner-{each}").items()
                }
            assert main(words[1:]) == 0, (line, capsys.readouterr().err)
            said[line] = capsys.readouterr().out
    assert len(finals) == len(NAMES) - 2  # all but who did not hand in, and what is no notebook
    check_marks(finals)
    check_moodle(school, finals)
    check_canvas(school, finals)
    assert [path.parent.name for path in school.root.rglob(f"*{email(NAMES[0])}*")] == ["reports"]  # the export


def check_marks(finals) -> None:
    """3 points for one function, 4 or 1 for the other, 1.5 for the text; nothing for who was late."""
    for place, name in enumerate(NAMES):
        expected = (4 if place % 3 == 1 else 7) + (0 if name == OPEN else 1.5)
        if name not in (ABSENT, UNREADABLE):
            assert finals[email(name)].score == (0 if name == LATE else expected), name
    assert [name for name in NAMES if email(name) in finals and finals[email(name)].open] == [OPEN]


def settled(finals) -> dict[str, float]:
    """Name → mark of all who have one that is final."""
    names = {email(name): name for name in NAMES}
    return {names[student]: mark.score for student, mark in finals.items() if not mark.open}


def check_moodle(school: School, finals) -> None:
    """Moodle enters the marks from the worksheet, of 100 points, and finds a page for each of them."""
    numbers, folder = numbered(), school.root / "returned" / "ner"
    (sheet,) = folder.glob("Grades-nlp-ner-1234*.csv")
    entered = moodle_grades(sheet.read_bytes(), set(numbers.values()), 100.0)
    got = {name: entered[number][0] for name, number in numbers.items() if entered[number][0] is not None}
    assert got == pytest.approx({name: score / 9 * 100 for name, score in settled(finals).items()}, abs=0.01)
    (archive,) = folder.glob("*.zip")
    files = moodle_files(archive, set(numbers.values()))
    assert files.keys() == {numbers[name] for name in settled(finals)}
    assert all(b"def add" in data or b"<html" in data for found in files.values() for data in found.values())


def check_canvas(school: School, finals) -> None:
    numbers, folder = numbered(), school.root / "returned" / "ner"
    (sheet,) = [
        path for path in folder.glob("*.csv") if path.name.startswith("Grades-nlp.") or path.stem == "Grades-nlp"
    ]
    entered, new = canvas_grades(sheet.read_bytes(), {55: "Ner"})
    got = {name: float(entered["Ner"][number]) for name, number in numbers.items() if entered["Ner"][number]}
    assert (got, new) == (settled(finals), {})
