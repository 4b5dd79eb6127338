"""The page that a student gets: what failed and the hint, in their language, and nothing that could harm."""

import base64
import dataclasses
import html
import re
from pathlib import Path
from typing import ClassVar

import nbformat
import pytest
from nbformat.v4 import new_output

from course.grade import marks
from course.mark import Mark
from course.pages import feedback
from course.pages.sentences import translated
from course.verdict import CellScore, Verdict

CELLS = (
    CellScore("test_add", 3.0, 3.0, "passed"),
    CellScore("test_evens", 1.0, 4.0, "partial", "Zero is even."),
    CellScore("essay", None, 2.0, "manual"),
)
VERDICT = Verdict("anna", "sums", "graded", "Two cells were repaired.", ("copied",), 4.0, 9.0, 2.0, CELLS, "bwrap")
LOST = dataclasses.replace(VERDICT, verdict="unreadable", score=None, cells=())
HOSTILE = "<script>document.title = 'broken'</script><img src=x onerror=\"document.title = 'broken'\">"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SENTENCES = {  # what the grader says of itself: (in a verdict, a word of it in Russian, in Spanish)
    "No answer.": ("Ответа нет.", "Sin respuesta."),
    "The test could not work with the result (TypeError).": ("Проверка", "La prueba"),
    "A cell did not end within 4 s.": ("4 с.", "4 s."),
    "A cell did not end within 4 s and could not be interrupted.": ("4 с.", "4 s."),
    "A test did not end within 4 s.": ("4 с.", "4 s."),
    "The notebook did not end within 60 s.": ("60 с.", "60 s."),
    "The notebook used more than 4096 MiB of memory.": ("4096 МиБ", "4096 MiB"),
    "The notebook started more than 256 processes.": ("256 процессов", "256 procesos"),
    "The notebook's process died.": ("Процесс", "El proceso"),
    "A cell ended processes in which tests were to be run.": ("ячеек", "Una celda"),
    "An answer ended processes in which other tests were to be run.": ("ответов", "respuestas"),
    "The notebook had more than 2048 files and connections open.": ("2048 файлов", "2048 archivos"),
    "The cells that the student added took more than 60 s together.": ("60 с;", "60 s en total"),
    "The cells that the student added took more than 60 s together and could not be interrupted.": ("60 с;", "60 s"),
    "Tests that could not be run any more: 2.": ("выполнить: 2", "ejecutar: 2"),
    "KeyError in line 3 of your code: x = words[total]": ("в строке 3", "en la línea 3"),
    "NameError: name 'x' is not defined (line 3 of your code: x)": ("(строка 3 твоего кода: x)", "(línea 3 de tu"),
    "Added to cells of the teacher's and kept: `torch`, `re`.": ("`torch`, `re`", "`torch`, `re`"),
    "Changed in cells of the teacher's and put back: `epochs`.": ("отменены: `epochs`", "corrección: `epochs`"),
    "The answer `f` was there 2 times; the last one before its tests counts.": ("ответа `f`: 2", "`f` aparecía 2"),
    "The answer `f` is missing; the released cell stands in its place.": ("`f` нет", "Falta tu respuesta `f`"),
    "Of 2 notebooks of this assignment the newest finished one was graded: b.ipynb.": ("b.ipynb", "b.ipynb"),
    "This notebook changes how tests run: the test counts for nothing, and your teacher has been told.": (
        "вмешивается",
        "altera",
    ),
    "The notebook's process has ended.": ("Процесс", "El proceso"),
    "The value is larger than 64 MiB.": ("результат", "resultado"),
    "An object of the type Equal cannot be compared or iterated over.": ("результат", "resultado"),
    "The test's last value is NaN: a mistake of the test, to be looked at by the teacher.": (
        "преподаватель",
        "docente",
    ),
}


@pytest.fixture
def graded(small_source):
    """A function: outputs → the graded notebook of a student whose answer to `evens` showed them."""

    def notebook(*outputs) -> nbformat.NotebookNode:
        made = nbformat.from_dict(small_source)
        made.cells[4].source = "def evens(n):\n    return []"
        made.cells[4].outputs = list(outputs)
        return made

    return notebook


def read(page: str) -> str:
    """What a reader sees of a page or a part of it: its text."""
    return html.unescape(re.sub(r"<style>.*?</style>|<[^>]*>", "", page, flags=re.S))


