"""What a verdict was made of, so that one can say later what has changed since.

In: the teacher's notebooks and a student's files. Out: digests of them, which are kept with the verdict; what one
verdict changed that took the place of another; and which kept verdicts are stale.
"""

import dataclasses
import datetime
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import nbformat
from nbformat import NotebookNode

from course import kept
from course.folder import Folder, Unfit
from course.grade import roles
from course.verdict import Before, MadeOf, Reason, Verdict

Stale = Literal["submission", "tests", "source", "ungraded"]


def of_source(folder: Folder, assignment: str, grader: str = "") -> MadeOf:
    """What the teacher's side contributes to each verdict of an assignment. Text that is not run is none of it.

    In an assignment of several notebooks a grade id stands behind its notebook's name.
    """
    notebooks = {path.stem: nbformat.read(path, as_version=4) for path in folder.notebooks("source", assignment)}
    tests = {
        grade_id if len(notebooks) == 1 else f"{name}/{grade_id}": digest
        for name, notebook in notebooks.items()
        for grade_id, digest in _tests(notebook)
    }
    run = [(name, *map(_run, notebook.cells), notebook.metadata.get("course")) for name, notebook in notebooks.items()]
    files = [(name, hashlib.sha256(data).hexdigest()) for name, data in folder.data_files(assignment)]
    return MadeOf("", _digest([run, files]), tests, grader)


def _tests(notebook: NotebookNode) -> Iterable[tuple[str, str]]:
    for cell in filter(roles.is_graded, notebook.cells):
        source = cell.source if roles.is_test(cell) else ""  # the text of a question is no test
        yield roles.settings_of(cell).grade_id, _digest([source, roles.points_of(cell)])


def _run(cell: NotebookNode) -> list:
    settings = {name: value for name, value in roles.settings_of(cell).items() if name != "checksum"}
    return [cell.source if cell.cell_type == "code" else "", settings]


def of_files(files: Iterable[tuple[str, bytes]]) -> str:
    """A digest of what a student handed in: paths and contents."""
    return _digest(sorted((path, hashlib.sha256(data).hexdigest()) for path, data in files))


def _of_submission(folder: Folder, assignment: str, student: str) -> str:
    try:
        return of_files((path, data) for path, _, data in folder.handed_in(assignment, student))
    except Unfit:
        return of_files(())


def after(old: Verdict | None, new: Verdict, mark: float | None) -> Verdict:
    """The new verdict of a submission, with what the old one was; `mark` is the final mark that it had.

    Graded again with nothing changed and the same points, it still says what the last change was.
    """
    if old is None:
        return new
    points = {cell.grade_id: cell.score for cell in old.cells}
    if old.made_of == new.made_of and points == {cell.grade_id: cell.score for cell in new.cells}:
        return dataclasses.replace(new, before=old.before)
    reasons, tests = _differences(old.made_of, new.made_of)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    before = Before(now, old.verdict, old.score, old.max_score, mark, points, reasons, tests)
    return dataclasses.replace(new, before=before)


def _differences(old: MadeOf | None, new: MadeOf | None) -> tuple[tuple[Reason, ...], tuple[str, ...]]:
    """What differs, and in which graded cells. The source is named where it is not only its tests, the grader where
    it is nothing else."""
    if old is None or new is None:
        return (), ()
    tests = tuple(sorted(key for key in old.tests | new.tests if old.tests.get(key) != new.tests.get(key)))
    found: list[Reason] = ["submission"] if old.submission != new.submission else []
    if tests:
        found.append("tests")
    elif old.source != new.source:
        found.append("source")
    if not found and old.grader != new.grader:
        found.append("grader")
    return tuple(found), tests


def stale(course_dir: Path, assignment: str) -> dict[str, tuple[Stale, ...]]:
    """Student → what has changed since their verdict, for those for whom anything has: the submission, the tests or
    what else is run of the source. "ungraded": the submission has no verdict yet. Raises `CourseError`."""
    folder = Folder.at(course_dir)
    now = of_source(folder, assignment) if folder.notebooks("source", assignment) else None
    found: dict[str, tuple[Stale, ...]] = {}
    for student in folder.students(assignment):
        verdict = kept.load(folder, assignment, student)
        if verdict is None:
            found[student] = ("ungraded",)
        elif verdict.made_of:
            handed = _of_submission(folder, assignment, student)
            source = now or verdict.made_of
            current = MadeOf(handed, source.source, source.tests, verdict.made_of.grader)
            if reasons := _differences(verdict.made_of, current)[0]:
                found[verdict.student] = reasons
    return found


def _digest(value) -> str:
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
