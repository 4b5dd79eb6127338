"""What Sphinx reads of one language: the notebooks, the guides, the results, and a first page.

In: what the build and the runs made. Out: a folder of .ipynb and .md files, and `site.json` with what the templates
and the extension need to know.
"""

import html
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt
from nbformat import NotebookNode

from course import ROOT
from course.build.opening import notebook_url
from course.build.read import PAIRS, in_order, languages_of, read_unit, unit_names
from helpers.language import BY_CODE, LANGUAGES, words

Executed = Callable[[str, str], NotebookNode]
WORDS = words(Path(__file__).with_name("words.toml"))
GUIDES = ("students", "teachers", "authors", "translators", "grading", "maintainers")
SHOWN = ("text/html", "image/svg+xml", "image/png", "text/plain")
HEADING = re.compile(r"^# (.+)\n", re.M)
RESULTS = re.compile(r"^## [^\n]+\n\n(?=<!-- results -->)", re.M)
LINK = re.compile(r"\[([^][]+)\]\((\w+)(?:\.\w\w)?\.md(#[\w-]+)?\)")
OTHER_FILE = re.compile(r"\[([^][]+)\]\(\.\./[^)]*\)")  # of the project, which is not part of the site
MARKDOWN = MarkdownIt("commonmark").enable("table")


def write(folder: Path, language: str, executed: Executed, *, solutions: bool, repository: str) -> None:
    """Write all that Sphinx needs for one language into a new folder."""
    folder.mkdir(parents=True)
    units = [unit for unit in in_order(unit_names()) if language in languages_of(unit)]
    for unit in units:
        notebook = shown(unit, language, executed(unit, language), solutions=solutions, repository=repository)
        nbformat.write(notebook, folder / f"{unit}.ipynb")
    guides = [name for name in GUIDES if language in _languages_of(name)]
    for name in guides:
        (folder / f"{name}.md").write_text(_guide(name, language), encoding="utf-8")
    (folder / "results.md").write_text(_results(language), encoding="utf-8")
    (folder / "index.md").write_text(_first_page(units, guides, language), encoding="utf-8")
    pages = {name: _languages_of(name) for name in ("index", *units, *guides, "results", "search")}
    record = {
        "pages": pages,
        "sections": {name: _sections(name) for name in (*units, *guides)},
        "names": {code: known.name for code, known in BY_CODE.items()},
        "words": WORDS[language],
    }
    (folder / "site.json").write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")


def shown(unit: str, language: str, run: NotebookNode, *, solutions: bool, repository: str) -> NotebookNode:
    """The notebook that students get, with what its cells show when the exercises are solved.

    Under each exercise stands a link that opens it in Colab, if the course has a `repository`.
    """
    notebook = _released(unit, language)
    ran = {cell.id: cell for cell in run.cells}
    cells = []
    for cell in notebook.cells:
        answer = cell.metadata.get("nbgrader", {}).get("solution", False)
        if cell.cell_type == "code":
            cell.outputs = [_for_readers(output) for output in ran[cell.id].outputs]
            cell.metadata |= _alternative(cell.outputs)
        if answer and solutions:
            cell.source = "\n".join(line for line in ran[cell.id].source.split("\n") if line.strip() not in PAIRS[0])
        cells.append(cell)
        if answer and repository:
            address = f"{notebook_url(repository, unit, language)}#scrollTo={cell.id}"
            cells.append(nbformat.v4.new_markdown_cell(f"[{WORDS[language]['colab']}]({address})"))
    notebook.cells = cells
    notebook.metadata.pop("widgets", None)
    return notebook


def _released(unit: str, language: str) -> NotebookNode:
    return nbformat.read(ROOT / "release" / f"{unit}-{language}" / f"{unit}.ipynb", as_version=4)


def _for_readers(output: NotebookNode) -> NotebookNode:
    """An output without what needs a kernel, and without the places on the machine that it comes from."""
    if output.output_type == "stream":
        output.text = output.text.replace(str(ROOT), ".").replace(str(Path.home()), "~")
        return output
    data = {kind: output.data[kind] for kind in SHOWN if kind in output.data}
    if "image/svg+xml" in data:  # within the page it keeps its text alternative
        data = {"text/html": f"<div>{data['image/svg+xml']}</div>"}
    output.data = NotebookNode(data)
    return output


