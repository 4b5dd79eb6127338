"""Marking written answers: equal ones once, blind, by the keyboard; the marks are nbgrader's.

The page is served by the real command in a process of its own, and used in Chromium.
"""

import contextlib
import datetime
import http.client
import json
import re
import subprocess
import sys
import urllib.parse
from types import SimpleNamespace

import nbformat
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from course import cli
from course.essay import Essay, Given
from course.folder import Folder
from course.grade import essays, marks
from course.grade.ledger import Ledger
from course.pages.marking.desk import Desk, Refused
from course.pages.marking.view import View
from tests import pages
from tests.course.written import HOSTILE, by_student, comment_of, hand_in

SHORT = "Because it is shorter."
LONG = "It is one expression, so the list is built at C speed and no name is left behind afterwards."

# ---- the gradebook


def enter(course, *changes) -> list[str]:
    with Ledger(Folder.at(course.root)) as ledger:
        return [essay.student for essay in essays.enter(ledger, changes)]


def test_marks_are_nbgraders_and_regrading_keeps_them(sums):
    hand_in(sums, {"anna": SHORT, "boris": SHORT, "clara": None})
    found = by_student(sums)
    assert found.keys() == {"anna", "boris"}, "what was left as it was is no answer and has 0 already"
    assert enter(sums, (found["anna"], Given(1.5, "Say why.", False)), (found["boris"], Given(0.0, "", False))) == []
    assert sums.marks("anna")["essay"] == (None, 1.5, False)
    assert sums.marks("boris")["essay"] == (None, 0.0, False)
    assert comment_of(sums, "anna") == "Say why." and comment_of(sums, "boris") is None
    hand_in(sums, {"anna": SHORT, "boris": LONG})
    assert sums.marks("anna")["essay"] == (None, 1.5, False)
    assert sums.marks("boris")["essay"] == (None, 0.0, True), "another text wants a second look"
    assert comment_of(sums, "anna") == "Say why."
    assert {s: e.given for s, e in by_student(sums).items()} == {
        "anna": Given(1.5, "Say why.", False),
        "boris": Given(0.0, "", True),
    }


def _marked_in_formgrader(course):
    with course.gradebook() as gradebook:
        grade = gradebook.find_grade("essay", "sums", "sums", "boris")
        grade.manual_score, grade.needs_manual_grade = 2.0, False
        gradebook.db.commit()


def _commented_in_formgrader(course):
    with course.gradebook() as gradebook:
        gradebook.find_comment("essay", "sums", "sums", "boris").manual_comment = "Mine."
        gradebook.db.commit()


def _handed_in_again(course):
    hand_in(course, {"boris": LONG})


def _forgotten(course):
    with course.gradebook() as gradebook:
        gradebook.remove_student("boris")


@pytest.mark.parametrize("meanwhile", [_marked_in_formgrader, _commented_in_formgrader, _handed_in_again, _forgotten])
def test_what_others_did_meanwhile_is_not_overwritten(sums, meanwhile):
    """Nor is the rest of the group entered: whoever marks looks again first."""
    hand_in(sums, {"anna": SHORT, "boris": SHORT})
    found = by_student(sums)
    meanwhile(sums)
    after = by_student(sums).get("boris")
    changes = [(found[student], Given(1.0, "No.", False)) for student in ("anna", "boris")]
    assert enter(sums, *changes) == ["boris"]
    assert by_student(sums).get("boris") == after
    assert by_student(sums)["anna"].given == Given()


def test_a_late_answer_loses_what_the_course_says_at_once(sums):
    (sums.root / "nbgrader_config.py").write_text("c = get_config()\nc.LateSubmissionPlugin.penalty_method = 'zero'\n")
    with sums.gradebook() as gradebook:
        gradebook.update_or_create_assignment("sums", duedate=datetime.datetime(2026, 1, 1))
    hand_in(sums, {"anna": SHORT}, late="2026-01-02 00:00:00 UTC")
    enter(sums, (by_student(sums)["anna"], Given(2.0, "", False)))
    with sums.gradebook() as gradebook:
        submission = gradebook.find_submission("sums", "anna")
        assert submission.late_submission_penalty == submission.score == 9.0
    assert marks.of(sums.root, "sums")["anna"].score == 0.0


