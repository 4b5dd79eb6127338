"""What the notebooks of a unit say, for pages about a whole class.

In: the teacher's notebooks of one unit in several languages. Out: titles of the graded cells, sentences in the language
of the page (the notebooks have the same tests, so that what one says has its place in the others), and the texts that
every student was given.
"""

import ast
import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat
from markupsafe import Markup
from nbformat import NotebookNode

from course import exercise
from course.folder import Folder
from course.pages import markup
from course.pages.sentences import translated
from course.pages.similarity import Answer
from course.shapes import code_in

POINTS = re.compile(r"\s*\([^()]*\d[^()]*\)$")  # at the end of an exercise's heading
TITLE = re.compile(r"^# +(.+)$", re.M)
PLACE = re.compile(r" in line \d+ of your code: .*| \(line \d+ of your code: .*\)", re.S)


@dataclasses.dataclass(frozen=True)
class Item:
    """A graded cell. `title` is the heading above it, `short` its number."""

    grade_id: str
    title: Markup
    short: str
    points: float
    rules: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Texts:
    """What the notebooks of a unit say in the language of a page.

    `titles`: grade id of an answer or a graded cell → the heading above it. `same`: a constant of a test in any of the
    languages → the same in the page's language. `given`: what every student was given or could know, and the course's
    own answers. `ids` of all cells that are the teacher's.
    """

    title: Markup
    items: tuple[Item, ...]
    titles: Mapping[str, Markup]
    same: Mapping[str, str]
    given: tuple[Answer, ...]
    ids: frozenset[str]
    language: str

    def here(self, text: str) -> str:
        """What a test says, in the words of the notebook in the page's language."""
        return self.same.get(text, text)

    def said(self, message: str) -> str:
        """A message without what is one student's: the number and the text of a line."""
        return translated(self.here(PLACE.sub("", message)), self.language, "teacher")


def assignments_of(folder: Folder, unit: str) -> dict[str, str]:
    """The assignments of a unit that have a source, with their languages."""
    named = {name: settings(folder, name) for name in folder.assignments()}
    return {name: found.get("language", "") for name, found in named.items() if found.get("unit", name) == unit}


def settings(folder: Folder, assignment: str) -> dict:
    """What the one notebook of an assignment says about itself: its unit and its language, if it does."""
    found = [notebook.metadata.get("course") for notebook in read(folder, "source", assignment).values()]
    if len(found) != 1 or not isinstance(found[0], dict):
        return {}
    return {name: str(found[0][name]) for name in ("unit", "language") if found[0].get(name)}


def read(folder: Folder, step: str, assignment: str) -> dict[str, NotebookNode]:
    """The notebooks of an assignment by name; those that cannot be read are left out."""
    found = {}
    for path in folder.notebooks(step, assignment):
        if (notebook := _read(path, path.stat().st_mtime_ns)) is not None:
            found[path.stem] = notebook
    return found


def texts_of(folder: Folder, unit: str, assignments: list[str], language: str) -> Texts:
    """What the notebooks of these assignments of a unit say, as far as possible in that language."""
    languages = assignments_of(folder, unit)
    main = next((name for name, own in languages.items() if own == language), assignments[0])
    sources = read(folder, "source", main)
    same: dict[str, str] = {}
    given: list[Answer] = []
    ids: set[str] = set()
    for assignment in dict.fromkeys([main, *assignments]):
        others = read(folder, "source", assignment)
        same |= _aligned(others, sources)
        for notebook in [*others.values(), *read(folder, "release", assignment).values()]:
            given += [answer for cell in notebook.cells for answer in _given(cell)]
            ids |= {cell.get("id", "") for cell in notebook.cells}
    titles = dict(_titles(sources))
    return Texts(
        title=_title(sources) or Markup.escape(unit),
        items=tuple(_items(sources, titles)),
        titles=titles,
        same=same,
        given=tuple(given),
        ids=frozenset(ids),
        language=language,
    )


def grade_id_of(cell: NotebookNode) -> str:
    """The cell's name for nbgrader, "" where it has none."""
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


@functools.lru_cache(64)
def _read(path: Path, changed: int) -> NotebookNode | None:
    """A notebook, as it is since its last change; nobody may change what is returned."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _title(sources: dict[str, NotebookNode]) -> Markup | None:
    """The title of the notebook; several have none together."""
    cells = [cell for notebook in sources.values() for cell in notebook.cells if cell.cell_type == "markdown"]
    found = TITLE.search(cells[0].source) if cells and len(sources) == 1 else None
    return markup.inline(found[1]) if found else None


def _named(sources: dict[str, NotebookNode]) -> Iterator[tuple[str, NotebookNode, int]]:
    """Grade id, notebook and place of each cell that has one; of several notebooks behind the notebook's name."""
    for name, notebook in sources.items():
        for index, cell in enumerate(notebook.cells):
            if grade_id := grade_id_of(cell):
                yield (grade_id if len(sources) == 1 else f"{name}/{grade_id}"), notebook, index


def _titles(sources: dict[str, NotebookNode]) -> Iterator[tuple[str, Markup]]:
    for grade_id, notebook, index in _named(sources):
        heading = POINTS.sub("", exercise.of(notebook.cells, index).heading)
        yield grade_id, markup.inline(heading) if heading else Markup.escape(grade_id)


def _items(sources: dict[str, NotebookNode], titles: dict[str, Markup]) -> Iterator[Item]:
    """The graded cells in the order of the notebooks; a second one below a heading says which it is."""
    seen: set[str] = set()
    graded = [(grade_id, notebook.cells[index]) for grade_id, notebook, index in _named(sources)]
    graded = [(grade_id, cell) for grade_id, cell in graded if cell.metadata.nbgrader.get("grade")]
    for number, (grade_id, cell) in enumerate(graded, 1):
        title = titles[grade_id]
        if title in seen:
            title += Markup(" <code>{}</code>").format(grade_id)
        seen.add(title)
        yield Item(grade_id, title, str(number), float(cell.metadata.nbgrader.get("points") or 0), (*_groups(cell),))


def _groups(cell: NotebookNode) -> dict[str, float]:
    try:
        return (cell.cell_type == "code" and exercise.groups_of(cell.source)) or {}
    except (SyntaxError, ValueError):
        return {}


def _given(cell: NotebookNode) -> Iterator[Answer]:
    """What a cell of the teacher's says: its code, or its text and the code in it."""
    yield Answer(cell.source, cell.cell_type == "code")
    if cell.cell_type != "code":
        yield from (Answer(span, True) for span in code_in(cell.source))


def _aligned(notebooks: dict[str, NotebookNode], others: dict[str, NotebookNode]) -> dict[str, str]:
    """Texts in the tests of notebooks → those in the same places of the others, which are the same but for language."""
    tests = {grade_id_of(cell): cell.source for notebook in others.values() for cell in notebook.cells}
    found: dict[str, str] = {}
    for notebook in notebooks.values():
        for cell in notebook.cells:
            if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
                own, other = _constants(cell.source), _constants(tests.get(grade_id_of(cell), ""))
                found |= dict(zip(own, other)) if len(own) == len(other) else {}
    return found


def _constants(source: str) -> list[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return []
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
