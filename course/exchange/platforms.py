"""Whose a path in a source is: what Moodle, Canvas, Blackboard, GitHub Classroom, nbgrader and people write there.

In: an opened source. Out: for each entry its `Owner`, or none. A platform is known by the form of its paths, not by the
name of the archive. The forms are those of Moodle's `mod/assign/classes/downloader.php` (before 4.1 `locallib.php`),
Canvas's `content_zipper.rb`, Blackboard's «Download Assignment File», nbgrader's exchange and `gh classroom clone`.
"""

import dataclasses
import os
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from course.exchange import naming
from course.exchange.archives import Entry, Opened, Refused

MOODLE_FOLDER = re.compile(r"(?P<who>.+?)(?:_(?P<number>\d+))?_assignsubmission_(?P<plugin>[a-z]+)_?")
MOODLE_FILE = re.compile(r"(?P<who>.+?)(?:_(?P<number>\d+))?_assignsubmission_(?P<plugin>[a-z]+)_(?P<file>.+)")
MOODLE_ARCHIVE = re.compile(r".*-(?P<module>\d+)")  # {course}-{assignment}[-{group}]-{cmid}.zip
CANVAS = re.compile(r"(?P<who>[^_/]+?)(?P<late>_LATE)?_(?P<number>\d+)_(?:(?P<attachment>\d+)_)?(?P<file>.+)")
CANVAS_ANONYMOUS = re.compile(r"(?P<late>LATE_)?anon_(?P<number>[A-Za-z0-9]+)_(?P<attachment>\d+)_(?P<file>.+)")
CANVAS_TEXT = re.compile(r"(?:.*_)?(?:text|link)\.html")
CANVAS_ATTEMPT = re.compile(r"(?P<stem>.+)-(?P<attempt>\d+)(?P<suffix>\.[^.]+)")
BLACKBOARD = re.compile(
    r"(?P<head>.+_[^_]+)_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|(?P<about>\.txt))", re.IGNORECASE
)
BLACKBOARD_NAME = re.compile(r"\ufeff?[^:\n]+:\s*(?P<name>.+?)\s*\((?P<who>[^()\n]+)\)")
EXCHANGE = re.compile(r"(?P<who>[^+]+)\+(?P<assignment>[^+]+)\+(?P<time>[^+]+)(?:\+.*)?")  # nbgrader's inbound/
COPIES = re.compile(r"\s*\(\d+\)$")  # what a browser adds to a second download
MADE_AT_ONCE = timedelta(hours=1)  # Canvas packs with the clock of that moment: it tells nothing of who came when
ABOUT_LIMIT = 1 << 16  # bytes of Blackboard's note on a submission that are read


@dataclasses.dataclass(frozen=True)
class Person:
    """Who handed something in, as the platform says it. `scope` is what `number` is good for: one assignment of
    Moodle's, all of Canvas. `folder` is the name of Moodle's folder."""

    platform: str
    scope: str
    name: str = ""
    number: str = ""
    username: str = ""


@dataclasses.dataclass(frozen=True)
class Owned:
    """An entry, whose it is, and its path in what that person handed in.

    `attempt` tells attempts apart where the platform does, `order` which of two of them came first where no time says
    so. `late`: what the platform says of it. Without `counts` it is a text typed online, or a note of the platform's.
    """

    entry: Entry
    person: Person
    path: str
    time: datetime | None
    attempt: str = ""
    order: int = 0
    late: bool | None = None
    folder: str = ""
    counts: bool = True


Sorted = tuple[list[Owned], list[Entry]]


def owned(source: Opened, assignments: frozenset[str], is_known: Callable[[str], bool]) -> Sorted:
    """The entries with their owners, and those of whom nothing tells whose they are.

    `assignments` are names of assignments, units and notebooks, `is_known` says whether a name is on the roster.
    """
    for platform in (_moodle, _blackboard, _canvas, _exchange):
        found, rest = platform(source, assignments)
        if found:
            return found, rest
    return _folders(source, assignments, is_known)