class TestPage:
    def test_it_says_what_is_right_and_what_is_not_yet(self, graded):
        page = read(feedback.page(VERDICT, graded()))
        for shown in ("4 of 9 points, 2 of them still open", "Right 3 / 3", "Partly right 1 / 4"):
            assert shown in page
        assert "Zero is even." in page
        assert "anna" in page

    def test_it_shows_the_answer_that_a_test_is_about(self, graded):
        section = read(feedback.page(VERDICT, graded()).split("<section")[2])
        assert "test_evens" in section
        assert "def evens(n):\n    return []" in section

    def test_a_test_of_another_name_is_about_the_answer_above_it(self, graded):
        notebook = graded()
        notebook.cells[5].metadata.nbgrader.grade_id = "cell-7c1f"
        cell = dataclasses.replace(CELLS[1], grade_id="cell-7c1f")
        assert "def evens(n):" in read(feedback.page(dataclasses.replace(VERDICT, cells=(cell,)), notebook))

    def test_it_never_shows_a_test(self, graded):
        page = feedback.page(VERDICT, graded())
        assert not re.search(r"assert|HIDDEN|42|Negative|list\(range", page)

    def test_it_does_not_show_what_is_for_the_teacher(self, graded):
        page = feedback.page(VERDICT, graded())
        assert "copied" not in page
        assert "repaired" not in page

    def test_a_notebook_that_could_not_be_read(self):
        page = feedback.page(LOST, None)
        assert "0 of 9 points" in page
        assert "hand it in again" in page

    @pytest.mark.parametrize("outcome", ["timed_out", "out_of_memory", "kernel_died", "unreadable", "wrong_notebook"])
    @pytest.mark.parametrize("language", ["en", "ru", "es"])
    def test_every_outcome_has_a_sentence(self, outcome, language):
        assert feedback.WORDS[language][outcome].endswith(".")
        page = feedback.page(dataclasses.replace(LOST, verdict=outcome), None, language)
        assert html.escape(feedback.WORDS[language][outcome]) in page

    def test_no_output_makes_it_long(self, graded):
        page = feedback.page(VERDICT, graded(new_output("stream", text="x" * 50_000_000)))
        assert len(page) < 20_000

    def test_terminal_colours_are_left_out(self, graded):
        page = feedback.page(VERDICT, graded(new_output("stream", text="\x1b[31mred\x1b[0m")))
        assert "<pre>red</pre>" in page


class TestLanguage:
    @pytest.mark.parametrize(
        ("language", "words"),
        [("ru", "4 из 9, из них ещё не оценено: 2"), ("es", "4 de 9 puntos, pendientes de")],
    )
    def test_the_page_is_in_it(self, graded, language, words):
        page = feedback.page(VERDICT, graded(), language)
        assert f'<html lang="{language}">' in page
        assert words in page
        assert not re.search(r"points|[Rr]ight|Your|Feedback|to be read", read(page))

    @pytest.mark.parametrize("message", SENTENCES)
    def test_the_graders_own_sentences_are_in_it(self, message):
        for language, part in zip(("ru", "es"), SENTENCES[message], strict=True):
            assert part in translated(message, language)
        assert "{" not in translated(message, "en")

    @pytest.mark.parametrize("message", ["Смотри на «I-».", "NameError: name 'x' is not defined", "¿Y el cero?", "{0}"])
    def test_other_messages_stay_as_they_are(self, message):
        assert translated(message, "ru") == message

    def test_every_language_has_all_words(self):
        assert len({frozenset(words) for words in feedback.WORDS.values()}) == 1

    def test_an_unknown_language_reads_english(self, graded):
        assert "4 of 9 points" in feedback.page(VERDICT, graded(), 'x"><script>')
        assert "<script>" not in feedback.page(VERDICT, graded(), 'x"><script>')


def mark(points: dict[str, float | None], by_hand: str = "", **fields) -> Mark:
    """The mark of a notebook with these final points, of which those named were given by a person."""
    parts = {"automatic": 0.0, "manual": 0.0, "extra": 0.0, "penalty": 0.0, "open": (), "late_seconds": 0.0}
    total = sum(value or 0.0 for value in points.values())
    waiting = 2.0 if None in points.values() else 0.0  # the essay's
    fields = parts | {"score": total, "max_score": 9.0, "submitted_at": None, "open_points": waiting} | fields
    return Mark("anna", "sums", cells=points, by_hand=frozenset(by_hand.split()), **fields)


