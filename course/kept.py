"""Verdicts that are kept: one file a submission, beside the graded notebooks.

In: a verdict. Out: a file; and from a course folder, the verdicts of an assignment.
"""

import hashlib
from pathlib import Path

from course.folder import Folder, name_problem, replace_file
from course.verdict import Verdict


def save(verdict: Verdict, folder: Folder, student: str) -> None:
    """Keep the verdict of a student's submission; it replaces an earlier one."""
    path = _home(folder, verdict.assignment) / f"{_file_name(student)}.json"
    replace_file(path, (verdict.as_json(notes=True) + "\n").encode())


def load_all(course_dir: Path, assignment: str) -> list[Verdict]:
    """The kept verdicts of an assignment, in the order of the students' names."""
    paths = sorted(_home(Folder.at(course_dir), assignment).glob("[!.]*.json"))
    found = [Verdict.from_json(path.read_text(encoding="utf-8")) for path in paths]
    return sorted(found, key=lambda verdict: verdict.student)


def _home(folder: Folder, assignment: str) -> Path:
    return folder.home("autograded") / ".verdicts" / assignment


def _file_name(student: str) -> str:
    """The student's name, or what stands for it where it could not be the name of a file."""
    bytes_of_name = student.encode("utf-8", "surrogateescape")
    return hashlib.sha256(bytes_of_name).hexdigest() if name_problem(student) else student
