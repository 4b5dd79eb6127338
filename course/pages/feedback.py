"""What a student gets back: one page per notebook, in the language of the assignment.

In: a verdict, the final mark, the graded notebook, and what was released. Out: HTML without
scripts, without anything that the student's code could have put there as markup. For each exercise it says what was
right and what was not, rule by rule, in the words of the notebook; never a hidden test's code, its inputs or what it
expected.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import nbformat
from markupsafe import Markup
from nbformat import NotebookNode

from course import exercise
from course.exercise import Exercise
from course.folder import Folder, name_problem, own_folder, replace_file
from course.kept import load_all
from course.mark import Mark
from course.pages import markup
from course.pages.markup import TEMPLATES
from course.pages.sentences import translated
from course.verdict import NO_ANSWER, CellScore, Verdict, bounded, printable
from helpers import language as languages

LENT = "Graded with the course's own"  # stands with each exercise
LOST = ("The notebook's process has ended.",)  # what a test says that could not be asked any more
MARKS = {"passed": "✓", "failed": "✗"}
POINTS = re.compile(r"\s*\([^()]*\d[^()]*\)$")  # at the end of an exercise's heading
COLAB = re.compile(r"https://colab\.research\.google\.com/github/[\w./-]+\.ipynb")
TITLE = re.compile(r"^# +(.+)$", re.M)
STUB = "raise NotImplementedError()"  # of an exercise that nobody has written
RAISED = re.compile(r"line \d+ of your code: raise (?!NotImplementedError)")
ERROR = re.compile(r"(?:.*: )?([A-Z]\w*Error)\b(?:: .*| in line .*)?", re.S)
WORDS = languages.words(Path(__file__).with_suffix(".toml"))


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule group of an exercise, and for one that was not kept, what helps."""

    name: str
    status: str
    mark: str
    said: str
    points: str
    lines: tuple[Markup, ...] = ()
    text: Markup | str = ""
    examples: tuple[Markup, ...] = ()


@dataclasses.dataclass(frozen=True)
class Section:
    """One exercise or question."""

    anchor: str
    heading: Markup
    status: str
    said: str
    points: str
    lines: tuple[Markup, ...] = ()
    rules: tuple[Rule, ...] = ()
    examples: tuple[Markup, ...] = ()
    hints: tuple[Markup, ...] = ()
    comments: tuple[str, ...] = ()
    answer: Markup | str = ""
    outputs: tuple[Markup, ...] = ()
    shown: str = ""
    link: str = ""


def write_pages(
    assignment: str,
    course_dir: Path,
    marks: Mapping[str, Mark],
    students: tuple[str, ...] = (),
    names: Mapping[str, str] = MappingProxyType({}),
) -> list[Path]:
    """Write feedback/<student>/<assignment>/<notebook>.html for all that was graded, or for these students.

    `marks` are those of `course.grade.marks`, by student; `names`: student → name, as far as it is known.
    """
    course = Folder.at(course_dir)
    written = []
    sources = course.notebooks("source", assignment)
    released = {path.stem: _read(path) for path in course.notebooks("release", assignment)}
    for verdict in load_all(course.root, assignment):
        if (students and verdict.student not in students) or name_problem(verdict.student):
            continue
        target = course.path("feedback", assignment, verdict.student)
        folder = own_folder(target, course.home("feedback"))
        folder.mkdir(parents=True, exist_ok=True)
        whole = marks.get(verdict.student)
        for source in sources:
            mark = whole.parts.get(source.stem) if whole else None
            part = _part(verdict, source.stem, alone=len(sources) == 1)
            graded = course.path("autograded", assignment, verdict.student) / source.name
            notebook = _read(graded) if graded.is_file() else None
            language = _read(source).metadata.get("course", {}).get("language", "en")
            name = names.get(verdict.student, "")
            text = page(part, notebook, language, mark, released.get(source.stem), name)
            target = folder / f"{source.stem}.html"
            replace_file(target, text.encode())
            written.append(target)
    return written


