"""The notebook to check: where it is, and what its file says.

In: a path, or nothing: then the notebook that asks is looked for. Out: a `Notebook`. Raises `CheckError`.
"""

import dataclasses
import hashlib
import json
import os
import re
import sys
import time
from pathlib import Path

from helpers.language import LANGUAGES
from helpers.language import gettext as _

RUNNING = "COURSE_CHECK"  # set in the fresh process: a check does not check itself
COLAB_ANSWERS = 30  # seconds in which Colab's page gives its notebook
COMMENT = re.compile(r"^\s*#.*$", re.M)
SPACE = re.compile(r"\s+")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.M)
OURS = re.compile(r"^from helpers import ", re.M)


class CheckError(Exception):
    """A notebook that cannot be checked; the message is the sentence that the student reads."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell: `section` is the heading that it stands under, `graded` nbgrader's metadata, `name` its id.

    `is_given`: the course wrote it and nobody is asked to change it. `is_excursus`: no mark depends on it.
    """

    index: int
    is_code: bool
    source: str
    name: str
    section: str
    graded: dict
    tags: tuple[str, ...]
    is_given: bool

    @property
    def grade_id(self) -> str:
        """nbgrader's name of the cell, "" where it has none."""
        return self.graded.get("grade_id", "")

    @property
    def is_answer(self) -> bool:
        """Whether it is the student's to write."""
        return bool(self.graded.get("solution"))

    @property
    def is_test(self) -> bool:
        """Whether it is graded by running it."""
        return bool(self.graded.get("grade")) and not self.is_answer

    @property
    def is_excursus(self) -> bool:
        return "lesson" in self.tags and not self.graded

    @property
    def first_line(self) -> str:
        """What a person knows the cell by."""
        lines = [line.strip() for line in self.source.splitlines()]
        return next((line for line in lines if line and not line.startswith("#")), "…")[:60]


@dataclasses.dataclass(frozen=True)
class Notebook:
    """`released` has a fingerprint of each code cell and each written question as the course gave them, by name."""

    name: str
    folder: Path
    saved: str
    unit: str
    language: str
    released: dict[str, str]
    cells: tuple[Cell, ...]
    content: dict


def fingerprint(source: str) -> str:
    """What a cell is compared by: white space and lines of comment make no difference.

    >>> fingerprint("# sum\\nx = 1") == fingerprint("x  =  1\\n")
    True
    """
    return hashlib.sha256(SPACE.sub("", COMMENT.sub("", source)).encode("utf-8", "replace")).hexdigest()[:12]


def from_file(path: Path) -> Notebook:
    """Read a notebook from its file. Raises `CheckError`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        saved = time.strftime("%H:%M", time.localtime(path.stat().st_mtime))
    except FileNotFoundError:
        raise CheckError(_("There is no file {path}.", path=path)) from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise CheckError(
            _("{path} cannot be read as a notebook: choose a file that ends in .ipynb.", path=path)
        ) from None
    return of_content(content, path.name, path.resolve().parent, saved)


def of_content(content, name: str, folder: Path, saved: str = "") -> Notebook:
    """Make a `Notebook` of the content of its file. Raises `CheckError`."""
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise CheckError(_("{path} cannot be read as a notebook: choose a file that ends in .ipynb.", path=name))
    course = _dict(_dict(content.get("metadata")).get("course"))
    released = {str(key): str(value) for key, value in _dict(course.get("cells")).items()}
    cells = _cells([cell for cell in content["cells"] if isinstance(cell, dict)], released)
    if not course.get("unit") and not any(cell.is_code and OURS.search(cell.source) for cell in cells):
        raise CheckError(_("{path} is no notebook of this course: check the one that you have worked in.", path=name))
    return Notebook(
        name=name,
        folder=folder,
        saved=saved,
        unit=str(course.get("unit", "")),
        language=_language(course, cells),
        released=released,
        cells=cells,
        content=content,
    )


def _cells(found: list[dict], released: dict[str, str]) -> tuple[Cell, ...]:
    cells, section = [], ""
    for index, cell in enumerate(found):
        metadata, source = _dict(cell.get("metadata")), cell.get("source", "")
        source = "".join(map(str, source)) if isinstance(source, list) else str(source)
        graded, is_code = _dict(metadata.get("nbgrader")), cell.get("cell_type") == "code"
        if not is_code and not graded:
            section = (HEADING.findall(source) or [section])[-1]
        name = str(graded.get("grade_id") or cell.get("id") or metadata.get("id") or "")
        tags = metadata.get("tags")
        cells.append(
            Cell(
                index=index,
                is_code=is_code,
                source=source,
                name=name,
                section=section,
                graded=graded,
                tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
                is_given=name in released and not graded,
            )
        )
    return tuple(cells)


def _dict(value) -> dict:
    return value if isinstance(value, dict) else {}


def _language(course: dict, cells: tuple[Cell, ...]) -> str:
    """The notebook's language; where its metadata have gone, what its cell of parameters says."""
    written = [re.search(r'^language = "(\w+)"', cell.source, re.M) for cell in cells if cell.is_code]
    named = [course.get("language"), *(found[1] for found in written if found), "en"]
    return next(language for language in named if language in LANGUAGES)


# ---- the notebook that asks


def somebody_is_there() -> bool:
    """Whether a person has run the cell: not papermill, nbgrader or a check, which run notebooks for other ends."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return RUNNING not in os.environ and getattr(getattr(shell, "kernel", None), "_allow_stdin", True)


def this_one() -> Notebook:
    """Find the notebook that asks: in Colab's page, by the session's environment, or by asking. Raises `CheckError`."""
    if "google.colab" in sys.modules:
        return _from_colab()
    path = _path_of_session()
    if path is None:
        path = Path(input(_("Which file is this notebook? Save it and type its name: ")).strip())
    return from_file(path)


def _from_colab() -> Notebook:
    from google.colab import _message

    answer = _message.blocking_request("get_ipynb", request="", timeout_sec=COLAB_ANSWERS)
    content = _dict(answer).get("ipynb")
    name = _dict(_dict(_dict(content).get("metadata")).get("colab")).get("name", "notebook.ipynb")
    return of_content(content, str(name), Path.cwd())


def _path_of_session() -> Path | None:
    """JupyterLab and Notebook 7 say it in the environment, Visual Studio Code in a variable; None where nobody does."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    named = [getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME")]
    return next((Path(name) for name in named if name and Path(name).is_file()), None)
