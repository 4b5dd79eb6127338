"""Which of the files that were handed in is graded, and which lie beside it.

In: the files of a submission's folder. Out: the notebook to run, built of the newest finished notebook of the
assignment, wherever it lies: in a subfolder, in an archive, under another name; and the other files of its folder,
which it may import or open. No file is opened by anything but this package.
"""

import dataclasses
import datetime
import io
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import PurePosixPath

from course.grade.submission.building import Submission
from course.grade.submission.reading import MAX_FILE, Unreadable, read_notebook
from course.grade.submission.recognising import WrongNotebook

MAX_MEMBERS = 10_000  # files in an archive
MAX_NOTEBOOKS = 12  # of one submission that are looked at, the newest first
MAX_BESIDE = 32 * 2**20  # bytes of the files beside a notebook
MAX_BESIDE_FILES = 500
HIDDEN = {"__MACOSX", ".ipynb_checkpoints"}


@dataclasses.dataclass(frozen=True)
class Handed:
    """A file that was handed in: its path in the submission's folder, when it was last changed, what is in it."""

    path: str
    modified: float
    data: bytes

    @property
    def suffix(self) -> str:
        """The end of its name, in small letters."""
        return PurePosixPath(self.path).suffix.lower()


@dataclasses.dataclass(frozen=True)
class Choice:
    """The notebook that is graded, the path from which it came, and the files beside it by relative path."""

    submission: Submission
    path: str
    beside: tuple[tuple[str, bytes], ...]
    notes: tuple[str, ...]


def choose(handed: tuple[Handed, ...], name: str, build: Callable[..., Submission]) -> Choice:
    """Choose among files. `name` is the assignment's for the notebook, `build` makes one of a notebook's cells.

    Of several notebooks of the assignment the newest counts that is finished: in which as much is answered as in any
    other one. An exact name decides between notebooks of the same time. Raises `Unreadable` or `WrongNotebook`, for
    the one that was most likely meant.
    """
    files, trouble = _unpacked(handed)
    notebooks = [file for file in files if file.suffix == ".ipynb" and not _is_hidden(file.path)]
    if not notebooks:
        raise trouble or WrongNotebook(f"The submission holds no notebook {name}.ipynb.")
    likely = sorted(notebooks, key=lambda file: (_is_named(file, name), file.modified, file.path), reverse=True)
    built: list[tuple[Submission, Handed]] = []
    for file in likely[:MAX_NOTEBOOKS]:
        try:
            built.append((build(read_notebook(file.data)), file))
        except (Unreadable, WrongNotebook) as error:
            trouble = trouble or error
    if not built:
        raise trouble
    submission, file = max(
        built,
        key=lambda pair: (len(pair[0].answered), pair[1].modified, _is_named(pair[1], name), pair[1].path),
    )
    beside, notes = _beside(file, files)
    if len(built) > 1:
        notes = (
            f"Of {len(built)} notebooks of this assignment the newest finished one was graded: {file.path}.",
            *notes,
        )
    return Choice(submission, file.path, beside, notes)


def _is_named(file: Handed, name: str) -> bool:
    return PurePosixPath(file.path).stem == name


def _is_hidden(path: str) -> bool:
    folders = PurePosixPath(path).parts
    return bool(HIDDEN & set(folders)) or folders[-1].startswith(".")


def _unpacked(handed: tuple[Handed, ...]) -> tuple[list[Handed], Unreadable | None]:
    """The files with those of archives, which come in a folder of the archive's name; and what was wrong with one."""
    files, trouble = [], None
    for file in handed:
        # A notebook is a text: what begins like an archive is one, whatever it is called.
        if file.suffix == ".zip" or (file.suffix == ".ipynb" and file.data.startswith(b"PK\x03\x04")):
            try:
                files += _members(file)
            except Unreadable as error:
                trouble = trouble or error
        else:
            files.append(file)
    return files, trouble


def _members(archive: Handed) -> list[Handed]:
    """The files of a zip archive, never more than `MAX_FILE` bytes of them together. Raises `Unreadable`."""
    data = archive.data
    if len(data) > MAX_FILE:
        raise Unreadable(f"The archive is larger than {MAX_FILE // 2**20} MiB.")
    if data.count(b"PK\x01\x02") > MAX_MEMBERS:
        raise Unreadable(f"The archive holds more than {MAX_MEMBERS} files.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = [member for member in file.infolist() if not member.is_dir() and _is_safe(_path(member))]
            members = [member for member in members if not _is_hidden(_path(member))]
            notebooks = [member for member in members if _path(member).lower().endswith(".ipynb")]
            if not notebooks:
                raise Unreadable("The archive holds no notebook.")
            others = [member for member in members if member not in notebooks]
            return _read_members(file, archive.path, notebooks, MAX_FILE) + _read_members(
                file, archive.path, others, MAX_BESIDE
            )
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, LookupError):
        raise Unreadable("The archive is damaged.") from None


def _read_members(file: zipfile.ZipFile, folder: str, members: list[zipfile.ZipInfo], room: int) -> list[Handed]:
    """The largest first: what does not fit is left out, unless it is a notebook."""
    read = []
    for member in sorted(members, key=lambda member: member.file_size, reverse=True):
        is_notebook = _path(member).lower().endswith(".ipynb")
        if member.flag_bits & 1 and is_notebook:
            raise Unreadable("The archive is protected by a password.")
        # Other methods may ask for any amount of memory.
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and is_notebook:
            raise Unreadable("The archive is packed in an unusual way: pack it as an ordinary zip.")
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            continue
        with file.open(member) as content:
            data = content.read(room + 1)
        if max(member.file_size, len(data)) > room:
            if is_notebook:
                raise Unreadable(f"The notebook in the archive is larger than {MAX_FILE // 2**20} MiB.")
            continue
        room -= len(data)
        read.append(Handed(f"{folder}/{_path(member)}", _time(member), data))
    return read


def _path(member: zipfile.ZipInfo) -> str:
    return member.filename.replace("\\", "/").lstrip("/")


def _time(member: zipfile.ZipInfo) -> float:
    try:
        return datetime.datetime(*member.date_time).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def _is_safe(path: str) -> bool:
    """Whether a path leads into a folder and nowhere else, and can be written anywhere."""
    parts = PurePosixPath(path).parts
    return bool(parts) and ".." not in parts and path.isprintable() and len(path) < 500 and not path.startswith("/")


def _beside(chosen: Handed, files: list[Handed]) -> tuple[tuple[tuple[str, bytes], ...], tuple[str, ...]]:
    """The files that lie where the chosen notebook lies, or below, other than notebooks and archives.

    A module with the name of one of Python's or of an installed package stays away: it would be taken for that one.
    """
    home = PurePosixPath(chosen.path).parent
    room, beside, taken = MAX_BESIDE, [], []
    for file in sorted(files, key=lambda file: file.path):
        path = PurePosixPath(file.path)
        if file is chosen or file.suffix in (".ipynb", ".zip") or not path.is_relative_to(home):
            continue
        relative = str(path.relative_to(home))
        if not _is_safe(relative) or _is_hidden(relative) or relative == "timestamp.txt":
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