def _read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def _part(verdict: Verdict, notebook: str, *, alone: bool) -> Verdict:
    """What a verdict says about one of its notebooks."""
    if alone:
        return verdict
    cells = tuple(
        dataclasses.replace(cell, grade_id=cell.grade_id.removeprefix(f"{notebook}/"))
        for cell in verdict.cells
        if cell.grade_id.startswith(f"{notebook}/")
    )
    notes = [note.removeprefix(f"{notebook}: ") for note in verdict.notes if note.startswith(f"{notebook}: ")]
    most = sum(cell.max_score for cell in cells)
    return dataclasses.replace(verdict, cells=cells, max_score=most, notes=tuple(notes))


def marked(verdict: Verdict, mark: Mark | None) -> Verdict:
    """The verdict with the final points of its cells: what a person gave counts instead of what the grader says."""
    if mark is None:
        return verdict
    cells = tuple(_marked_cell(cell, mark) for cell in verdict.cells)
    return dataclasses.replace(verdict, cells=cells, score=mark.score, max_score=mark.max_score)


def _marked_cell(cell: CellScore, mark: Mark) -> CellScore:
    points = mark.cells.get(cell.grade_id, cell.score)
    if points is None or cell.grade_id not in mark.by_hand:
        return dataclasses.replace(cell, score=points)
    status = "passed" if points >= cell.max_score else "partial" if points > 0 else "failed"
    return dataclasses.replace(cell, score=points, status=status, message="", groups=())


def page(
    verdict: Verdict,
    notebook: NotebookNode | None,
    language: str = "en",
    mark: Mark | None = None,
    released: NotebookNode | None = None,
    name: str = "",
) -> str:
    """The page of one notebook of a submission.

    `mark` is the final one of this notebook, with a person's points and comments; `released` is what the students were
    given: from there come the headings, the rules and the hints. `name` is the student's, "" where nobody knows it.
    """
    language = language if language in WORDS else "en"
    verdict = marked(verdict, mark)
    texts = _Texts(language, notebook, released, mark.comments if mark else {})
    sections = [texts.section(number, cell) for number, cell in enumerate(verdict.cells, 1)]
    return TEMPLATES.get_template("feedback.html").render(
        language=language,
        words=texts.words,
        title=texts.title(verdict.assignment),
        student=printable(verdict.student),
        name=printable(name if name != verdict.student else ""),
        score=_score(verdict, mark, texts),
        notes=[markup.sentence(line) for line in (*_beside(mark, texts), *_outcome(verdict, texts.words))],
        next_step=_next_step(verdict.cells, sections, texts),
        sections=sections,
        kept=[markup.sentence(translated(note, language)) for note in _about_the_file(verdict)],
    )


def _score(verdict: Verdict, mark: Mark | None, texts: "_Texts") -> str:
    """The points, and of how many somebody still has to read."""
    waiting = mark.open_points if mark else sum(cell.max_score for cell in verdict.cells if cell.score is None)
    return points_said(verdict.score or 0.0, verdict.max_score, waiting, texts.language)


def points_said(score: float, most: float, waiting: float, language: str) -> str:
    """A mark in the words that stand wherever a student reads it; `waiting`: how many of all points are still open.

    >>> points_said(23, 25, 2, "en"), points_said(7.5, 9, 0, "es")
    ('23 of 25 points, 2 of them still open', '7,5 de 9 puntos')
    """
    words = WORDS[language]["points_open" if waiting else "points"]
    score, most, waiting = (number_said(value, language) for value in (score, most, waiting))
    said = words.format(score=score, most=most, open=waiting)
    return said[:1].upper() + said[1:]


def number_said(value: float, language: str) -> str:
    """Points as the reader's language writes them."""
    return f"{round(value, 2) + 0.0:.10g}".replace(".", languages.BY_CODE[language].decimal)


def _beside(mark: Mark | None, texts: "_Texts") -> Iterator[str]:
    """What the points contain beside those of the exercises."""
    if mark and mark.extra:
        yield texts.words["extra"].format(points=texts.number(mark.extra))
    if mark and mark.penalty:
        yield texts.words["late"].format(points=texts.number(mark.penalty))


