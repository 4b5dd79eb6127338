"""What lies in an archive or a folder that somebody downloaded: entries that can be read, and what was refused.

In: the path of a zip or a folder. Out: `Opened`. Nothing is unpacked to disk; nothing is followed, and no path leaves
the source. What is refused is named with the reason, and the rest is there.
"""

import contextlib
import dataclasses
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path, PurePosixPath

from course import Refusal
from course.exchange import encodings
from course.folder import MAX_NOTEBOOK, MAX_OTHER
from course.notebooks.unpacking import METHODS, foreign_archive, is_hidden
from course.verdict import printable

# The limits. A class of 400 with pictures in all notebooks has 2 GiB in 2,000 files.
MAX_ENTRIES = 50_000  # files in a source
MAX_LISTING = 64 << 20  # bytes of a zip's list of files: it is read into memory as a whole
MAX_UNPACKED = 16 << 30  # bytes that are read out of one source: a bomb is more
MAX_PATH = 4_000  # characters
MAX_DEPTH = 24  # folders in folders
LARGE = (".ipynb", ".zip", "")  # what may be as large as a notebook; any other file has less room

DRIVE = re.compile(r"[A-Za-z]:")
EPOCH = (1980, 1, 1)  # what a zip says that knows no time
TIMESTAMP, UNICODE_PATH = 0x5455, 0x7075  # extra fields of Info-ZIP's


class SourceError(Refusal):
    """A source that cannot be opened at all; the message says what to do."""


class Refused(Exception):
    """An entry that is not read; the message says why."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file in a source: its path there, with /, when it was changed (with zone; None if unknown), its bytes."""

    source: str
    path: str
    time: datetime | None
    fetch: Callable[[], bytes] = dataclasses.field(repr=False, compare=False)
    place: Path | None = None  # where it lies, if it lies in a folder

    def read(self) -> bytes:
        """All of it, or `Refused`."""
        return self.fetch()


@dataclasses.dataclass
class Opened:
    """A source: the name of its file, its entries in order, and path and reason of what was refused."""

    name: str
    entries: list[Entry] = dataclasses.field(default_factory=list)
    refused: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def opened(path: Path, stack: contextlib.ExitStack) -> Opened:
    """Open a zip or a folder; it stays open as long as the stack. Raises `SourceError`."""
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise SourceError(f"There is no archive or folder {path}.")
    with path.open("rb") as file:
        _check(file.read(8), path.name)
    return _zip(path, path.name, stack)


def nested(entry: Entry, stack: contextlib.ExitStack) -> Opened:
    """Open a zip that lies in a source. Raises `SourceError`."""
    try:
        data = entry.place or BytesIO(entry.read())
    except Refused as error:
        raise SourceError(str(error)) from None
    return _zip(data, PurePosixPath(entry.path).name, stack)


def _check(start: bytes, name: str) -> None:
    if kind := foreign_archive(start):
        raise SourceError(f"{name} is a {kind} archive: unpack it, and name the folder or a zip of it.")
    if not start.startswith(b"PK"):
        raise SourceError(f"{name} is no zip archive: name a zip or a folder.")


def _zip(file: Path | BytesIO, name: str, stack: contextlib.ExitStack) -> Opened:
    try:
        archive = stack.enter_context(zipfile.ZipFile(file)) if _listing(file) <= MAX_LISTING else None
    except (zipfile.BadZipFile, ValueError, struct.error, EOFError, NotImplementedError):
        raise SourceError(f"{name} is damaged or not complete: download it again.") from None
    if archive is None or len(archive.filelist) > MAX_ENTRIES:
        raise SourceError(f"{name} holds more than {MAX_ENTRIES} files: that is no class's archive.")
    result, room = Opened(name), _Room()
    found: dict[str, Entry] = {}
    for path, info in _named(archive.filelist):
        if info.is_dir() or _is_nothing(path):
            continue
        if reason := _path_problem(path) or _kind_problem(info):
            result.refused.append((printable(path), reason))
            continue
        if path in found:
            result.refused.append((path, "The archive holds this path several times: the last one counts."))
        found[path] = Entry(name, path, _zip_time(info), _reader(archive, info, path, room))
    result.entries = list(found.values())
    return result


def _listing(file: Path | BytesIO) -> int:
    """The size of a zip's list of files, as its last record says it; 0 where zipfile has to find out."""
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(file.open("rb")) if isinstance(file, Path) else file
        size = data.seek(0, os.SEEK_END)
        data.seek(max(0, size - 66_000))
        tail = data.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 16 > len(tail):
        return 0
    (listed,) = struct.unpack_from("<L", tail, at + 12)
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    return struct.unpack_from("<Q", tail, wide + 40)[0] if listed == 0xFFFFFFFF and wide >= 0 else listed


