"""The website: every page in every language, what it shows and what it does not, and whether everybody can read it.

It is made once, of notebooks that have not run but for a few outputs of each kind.
"""

import functools
import http.server
import re
import threading
from pathlib import Path
from urllib.parse import unquote, urldefrag

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_output

from course import ROOT, cli, site
from course.build.read import unit_names
from course.site import content
from helpers.language import LANGUAGES
from tests.pages import barriers, fits, until
from tests.pages import show as open_at

ADDRESS = "anna/course"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" role="img" aria-label="nine"></svg>'
TABLE = "<table><tr><th></th><th>f1</th></tr><tr><th>TF-IDF</th><td>0.5</td></tr></table>"
WIDGET = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "a bar"}
OUTPUTS = [
    new_output("display_data", {"image/png": PICTURE}, metadata={"image/png": {"alt": "train: joy 3; fear 1."}}),
    new_output("display_data", {"image/svg+xml": DRAWING, "text/plain": "SVG"}),
    new_output("display_data", {"text/html": TABLE, "text/plain": "a table"}),
    new_output("display_data", WIDGET),
    new_output("stream", name="stderr", text=f"from {Path.home()}/models and {ROOT}/helpers\n"),
]


def executed(unit, language):
    """A notebook as a run leaves it; its first cell has shown something of everything."""
    notebook = nbformat.read(ROOT / "source" / f"{unit}-{language}" / f"{unit}.ipynb", as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    first.outputs = [nbformat.from_dict(output) for output in OUTPUTS]
    return notebook


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "site"
    site.build(out, executed, repository=ADDRESS)
    return out


@pytest.fixture(scope="module")
def pages(made):
    """Path below the site → the page, parsed."""
    paths = sorted(made.rglob("*.html"))
    return {path.relative_to(made).as_posix(): BeautifulSoup(path.read_bytes(), "html.parser") for path in paths}


def test_every_unit_and_guide_is_there_in_every_language(pages):
    everywhere = {*unit_names(), "index", "students", "teachers", "results", "search"}
    expected = {f"{language}/{name}.html" for language in LANGUAGES for name in everywhere}
    expected |= {f"en/{name}.html" for name in ("authors", "grading", "maintainers", "translators")}
    assert set(pages) == expected | {"index.html"}


def test_a_page_is_in_its_language(pages):
    for path, page in pages.items():
        assert page.html["lang"] == (path.split("/")[0] if "/" in path else "en"), path
    assert pages["ru/emotion.html"].title.text.startswith("Эмоции")
    assert "На этой странице" in pages["ru/emotion.html"].text
    assert "On this page" not in str(pages["es/emotion.html"])
    assert not re.search(r"aria-label=\"(Toggle|Skip|Back)", str(pages["ru/emotion.html"]))


def test_sections_have_the_same_names_in_all_languages(pages):
    for name in (*unit_names(), "students", "teachers"):
        ids = [
            [section["id"] for section in pages[f"{language}/{name}.html"].select("article section[id]")]
            for language in LANGUAGES
        ]
        assert ids[0] and ids[1:] == ids[:1] * (len(LANGUAGES) - 1), name


def test_every_page_leads_to_itself_in_the_other_languages(pages):
    for path in pages.keys() - {"index.html"}:
        own, name = path.split("/")
        links = {link["hreflang"]: link["href"] for link in pages[path].select(".languages a")}
        others = {language for language in LANGUAGES if language != own and f"{language}/{name}" in pages}
        assert links == {language: f"../{language}/{name}" for language in others}, path


def test_every_link_within_the_site_leads_somewhere(made, pages):
    for path, page in pages.items():
        for element in page.select("a[href], link[href], script[src], img[src]"):
            target, place = urldefrag(element.get("href") or element.get("src"))
            if re.match(r"\w+:", target):
                assert element.name == "a", f"{path} fetches {target}"
                continue
            file = ((made / path).parent / unquote(target)).resolve() if target else made / path
            assert file.is_file() or target.startswith("_static/"), f"{path} → {target}"
            if place and file.suffix == ".html":
                there = pages[file.relative_to(made.resolve()).as_posix()] if target else page
                assert there.find(id=unquote(place)), f"{path} → {target}#{place}"


def test_a_page_is_light(made):
    """Under a megabyte with all that it loads, pictures aside."""
    loaded = sum(path.stat().st_size for path in (made / "en" / "_static").rglob("*") if path.suffix in (".css", ".js"))
    heaviest = max(path.stat().st_size for path in made.rglob("*.html"))
    assert loaded + heaviest < 1_000_000


def test_nothing_is_given_away(pages):
    for unit in unit_names():
        text = pages[f"en/{unit}.html"].text
        assert "raise NotImplementedError()" in text
        assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN)|course import unseen", text)