def scope(platform: str, source: str) -> str:
    """Where a person's number is theirs: in one assignment of Moodle's, whose number stands in the archive's name.

    >>> scope("moodle", "nlp-ner-1234.zip") == scope("moodle", "nlp-ner-group a-1234 (2).zip") == "moodle:1234"
    True
    """
    if platform != "moodle":
        return platform
    stem = COPIES.sub("", source.removesuffix(".zip"))
    archive = MOODLE_ARCHIVE.fullmatch(stem)
    return f"moodle:{archive['module'] if archive else stem}"


def _moodle(source: Opened, assignments: frozenset[str]) -> Sorted:
    found, rest = [], []
    for entry in source.entries:
        parts = PurePosixPath(entry.path).parts
        match, path, folder = None, "", ""
        for index, part in enumerate(parts):
            is_last = index == len(parts) - 1
            if match := (MOODLE_FILE if is_last else MOODLE_FOLDER).fullmatch(part):
                path = match["file"] if is_last else "/".join(parts[index + 1 :])
                folder = "" if is_last else part
                break
        if not match:
            rest.append(entry)
            continue
        username, _, name = match["who"].rpartition("_")  # a name has spaces in place of these
        person = Person("moodle", scope("moodle", source.name), name.strip(), match["number"] or "", username)
        found.append(Owned(entry, person, path, entry.time, folder=folder, counts=match["plugin"] == "file"))
    return found, rest


def _canvas(source: Opened, assignments: frozenset[str]) -> Sorted:
    matches = [(entry, _canvas_match(PurePosixPath(entry.path).name)) for entry in source.entries]
    found, rest = [], [entry for entry, match in matches if not match]
    times = [entry.time for entry, match in matches if match and entry.time]
    is_made_at_once = not times or max(times) - min(times) < MADE_AT_ONCE
    for entry, match in ((entry, match) for entry, match in matches if match):
        fields = match.groupdict()
        person = Person("canvas", "canvas", fields.get("who") or "", match["number"])
        attempt = CANVAS_ATTEMPT.fullmatch(match["file"])
        order = int(match["attachment"] or 0) or int(attempt["attempt"] if attempt else 0)
        found.append(
            Owned(
                entry,
                person,
                match["file"],
                None if is_made_at_once else entry.time,
                order=order,
                late=bool(match["late"]),
                counts=not CANVAS_TEXT.fullmatch(match["file"]),
            )
        )
    return (found, rest) if len(found) > len(rest) else ([], source.entries)


def _canvas_match(name: str) -> re.Match | None:
    return CANVAS_ANONYMOUS.fullmatch(name) or CANVAS.fullmatch(name)


def _blackboard(source: Opened, assignments: frozenset[str]) -> Sorted:
    matches = [(entry, BLACKBOARD.fullmatch(PurePosixPath(entry.path).name)) for entry in source.entries]
    found, rest = [], [entry for entry, match in matches if not match]
    hits = [(entry, match) for entry, match in matches if match]
    people = {
        head: Person("blackboard", "blackboard", username=who)
        for head, who in _blackboard_users(sorted({match["head"] for _, match in hits})).items()
    }
    for entry, match in hits:
        if match["about"] and (about := _about(entry)) and match["head"].endswith(f"_{about['who']}"):
            people[match["head"]] = Person("blackboard", "blackboard", about["name"], username=about["who"])
    for entry, match in hits:
        time, path = _blackboard_time(match["time"]), match["file"] or "about.txt"
        found.append(Owned(entry, people[match["head"]], path, time, match["time"], counts=not match["about"]))
    return found, rest


def _blackboard_users(heads: list[str]) -> dict[str, str]:
    """`{assignment}_{user}` → the user: what follows the last _, or, if that makes two people one, what differs."""
    users = {head: head.rpartition("_")[2] for head in heads}
    if len(set(users.values())) == len(users):
        return users
    common = os.path.commonprefix(heads).rpartition("_")[0]  # noqa: RUF071  letter by letter, these are no paths
    return {head: head[len(common) :].strip("_") for head in heads}


def _about(entry: Entry) -> re.Match | None:
    """The full name and the user's, as Blackboard's note on a submission says them in its first line."""
    try:
        return BLACKBOARD_NAME.match(entry.read()[:ABOUT_LIMIT].decode("utf-8", "replace"))
    except Refused:
        return None


