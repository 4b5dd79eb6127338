"""Which of the files that were handed in is graded, and which lie beside it.

In: the files of a submission's folder. Out: the notebook to run, built of the newest finished notebook of the
assignment, wherever it lies: in a subfolder, in an archive, under another name; and the other files of its folder,
which it may import or open. No file is opened by anything but this package.
"""

import dataclasses
import sys
from collections.abc import Callable, Sized
from importlib.util import find_spec
from pathlib import PurePosixPath
from typing import Generic, Literal, Protocol, TypeVar

from nbformat import NotebookNode

from course.notebooks.reading import Unreadable, WrongNotebook, read_notebook
from course.notebooks.unpacking import MAX_BESIDE, Handed, is_hidden, is_safe, unpacked

MAX_NOTEBOOKS = 12  # of one submission that are looked at, the newest first
MAX_BESIDE_FILES = 500

Less = Literal["unfinished", "older", "newer", "same", "equal"]  # why another notebook was not chosen


class Built(Protocol):
    """What is made of a notebook's cells; `answered` are the exercises that are more than the released stub."""

    answered: Sized


Made = TypeVar("Made", bound=Built)


@dataclasses.dataclass(frozen=True)
class Choice(Generic[Made]):
    """The notebook that is graded, the path from which it came, and the files beside it by relative path.

    `others`: the other notebooks of the assignment, each with the reason why it is not this one.
    """

    submission: Made
    path: str
    beside: tuple[tuple[str, bytes], ...]
    notes: tuple[str, ...]
    data: bytes = b""
    others: tuple[tuple[str, Less], ...] = ()


def choose(
    handed: tuple[Handed, ...], name: str, build: Callable[[NotebookNode], Made], *, first: bool = False
) -> Choice[Made]:
    """Choose among files. `name` is the assignment's for the notebook, `build` makes one of a notebook's cells.

    Of several notebooks of the assignment the newest counts that is finished (with `first`, the oldest): in which as
    much is answered as in any other one. An exact name decides between notebooks of the same time. Raises `Unreadable`
    or `WrongNotebook`, for the one that was most likely meant.
    """
    files, trouble = unpacked(handed)
    notebooks = [file for file in files if file.is_notebook]
    if not notebooks:
        raise trouble or WrongNotebook(f"The submission holds no notebook {name}.ipynb.")
    sign = -1 if first else 1
    likely = sorted(notebooks, key=lambda file: (_is_named(file, name), sign * file.modified, file.path), reverse=True)
    built: list[tuple[Made, Handed]] = []
    for file in likely[:MAX_NOTEBOOKS]:
        try:
            built.append((build(read_notebook(file.data)), file))
        except (Unreadable, WrongNotebook) as error:
            trouble = trouble or error
    if not built:
        raise trouble
    submission, file = max(
        built,
        key=lambda pair: (len(pair[0].answered), sign * pair[1].modified, _is_named(pair[1], name), pair[1].path),
    )
    beside, notes = _beside(file, files)
    if len(built) > 1:
        which = "first" if first else "newest"
        notes = (
            f"Of {len(built)} notebooks of this assignment the {which} finished one was graded: {file.path}.",
            *notes,
        )
    others = tuple(
        (other.path, _difference(made, other, submission, file)) for made, other in built if other is not file
    )
    return Choice(submission, file.path, beside, notes, file.data, others)


def _difference(made: Built, other: Handed, submission: Built, file: Handed) -> Less:
    if other.data == file.data:
        return "same"
    if len(made.answered) < len(submission.answered):
        return "unfinished"
    if other.modified == file.modified:
        return "equal"
    return "older" if other.modified < file.modified else "newer"


def _is_named(file: Handed, name: str) -> bool:
    return PurePosixPath(file.path).stem == name


def _beside(chosen: Handed, files: list[Handed]) -> tuple[tuple[tuple[str, bytes], ...], tuple[str, ...]]:
    """The files that lie where the chosen notebook lies, or below, other than notebooks and archives.

    A module with the name of one of Python's or of an installed package stays away: it would be taken for that one.
    """
    home = PurePosixPath(chosen.path).parent
    room, beside, taken = MAX_BESIDE, [], []
    for file in sorted(files, key=lambda file: file.path):
        path = PurePosixPath(file.path)
        if file is chosen or file.is_notebook or file.suffix in (".ipynb", ".zip") or not path.is_relative_to(home):
            continue
        relative = str(path.relative_to(home))
        if not is_safe(relative) or is_hidden(relative) or relative == "timestamp.txt":
            continue
        if file.suffix == ".py" and _is_taken(PurePosixPath(relative).parts[0].removesuffix(".py")):
            taken.append(relative)
        elif len(file.data) <= room and len(beside) < MAX_BESIDE_FILES:
            room -= len(file.data)
            beside.append((relative, file.data))
    notes = (f"Files with names of Python's own modules were left out: {', '.join(taken[:5])}.",) if taken else ()
    return tuple(beside), notes


def _is_taken(module: str) -> bool:
    if module in sys.stdlib_module_names:
        return True
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError, AttributeError):
        return False