def test_solutions_are_shown_where_they_are_wanted():
    shown = content.shown("ner", "en", executed("ner", "en"), solutions=True, repository="")
    code = "\n".join(cell.source for cell in shown.cells if cell.cell_type == "code")
    assert "raise NotImplementedError()" not in code
    assert "def do_ner(" in code
    assert not re.search(r"(BEGIN|END) (SOLUTION|HIDDEN)|course import unseen", code)


def test_an_exercise_opens_in_colab_if_the_course_has_an_address(pages):
    links = [link["href"] for link in pages["es/ner.html"].select("a[href*=colab]") if "scrollTo" in link["href"]]
    assert (
        f"https://colab.research.google.com/github/{ADDRESS}/blob/main/release/ner-es/ner.ipynb#scrollTo=do_ner"
        in links
    )
    shown = content.shown("ner", "es", executed("ner", "es"), solutions=False, repository="")
    assert "scrollTo" not in str(shown)


def test_hints_are_folded(pages):
    folded = pages["ru/ner.html"].select("article details")
    assert len(folded) > 5 and not any(one.has_attr("open") for one in folded)
    assert all(one.summary for one in folded)


def test_what_cells_have_shown_is_there_with_its_alternative(pages):
    page = pages["en/emotion.html"]
    assert "train: joy 3; fear 1." in [picture.get("alt") for picture in page.select("article img")]
    assert page.select_one("article svg[role=img][aria-label=nine]")
    assert page.find("th", string="TF-IDF")
    assert not page.find("th", string="")
    assert "widget-view" not in str(page)
    assert "from ~/models and ./helpers" in page.text


def test_formulas_need_no_script(pages):
    page = pages["en/emotion.html"]
    assert page.find("math")
    assert not [script for script in page.select("script") if "mathjax" in str(script).lower()]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Requests are no news."""

    def log_message(self, *_):
        pass


@pytest.fixture
def served(made, browser):
    """A function: path, width, scheme → the browser at the page, which a plain file server sends."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=made)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def show(path, width=1200, scheme="light"):
            open_at(browser, f"http://127.0.0.1:{server.server_port}/{path}", width, scheme=scheme)
            return browser

        yield show
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "width", "scheme"),
    [("ru/index.html", 390, "light"), ("en/transformer.html", 1200, "dark"), ("es/results.html", 390, "dark")],
)
def test_it_is_open_to_everybody(served, path, width, scheme):
    """axe-core finds nothing, nothing is wider than the window, the console is silent."""
    page = served(path, width, scheme)
    assert page.get_log("browser") == []
    nodes = [(rule, element) for rule, elements in barriers(page) for element in elements]
    assert [node for node in nodes if "<math" not in node[1]] == []  # axe reads no MathML, screen readers do
    assert fits(page)


def test_another_language_opens_at_the_same_section(served):
    page = served("en/emotion.html")
    page.execute_script("document.getElementById('what-padding-costs').scrollIntoView({behavior: 'instant'})")
    link = page.find_element("css selector", ".languages a[hreflang=es]")
    page.execute_script("arguments[0].click()", link)
    until(page, "location.href.endsWith('/es/emotion.html#what-padding-costs')")


@pytest.mark.parametrize(
    ("language", "word", "found"), [("ru", "внимания", "transformer"), ("es", "relleno", "emotion")]
)
def test_the_text_is_searched_without_a_server(served, language, word, found):
    page = served(f"{language}/search.html?q={word}")
    until(page, f"document.querySelector('#search-results li a[href^=\"{found}\"]')")
    until(page, "[...document.querySelectorAll('#search-results li')].every((found) => found.querySelector('p'))")
    assert page.get_log("browser") == []


def test_the_first_page_takes_the_readers_language(served):
    page = served("index.html")
    until(page, "location.href.endsWith('/en/index.html')")


def test_a_folder_of_something_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert cli.main(["site", "--out", str(tmp_path)]) == 2
    assert "holds something else than an earlier site" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_notebook_runs_again_only_when_something_has_changed(tmp_path, monkeypatch):
    """The pages are made anew every time."""
    ran, wrote = [], []

    def run_unit(unit, language, *, profile, parameters, out):
        ran.append((unit, language, profile))
        (out / f"{unit}-{language}").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr("course.run.run_unit", run_unit)
    monkeypatch.setattr("course.site.build", lambda out, *_, **__: wrote.append(out))
    command = ["site", "--out", str(tmp_path / "site"), "--runs", str(tmp_path / "runs")]
    assert cli.main(command) == cli.main(command) == 0
    assert len(ran) == len(set(ran)) == len(unit_names()) * len(LANGUAGES)
    assert {profile for *_, profile in ran} == {"offline"}
    monkeypatch.setattr("course.site.fingerprint.of_run", lambda unit, language: "another")
    assert cli.main(command) == 0
    assert len(ran) == 2 * len(set(ran))
    assert len(wrote) == 3
