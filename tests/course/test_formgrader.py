"""nbgrader's buttons and commands do what `course` does; what a student writes does nothing on the teacher's pages."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbgrader.apps.api import NbGraderAPI
from nbgrader.apps.nbgraderapp import NbGraderApp
from nbgrader.converters import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import notebook_hash
from traitlets import TraitError
from traitlets.config import Config

from course import ROOT, kept
from course.folder import Folder, read_config
from course.grade.formgrader import commands
from course.grade.formgrader.release import SECRET
from course.grade.formgrader.text import TAGS, harmless
from course.verdict import Verdict
from tests.pages import until

PATIENCE = 120  # seconds that a test waits for another process on a busy machine
HIDDEN = "-20"  # stands in the hidden test only
# What stock nbgrader would do with the teacher's rights: it notes what it can see of the gradebook.
SPY = """
import pathlib
for place in ({outside!r}, "seen.txt"):
    try:
        pathlib.Path(place).write_text(str(pathlib.Path({gradebook!r}).exists()))
    except OSError:
        pass
"""


@pytest.fixture
def spied(sums, right, tmp_path):
    """The small course with our nbgrader_config.py and a submission that looks around; and what it would leave."""
    shutil.copy(ROOT / "nbgrader_config.py", sums.root)
    (sums.root / "helpers.py").write_text("raise SystemExit('The folder is not where `course` is imported from.')")
    outside = tmp_path / "seen.txt"
    spy = SPY.format(outside=str(outside), gradebook=str(sums.root / "gradebook.db"))
    sums.submit("anna", **right | {"add": right["add"] + spy})
    sums.submit("boris", evens=right["evens"])
    return sums, outside


def traces(sums, outside) -> list:
    return [outside, *sums.root.rglob("seen.txt")] if outside.exists() else list(sums.root.rglob("seen.txt"))


def page_of(sums, student: str) -> str:
    return (sums.root / "feedback" / student / "sums" / "sums.html").read_text()


def test_the_buttons_of_formgrader(spied, jupyter_server, browser, tmp_path):
    """⚡ grades in the sandbox, 💬 writes our page; both say so, or why not. Marks of a person stay."""
    sums, outside = spied
    assert sums.api().generate_assignment("sums")["success"]
    with sums.gradebook() as gradebook:
        gradebook.add_student("anna")
        gradebook.add_submission("sums", "anna")
        gradebook.find_grade("essay", "sums", "sums", "anna").manual_score = 1.5
        gradebook.db.commit()
    address, login = jupyter_server(sums.root)
    browser.get(f"{address}/login{login}")
    browser.get(f"{address}/formgrader/manage_submissions/sums")

    def press(icon: str) -> str:
        """Press the first student's button; returns what is answered."""
        until(browser, f"document.querySelector('.{icon}')", PATIENCE)
        browser.execute_script(f"document.querySelector('.{icon}').click()")
        said = until(browser, "(t => t.endsWith('OK') && t)($('.modal.in').get(0).innerText.trim())", PATIENCE)
        browser.save_screenshot(tmp_path / f"{icon}.png")
        browser.execute_script("$('.modal').modal('hide')")
        until(browser, "!document.querySelector('.modal')", PATIENCE)
        return said

    said = press("glyphicon-flash")
    assert "Successfully autograded 'sums' for student 'anna'." in said
    assert "7 / 9" in said
    assert "boris" not in said
    assert [verdict.student for verdict in kept.load_all(sums.root, "sums")] == ["anna"]
    assert sums.marks("anna")["essay"][1] == 1.5

    assert "Successfully generated feedback" in press("glyphicon-comment")
    assert "course feedback" in page_of(sums, "anna")
    assert HIDDEN not in page_of(sums, "anna")

    (sums.root / "source" / "sums" / "sums.ipynb").unlink()
    said = press("glyphicon-flash")
    assert "There was an error autograding" in said
    sentence = f"There is no notebook in {sums.root / 'source' / 'sums'}."
    assert f"[ERROR] {sentence}" in said
    assert f"NbGraderException: {sentence}" in said
    assert said.count(sentence) == 2
    assert traces(sums, outside) == []


