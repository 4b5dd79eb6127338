"""The files of a submission with those of archives in it.

In: files that were handed in. Out: the same, each zip replaced by what it holds, in a folder of its name; and what was
wrong with an archive. Never more than `MAX_FILE` bytes of one archive are unpacked.
"""

import dataclasses
import datetime
import io
import re
import struct
import zipfile
import zlib
from pathlib import PurePosixPath

from course.notebooks.reading import MAX_FILE, Unreadable

MAX_MEMBERS = 10_000  # files in an archive
MAX_BESIDE = 32 * 2**20  # bytes of the files beside a notebook
MAX_NESTED = 3  # archives in archives: people send folders that hold what they downloaded
HIDDEN = {"__MACOSX", ".ipynb_checkpoints", "desktop.ini", "Thumbs.db"}
FOREIGN = {b"Rar!\x1a\x07": "RAR", b"7z\xbc\xaf\x27\x1c": "7z", b"\x1f\x8b": "gzip", b"\xfd7zXZ\0": "xz"}
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # other ones may ask for any amount of memory
LIKE_A_NOTEBOOK = re.compile(rb'\s*\{.*"nbformat"\s*:', re.DOTALL)


class NoNotebook(Unreadable):
    """There is nothing wrong with an archive, but nothing in it that could be graded."""


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

    @property
    def is_archive(self) -> bool:
        """Whether it is a zip. A notebook is a text: what begins like an archive is one, whatever it is called."""
        return self.suffix == ".zip" or (self.suffix in (".ipynb", "") and self.data.startswith(b"PK\x03\x04"))

    @property
    def is_notebook(self) -> bool:
        """Whether it is a notebook, by its name or by its content: `ner.ipynb.txt` is one."""
        if is_hidden(self.path) or self.is_archive:
            return False
        named = self.suffix == ".ipynb"
        return named or (len(self.data) <= MAX_FILE and LIKE_A_NOTEBOOK.match(self.data) is not None)


def is_hidden(path: str) -> bool:
    """Whether it is a file that some program left there."""
    parts = PurePosixPath(path).parts
    return bool(HIDDEN & set(parts)) or parts[-1].startswith(".")


def is_safe(path: str) -> bool:
    """Whether a path leads into a folder and nowhere else, and can be written anywhere."""
    parts = PurePosixPath(path).parts
    return bool(parts) and ".." not in parts and path.isprintable() and len(path) < 500 and not path.startswith("/")


def foreign_archive(data: bytes) -> str | None:
    """The name of the format, if it is an archive that is not opened here."""
    return next((name for magic, name in FOREIGN.items() if data.startswith(magic)), None)


def unpacked(handed: tuple[Handed, ...], depth: int = 0) -> tuple[list[Handed], Unreadable | None]:
    """The files with those of archives, which come in a folder of the archive's name; and what was wrong with one."""
    files, trouble = [], None
    for file in handed:
        if kind := foreign_archive(file.data):
            name = PurePosixPath(file.path).name
            trouble = trouble or Unreadable(f"{name} is a {kind} archive: it has to be handed in as a zip.")
        if not file.is_archive:
            files.append(file)
            continue
        try:
            members = _members(file, depth)
        except Unreadable as error:
            trouble = trouble or error
        else:
            inner, wrong = unpacked(tuple(members), depth + 1)
            files += inner
            trouble = trouble or wrong
    return files, trouble


def _members(archive: Handed, depth: int) -> list[Handed]:
    """The files of a zip archive, never more than `MAX_FILE` bytes of them together. Raises `Unreadable`."""
    data = archive.data
    if depth >= MAX_NESTED:
        raise Unreadable(f"More than {MAX_NESTED} archives are packed into each other.")
    if len(data) > MAX_FILE:
        raise Unreadable(f"The archive is larger than {MAX_FILE // 2**20} MiB.")
    if data.count(b"PK\x01\x02") > MAX_MEMBERS:
        raise Unreadable(f"The archive holds more than {MAX_MEMBERS} files.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            members = [member for member in file.infolist() if not member.is_dir() and is_safe(_path(member))]
            members = [member for member in members if not is_hidden(_path(member))]
            notebooks = [member for member in members if _is_wanted(member)]
            others = [member for member in members if member not in notebooks]
            read = _read_members(file, archive.path, notebooks, MAX_FILE // (depth + 1))
            read += _read_members(file, archive.path, others, MAX_BESIDE)
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError, LookupError):
        raise Unreadable("The archive is damaged.") from None
    if not any(one.is_notebook or one.is_archive or foreign_archive(one.data) for one in read):
        raise NoNotebook("The archive holds no notebook.")
    return read


def _is_wanted(member: zipfile.ZipInfo) -> bool:
    return _path(member).lower().endswith((".ipynb", ".zip"))


def _read_members(file: zipfile.ZipFile, folder: str, members: list[zipfile.ZipInfo], room: int) -> list[Handed]:
    """The largest first: what does not fit is left out, unless it is a notebook."""
    read = []
    for member in sorted(members, key=lambda member: member.file_size, reverse=True):
        is_wanted = _is_wanted(member)
        if member.flag_bits & 1 and is_wanted:
            raise Unreadable("The archive is protected by a password.")
        if member.compress_type not in METHODS and is_wanted:
            raise Unreadable("The archive is packed in an unusual way: pack it as an ordinary zip.")
        if member.flag_bits & 1 or member.compress_type not in METHODS:
            continue
        with file.open(member) as content:
            data = content.read(room + 1)
        if max(member.file_size, len(data)) > room:
            if is_wanted:
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