def _outcome(verdict: Verdict, words: dict) -> Iterator[str]:
    """How the notebook as a whole ended, where that was not as it should."""
    if verdict.verdict == "graded":
        return
    yield words[verdict.verdict]
    if verdict.cells and not any(cell.message in LOST for cell in verdict.cells):
        yield words["rest"]


def _about_the_file(verdict: Verdict) -> list[str]:
    """What was kept, put back, found elsewhere or lost."""
    notes = () if verdict.verdict in ("unreadable", "wrong_notebook") else verdict.notes
    return [note for note in notes if not note.startswith(LENT)]


def _next_step(cells: tuple[CellScore, ...], sections: list[Section], texts: "_Texts") -> Markup | str:
    """The first thing in the notebook that is left to do."""
    pairs = [(cell, section) for cell, section in zip(cells, sections) if cell.max_score]
    lost = [(cell, section) for cell, section in pairs if cell.status in ("partial", "failed")]
    if not lost:
        return ""
    cell, section = lost[0]
    words, heading = texts.words, section.heading
    if cell.message == NO_ANSWER or STUB in cell.message:
        return Markup(words["answer" if cell.message == NO_ANSWER else "do"]).format(exercise=heading)
    rule = next((rule.name for rule in section.rules if rule.status == "failed"), "")
    return Markup(words["mend" if rule else "mend_exercise"]).format(exercise=heading, rule=rule)