class TestMarks:
    AUTOMATIC: ClassVar = {"test_add": 3.0, "test_evens": 1.0, "essay": None}

    def test_a_persons_marks_count(self):
        points = {"test_add": 3.0, "test_evens": 4.0, "essay": 1.5}
        verdict = feedback.marked(VERDICT, mark(points, "essay test_evens"))
        assert verdict.score == 8.5
        assert [cell.status for cell in verdict.cells] == ["passed", "passed", "partial"]
        assert not verdict.cells[1].message

    def test_a_comment_alone_changes_no_mark(self):
        assert feedback.marked(VERDICT, mark(self.AUTOMATIC, comments={"essay": "Well said."})) == VERDICT

    def test_extra_credit_alone_leaves_what_the_tests_said(self, graded):
        given = mark(self.AUTOMATIC | {"test_evens": 1.5}, extra=0.5)
        page = read(feedback.page(VERDICT, graded(), mark=given))
        assert "4.5 of 9 points, 2 of them still open" in page
        assert "Extra points in this: 0.5." in page
        assert "Partly right 1.5 / 4" in page
        assert "Zero is even." in page

    @pytest.mark.parametrize(
        ("language", "words"),
        [("en", "points taken off: 2.5."), ("ru", "снято баллов: 2,5."), ("es", "puntos descontados: 2,5.")],
    )
    def test_a_penalty_is_said(self, graded, language, words):
        given = mark(self.AUTOMATIC | {"essay": 2.0}, "essay", score=3.5, penalty=2.5)
        page = read(feedback.page(VERDICT, graded(), language, given))
        assert words in page
        assert {"en": "3.5 of 9", "ru": "3,5 из 9", "es": "3,5 de 9"}[language] in page

    @pytest.mark.parametrize("cell", CELLS)
    def test_a_dropped_question_does_not_count(self, graded, cell):
        dropped = dataclasses.replace(cell, score=0.0, max_score=0.0, status="passed")
        verdict = dataclasses.replace(VERDICT, score=0.0, max_score=0.0, cells=(dropped,))
        page = read(feedback.page(verdict, graded(), mark=mark({cell.grade_id: 0.0}, max_score=0.0)))
        assert "Does not count" in page
        assert not re.search(r"Right|Not yet|Next step|0 / 0", page)

    def test_comments_are_shown_with_the_cell(self, graded):
        given = mark(
            self.AUTOMATIC | {"essay": 1.5}, "essay", comments={"essay": "Well <b>said</b>.", "evens": "Mind zero."}
        )
        page = feedback.page(VERDICT, graded(), mark=given)
        assert "Your teacher: Well &lt;b&gt;said&lt;/b&gt;." in page.split("<section")[3]
        assert "Your teacher: Mind zero." in page.split("<section")[2]
        assert "still open" not in page


class TestHostile:
    OUTPUTS = (
        new_output("stream", text=HOSTILE),
        new_output("error", ename=HOSTILE, evalue=HOSTILE, traceback=[HOSTILE]),
        new_output("display_data", {"text/html": HOSTILE, "text/plain": HOSTILE}),
        new_output("display_data", {"image/svg+xml": f"<svg>{HOSTILE}</svg>"}),
        new_output("display_data", {"application/javascript": "document.title = 'broken'"}),
        new_output("display_data", {"text/markdown": "[x](javascript:document.title='broken')"}),
        new_output("display_data", {"image/png": f'{PNG}" onload="document.title = 1'}),
        new_output("display_data", {"image/png": base64.b64encode(HOSTILE.encode()).decode()}),
        new_output("display_data", {"text/plain": [HOSTILE]}),
        new_output("display_data", {"image/png": PNG}),
    )

    @pytest.fixture
    def page(self, graded, small_source):
        notebook = graded(*self.OUTPUTS)
        for cell in notebook.cells:
            cell.source += HOSTILE
        cells = tuple(dataclasses.replace(cell, message=HOSTILE) for cell in CELLS)
        cells += (CellScore(HOSTILE, 0.0, 1.0, "failed", HOSTILE),)
        verdict = dataclasses.replace(VERDICT, assignment=HOSTILE, cells=cells)
        return feedback.page(verdict, notebook, "ru", mark({}, comments={"essay": HOSTILE}))

    def test_nothing_of_it_is_markup(self, page):
        assert "<script" not in page
        assert page.count("<img") == 1
        assert "<svg" not in page

    def test_in_a_browser_no_script_runs(self, page, browser, tmp_path):
        path = tmp_path / "page.html"
        path.write_text(page, encoding="utf-8")
        browser.get(path.as_uri())
        browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert "Результат проверки" in browser.title
        assert browser.execute_script("return document.images.length") == 1
        assert browser.execute_script("return document.images[0].naturalWidth") == 1
        assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        browser.save_screenshot(tmp_path / "feedback.png")


