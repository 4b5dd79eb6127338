"""Built notebooks to disk: source/ from the text, release/ from source/ by nbgrader.

In: a unit and a language. Out: the files that are committed, and the names of those that differ from what the text
makes. The only module of the builder that writes.
"""

import dataclasses
import tempfile
import tomllib
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from traitlets.config import Config

from course import ROOT, Refusal
from course.build import catalog, cells, header, lessons, rules
from course.build.expand import CODE_STUB, TEXT_STUB, builder_words, expand, same_code
from course.build.read import LANGUAGES, Unit, read_unit
from course.build.translate import translate
from helpers.check.reading import fingerprint


@dataclasses.dataclass(frozen=True)
class Built:
    """One notebook as the text makes it: `text` for source/, `release` for release/, both complete files."""

    path: Path
    source: str
    release: str


def build_unit(name: str, *, address: str | None = None) -> list[Built]:
    """Build a unit in memory in all its languages, for the course at `address` (by default `repository()`).

    Raises `UnitError`, or `CatalogueError` where a translation is not ready.
    """
    unit = read_unit(name)
    return [build_language(unit, language, address) for language in unit.languages]


class CatalogueError(Refusal):
    """A translation that is not ready to be published."""


def build_language(unit: Unit, language: str, address: str | None = None) -> Built:
    """Build a unit in one language: translate, expand, release."""
    cells.check(unit)
    table = _table(unit.name, catalog.unit_messages(unit), language)
    words = builder_words(_table(catalog.BUILDER, catalog.builder_messages(), language))
    translated = translate(unit.cells, table)
    fields = translate(header.parts(unit), table)
    check_parity(unit, translated, language)
    rules.check(f"{unit.name}-{language}", translated)
    lessons.check(unit.name, translated)
    address = repository() if address is None else address
    notebook = expand(unit, [*fields, *translated], language, repository=address, words=words)
    source = dumps(notebook)
    released = release(unit.name, source, words[CODE_STUB], words[TEXT_STUB])
    return Built(Path(f"{unit.name}-{language}/{unit.name}.ipynb"), source, released)


def check_parity(unit: Unit, translated: list[NotebookNode], language: str) -> None:
    """Raise `CatalogueError` where the translated code does not do what the English code does.

    Nothing in a catalogue that passes its checks can bring that about. Courses whose languages drifted apart in
    code had no such gate (jsboige/CoursIA #10041).
    """
    for english, cell in zip(unit.cells, translated, strict=True):
        if cell.cell_type == "code" and not same_code(english, cell):
            first = english.source.split("\n")[0]
            raise CatalogueError(f"{unit.name}-{language}: the code of the cell that begins with {first!r} differs.")


def _table(name: str, ids: list[str], language: str) -> dict[str, str]:
    """Message → translation of a catalogue that is ready."""
    if language == "en":
        return {}
    catalogue = catalog.load(catalog.path_of(name, language))
    found = catalog.problems(ids, catalogue, language)
    if found:
        raise CatalogueError(
            f"{catalog.label(name, language)} is not ready ({len(found)} entries; the first: {found[0]}): "
            "run `course messages --update`, translate, and check with `course messages --check`."
        )
    return catalog.table_of(catalogue)


class NotInACopy(Refusal):
    """A course that was installed without the repository that it is built in."""


def repository() -> str:
    """`owner/name` of the students' repository on GitHub, from pyproject.toml: the Colab badges point there.

    "" where it has none. Raises `NotInACopy`.
    """
    path = ROOT / "pyproject.toml"
    if not path.is_file():
        raise NotInACopy(
            f"Notebooks are built in a copy of the course's repository, and {ROOT} is none: clone it, run `make`."
        )
    settings = tomllib.loads(path.read_text(encoding="utf-8"))
    return settings["tool"]["course"].get("repository", "")


def dumps(notebook: NotebookNode) -> str:
    """Return the notebook as the text of its file, the same bytes every time."""
    nbformat.validate(notebook)
    return nbformat.v4.writes(notebook) + "\n"


def release(unit: str, source: str, code_stub: str, text_stub: str) -> str:
    """Return the released notebook: nbgrader's own GenerateAssignment, run in this process.

    It takes solutions and hidden tests out and puts stubs in their place, here in the reader's language. The metadata
    say what each cell looks like, so that the student's check (`helpers.check`) sees what is unwritten or changed.
    """
    from nbgrader.converters import GenerateAssignment
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import SaveCells

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "source" / unit).mkdir(parents=True)
        (root / "source" / unit / f"{unit}.ipynb").write_text(source, encoding="utf-8")
        config = Config()
        config.CourseDirectory.root = folder
        config.CourseDirectory.assignment_id = unit
        config.ClearSolutions.code_stub = {"python": f"# {code_stub}\nraise NotImplementedError()"}
        config.ClearSolutions.text_stub = text_stub
        config.GenerateAssignment.no_database = True
        config.Exporter.optimistic_validation = True  # once, not after every step
        converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
        # Only nbgrader's command drops the step that needs a database; in process it is dropped here. What prepares for
        # it, checksums and a check of the metadata, comes once more at the end: that is enough.
        steps = [step for step in converter.preprocessors if step is not SaveCells]
        converter.preprocessors = list(dict.fromkeys(reversed(steps)))[::-1]
        converter.log.setLevel("ERROR")
        converter.start()
        released = nbformat.read(root / "release" / unit / f"{unit}.ipynb", as_version=4)
    released.metadata.setdefault("course", NotebookNode())["cells"] = {
        cell.id: fingerprint(cell.source)
        for cell in released.cells
        if cell.cell_type == "code" or "nbgrader" in cell.metadata
    }
    return dumps(released)


def differences(built: list[Built], root: Path) -> list[str]:
    """The files under `root` that are not what the text makes, missing ones included."""
    return [
        path.relative_to(root).as_posix()
        for path, text in _files(built, root)
        if not path.is_file() or path.read_bytes() != text.encode()
    ]


def write(built: list[Built], root: Path) -> list[str]:
    """Write what differs; returns the names of the files written."""
    changed = differences(built, root)
    for path, text in _files(built, root):
        if path.relative_to(root).as_posix() in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    return changed


def abandoned(unit: Unit, root: Path) -> list[str]:
    """The folders of source/ and release/ that hold the unit in a language in which it is not published."""
    others = [code for code in LANGUAGES if code not in unit.languages]
    folders = [root / kind / f"{unit.name}-{code}" for code in others for kind in ("source", "release")]
    return [folder.relative_to(root).as_posix() for folder in folders if folder.exists()]


def _files(built: list[Built], root: Path):
    for notebook in built:
        yield root / "source" / notebook.path, notebook.source
        yield root / "release" / notebook.path, notebook.release
