"""`course grade`, `feedback` and `report`, as a teacher uses them: a whole class, one sentence for every mistake."""

import contextlib
import csv
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import nbformat
import psutil
import pytest

from course import ROOT, kept
from course.cli import main
from tests.pages import until

COURSE = [sys.executable, "-m", "course.cli"]
LIMITS = ["--cell-timeout", "4", "--timeout", "60"]
KEYS = ["student", "assignment", "verdict", "cause", "flags", "score", "max_score", "seconds", "cells", "sandbox"]
# formgrader has asked the gradebook for marks and comments, and listens to its boxes
LOADED = "$('.extra-credit[placeholder]').length == 3 && $('.comment[placeholder]').length == 3"
HTML_TO_FOOL = "<input id='essay' class='score tabbable' value='2'><a href='javascript:alert(1)'>Look</a>"
PATIENCE = 120  # seconds that a test waits for another process on a busy machine


def wait_for(condition, what: str):
    """Look until it is true; returns what it was."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := condition():
            return found
        threading.Event().wait(0.05)
    raise AssertionError(f"{what} did not happen within {PATIENCE} s")


def mixed_class(course, right) -> dict[str, str]:
    """Hand in thirteen notebooks: honest ones, mangled ones, hostile ones. Returns the verdicts they should get."""
    course.submit("anna", **right)
    course.submit("boris", add=right["add"], essay="I do not know.")
    course.submit("empty")
    stripped = course.notebook(**right)
    for cell in stripped.cells:
        cell.metadata = nbformat.from_dict({})
    course.submit("colab", stripped)
    doubled = course.notebook(**right)
    doubled.cells.insert(3, nbformat.from_dict(doubled.cells[2]))
    doubled.cells.append(nbformat.from_dict(doubled.cells[5]))
    course.submit("doubled", json.dumps(doubled).encode())
    tagged = course.notebook(**right | {"add": "def add(a, b):\n    return 0"})
    for cell in tagged.cells:
        cell.metadata["tags"] = ["skip-execution"]
    course.submit("tagged", tagged)
    course.submit("exit", **right | {"evens": "import os\nos._exit(0)"})
    course.submit("loop", **right | {"evens": "while True:\n    pass"})
    course.submit("junk", os.urandom(2000))
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(f"# Chapter {n} of a novel") for n in "1234"])
    course.submit("novel", other)
    (course.root / "submitted" / "nothing" / "sums").mkdir(parents=True)
    course.submit("=cmd", **right)
    course.submit("[red]Ёж\x1b[31m", **right)
    ends = {"exit": "kernel_died", "loop": "timed_out", "junk": "unreadable"}
    ends |= {"novel": "wrong_notebook", "nothing": "wrong_notebook"}
    graded = ["anna", "boris", "empty", "colab", "doubled", "tagged", "=cmd", "[red]Ёж\x1b[31m"]
    return dict.fromkeys(graded, "graded") | ends


@pytest.fixture(scope="module")
def graded(course_at, tmp_path_factory, right):
    """A graded mixed class: the course, the exit code, what was printed, and the verdicts that there should be."""
    course = course_at(tmp_path_factory.mktemp("mixed") / "course")
    expected = mixed_class(course, right)
    printed, errors = open_streams(tmp_path_factory.mktemp("printed"))
    command = ["grade", "sums", "--course-dir", course.root, "--sandbox", "bwrap", *LIMITS]
    with printed, errors, contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors), course.in_process():
        code = main([str(part) for part in [*command, "--json", course.root / "out" / "marks.jsonl"]])
    return course, code, Path(printed.name).read_text(), expected


def open_streams(folder: Path):
    return [(folder / name).open("w", encoding="utf-8") for name in ("out", "err")]


@pytest.fixture(scope="module")
def lines(graded):
    """The JSON lines of the mixed class, by student."""
    text = (graded[0].root / "out" / "marks.jsonl").read_text(encoding="utf-8")
    return {line["student"]: line for line in map(json.loads, text.splitlines())}


class TestMixedClass:
    def test_every_submission_has_its_verdict(self, graded, lines):
        _, code, _, expected = graded
        assert code == 0
        assert {student: line["verdict"] for student, line in lines.items()} == expected

    def test_honest_work_has_its_marks(self, lines):
        scores = {student: lines[student]["score"] for student in ("anna", "boris", "empty", "=cmd")}
        assert scores == {"anna": 7, "boris": 3, "empty": 0, "=cmd": 7}

    def test_what_was_mangled_is_repaired(self, lines):
        for student in ("colab", "doubled"):
            assert lines[student]["score"] == 7, lines[student]

    def test_what_is_hostile_brings_nothing(self, lines):
        assert lines["tagged"]["score"] == 4

    def test_what_was_right_before_the_end_counts(self, lines):
        assert {lines[student]["score"] for student in ("exit", "loop")} == {3}

    def test_every_end_but_a_good_one_has_a_cause(self, lines):
        causes = {student: line["cause"] for student, line in lines.items() if line["verdict"] != "graded"}
        assert all(cause.endswith(".") for cause in causes.values()), causes
        assert "4 s" in causes["loop"]

    def test_the_lines_have_the_promised_keys(self, lines):
        for line in lines.values():
            assert list(line) == KEYS
            for cell in line["cells"]:
                promised = ["grade_id", "score", "max_score", "status", "message", "judged", "groups", "lent"]
                assert list(cell) == promised

    def test_the_lines_say_what_confined_the_code(self, lines):
        assert {line["sandbox"] for line in lines.values()} == {"bwrap"}

    def test_the_table_names_everybody(self, graded):
        _, _, printed, expected = graded
        for student in expected.keys() - {"[red]Ёж\x1b[31m"}:
            assert re.search(rf"^│ {re.escape(student)} +│", printed, re.M), student

    def test_names_are_text_for_the_terminal(self, graded):
        assert "[red]Ёж?[31m" in graded[2]
        assert "\x1b" not in graded[2]

    def test_nbgraders_export_has_everybody(self, graded):
        with graded[0].gradebook() as gradebook:
            assert {s.student.id for s in gradebook.assignment_submissions("sums")} == graded[3].keys()


@pytest.fixture(scope="module")
def report(graded, tmp_path_factory):
    """The folder with the report of the mixed class in all forms."""
    folder = tmp_path_factory.mktemp("report")
    command = ["report", "sums", "--course-dir", str(graded[0].root), "--out", str(folder / "report.html")]
    assert main([*command, "--csv", str(folder / "new" / "marks.csv"), "--json", str(folder / "marks.jsonl")]) == 0
    return folder


class TestReport:
    def test_the_page_says_what_confined_the_code_and_what_was_hard(self, report):
        page = " ".join(re.sub(r"<[^>]*>", " ", (report / "report.html").read_text(encoding="utf-8")).split())
        assert "Students&#39; code ran in bubblewrap." in page
        assert re.search(r"test_add 3 \d+% \d+% .* test_evens 4 \d+% \d+%", page)
        assert "Grading took" in page

    def test_the_csv_opens_in_a_spreadsheet(self, report, graded):
        data = (report / "new" / "marks.csv").read_bytes()
        assert data.startswith(b"\xef\xbb\xbf")
        rows = list(csv.DictReader(data.decode("utf-8-sig").splitlines()))
        assert Counter(row["verdict"] for row in rows) == Counter(graded[3].values())
        anna = next(row for row in rows if row["student"] == "anna")
        assert (anna["score"], anna["test_add"], anna["essay"], anna["open"]) == ("7.0", "3.0", "", "1")

    def test_no_cell_of_the_csv_is_a_formula(self, report):
        rows = csv.reader((report / "new" / "marks.csv").read_text(encoding="utf-8-sig").splitlines())
        cells = [cell for row in rows for cell in row]
        assert "'=cmd" in cells
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]

    def test_the_json_is_that_of_grading(self, report, graded):
        """With the final mark of everybody whom the gradebook knows."""
        found = list(map(json.loads, (report / "marks.jsonl").read_text(encoding="utf-8").splitlines()))
        marks = {line["student"]: line.pop("mark") for line in found}
        assert (marks["anna"]["score"], marks["anna"]["open"]) == (7.0, ["essay"])
        written = (graded[0].root / "out" / "marks.jsonl").read_text(encoding="utf-8")
        assert found == list(map(json.loads, written.splitlines()))


class TestFeedback:
    def test_everybody_gets_a_page(self, graded, capsys):
        course, _, _, expected = graded
        assert main(["feedback", "sums", "--course-dir", str(course.root)]) == 0
        assert capsys.readouterr().out == f"{len(expected)} pages in {course.root / 'feedback'}\n"
        assert len(list((course.root / "feedback").glob("*/sums/sums.html"))) == len(expected)

    def test_one_can_be_named(self, graded, capsys):
        command = ["feedback", "sums", "--course-dir", str(graded[0].root), "--student", "anna"]
        assert main(command) == 0
        assert capsys.readouterr().out.startswith("1 page in ")


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["grade", "nothing"], "There is no assignment"),
            (["grade", "sums"], "Nobody has handed in sums"),
            (["grade", "sums", "--student", "zoe"], "There is no submission"),
            (["feedback", "sums"], "Nothing of sums has been graded: run `course grade` first."),
            (["report", "sums"], "Nothing of sums has been graded: run `course grade` first."),
        ],
    )
    def test_one_sentence(self, sums, capsys, arguments, sentence):
        assert main([*arguments, "--course-dir", str(sums.root)]) == 2
        error = capsys.readouterr().err
        assert re.fullmatch(r"course: .+\.\n", error), error
        assert sentence in error

    @pytest.mark.parametrize("option", [["--jobs", "0"], ["--timeout", "-1"], ["--memory", "much"], ["--sandbox", "x"]])
    def test_a_number_that_makes_no_sense(self, capsys, option):
        with pytest.raises(SystemExit):
            main(["grade", "sums", *option])
        assert option[0] in capsys.readouterr().err

    def test_feedback_for_somebody_who_was_not_graded(self, graded, capsys):
        assert main(["feedback", "sums", "--course-dir", str(graded[0].root), "--student", "zoe"]) == 2
        assert "Nothing of zoe has been graded in sums" in capsys.readouterr().err

    def test_a_scheduler_that_is_not_there(self, sums, capsys):
        sums.submit("anna", b"junk")
        assert main(["grade", "sums", "--course-dir", str(sums.root), "--scheduler", "nonsense://x"]) == 2
        assert "The Dask scheduler nonsense://x cannot be reached" in capsys.readouterr().err


def test_a_class_that_was_stopped_goes_on_where_it_stopped(sums, right):
    """Ctrl-C after the first verdict: no process is left, the gradebook is sound, and the first is not run again."""
    sums.submit("anna", **right)
    slow = "import time\n" + right["add"].replace("return", "time.sleep(1)\n    return")
    for student in ("boris", "clara"):
        sums.submit(student, **right | {"add": f"{slow}  # {student}"})
    command = [
        *COURSE,
        "grade",
        "sums",
        "--course-dir",
        sums.root,
        "--jobs",
        "1",
        "--sandbox",
        "bwrap",
        "--timeout",
        "60",
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # the tests may run with it ignored
    )
    family: set[psutil.Process] = set()

    def first_verdict() -> bool:
        assert process.poll() is None, process.stderr.read()
        family.update(psutil.Process(process.pid).children(recursive=True))
        return bool(kept.load_all(sums.root, "sums"))

    wait_for(first_verdict, "the first verdict")
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "The marks so far are kept: the same command goes on where it stopped." in error
    assert "Traceback" not in error
    assert len(family) >= 2
    wait_for(lambda: not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], "the end of all")
    (first,) = kept.load_all(sums.root, "sums")
    assert (first.student, sums.marks("anna")["test_add"]) == ("anna", (3, None, False))

    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    verdicts = kept.load_all(sums.root, "sums")
    assert [(v.student, v.verdict, v.score) for v in verdicts] == [(s, "graded", 7) for s in ("anna", "boris", "clara")]
    assert verdicts[0] == first  # to the hundredth of a second: from the cache


@pytest.fixture
def dask_scheduler(tmp_path_factory):
    """A scheduler on loopback: (address, its process, a function that starts more of `distributed.cli`)."""
    folder = tmp_path_factory.mktemp("dask")
    with contextlib.ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen:
            command = [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]]
            log = stack.enter_context((folder / f"{arguments[0]}.log").open("a"))
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        scheduler = start("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        yield f"tcp://127.0.0.1:{port}", scheduler, start


@pytest.fixture
def dask_cluster(dask_scheduler):
    """A scheduler and two workers on loopback: (address, the workers' processes)."""
    address, _, start = dask_scheduler
    worker = ["dask_worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
    return address, [start(*worker) for _ in range(2)]


def test_a_scheduler_without_workers_and_one_that_is_lost_are_said_in_a_sentence(sums, right, dask_scheduler):
    """The one while the teacher waits, the other as the end; neither as a traceback."""
    address, scheduler, _ = dask_scheduler
    sums.submit("anna", **right)
    command = [*COURSE, "grade", "sums", "--course-dir", sums.root, "--scheduler", address, "--sandbox", "bwrap"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for line in process.stderr:
            if line.startswith("NOTE"):
                break
        assert f"{address} has no workers" in line
        scheduler.kill()
        _, rest = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 2
    assert "was lost" in rest and "goes on where it stopped" in rest and "Traceback" not in rest


def test_on_dask_a_lost_worker_costs_nothing(course_at, tmp_path, right, dask_cluster):
    """Two workers, one of which is killed in the middle; the verdicts are those of one machine."""
    address, workers = dask_cluster
    course = course_at(tmp_path / "course")
    expected = mixed_class(course, right)
    here = {student: (v.verdict, v.score, v.cells) for student, v in course.grade().items()}
    shutil.rmtree(course.root / "autograded")
    command = [*COURSE, "grade", "sums", "--course-dir", course.root, "--scheduler", address]
    command += ["--sandbox", "bwrap", *LIMITS]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: process.poll() is not None or len(kept.load_all(course.root, "sums")) >= 4, "a few verdicts")
        workers[0].kill()
        _, error = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0, error
    there = {v.student: (v.verdict, v.score, v.cells) for v in kept.load_all(course.root, "sums")}
    assert there == here
    assert {student: found[0] for student, found in there.items()} == expected


@pytest.fixture
def formgrader(sums, jupyter_server):
    """A Jupyter server in the course: its address and the query that logs in there."""
    shutil.copy(ROOT / "nbgrader_config.py", sums.root)
    return jupyter_server(sums.root)


def test_in_formgrader_marks_are_given_and_survive_the_next_grading(sums, right, formgrader, browser, tmp_path):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    essay = "**Short** & good. <img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
    sums.submit("Анна", **right | {"evens": "def evens(n):\n    return []", "essay": essay + HTML_TO_FOOL})
    sums.grade()
    with sums.gradebook() as gradebook:
        submission = gradebook.find_submission_notebook("sums", "sums", "Анна").id
    address, login = formgrader
    browser.get(f"{address}/login{login}")
    browser.get(f"{address}/formgrader/submissions/{submission}/")
    until(browser, LOADED, PATIENCE)
    assert "def evens" in browser.find_element(By.TAG_NAME, "body").text
    assert browser.find_element(By.CSS_SELECTOR, ".text_cell_render strong").text == "Short"
    assert browser.title != "taken"
    assert len(browser.find_elements(By.ID, "essay")) == 1

    browser.find_element(By.ID, "essay").send_keys("1.5", Keys.TAB)
    browser.find_element(By.ID, "essay-comment").send_keys("Хорошо сказано.", Keys.TAB)
    wait_for(lambda: sums.marks("Анна")["essay"] == (None, 1.5, False), "the mark in the gradebook")

    def kept() -> str | None:
        with sums.gradebook() as gradebook:
            return gradebook.find_comment("essay", "sums", "sums", "Анна").manual_comment

    wait_for(kept, "the comment in the gradebook")
    browser.save_screenshot(tmp_path / "formgrader.png")

    sums.submit("Анна", **right)
    assert sums.grade(force=True)["Анна"].score == 7
    assert sums.marks("Анна")["test_evens"][0] == 4
    assert sums.marks("Анна")["essay"][:2] == (None, 1.5)
    assert kept() == "Хорошо сказано."
    browser.refresh()
    until(browser, LOADED, PATIENCE)
    assert browser.find_element(By.ID, "essay").get_attribute("value") == "1.5"
    assert browser.find_element(By.ID, "essay-comment").get_attribute("value") == "Хорошо сказано."