class TestWritePages:
    @pytest.fixture
    def done(self, sums, right, small_source):
        """A graded class whose notebook is in Spanish."""
        source = nbformat.from_dict(small_source)
        source.metadata.course.language = "es"
        sums.write(source)
        sums.submit("ana", **right)
        sums.submit("luis", b"junk")
        sums.grade()
        return sums

    def write(self, course, *students: str) -> list[Path]:
        return feedback.write_pages("sums", course.root, marks.of(course.root, "sums"), students)

    def page(self, course, student: str) -> Path:
        return course.root / "feedback" / student / "sums" / "sums.html"

    def test_everybody_gets_one_in_the_language_of_the_assignment(self, done):
        assert len(self.write(done)) == 2
        assert "7 de 9 puntos, pendientes de corrección: 2" in self.page(done, "ana").read_text()
        assert "no se puede leer como cuaderno" in self.page(done, "luis").read_text()

    def test_or_only_those_that_were_named(self, done):
        self.write(done, "luis")
        assert [path.name for path in (done.root / "feedback").iterdir()] == ["luis"]

    def test_it_is_headed_by_a_name_where_one_is_known(self, done):
        """The roster's, else the gradebook's."""
        from course.cli import main

        with done.gradebook() as gradebook:
            gradebook.update_or_create_student("ana", first_name="Ana", last_name="Gil")
            gradebook.update_or_create_student("luis", first_name="L.", last_name="")
        (done.root / "roster.csv").write_text("id,name\nluis,<b>Luis Sáez\n", encoding="utf-8")
        assert main(["feedback", "sums", "--course-dir", str(done.root)]) == 0
        assert "<strong>Ana Gil</strong> (ana)</p>" in self.page(done, "ana").read_text()
        assert "<strong>&lt;b&gt;Luis Sáez</strong> (luis)</p>" in self.page(done, "luis").read_text()
        (done.root / "roster.csv").unlink()
        self.write(done)
        assert "· ana</p>" in self.page(done, "ana").read_text()

    def test_marks_given_by_hand_are_in_it(self, done):
        with done.gradebook() as gradebook:
            gradebook.find_grade("essay", "sums", "sums", "ana").manual_score = 2
            gradebook.find_comment("essay", "sums", "sums", "ana").manual_comment = "¡Muy bien!"
            gradebook.db.commit()
        self.write(done)
        page = self.page(done, "ana").read_text()
        assert "9 de 9 puntos" in page
        assert "Tu docente: ¡Muy bien!" in page

    @pytest.mark.parametrize("place", ["page", "assignment", "student"])
    def test_a_link_in_its_place_is_not_followed(self, done, tmp_path, place):
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "sums.html").write_text("mine")
        page = self.page(done, "ana")
        link = {"page": page, "assignment": page.parent, "student": page.parents[1]}[place]
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(outside / "sums.html" if place == "page" else outside)
        self.write(done)
        assert (outside / "sums.html").read_text() == "mine"
        assert [path.name for path in outside.iterdir()] == ["sums.html"]
        assert "7 de 9 puntos, pendientes de corrección: 2" in self.page(done, "ana").read_text()

    def test_several_notebooks_have_a_page_each(self, sums, right):
        sums.write(name="more")
        sums.submit("ana", **right)
        sums.submit("ana", name="more")
        sums.grade()
        self.write(sums)
        assert "7 of 9 points" in self.page(sums, "ana").read_text()
        assert "0 of 9 points" in self.page(sums, "ana").with_name("more.html").read_text()