def test_the_commands(spied, monkeypatch):
    """`nbgrader autograde` and `generate_feedback` for a class, over a page that nbgrader's own had left."""
    sums, outside = spied
    stale = sums.root / "feedback" / "anna" / "sums" / "sums.html"
    stale.parent.mkdir(parents=True)
    stale.write_text(f"assert add({HIDDEN}, 62) == 42")

    command = [sys.executable, "-m", "nbgrader", "autograde", "sums"]
    done = subprocess.run(command, cwd=sums.root, capture_output=True, encoding="utf-8", timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert "7 / 9" in done.stderr and "4 / 9" in done.stderr
    assert by_command(sums, monkeypatch, "generate_feedback", "sums", "--force") == 0
    assert "course feedback" in page_of(sums, "anna") and "course feedback" in page_of(sums, "boris")
    assert HIDDEN not in page_of(sums, "anna") + page_of(sums, "boris")
    assert traces(sums, outside) == []


# --- What is run for what was asked -------------------------------------------------------------------------------


@pytest.fixture
def asked(sums, monkeypatch):
    """The small course with two students and our nbgrader_config.py; and the commands that were run."""
    shutil.copy(ROOT / "nbgrader_config.py", sums.root)
    for student in ("anna", "boris"):
        sums.submit(student)
        graded = sums.root / "autograded" / student / "sums" / "sums.ipynb"
        graded.parent.mkdir(parents=True)
        shutil.copy(sums.root / "submitted" / student / "sums" / "sums.ipynb", graded)
        kept.save(Verdict(student, "sums", "graded", "", (), 0.0, 9.0, 0.1, ()), Folder.at(sums.root), student)
    commands_run = []
    monkeypatch.setattr(commands, "_run", lambda converter, arguments: commands_run.append(arguments))
    return sums, commands_run


def api_of(sums, **settings) -> NbGraderAPI:
    """As formgrader has it: with the course's settings, and more (`Execute__timeout=5`)."""
    config = Config(read_config(sums.root))
    config.CourseDirectory.root = str(sums.root)
    for name, value in settings.items():
        section, _, trait = name.partition("__")
        config[section][trait] = value
    return NbGraderAPI(CourseDirectory(config=config), config=config)


def by_command(sums, monkeypatch, name: str, *arguments: str) -> int:
    """Type `nbgrader NAME …` in the course; returns the exit code."""
    monkeypatch.chdir(sums.root)
    monkeypatch.setattr(sys, "path", [*sys.path])  # nbgrader prepends the folder
    app = NbGraderApp.subcommands[name][0]()
    try:
        app.initialize(list(arguments))
        app.start()
    except SystemExit as end:
        return end.code or 0
    return 0


API = {
    "the student's ⚡": (lambda api: api.autograde("sums", "anna"), ["grade", "anna"]),
    "a student's 💬": (lambda api: api.generate_feedback("sums", "anna"), ["feedback", "anna"]),
    "the assignment's 💬": (lambda api: api.generate_feedback("sums"), ["feedback"]),
}
TYPED = {
    "autograde sums": ["grade"],
    "autograde sums --student=anna": ["grade", "anna"],
    "autograde --assignment=sums --student=a*": ["grade", "anna"],
    "autograde sums --CourseDirectory.student_id_exclude=anna": ["grade", "boris"],
    "autograde sums --force": ["grade", "--force"],
    "autograde s*": ["grade"],
    "generate_feedback sums": ["feedback"],
    "generate_feedback sums --student=boris --force": ["feedback", "boris"],
    "feedback sums": ["feedback"],
}


def shortened(arguments: list[str]) -> list[str]:
    """The command, its students, and whether it grades again."""
    assert arguments[-2:] == ["--", "sums"]
    options = [text for text in arguments[1:] if text == "--force" or text.startswith("--student=")]
    return [arguments[0], *(text.removeprefix("--student=") for text in options)]


@pytest.mark.parametrize("way", API)
def test_every_button_leads_to_a_command_of_course(asked, way):
    press, expected = API[way]
    sums, run = asked
    result = press(api_of(sums))
    assert result["success"], result
    assert [shortened(arguments) for arguments in run] == [expected]


@pytest.mark.parametrize("typed", TYPED)
def test_every_command_leads_to_a_command_of_course(asked, monkeypatch, typed):
    sums, run = asked
    assert by_command(sums, monkeypatch, *typed.split()) == 0
    assert [shortened(arguments) for arguments in run] == [TYPED[typed]]


REFUSED = {
    "autograde sums --no-execute": "leave out --no-execute",
    "autograde sums --db=sqlite:///other.db": r"CourseDirectory\.db_url is 'sqlite:///other\.db' here",
    "autograde sums --CourseDirectory.autograded_directory=marks": r"CourseDirectory\.autograded_directory is 'marks'",
    "autograde sums --course=another": r"CourseDirectory\.course_id is 'another' here",
    "generate_feedback sums --db=sqlite:///other.db": r"CourseDirectory\.db_url",
    "autograde sums --CourseDirectory.student_id_exclude=anna,boris": r"no submission of \* \(without anna,boris\) in",
}


@pytest.mark.parametrize("typed", REFUSED)
def test_what_course_cannot_do_is_refused_in_a_sentence(asked, monkeypatch, capfd, typed):
    """And nothing that lay there was taken away."""
    sums, run = asked
    before = sorted(sums.root.rglob("*.ipynb"))
    assert by_command(sums, monkeypatch, *typed.split()) == 1
    assert re.search(REFUSED[typed], capfd.readouterr().err)
    assert run == []
    assert sorted(sums.root.rglob("*.ipynb")) == before


SETTINGS = {
    "Execute__timeout": (45, ["--cell-timeout=45", "--timeout=600"], None),
    "ExecutePreprocessor__timeout": (45, ["--cell-timeout=120", "--timeout=600"], None),  # Execute's own comes first
    "Execute__timeout ": (900, ["--cell-timeout=900", "--timeout=900"], None),
    "Execute__timeout  ": (None, [], None),
    "Execute__interrupt_on_timeout": (True, ["--cell-timeout=120", "--timeout=600"], "Execute.interrupt_on_timeout"),
    "Autograde__exclude_overwriting": ({"sums": ["a.py"]}, None, "Autograde.exclude_overwriting"),
    "BaseConverter__permissions": (444, None, "BaseConverter.permissions"),
    "Autograde__create_student": (True, None, None),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_made_for_nbgrader_are_taken_over_or_named(asked, name):
    value, limits, named = SETTINGS[name]
    sums, run = asked
    log = api_of(sums, **{name.strip(): value}).autograde("sums", "anna").get("log", "")
    if limits is not None:
        assert [text for text in run[0] if "timeout" in text] == limits
    assert ("Without effect" in log) == (named is not None)
    assert named is None or named in log


@pytest.mark.parametrize("section", ["Autograde", "GenerateFeedback"])
def test_where_course_is_not_installed_nbgrader_does_nothing(asked, section):
    """Its own grading is not what comes instead."""
    sums, _ = asked
    api = api_of(sums, **{f"{section}__exporter_class": "not_installed.grade.CourseCommand"})
    with pytest.raises(TraitError, match="not_installed"):
        api.autograde("sums", "anna") if section == "Autograde" else api.generate_feedback("sums")


def test_the_exporter_is_for_these_converters_only(asked):
    """A course that registers it for another one keeps what it has."""
    sums, run = asked
    with pytest.raises(NbGraderException, match="Autograde and GenerateFeedback only"):
        commands.CourseCommand(parent=api_of(sums))
    assert run == []


# --- Back through nbgrader's exchange -----------------------------------------------------------------------------


@pytest.fixture
def exchange(asked, tmp_path):
    """The two have submitted through the exchange and have our pages; its settings, and its folder of pages."""
    sums, _ = asked
    (tmp_path / "exchange").mkdir(mode=0o777)
    (tmp_path / "exchange").chmod(0o777)
    for student in ("anna", "boris"):
        submitted = sums.root / "submitted" / student / "sums"
        (submitted / SECRET).write_text(f"secret of {student}")
        (submitted / "timestamp.txt").write_text("2030-01-02 03:04:05 UTC")
        shutil.copy(submitted / "timestamp.txt", sums.root / "autograded" / student / "sums")
        page = sums.root / "feedback" / student / "sums" / "sums.html"
        page.parent.mkdir(parents=True)
        page.write_text(f'<!doctype html>\n<html>\n<meta name="generator" content="course feedback">\n{student}')
    settings = {"Exchange__root": str(tmp_path / "exchange"), "Exchange__cache": str(tmp_path / "cache")}
    return sums, settings, tmp_path / "exchange" / "transformers-course" / "feedback"


def released(outbound) -> dict[str, str]:
    """Who finds a page there, by the secret that they have: student → the page's last line."""
    names = {notebook_hash(secret=f"secret of {name}", notebook_id="sums"): name for name in ("anna", "boris")}
    return {names[path.stem]: path.read_text().splitlines()[-1] for path in outbound.glob("*.html")}


def test_pages_go_to_whom_they_are_about(exchange):
    sums, settings, outbound = exchange
    assert api_of(sums, **settings).release_feedback("sums", "boris")["success"]
    assert released(outbound) == {"boris": "boris"}
    assert api_of(sums, **settings).release_feedback("sums")["success"]
    assert released(outbound) == {"anna": "anna", "boris": "boris"}


def test_no_page_goes_out_beside_one_that_is_not_ours(exchange):
    sums, settings, outbound = exchange
    page = sums.root / "feedback" / "boris" / "sums" / "sums.html"
    head = "<!DOCTYPE html><html><head><title>sums</title>" + "<style></style>" * 100
    page.write_text(f'{head}assert add({HIDDEN}, 62)<meta name="generator" content="course feedback">')
    result = api_of(sums, **settings).release_feedback("sums")
    assert not result["success"]
    assert (
        f"[CRITICAL] These pages may show hidden tests, for `course feedback` did not write them: {page}"
        in result["log"]
    )
    assert released(outbound) == {}


NOT_FOR_THE_EXCHANGE = {
    "collected from elsewhere": lambda submitted, graded: (submitted / SECRET).unlink(),
    "a secret that is none": lambda submitted, graded: (submitted / SECRET).write_text("x" * 10_000),
    "a link as secret": lambda submitted, graded: (
        (submitted / SECRET).unlink(),
        (submitted / SECRET).symlink_to("/etc/passwd"),
    ),
    "handed in anew": lambda submitted, graded: (submitted / "timestamp.txt").write_text("2030-02-02 03:04:05 UTC"),
    "a time that is none": lambda submitted, graded: (submitted / "timestamp.txt").write_bytes(b"\xff"),
    "graded before it had a time": lambda submitted, graded: (graded / "timestamp.txt").unlink(),
}


@pytest.mark.parametrize("case", NOT_FOR_THE_EXCHANGE)
def test_who_cannot_get_it_there_is_named_and_the_rest_goes_out(exchange, case):
    sums, settings, outbound = exchange
    NOT_FOR_THE_EXCHANGE[case](sums.root / "submitted" / "anna" / "sums", sums.root / "autograded" / "anna" / "sums")
    result = api_of(sums, **settings).release_feedback("sums")
    assert result["success"]
    assert "[WARNING] anna: " in result["log"]
    assert released(outbound) == {"boris": "boris"}


def test_without_pages_there_is_nothing_to_release(exchange):
    sums, settings, _ = exchange
    shutil.rmtree(sums.root / "feedback")
    result = api_of(sums, **settings).release_feedback("sums")
    assert "[CRITICAL] There are no pages of sums: run `course feedback sums` first." in result["log"]


# --- What a student writes ----------------------------------------------------------------------------------------

KEPT = [
    "<h2>Answer</h2><p>Short <strong>and</strong> <em>good</em>, <code>a &lt; b</code></p>",
    "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>",
    "<details><summary>More</summary><p>Text</p></details>",
    '<p><a href="https://example.org/a?b=c">link</a></p>',
    '<img alt="plot" src="data:image/png;base64,AAAA">',
    "<p>$x &lt; y$ привет 🎉</p>",
]
GONE = {
    "<script>f()</script>": "<script",
    '<img src=x onerror="f()">': "onerror",
    '<img src="https://example.org/seen.png">': "example.org",
    '<a href="javascript:f()">x</a>': "javascript",
    '<a href="data:text/html,x">x</a>': "data:",
    '<p style="position:fixed">x</p>': "style=",
    '<iframe src="//example.org"></iframe>': "<iframe",
    '<form action="/"><input id="essay"></form>': "<input",
    '<p id="essay">x</p>': "id=",
    '<svg onload="f()"></svg>': "<svg",
}


@pytest.mark.parametrize("text", KEPT)
def test_what_formats_is_kept(text):
    assert harmless(text) == text


@pytest.mark.parametrize("text", GONE)
def test_what_acts_is_gone(text):
    assert GONE[text] not in harmless(text)


@given(
    st.lists(st.sampled_from([*KEPT, *GONE, "<", ">", '"', "<!--", "]]>", "<p", "onclick=f()"]), max_size=6).map(
        "".join
    )
)
def test_no_element_and_no_attribute_but_the_listed_ones(text):
    """Also of broken HTML put together from pieces."""
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, {name for name, _ in attrs}))

    Reader().feed(harmless(text))
    for tag, attributes in found:
        assert tag in TAGS
        assert attributes <= {"a": {"href"}, "img": {"src", "alt"}}.get(tag, set())
