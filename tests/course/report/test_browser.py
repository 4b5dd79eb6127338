"""The report in Chromium: open to everybody, in light and dark, narrow and wide; sorting and filtering."""

import re

import nbformat
import pytest

from course.folder import Folder
from course.kept import save
from course.pages import report, standing
from course.verdict import Before
from tests import pages
from tests.course.report.build import ENGLISH, RUSSIAN, cell, lost, mark, notebook, verdict

LONG = "zoe.of.the.seven." + "very" * 12 + "@students.university.example.org"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """The pages of a class with something of everything, in three languages."""
    root = tmp_path_factory.mktemp("report")
    for language, words in (("en", ENGLISH), ("ru", RUSSIAN)):
        home = root / "source" / f"sums-{language}"
        home.mkdir(parents=True)
        nbformat.write(notebook(language, words), home / "sums.ipynb")
    more = notebook("en", ENGLISH, "more")
    more.cells[0].source = "# More sums"
    (root / "source" / "more").mkdir()
    nbformat.write(more, root / "source" / "more" / "more.ipynb")
    folder = Folder.at(root)
    before = Before("", "graded", 5.0, 5.0, None, {}, ("tests",), ("test_add",))
    students = [
        verdict("anna", before=before, notes=("Tests were missing and have been put back: `test_add`.",)),
        verdict("boris", cell(1.0, 0.0, ("", "Join the texts.")), flags=("copied", "recovered"), cause="Copied."),
        verdict("clara", cell(0.0, 0.0, ("a", "a")), language="ru"),
        lost("denis"),
        verdict(LONG, cell(0.0, 0.0, ("b", "b"))),
        *(verdict(f"student-{number}", cell(1.0, float(number % 3))) for number in range(12)),
    ]
    body = "\n".join(f"    total_{n} = a.method_{n}(b) + {n}" for n in range(12))
    for one in students:
        save(one, folder, one.student)
        folder.path("submitted", one.assignment, one.student).mkdir(parents=True)
        if one.student in ("anna", "boris"):
            graded = notebook("en", ENGLISH)
            graded.cells[2].source = f"def add(a, b):\n{body}\n    return total_1  # <b>"
            home = folder.path("autograded", one.assignment, one.student)
            home.mkdir(parents=True)
            nbformat.write(graded, home / "sums.ipynb")
    save(verdict("anna", assignment="more"), folder, "anna")
    final = {"anna": mark(3.5, penalty=0.5, late_seconds=90_000.0), "boris": mark(1.0, open=("why",))}
    given = standing.Handed({"sums-en": final}, {"maria": "María"}, {"sums-en": {"student-3": ("source",)}})
    units = standing.units(folder, ["sums-en", "sums-ru", "more"], given)
    for language in ("en", "ru", "es"):
        report.write(folder, units, given.roster, language, root / f"{language}.html")
    return root


@pytest.fixture
def shown(browser, path):
    """A function: language, width, scheme → the browser at the page."""

    def show(language="en", width=1000, scheme="light"):
        pages.show(browser, (path / f"{language}.html").as_uri(), width, scheme=scheme)
        return browser

    return show


@pytest.mark.parametrize(
    ("language", "width", "scheme"),
    [("en", 1200, "light"), ("en", 1000, "dark"), ("ru", 390, "dark"), ("es", 390, "light")],
)
def test_it_is_open_to_everybody(shown, language, width, scheme):
    """axe-core finds nothing, and nothing is wider than the window."""
    page = shown(language, width, scheme)
    assert page.get_log("browser") == []
    assert pages.barriers(page) == []
    assert pages.fits(page)


@pytest.mark.parametrize("width", [390, 1200])
def test_a_long_id_leaves_room_for_the_marks(shown, width):
    """And the table scrolls within itself."""
    page = shown(width=width)
    head, mark = page.find_elements("css selector", "#unit-1-table thead th")[:2]
    assert mark.location["x"] + mark.size["width"] < width
    assert head.size["width"] < max(width / 3, 0.6 * 390)
    box = page.find_element("css selector", "#unit-1-table").find_element("xpath", "..")
    assert box.size["width"] <= width
    assert page.execute_script("return getComputedStyle(arguments[0]).overflowX", box) == "auto"


def test_a_click_or_a_key_sorts(shown):
    page = shown()
    heads = page.find_elements("css selector", "#unit-1-table thead button")
    heads[1].click()
    assert page.find_element("css selector", "#unit-1-table [aria-sort]").get_attribute("aria-sort") == "descending"
    assert names(page)[0] == "anna"
    assert names(page)[-2:] == ["denis", "María"], "who has no mark comes last"
    heads[1].send_keys("\ue007")
    assert page.find_element("css selector", "#unit-1-table [aria-sort]").get_attribute("aria-sort") == "ascending"
    assert names(page)[0] == "clara"
    assert names(page)[-2:] == ["denis", "María"]


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("open", {"boris"}),
        ("late", {"anna"}),
        ("flag", {"boris"}),
        ("not", {"denis"}),
        ("missing", {"María"}),
        ("stale", {"student-3"}),
    ],
)
def test_a_filter_shows_whom_it_names(shown, kind, found):
    page = shown()
    page.find_element("css selector", f"select[aria-controls=unit-1-table] option[value={kind}]").click()
    assert set(names(page)) == found


def test_a_name_is_found(shown):
    page = shown()
    page.find_element("css selector", "input[aria-controls=unit-1-table]").send_keys("MARÍ")
    assert names(page) == ["María"]
    assert "1 / 18" in page.find_element("css selector", "#unit-1 .tools").text


def test_alike_answers_stand_side_by_side(shown):
    page = shown()
    page.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    left, right = page.find_elements("css selector", "#unit-1 .pair pre")
    assert left.text == right.text
    assert "total_1  # <b>" in left.text
    assert left.find_elements("css selector", "mark")


def names(page) -> list[str]:
    rows = page.find_elements("css selector", "#unit-1-table tbody tr:not([hidden]) th")
    return [row.text.split("\n")[0].split(" ")[0] for row in rows]


def test_every_language_has_the_same_words():
    from course.pages.voice import WORDS

    english = WORDS["en"]
    for words in WORDS.values():
        assert words.keys() == english.keys()
        for name, entry in english.items():
            if isinstance(entry, str):
                assert set(re.findall(r"\{\w+\}", words[name])) == set(re.findall(r"\{\w+\}", entry)), name