def test_dropped_questions_and_students_who_left_are_not_asked_for(sums):
    hand_in(sums, {"anna": SHORT, "boris": SHORT})
    (sums.root / "submitted" / "boris").rename(sums.root / "submitted" / ".boris")
    assert by_student(sums).keys() == {"anna"}
    source = nbformat.read(sums.root / "source" / "sums" / "sums.ipynb", as_version=4)
    source.cells[-1].metadata.nbgrader.points = 0
    sums.write(source)
    with Ledger(Folder.at(sums.root)) as ledger:
        ledger.register("sums")
    assert by_student(sums) == {}


# ---- the desk


@pytest.fixture
def desk(sums):
    hand_in(sums, {"anna": SHORT, "boris": SHORT, "clara": LONG, "dora": SHORT.replace("shorter", "shortr")})

    def load():
        return list(by_student(sums).values())

    def put(changes):
        with Ledger(Folder.at(sums.root)) as ledger:
            return essays.enter(ledger, changes)

    return Desk(load, put, lambda essay: ("sums", "sums", essay.grade_id))


def sizes(desk: Desk) -> list[tuple[int, float | None]]:
    return [(len(group.essays), group.given.points) for place in desk.groups.values() for group in place]


def test_a_group_is_marked_and_taken_back_as_one(desk, sums):
    first = next(iter(desk.groups.values()))[0]
    desk.mark(first.number, first.version, 2.0, "Good.")
    assert sizes(desk) == [(3, 2.0), (1, None)]
    assert [sums.marks(s)["essay"] for s in ("anna", "boris", "dora")] == [(None, 2.0, False)] * 3
    desk.mark(first.number, first.version, 1.0, "Good.")
    desk.undo()
    assert sizes(desk) == [(3, 2.0), (1, None)]
    desk.undo()
    assert sums.marks("anna")["essay"] == (None, None, True) and comment_of(sums, "anna") is None
    with pytest.raises(Refused, match="nothing_to_undo"):
        desk.undo()


def test_an_answer_taken_out_of_its_group_is_marked_by_itself_and_stays_out(desk, sums):
    first = next(iter(desk.groups.values()))[0]
    own = desk.take_out(first.number, first.essays[-1].key)
    desk.mark(own.number, own.version, 0.5, "")
    assert sizes(desk) == [(2, None), (1, 0.5), (1, None)]
    desk.undo()
    _marked_in_formgrader(sums)
    desk.refresh()
    assert sorted(sizes(desk), key=str) == [(1, 2.0), (1, None), (1, None), (1, None)]


def test_what_was_marked_elsewhere_becomes_a_group_of_its_own(desk, sums):
    first = next(iter(desk.groups.values()))[0]
    _marked_in_formgrader(sums)
    with pytest.raises(Refused, match="changed"):
        desk.mark(first.number, first.version, 1.0, "")
    assert sorted(sizes(desk), key=str) == [(1, 2.0), (1, None), (2, None)]


def test_a_mark_of_formgraders_that_is_more_than_the_question_has_stays_with_a_comment(desk, sums):
    with sums.gradebook() as gradebook:
        grade = gradebook.find_grade("essay", "sums", "sums", "clara")
        grade.manual_score, grade.needs_manual_grade = 3.0, False
        gradebook.db.commit()
    desk.refresh()
    group = next(group for place in desk.groups.values() for group in place if group.given.points)
    desk.mark(group.number, group.version, 3.0, "Very good.")
    assert sums.marks("clara")["essay"][1] == 3.0 and comment_of(sums, "clara") == "Very good."


@pytest.mark.parametrize("points", [-0.5, 2.5, float("nan"), float("inf")])
def test_points_that_the_question_does_not_have_are_refused(desk, points):
    first = next(iter(desk.groups.values()))[0]
    with pytest.raises(Refused, match="out_of_range"):
        desk.mark(first.number, first.version, points, "")
    assert sizes(desk) == [(3, None), (1, None)]


# ---- the page


def test_an_answer_says_in_which_language_its_notebook_is():
    site = SimpleNamespace(languages={"ner-ru": "ru", "ner-en": "en", "other": ""})
    given = [Essay(name, name, name, "ner", "why", "Yes.", 2.0, Given()) for name in ("ner-ru", "ner-en", "other")]
    assert View("es").languages(site, given) == "Русский, English"
    assert View("es").languages(site, given[2:]) == ""


