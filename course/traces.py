"""Everything that a course folder holds of one student: to hand it over, or to forget it.

In: a course folder and a student's id. Out: the files and rows that are theirs. What is made for all students together
(reports, filled tables, archives) is not theirs alone: it is named, to be made anew.
"""

import contextlib
import dataclasses
import datetime
import io
import json
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from course import Refusal, kept, nearest
from course.exchange import arrivals, roster
from course.folder import Folder, replace_file

STEPS = ("submitted", "autograded", "feedback")
SHARED = ("reports", "returned", "downloads")  # folders with files that are not one student's alone
MAX_LOOKED_AT = 64 << 20  # bytes of such a file
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can say


class UnknownStudent(Refusal):
    """A student of whom nothing is there."""


@dataclasses.dataclass(frozen=True)
class Traces:
    """What is a student's: `paths` of files and folders, `person` from the roster, `arrivals` in all assignments,
    `cached` files of the grader, `grades`: the rows of the gradebook."""

    folder: Folder
    student: str
    paths: tuple[Path, ...]
    person: roster.Student | None
    arrivals: tuple[arrivals.Arrival, ...]
    cached: tuple[Path, ...]
    grades: tuple[dict, ...]

    def __bool__(self) -> bool:
        return any((self.paths, self.person, self.arrivals, self.cached, self.grades))


def of(course_dir: Path, student: str) -> Traces:
    """Find all of it. Raises `UnknownStudent`, `CourseError`."""
    folder = Folder.at(course_dir)
    known = roster.load(folder)
    found = Traces(
        folder,
        student,
        tuple(_paths(folder, student)),
        known.students.get(student),
        tuple(one for name in _assignments(folder) for one in arrivals.load(folder, name) if one.student == student),
        tuple(_cached(folder, student)),
        tuple(_grades(folder, student)),
    )
    if not found:
        others = {*known.students, *(name for each in _assignments(folder) for name in folder.students(each))}
        raise UnknownStudent(f"There is nothing of {student} in {folder.root}.{nearest.hint(student, others)}")
    return found


def forget(traces: Traces) -> None:
    """Remove all of it. Interrupted, it can be done again. Raises `CourseError`, `OSError`."""
    folder, student = traces.folder, traces.student
    for path in (*traces.paths, *traces.cached):
        _remove(path)
        for step in STEPS:  # the student's own folder above that of the assignment, if nothing else is in it
            if path.parent.name == student and folder.home(step) in path.parent.parents and not _holds(path.parent):
                path.parent.rmdir()
    for name in {one.assignment for one in traces.arrivals}:
        arrivals.save(folder, name, [one for one in arrivals.load(folder, name) if one.student != student])
    if traces.person:
        others = {one: person for one, person in roster.load(folder).students.items() if one != student}
        roster.save(folder, roster.Roster(others))
    if traces.grades:
        with _gradebook(folder) as gradebook:
            gradebook.remove_student(student)


def export(traces: Traces, target: Path) -> None:
    """Write all of it into a zip: the files as they lie in the course folder, and `data.json` with the rows."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in traces.paths:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() and not file.is_symlink():
                    name = str(file.relative_to(traces.folder.root))
                    archive.writestr(zipfile.ZipInfo(name, EPOCH), file.read_bytes(), zipfile.ZIP_DEFLATED)
        data = {
            "student": traces.student,
            "roster": dataclasses.asdict(traces.person) if traces.person else None,
            "arrivals": [dataclasses.asdict(one) for one in traces.arrivals],
            "gradebook": traces.grades,
        }
        text = json.dumps(data, ensure_ascii=False, indent=2, default=_as_text)
        archive.writestr(zipfile.ZipInfo("data.json", EPOCH), text, zipfile.ZIP_DEFLATED)
    replace_file(target, memory.getvalue())


def export_path(folder: Folder, student: str) -> Path:
    """Where an export goes."""
    return folder.root / "reports" / f"{student}.zip"


def shared_files(traces: Traces) -> list[Path]:
    """Files that stay and name the student: made for many, downloaded, or exported to be handed over."""
    names = {traces.student, *(one.name for one in traces.arrivals), traces.person.name if traces.person else ""}
    needles = [name.encode("utf-8", "replace") for name in names if name]
    files = [path for home in SHARED for path in sorted((traces.folder.root / home).rglob("*")) if path.is_file()]
    return [path for path in files if any(needle in text for text in _texts(path) for needle in needles)]


def _texts(path: Path) -> Iterator[bytes]:
    yield path.name.encode("utf-8", "replace")
    if path.stat().st_size <= MAX_LOOKED_AT:
        yield path.read_bytes()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield "\n".join(archive.namelist()).encode("utf-8", "replace")


def _assignments(folder: Folder) -> list[str]:
    """The assignments that are there or have left something behind."""
    named = [path.stem for path in (folder.home("submitted") / ".arrivals").glob("*.jsonl")]
    for home in (folder.home("submitted") / ".attempts", kept.home(folder)):
        named += [path.name for path in home.glob("*") if path.is_dir()]
    return sorted({*folder.assignments(), *named})


def _paths(folder: Folder, student: str) -> Iterator[Path]:
    if student in ("", ".", "..") or "/" in student:
        return
    for name in _assignments(folder):
        candidates = [folder.path(step, name, student) for step in STEPS]
        candidates += [folder.home("submitted") / ".attempts" / name / student, kept.path_of(folder, name, student)]
        candidates.append(kept.set_aside(folder, name, student))
        yield from (path for path in candidates if path.exists() or path.is_symlink())


def _cached(folder: Folder, student: str) -> Iterator[Path]:
    """Files of the grader's cache whose submission came first from this student."""
    for path in (folder.home("autograded") / ".cache").glob("*"):
        try:
            with path.open("rb") as file:
                verdict = json.loads(json.loads(file.readline())["verdict"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if student and verdict.get("student") == student:  # nobody: the teacher's own solution
            yield path


def _grades(folder: Folder, student: str) -> Iterator[dict]:
    from nbgrader.api import MissingEntry

    from course.grade.ledger import Ledger

    if not Ledger(folder).exists():
        return
    with _gradebook(folder) as gradebook:
        try:
            found = gradebook.find_student(student)
        except MissingEntry:
            return
        yield found.to_dict()
        for submission in found.submissions:
            for notebook in submission.notebooks:
                yield {
                    "assignment": submission.assignment.name,
                    "notebook": notebook.name,
                    "submitted_at": submission.timestamp,
                    "grades": [grade.to_dict() for grade in notebook.grades],
                    "comments": [comment.to_dict() for comment in notebook.comments],
                }


@contextlib.contextmanager
def _gradebook(folder: Folder):
    from course.grade.errors import database_errors
    from course.grade.ledger import Ledger

    with Ledger(folder) as ledger, database_errors():
        yield ledger.gradebook


def _remove(path: Path) -> None:
    """Remove a file, or a folder with what is in it; nbgrader leaves some of its files read-only."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    elif path.is_dir():
        for inner in (path, *path.rglob("*")):
            if inner.is_dir() and not inner.is_symlink():
                inner.chmod(inner.stat().st_mode | stat.S_IRWXU)
        shutil.rmtree(path)


def _holds(path: Path) -> bool:
    return path.is_dir() and any(path.iterdir())


def _as_text(value) -> str:
    return value.isoformat() if isinstance(value, datetime.date | datetime.datetime) else str(value)
