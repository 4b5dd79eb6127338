"""What nbgrader was asked for: which folder, which students.

In: nbgrader's `CourseDirectory`, with what the command line or a button said. Out: the `Folder` that `course` works in,
and names. nbgrader takes patterns for names; a name that is one itself comes first.
"""

import fnmatch
from collections.abc import Iterable
from pathlib import Path

from nbgrader.coursedir import CourseDirectory

from course import Refusal
from course.folder import Folder

SETTINGS = (
    *("course_id", "db_url", "directory_structure", "source_directory", "release_directory"),
    *("submitted_directory", "autograded_directory", "feedback_directory"),
)


def folder_of(wanted: CourseDirectory) -> Folder:
    """The course folder. Raises `Refusal` where nbgrader was told of another than its own nbgrader_config.py says.

    `course` reads that file and nothing else: what the command line or a file at home says would be lost.
    """
    folder = Folder.at(Path(wanted.root))
    config = folder.config.copy()
    config.CourseDirectory.root = wanted.root
    known = CourseDirectory(config=config)
    for name in SETTINGS:
        if getattr(known, name) != getattr(wanted, name):
            raise Refusal(
                f"CourseDirectory.{name} is {getattr(wanted, name)!r} here, and {getattr(known, name)!r} for `course`: "
                f"set it in {folder.root / 'nbgrader_config.py'} and nowhere else."
            )
    return folder


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that are meant.

    >>> matching("a*", ["anna", "boris"]), matching("[b]", ["b", "[b]"])
    (['anna'], ['[b]'])
    """
    names = list(names)
    return [pattern] if pattern in names else [name for name in names if fnmatch.fnmatchcase(name, pattern)]


def students(wanted: CourseDirectory, names: Iterable[str]) -> list[str]:
    """Those of the students who are meant, without the ones that the course leaves out."""
    excluded = wanted.student_id_exclude.split(",")
    return [name for name in matching(wanted.student_id or "*", names) if name not in excluded]


def is_everybody(wanted: CourseDirectory) -> bool:
    """Whether no student was named and none is left out."""
    return wanted.student_id in ("", "*") and not wanted.student_id_exclude
