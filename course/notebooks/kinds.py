"""Which notebook of the course somebody's notebook is: unit and language, by its content.

In: the notebooks of a course folder, and a notebook that was handed in, as cells. Out: a `Kind`. What its metadata say
counts if the text does not contradict; else the released notebook with which it has most of the text in common.
"""

import dataclasses
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode, reader

from course.folder import CourseError, Folder

SPACE = re.compile(r"\s+")
MIN_TEXT = 20  # characters of a cell that is compared: `import math` stands in every notebook


@dataclasses.dataclass(frozen=True, eq=False)
class Kind:
    """A notebook of the course. `texts` are those of its cells that are the teacher's, without white space."""

    assignment: str
    name: str
    unit: str
    language: str
    source: NotebookNode
    release: NotebookNode
    texts: frozenset[str]


def kinds(folder: Folder) -> list[Kind]:
    """All notebooks of a course folder, in order; without a source, the release stands for it. Raises `CourseError`."""
    found = []
    for assignment in folder.assignments() or sorted(
        {path.name for path in folder.path("release", "*").parent.glob("*")}
    ):
        sources = {path.stem: path for path in folder.notebooks("source", assignment)}
        releases = {path.stem: path for path in folder.notebooks("release", assignment)}
        for name in sources or releases:
            source = _read(sources.get(name) or releases[name])
            release = _read(releases[name]) if name in releases else source
            said = source.metadata.get("course", {})
            unit, language = str(said.get("unit") or assignment), str(said.get("language") or "")
            found.append(Kind(assignment, name, unit, language, source, release, _texts(release)))
    return found


def kind_of(notebook: NotebookNode, known: list[Kind], likely: frozenset[str] = frozenset()) -> Kind | None:
    """The kind of a notebook that comes from `reading`; None if it has nothing in common with any.

    `likely` are assignments for one of which it was handed in: they decide where nothing else does.
    """
    texts = {SPACE.sub("", cell.source) for cell in notebook.cells}
    common = {kind: len(kind.texts & texts) for kind in known}
    said = notebook.metadata.get("course", {})
    named = [kind for kind in known if (kind.unit, kind.language) == (said.get("unit"), said.get("language"))]
    best = max(common.values(), default=0)
    if len(named) == 1 and 2 * common[named[0]] >= best:  # units share some cells, and languages their code
        return named[0]
    equal = [kind for kind in known if best and common[kind] == best]
    return next((kind for kind in equal if kind.assignment in likely), equal[0] if equal else None)


def _read(path: Path) -> NotebookNode:
    """Without nbformat's validation, which takes a second for each."""
    try:
        return nbformat.convert(reader.reads(path.read_text(encoding="utf-8")), 4)
    except (OSError, ValueError, KeyError, TypeError, reader.NotJSONError) as error:
        raise CourseError(f"{path} is no notebook: {error}.") from None


def _texts(notebook: NotebookNode) -> frozenset[str]:
    given = [cell for cell in notebook.cells if not cell.metadata.get("nbgrader", {}).get("solution")]
    return frozenset(text for cell in given if len(text := SPACE.sub("", cell.source)) >= MIN_TEXT)