@contextlib.contextmanager
def serving(course, *options: str):
    command = [sys.executable, "-m", "course.cli", "mark", "sums", "--no-browser", "--course-dir", str(course.root)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert "http://" in line, process.stderr.read()
        yield line.split()[-1]
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def essay_class(course_at, tmp_path_factory):
    """About sixty answers, hostile ones among them, and the page that shows them."""
    course = course_at(tmp_path_factory.mktemp("mark") / "course")
    source = nbformat.read(course.root / "source" / "sums" / "sums.ipynb", as_version=4)
    question = "### Question 1: comprehensions (2 points)\n\nWhy?\n\n- 1 point: a reason.\n- 1 point: an example."
    source.cells.insert(6, nbformat.v4.new_markdown_cell(question, id="question"))
    course.write(source)
    texts = [SHORT] * 20 + [LONG] * 10 + ["I do not know."] * 8 + [f"Reason {n}" for n in range(12)] + [*HOSTILE]
    texts += [SHORT.replace("shorter", "shortr"), f"**{SHORT}**"]
    hand_in(course, {f"student-{n:02d}": text for n, text in enumerate(texts)} | {"empty": None})
    (course.root / "roster.csv").write_text("id,name\nstudent-00,Анна Иванова\n", encoding="utf-8")
    with serving(course) as address:
        yield course, address


def press(browser, *keys: str) -> None:
    for key in keys:
        ActionChains(browser).send_keys(key).perform()


def said(browser, beginning: str) -> None:
    pages.until(browser, f"document.getElementById('said').textContent.startsWith({json.dumps(beginning)})")


def test_a_class_is_marked_by_the_keyboard(essay_class, browser):
    course, address = essay_class
    browser.get(address)
    cards = browser.find_elements(By.CLASS_NAME, "card")
    assert [card.find_element(By.TAG_NAME, "h2").text.split()[0] for card in cards[:4]] == ["22", "10", "8", "1"]
    third = cards[2].get_attribute("id")
    assert "English" in cards[0].find_element(By.TAG_NAME, "header").text
    assert "student-" not in browser.page_source and "Анна" not in browser.page_source
    assert browser.find_element(By.CSS_SELECTOR, ".rubric li").text == "1 point: a reason."
    press(browser, "9")
    said(browser, "Points must be a number from 0 to 2.")
    assert _current(browser) == cards[0].get_attribute("id"), "and nothing else has happened"
    press(browser, "2")
    said(browser, "Entered: 2 (answers: 22)")
    press(browser, "h", "1")
    said(browser, "Entered: 1.5 (answers: 10)")
    press(browser, "c")
    press(browser, "Ask me.")
    ActionChains(browser).key_down(Keys.CONTROL).send_keys(Keys.ENTER).key_up(Keys.CONTROL).perform()
    said(browser, "The comment is saved")
    press(browser, "0")
    said(browser, "Entered: 0 (answers: 8)")
    assert course.marks("student-20")["essay"] == (None, 1.5, False)
    assert course.marks("student-30")["essay"] == (None, 0.0, False)
    assert comment_of(course, "student-37") == "Ask me."
    press(browser, "k", "1")
    said(browser, "Entered: 1 (answers: 8)")
    press(browser, "u")
    said(browser, "Taken back.")
    assert course.marks("student-30")["essay"] == (None, 0.0, False)
    unfolded = "return [...document.querySelectorAll('.card')].map(c => Boolean(c.querySelector('details[open]')))"
    browser.find_element(By.CSS_SELECTOR, f"#{third} details summary").click()
    before = browser.execute_script(unfolded)
    assert before.count(True) == 1
    other = browser.find_elements(By.CSS_SELECTOR, ".card textarea")[4]
    other.send_keys("Half a")
    press(browser, Keys.ESCAPE)
    press(browser, "n")
    pages.until(browser, "document.documentElement.outerHTML.includes('Анна Иванова (student-00)')")
    assert browser.find_element(By.CSS_SELECTOR, "#names button").text == "Hide names"
    assert browser.execute_script(unfolded) == before
    assert browser.find_elements(By.CSS_SELECTOR, ".card textarea")[4].get_attribute("value") == "Half a"
    press(browser, "n")
    pages.until(browser, "!document.documentElement.outerHTML.includes('Анна')")
    assert browser.execute_script(unfolded) == before
    press(browser, "k", "k")
    assert _current(browser) == third
    _elsewhere(course)
    press(browser, "j", "1")
    said(browser, "These answers were marked or graded elsewhere")
    assert {mark["essay"][1] for mark in map(course.marks, (f"student-{n}" for n in range(38, 50)))} == {2.0}


def _current(browser) -> str:
    return browser.switch_to.active_element.get_attribute("id")


def _elsewhere(course):
    """Somebody marks the single answers in formgrader."""
    with course.gradebook() as gradebook:
        for submission in gradebook.notebook_submissions("sums", "sums"):
            for grade in submission.grades:
                if grade.cell.name == "essay" and grade.needs_manual_grade:
                    grade.manual_score, grade.needs_manual_grade = 2.0, False
        gradebook.db.commit()


@pytest.mark.parametrize("scheme, width", [("light", 400), ("dark", 1000)])
def test_it_is_open_to_everybody_and_runs_nothing_of_a_students(essay_class, browser, width, scheme):
    """axe-core finds nothing; the answers are wide, but not the page; the console is silent."""
    pages.show(browser, essay_class[1], width, scheme=scheme)
    assert pages.barriers(browser) == []
    assert pages.fits(browser)
    assert browser.title.startswith("Written answers")
    assert not browser.find_elements(By.ID, "injected")
    assert browser.get_log("browser") == []


def ask(address: str, method: str = "GET", path: str = "", body: dict | None = None, **headers: str):
    """Status, headers and text of an answer."""
    parts = urllib.parse.urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    form = urllib.parse.urlencode(body or {})
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if method == "POST":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, path or parts.path, form if method == "POST" else None, headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode()


def test_nobody_else_gets_at_it(essay_class):
    course, address = essay_class
    path = urllib.parse.urlsplit(address).path
    assert address.startswith("http://127.0.0.1:")
    assert ask(address, path="/")[0] == ask(address, path="/0/")[0] == ask(address, path="/guess/0/")[0] == 404
    assert ask(address, Host="evil.example")[0] == 400
    before = course.marks("student-00")
    form = {"group": "1", "version": "0", "points": "0"}
    assert ask(address, "POST", f"{path}mark", form)[0] == 403, "no token"
    status, headers, text = ask(address, path=f"{path}0/")
    token = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', text)[1]
    cookie = headers["Set-Cookie"].split(";")[0]
    form["csrfmiddlewaretoken"] = token
    assert ask(address, "POST", f"{path}mark", form, Cookie=cookie, Origin="http://evil.example")[0] == 403
    assert ask(address, "GET", f"{path}mark")[0] == 405
    assert course.marks("student-00") == before
    assert status == 200 and "script-src 'self'" in headers["Content-Security-Policy"]
    assert "'unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "DENY" and "no-store" in headers["Cache-Control"]


def test_without_a_script_the_forms_do_the_same(sums):
    hand_in(sums, {"anna": SHORT, "boris": SHORT})
    with serving(sums, "--lang", "es") as address:
        path = urllib.parse.urlsplit(address).path
        _, headers, text = ask(address, path=f"{path}0/")
        cookie = headers["Set-Cookie"].split(";")[0]

        def post(view, **fields):
            fields["csrfmiddlewaretoken"] = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', text)[1]
            status, answer, _ = ask(address, "POST", path + view, fields, Cookie=cookie)
            assert status == 302
            return ask(address, path=f"{path}{answer['Location'].split('#')[0]}", Cookie=cookie)[2]

        assert '<html lang="es">' in text and "2 respuestas que dicen lo mismo" in text
        for typed in ("7", "seven", "-1", "nan"):
            assert "de 0 a 2" in post("mark", group="1", version="0", typed=typed)
        assert "Guardado: 1,5" in post("mark", group="1", version="0", typed="1,5", comment="Bien.\r\nMuy bien.")
        assert sums.marks("boris")["essay"] == (None, 1.5, False)
        assert comment_of(sums, "boris") == "Bien.\nMuy bien."
        key = by_student(sums)["boris"].key
        assert "1 respuesta<" in post("apart", group="1", answer=key)
        assert "Deshecho" in post("undo", place="0")
        assert sums.marks("anna")["essay"] == (None, None, True)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["smus"], "Did you mean sums?"),
        (["sums", "--port", "99999"], "choose another --port"),
        (["sums"], "has been graded: run `course grade` first"),
    ],
)
def test_what_a_person_can_mend_is_one_sentence(sums, capsys, arguments, sentence):
    if arguments == ["sums"]:
        (sums.root / "gradebook.db").unlink()
    assert cli.main(["mark", *arguments, "--no-browser", "--course-dir", str(sums.root)]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
