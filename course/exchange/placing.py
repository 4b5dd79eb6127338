"""Submissions written to `submitted/`, whole or not at all, and earlier ones kept aside.

In: the files of an attempt. Out: `submitted/<student>/<assignment>/` with a `timestamp.txt`, as nbgrader has it. A
folder is written beside and renamed; what stood there goes to `submitted/.attempts/<assignment>/<student>/<time>/`.
Neither nbgrader nor the grader looks into hidden folders.
"""

import contextlib
import dataclasses
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from course import Refusal
from course.folder import Folder, Unfit

STAMP = "timestamp.txt"
UNFINISHED = ".unfinished-"


class PlacingError(Refusal):
    """`submitted/` cannot be written; the message says why."""


@dataclasses.dataclass(frozen=True)
class Present:
    """What stands in `submitted/` for a student: files by path, and when it was handed in, if that is written there."""

    files: Mapping[str, bytes]
    time: datetime | None


@contextlib.contextmanager
def alone(folder: Folder) -> Iterator[None]:
    """Nobody else collects into this folder meanwhile; what an interrupted run left is removed."""
    home = folder.home("submitted")
    home.mkdir(parents=True, exist_ok=True)
    lock = os.open(home, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for rest in home.glob(f"{UNFINISHED}*"):
            shutil.rmtree(rest, ignore_errors=True)
        yield
    except BlockingIOError:
        raise PlacingError(f"Somebody else is collecting into {home}: wait until that is done.") from None
    finally:
        os.close(lock)


def target(folder: Folder, assignment: str, student: str) -> Path:
    """Where a submission goes. Raises `PlacingError` where a link stands in the way."""
    path = folder.path("submitted", assignment, student)
    for part in (path, *path.parents):
        if part == folder.root:
            return path
        if part.is_symlink() or (part.exists() and not part.is_dir()):
            raise PlacingError(f"{part} is in the way: it is no folder.")
    raise PlacingError(f"{path} does not lie in the course folder.")


def present(folder: Folder, assignment: str, student: str) -> Present | None:
    """What stands there now; None if nothing does."""
    path = target(folder, assignment, student)
    if not path.is_dir():
        return None
    try:
        handed = folder.handed_in(assignment, student)
    except Unfit:
        return Present({}, None)
    files = {name: data for name, _, data in handed}
    stamp = files.pop(STAMP, None)
    return Present(files, _parsed(stamp) if stamp is not None else None)


def place(folder: Folder, assignment: str, student: str, files: Mapping[str, bytes], time: datetime | None) -> Path:
    """Write a submission; what stood there is kept aside. Returns its folder. Raises `PlacingError`, `OSError`."""
    path = target(folder, assignment, student)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = _written(folder, files if time is None else {**files, STAMP: f"{_stamp(time)}\n".encode()})
    aside = None
    try:
        if path.exists():
            before = present(folder, assignment, student)
            aside = _free(_shelf(folder, assignment, student), before.time if before else None)
            aside.parent.mkdir(parents=True, exist_ok=True)
            path.rename(aside)
        fresh.rename(path)
    except BaseException:
        if aside is not None and aside.exists() and not path.exists():
            aside.rename(path)
        raise
    finally:
        shutil.rmtree(fresh.parent, ignore_errors=True)
    return path


def keep_aside(
    folder: Folder, assignment: str, student: str, files: Mapping[str, bytes], time: datetime | None
) -> Path | None:
    """Keep an attempt that does not count; None if it is kept already."""
    shelf = _shelf(folder, assignment, student)
    if any(_read(kept) == dict(files) for kept in (shelf.iterdir() if shelf.is_dir() else ())):
        return None
    fresh = _written(folder, files if time is None else {**files, STAMP: f"{_stamp(time)}\n".encode()})
    path = _free(shelf, time)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh.rename(path)
    fresh.parent.rmdir()
    return path


def _shelf(folder: Folder, assignment: str, student: str) -> Path:
    return folder.home("submitted") / ".attempts" / assignment / student


def _free(shelf: Path, time: datetime | None) -> Path:
    """A folder that is not there yet, named by the time."""
    name = time.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%SZ") if time else "unknown"
    path, number = shelf / name, 2
    while path.exists():
        path, number = shelf / f"{name}-{number}", number + 1
    return path


def _written(folder: Folder, files: Mapping[str, bytes]) -> Path:
    """A new folder with these files, in one of its own beside the students'."""
    home = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder.home("submitted")))
    try:
        fresh = home / "new"
        fresh.mkdir(mode=0o755)
        for name, data in files.items():
            path = fresh.joinpath(*PurePosixPath(name).parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    return fresh


def _read(home: Path) -> dict[str, bytes]:
    """The files of an attempt that was kept, without the time."""
    found = {}
    for path in sorted(home.rglob("*")):
        name = path.relative_to(home).as_posix()
        if stat.S_ISREG(os.lstat(path).st_mode) and name != STAMP:
            found[name] = path.read_bytes()
    return found


def _stamp(time: datetime) -> str:
    """The time as nbgrader's exchange writes it: with its zone, which is UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC")


def _parsed(data: bytes) -> datetime | None:
    from dateutil import parser

    try:
        time = parser.parse(data[:100].decode())
    except (ValueError, OverflowError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