def _named(infos: list[zipfile.ZipInfo]) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """The members with their names: what has no label is in the encoding in which all of them read best."""
    unlabelled = [info for info in infos if not info.flag_bits & 0x800]
    raw = {id(info): info.orig_filename.encode("cp437", "replace") for info in unlabelled}
    encoding = encodings.tell(raw.values(), encodings.IN_ZIPS)
    for info in infos:
        bare = raw.get(id(info))
        name = encodings.read(info.orig_filename.encode("utf-8", "replace") if bare is None else bare, encoding)
        if bare is not None and (field := _extra(info, UNICODE_PATH)) and len(field) > 5:
            version, checksum = struct.unpack_from("<BL", field)
            if version == 1 and checksum == zlib.crc32(bare):
                name = encodings.read(field[5:], "utf-8")
        yield name.split("\0")[0].replace("\\", "/"), info


def _extra(info: zipfile.ZipInfo, wanted: int) -> bytes:
    data = info.extra
    while len(data) >= 4:
        kind, size = struct.unpack_from("<HH", data)
        if kind == wanted:
            return data[4 : 4 + size]
        data = data[4 + size :]
    return b""


def _zip_time(info: zipfile.ZipInfo) -> datetime | None:
    """In UTC, if the archive says so; else the clock of the machine that made it, which is taken for this one's."""
    field = _extra(info, TIMESTAMP)
    try:
        if len(field) >= 5 and field[0] & 1:
            return datetime.fromtimestamp(struct.unpack_from("<l", field, 1)[0], UTC)
        return None if info.date_time[:3] == EPOCH else datetime(*info.date_time).astimezone()
    except (ValueError, OverflowError, OSError):
        return None


def _is_nothing(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return not parts or is_hidden(path) or any(part[0] == "." and part.strip(".") for part in parts)


def _path_problem(path: str) -> str | None:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or DRIVE.match(path):
        return "Its path is absolute."
    if ".." in parts:
        return "Its path leads out of the archive."
    return "Its path is too long." if len(path) > MAX_PATH or len(parts) > MAX_DEPTH else None


def _kind_problem(info: zipfile.ZipInfo) -> str | None:
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "It is a symbolic link."
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return "It is no file but a device."
    if info.flag_bits & 1:
        return "It is protected by a password."
    if info.compress_type not in METHODS:
        return "It is packed in an unusual way: pack it as an ordinary zip."
    return _size_problem(info.orig_filename, info.file_size)


def _most(path: str) -> int:
    return MAX_NOTEBOOK if PurePosixPath(path).suffix.lower() in LARGE else MAX_OTHER


def _size_problem(path: str, size: int) -> str | None:
    return f"It is larger than {_most(path) >> 20} MiB." if size > _most(path) else None


class _Room:
    """What may still be read out of a source."""

    def __init__(self):
        self.left = MAX_UNPACKED

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise Refused(f"More than {MAX_UNPACKED >> 30} GiB are packed into this archive.")


def _reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: str, room: _Room) -> Callable[[], bytes]:
    def fetch() -> bytes:
        room.take(info.file_size)
        try:
            with archive.open(info) as content:
                data = content.read(_most(path) + 1)
        except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError):
            raise Refused("It is damaged.") from None
        if problem := _size_problem(path, len(data)):
            raise Refused(problem)
        return data

    return fetch


def _folder(root: Path) -> Opened:
    result, room = Opened(root.resolve().name), _Room()
    for path, entry in _walk(root, 0, result):
        relative = encodings.read(os.fsencode(path.relative_to(root)), "latin-1")
        if _is_nothing(relative):
            continue
        if entry.is_symlink():
            result.refused.append((printable(relative), "It is a symbolic link."))
        elif not entry.is_file(follow_symlinks=False):
            result.refused.append((printable(relative), "It is no file but a device."))
        elif len(result.entries) >= MAX_ENTRIES:
            raise SourceError(f"{root} holds more than {MAX_ENTRIES} files: that is no class's folder.")
        else:
            changed = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC).astimezone()
            result.entries.append(Entry(result.name, relative, changed, _file_reader(path, room), path))
    return result


def _walk(folder: Path, depth: int, result: Opened) -> Iterator[tuple[Path, os.DirEntry]]:
    try:
        with os.scandir(folder) as scanned:
            entries = sorted(scanned, key=lambda entry: entry.name)
    except OSError as error:
        result.refused.append((printable(folder.name), f"It cannot be read: {error.strerror}."))
        return
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            yield Path(entry.path), entry
        elif depth < MAX_DEPTH and entry.name[0] != "." and entry.name != "__MACOSX":
            yield from _walk(Path(entry.path), depth + 1, result)


def _file_reader(path: Path, room: _Room) -> Callable[[], bytes]:
    def fetch() -> bytes:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise Refused("It is no file but a device.")
                data = file.read(_most(path.name) + 1)
        except OSError as error:
            raise Refused(f"It cannot be read: {error.strerror}.") from None
        room.take(len(data))
        if problem := _size_problem(path.name, len(data)):
            raise Refused(problem)
        return data

    return fetch