class _Texts:
    """What the notebooks say about the graded cells, for one page."""

    def __init__(
        self,
        language: str,
        notebook: NotebookNode | None,
        released: NotebookNode | None,
        comments: Mapping[str, str],
    ):
        self.language, self.words = language, WORDS[language]
        self.answers = dict(_answers(notebook)) if notebook else {}
        self.comments = comments
        self.cells = released.cells if released else []
        self.places = {_grade_id(cell): index for index, cell in enumerate(self.cells)}
        first = next((cell.source for cell in self.cells if cell.cell_type == "markdown"), "")
        found = TITLE.search(first), COLAB.search(first)
        self.heading, self.colab = (match[match.re.groups] if match else "" for match in found)

    def title(self, assignment: str) -> Markup | str:
        """The notebook's title; the name of the assignment where it has none."""
        return markup.inline(self.heading) if self.heading else assignment

    def number(self, value: float) -> str:
        """Points as the reader's language writes them."""
        return number_said(value, self.language)

    def points(self, score: float | None, most: float) -> str:
        if not most and not score:
            return ""
        if score is None:
            return self.words["up_to"].format(points=self.number(most))
        return f"{self.number(score)} / {self.number(most)}"

    def section(self, number: int, cell: CellScore) -> Section:
        """What the page says about one graded cell."""
        text = self._exercise(cell.grade_id)
        answer = self.answers.get(cell.grade_id)
        ids = dict.fromkeys([cell.grade_id, _grade_id(answer) if answer else cell.grade_id])
        is_code = answer is not None and answer.cell_type == "code"
        is_lost = cell.status in ("failed", "partial")
        outputs = (markup.output(output, self.words["picture"]) for output in (answer or {}).get("outputs", []))
        return Section(
            anchor=f"exercise-{number}",
            heading=markup.inline(POINTS.sub("", text.heading)) if text.heading else markup.sentence(cell.grade_id),
            status=cell.status if cell.max_score else "manual",
            said=self.words[cell.status if cell.max_score or cell.score else "dropped"],
            points=self.points(cell.score, cell.max_score),
            lines=tuple(self._lines(cell)),
            rules=tuple(self._rules(cell, text)),
            examples=(markup.python(self._test(cell)),) if is_lost and not cell.groups and self._test(cell) else (),
            hints=tuple(map(markup.markdown, text.hints)) if is_lost else (),
            comments=tuple(
                self.words["teacher"].format(comment=self.comments[name]) for name in ids if name in self.comments
            ),
            answer=(markup.python if is_code else markup.text)(answer.source) if answer is not None else "",
            outputs=tuple(filter(None, outputs)),
            shown=self.words["shown_before" if cell.lent else "shown"],
            link=self._link(cell.grade_id),
        )

    def _exercise(self, grade_id: str) -> Exercise:
        return exercise.of(self.cells, self.places[grade_id]) if grade_id in self.places else Exercise()

    def _link(self, grade_id: str) -> str:
        """The place of the notebook in Colab, where the notebook itself has such a link."""
        index = self.places.get(grade_id)
        if not self.colab or index is None:
            return ""
        above = [cell for cell in self.cells[: index + 1] if re.search(r"^### ", cell.source, re.M)]
        return f"{self.colab}#scrollTo={(above or [self.cells[index]])[-1].id}"

    def _lines(self, cell: CellScore) -> Iterator[Markup]:
        """What is said about a whole exercise; what its rules say stands with them."""
        if cell.lent:
            names = ", ".join(f"`{name}`" for name in cell.lent)
            yield markup.sentence(self.words["lent"].format(names=names))
        message = cell.groups[0].message if _fails_alike(cell) else "" if cell.groups else cell.message
        if error := self._stopped_by(cell, message):
            yield markup.sentence(self.words["stops"])
        yield from self._said(error or message)

    def _stopped_by(self, cell: CellScore, message: str) -> str:
        """The error with which the answer's own cell ended, where a name is missing because of it; else ""."""
        if cell.lent or not message.startswith("NameError:"):
            return ""
        outputs = self.answers.get(cell.grade_id, {}).get("outputs", [])
        errors = [bounded(f"{one.get('ename')}: {one.get('evalue')}") for one in outputs if one.output_type == "error"]
        return errors[-1] if errors else ""

    def _rules(self, cell: CellScore, text: Exercise) -> Iterator[Rule]:
        blocks = exercise.blocks_of(self._test(cell))
        for group in cell.groups:
            kept = group.score == group.max_score
            rule = text.rules.get(exercise.name_of(group.name), "")
            yield Rule(
                name=group.name,
                status="passed" if kept else "failed",
                mark=MARKS["passed" if kept else "failed"],
                said=self.words["passed" if kept else "failed"].lower(),
                points=self.points(group.score, group.max_score) if cell.max_score else "",
                lines=() if kept or _fails_alike(cell) else tuple(self._said(group.message)),
                text=markup.markdown(rule) if rule and not kept else "",
                examples=() if kept else tuple(map(markup.python, blocks.get(group.name, []))),
            )

    def _test(self, cell: CellScore) -> str:
        """The test cell that the student was given, with the visible part of its tests; "" where there is none."""
        place = self.places.get(cell.grade_id)
        return self.cells[place].source if place is not None and self.cells[place].cell_type == "code" else ""

    def _said(self, message: str) -> Iterator[Markup]:
        """A message, and a sentence of explanation where it is one of Python's own common errors."""
        if not message:
            return
        yield markup.sentence(translated(message, self.language))
        if explained := self._explained(message):
            yield markup.sentence(explained)

    def _explained(self, message: str) -> str:
        errors, error = self.words["errors"], ERROR.fullmatch(message)
        if error and RAISED.search(message):
            return errors["raise"]
        kind = next((kind for kind in errors if " " in kind and kind in message), error[1] if error else "")
        return errors.get(kind, "")


def _fails_alike(cell: CellScore) -> bool:
    """Whether the same goes wrong in every rule group: it is said once."""
    return cell.status == "failed" and len({group.message for group in cell.groups}) == 1


def _grade_id(cell: NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _answers(notebook: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Grade id of a cell with points → the answer that it is about.

    `test_do_ner` tests `do_ner`; a written answer is its own; any other test is about the answer above it.
    """
    with_id = [cell for cell in notebook.cells if _grade_id(cell)]
    by_id = {_grade_id(cell): cell for cell in with_id if cell.metadata.nbgrader.get("solution")}
    above = None
    for cell in with_id:
        grade_id = _grade_id(cell)
        above = by_id.get(grade_id, above)
        if answer := by_id.get(grade_id.removeprefix("test_"), above):
            yield grade_id, answer