def _alternative(outputs: list[NotebookNode]) -> dict:
    """Metadata that give a cell's picture its text alternative, which a notebook keeps with the output."""
    found = [output.metadata.get("image/png", {}).get("alt") for output in outputs if "metadata" in output]
    return {"mystnb": {"image": {"alt": alt}}} if (alt := next(filter(None, found), None)) else {}


def _guide(name: str, language: str) -> str:
    """A guide; its links to others lead to pages, in English where there is no other."""

    def link(found: re.Match) -> str:
        text, page, place = found.groups(default="")
        if text == f"{page}.md":
            text = _title(page)
        if language in _languages_of(page):
            return f'<a href="{page}.html{place}">{text}</a>'
        return f'<a href="../en/{page}.html{place}" hreflang="en">{text}</a>'

    text = _guide_path(name, language).read_text(encoding="utf-8")
    text = text[HEADING.search(text).start() :]  # above the title: links to the other languages
    return OTHER_FILE.sub(r"\1", LINK.sub(link, text))


def _title(guide: str) -> str:
    """The English title of a guide, for links that name its file."""
    return HEADING.search(_guide_path(guide, "en").read_text(encoding="utf-8")).group(1)


def _guide_path(name: str, language: str) -> Path:
    return ROOT / "docs" / (f"{name}.md" if language == "en" else f"{name}.{language}.md")


def _results(language: str) -> str:
    """The part of the README that says what was measured."""
    path = ROOT / "README.md" if language == "en" else ROOT / "course" / f"README.{language}.md"
    text = path.read_text(encoding="utf-8")
    return text[RESULTS.search(text).start() :].replace("## ", "# ", 1)


def _first_page(units: list[str], guides: list[str], language: str) -> str:
    said = WORDS[language]
    lines = [f"# {said['title']}", said["about"], said["order"]]
    for number, unit in enumerate(units, start=1):
        title, summary = _opening(unit, language)
        minutes = said["minutes"].format(count=read_unit(unit).minutes)
        lines.append(f"{number}. **[{title}]({unit}.ipynb)** · {minutes}\n\n   {summary}")
    for caption, pages in ((said["units"], units), (said["guides"], [*guides, "results"])):
        lines.append("\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"]))
    return "\n\n".join(lines) + "\n"


def _opening(unit: str, language: str) -> tuple[str, str]:
    """A notebook's title and what it says of itself, on one line."""
    title, *parts = _released(unit, language).cells[0].source.split("\n\n")
    return title.removeprefix("# "), next(part for part in parts if not part.startswith("[!")).replace("\n", " ")


def _languages_of(name: str) -> list[str]:
    """The languages in which there is a page."""
    if name in GUIDES:
        return [code for code in LANGUAGES if _guide_path(name, code).is_file()]
    return list(languages_of(name)) if name in unit_names() else list(LANGUAGES)


def _sections(name: str) -> list[str]:
    """The ids of a page's sections, made of its English headings: they are the same in every language.

    >>> _ids(["4. What padding costs", "Exercise 1: `scale` (5 points)", "What padding costs"])
    ['what-padding-costs', 'exercise-1-scale-5-points', 'what-padding-costs-1']
    """
    if name in GUIDES:
        return _ids(_headings(_guide(name, "en")))
    cells = _released(name, "en").cells
    return _ids([text for cell in cells if cell.cell_type == "markdown" for text in _headings(cell.source)])


def _headings(text: str) -> list[str]:
    tokens = MARKDOWN.parse(text)
    return [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]


def _ids(headings: list[str]) -> list[str]:
    """As GitHub makes them, which is how links in the guides name them, but for a number in front, where the search of
    Sphinx finds none; a number behind it where there are several.
    """
    found = []
    for text in headings:
        plain = re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-").lstrip("0123456789-")
        free = (f"{plain}-{number}" if number else plain for number in itertools.count())
        found.append(next(name for name in free if name not in found))
    return found


def start_page() -> str:
    """The page that leads to the reader's own language; without JavaScript it lets them choose."""
    links = "\n".join(
        f'<li><a href="{code}/index.html" hreflang="{code}" lang="{code}">{html.escape(WORDS[code]["title"])}</a></li>'
        for code in LANGUAGES
    )
    template = Path(__file__).with_name("templates") / "start.html"
    text = template.read_text(encoding="utf-8")
    return text.replace("{title}", html.escape(WORDS["en"]["title"])).replace("{links}", links)
