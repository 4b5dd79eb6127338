"""Verdicts that are kept: one file a submission, beside the graded notebooks.

In: a verdict. Out: a file; and from a course folder, the verdicts of an assignment. A verdict whose submission is gone,
because the student was renamed or left, is nobody's and is left out.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from course.folder import Folder, name_problem, replace_file
from course.verdict import Verdict


def save(verdict: Verdict, folder: Folder, student: str) -> None:
    """Keep the verdict of a student's submission; it replaces an earlier one."""
    path = path_of(folder, verdict.assignment, student)
    replace_file(path, (verdict.as_json(notes=True) + "\n").encode())


def load(folder: Folder, assignment: str, student: str) -> Verdict | None:
    """The kept verdict of a student's submission; None where there is none that can be read."""
    try:
        return _read(path_of(folder, assignment, student))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def load_all(course_dir: Path, assignment: str) -> list[Verdict]:
    """The kept verdicts of an assignment, in the order of the students' names."""
    folder = Folder.at(course_dir)
    paths = {path.stem: path for path in home(folder).joinpath(assignment).glob("[!.]*.json")}
    gone = without_submission(folder, assignment, paths, name_of=_file_name)
    found = [_read(path) for name, path in paths.items() if name not in gone]
    return sorted(found, key=lambda verdict: verdict.student)


def without_submission(
    folder: Folder, assignment: str, names: Iterable[str], name_of: Callable[[str], str] = str
) -> set[str]:
    """Which of the names belong to nobody who has handed in the assignment.

    Where nobody has a submission any more, `submitted/` was put away as a whole: then all of them stay.
    """
    there = {name_of(student) for student in folder.students(assignment)}
    return set(names) - there if there else set()


def _read(path: Path) -> Verdict:
    return Verdict.from_json(path.read_text(encoding="utf-8"))


def home(folder: Folder) -> Path:
    """Where the verdicts lie, in a folder for each assignment."""
    return folder.home("autograded") / ".verdicts"


def path_of(folder: Folder, assignment: str, student: str) -> Path:
    """The file of a student's verdict, whether it is there or not."""
    return home(folder) / assignment / f"{_file_name(student)}.json"


def set_aside(folder: Folder, assignment: str, student: str) -> Path:
    """The file of what persons gave a student for questions that were dropped, whether it is there or not."""
    return folder.home("autograded") / ".aside" / assignment / f"{_file_name(student)}.json"


def _file_name(student: str) -> str:
    """The student's name, or what stands for it where it could not be the name of a file."""
    bytes_of_name = student.encode("utf-8", "surrogateescape")
    return hashlib.sha256(bytes_of_name).hexdigest() if name_problem(student) else student
