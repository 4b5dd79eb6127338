"""A folder that holds certain files, and whatever else its owner puts there: made, or brought up to date.

In: path → content, and the folder. Out: the folder with these files; those of an earlier time that are not among them
any more are gone, all others are as they were. `.course-release` says which files are ours, in the format of sha256sum
(`sha256sum --check .course-release`). Everything is written beside its place first, so a full disk changes nothing; who
is stopped later finds whole files, and the next call goes on.
"""

import contextlib
import dataclasses
import hashlib
import re
import shutil
from pathlib import Path

from course import Refusal
from course.folder import replace_file

RECORD = ".course-release"
UNFINISHED = ".course-release.unfinished"
LINE = re.compile(r"([0-9a-f]{64})  (.+)")
NAMED = 3  # files in a sentence


class PublishError(Refusal):
    """A folder that is not written to, and why."""


@dataclasses.dataclass(frozen=True)
class Changes:
    """The paths of the files that were written, and of those that were removed."""

    written: list[str]
    removed: list[str]


def publish(files: dict[str, bytes], target: Path) -> Changes:
    """Bring `target` up to date. Raises `PublishError` where it is somebody else's, or was changed by hand."""
    before = earlier(target)
    _check(files, target, before)
    written = [path for path, content in files.items() if not _holds(target / path, _digest(content))]
    removed = [path for path in before if path not in files and (target / path).is_file()]
    after = {path: {_digest(content)} for path, content in files.items()}
    if written or removed or before != after:
        _write(files, target, written, removed, (before, after))
    return Changes(sorted(written), sorted(removed))


def earlier(target: Path) -> dict[str, set[str]]:
    """Path → digests of the content that is ours; several where an earlier call was stopped in the middle.

    Raises `PublishError` where the folder is somebody else's.
    """
    if not target.exists():
        return {}
    if not target.is_dir():
        raise PublishError(f"{target} is no folder.")
    if not (target / RECORD).is_file():
        others = sorted(path.name for path in target.iterdir() if path.name not in (".git", UNFINISHED))
        if others:
            raise PublishError(
                f"{target} is not empty ({_named(others)}) and no earlier release: name a new folder, or the clone of "
                "an empty repository."
            )
        return {}
    record: dict[str, set[str]] = {}
    for line in (target / RECORD).read_text(encoding="utf-8", errors="replace").splitlines():
        found = LINE.fullmatch(line)
        if not found or not _is_plain(found[2]):
            raise PublishError(f"{target / RECORD} is damaged: take it back from git, or name a new folder.")
        record.setdefault(found[2], set()).add(found[1])
    return record


def _is_plain(path: str) -> bool:
    """Whether a path stays in the folder, and out of git's own files."""
    parts = path.split("/")
    return not any(part in ("", ".", "..", ".git") or "\\" in part or "\0" in part for part in parts)


def _check(files: dict[str, bytes], target: Path, before: dict[str, set[str]]) -> None:
    """Raise `PublishError` before anything of other people's would be lost."""
    blocked = sorted(path for path in {*files, *before} if not _is_open(target, path))
    if blocked:
        raise PublishError(f"The way to {target / blocked[0]} is a link or a file: remove what stands there.")
    foreign = [path for path in files if path not in before and (target / path).exists()]
    if foreign:
        raise PublishError(f"{_named(foreign)} in {target} would be overwritten, but is not of an earlier release.")
    known = {path: digests | _new(files, path) for path, digests in before.items()}
    changed = [
        path for path, digests in known.items() if (target / path).exists() and not _holds(target / path, *digests)
    ]
    if changed:
        raise PublishError(
            f"{_named(changed)} in {target} was changed since the last release: keep what is yours in files of your "
            "own, delete the changed ones or take them back from git, and release again."
        )


def _new(files: dict[str, bytes], path: str) -> set[str]:
    return {_digest(files[path])} if path in files else set()


def _is_open(target: Path, path: str) -> bool:
    """Whether nothing but folders, and no link, stands on the way to a file."""
    above = [target / folder for folder in list(Path(path).parents)[:-1]]
    return not any(place.is_symlink() for place in (target / path, *above)) and all(
        folder.is_dir() for folder in above if folder.exists()
    )


def _write(files: dict[str, bytes], target: Path, written: list[str], removed: list[str], records) -> None:
    before, after = records
    is_new = not target.exists()
    unfinished = target / UNFINISHED
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        for path in written:
            replace_file(unfinished / path, files[path])
        both = {path: before.get(path, set()) | after.get(path, set()) for path in {*before, *after}}
        replace_file(target / RECORD, _lines(both))
        for path in written:
            _move(unfinished / path, target / path)
        for path in removed:
            _remove(target, path)
        replace_file(target / RECORD, _lines(after))
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):  # it holds something
                target.rmdir()


def _move(unfinished: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished.replace(place)


def _remove(target: Path, path: str) -> None:
    """Remove a file, and the folders that are empty without it."""
    (target / path).unlink()
    with contextlib.suppress(OSError):  # it holds something else
        for folder in list(Path(path).parents)[:-1]:
            (target / folder).rmdir()


def _lines(record: dict[str, set[str]]) -> bytes:
    lines = [f"{digest}  {path}\n" for path in sorted(record) for digest in sorted(record[path])]
    return "".join(lines).encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _holds(path: Path, *digests: str) -> bool:
    """Whether there is a file with one of these contents."""
    return path.is_file() and _digest(path.read_bytes()) in digests


def _named(paths: list[str]) -> str:
    more = len(paths) - NAMED
    return ", ".join(paths[:NAMED]) + (f" and {more} more" if more > 0 else "")