def _blackboard_time(text: str) -> datetime | None:
    """Blackboard's clock, which is taken for this machine's."""
    try:
        return datetime.strptime(text, "%Y-%m-%d-%H-%M-%S").astimezone()
    except (ValueError, OverflowError):
        return None


def _exchange(source: Opened, assignments: frozenset[str]) -> Sorted:
    """Folders with a `timestamp.txt`: nbgrader's `inbound/`, or somebody's `submitted/`."""
    stamps = {str(PurePosixPath(e.path).parent): e for e in source.entries if e.path.endswith("timestamp.txt")}
    stamps = {home: entry for home, entry in stamps.items() if home != "."}
    found, rest = [], []
    for entry in source.entries:
        home = next((str(home) for home in PurePosixPath(entry.path).parents if str(home) in stamps), None)
        who = _who(PurePosixPath(home), assignments) if home else ""
        if not who:
            rest.append(entry)
            continue
        time = _stamp(stamps[home])
        path = str(PurePosixPath(entry.path).relative_to(home))
        person = Person("exchange", "exchange", who, username=who)
        found.append(Owned(entry, person, path, time or entry.time, home, counts=path != "timestamp.txt"))
    return found, rest


def _who(home: PurePosixPath, assignments: frozenset[str]) -> str:
    if match := EXCHANGE.fullmatch(home.name):
        return match["who"]
    return home.parent.name if home.name in assignments else home.name


def _stamp(entry: Entry) -> datetime | None:
    from dateutil import parser

    try:
        time = parser.parse(entry.read()[:100].decode())
    except (Refused, ValueError, OverflowError):
        return None
    return time if time.tzinfo else time.astimezone()


def _folders(source: Opened, assignments: frozenset[str], is_known: Callable[[str], bool]) -> Sorted:
    """A folder for each person; or files with the person's name in theirs."""
    paths = [_inside(PurePosixPath(entry.path).parts, assignments) for entry in source.entries]
    while (common := _wrapper(paths, source.name)) and not is_known(common):
        paths = [path[1:] for path in paths]
    prefix = _repository_prefix(source.name, paths, assignments)
    found, rest = [], []
    for entry, parts in zip(source.entries, paths):
        platform = "folder"
        if len(parts) > 1:
            who, path = parts[0], "/".join(parts[1:])
            if prefix and who.startswith(prefix):
                who, platform = who.removeprefix(prefix), "classroom"
        else:
            who, path = naming.whose(parts[0], assignments, is_known), parts[0]
        if not who:
            rest.append(entry)
            continue
        person = Person(platform, "folder", who, username=who)
        found.append(Owned(entry, person, path, entry.time))
    return found, rest


def _inside(parts: tuple[str, ...], assignments: frozenset[str]) -> tuple[str, ...]:
    """A path without folders of assignments above the person's."""
    while len(parts) > 2 and parts[0] in assignments:
        parts = parts[1:]
    return parts


def _wrapper(paths: list[tuple[str, ...]], source: str) -> str | None:
    """A folder around all others, as programs put it into an archive."""
    heads = {path[0] for path in paths}
    if len(heads) != 1 or any(len(path) < 2 for path in paths):
        return None
    (head,) = heads
    is_archives = head in (source, PurePosixPath(source).stem)
    folders = {path[1] for path in paths if len(path) > 2}
    return head if (is_archives and folders) or len(folders) > 1 else None


def _repository_prefix(source: str, paths: list[tuple[str, ...]], assignments: frozenset[str]) -> str:
    """What GitHub Classroom puts before the user's name: the assignment's, as the folder around them says it, or as
    all have it in common."""
    heads = sorted({path[0] for path in paths if len(path) > 1})
    if not heads:
        return ""
    named = source.removesuffix("-submissions") + "-" if source.endswith("-submissions") else ""
    common = os.path.commonprefix(heads).rpartition("-")[0]  # noqa: RUF071  letter by letter, these are no paths
    if len(heads) > 1 and common and any(common == name or common.endswith(f"-{name}") for name in assignments):
        return f"{common}-"
    known = Counter(f"{name}-" for name in assignments for head in heads if head.startswith(f"{name}-"))
    full = [prefix for prefix, count in known.items() if count == len(heads)]
    return named if named and all(head.startswith(named) for head in heads) else max(full, key=len, default="")
