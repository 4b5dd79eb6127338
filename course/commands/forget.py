"""`course forget`: nothing of a student stays."""

import sys
from pathlib import Path

from course.commands import UsageError, student

HELP = "Remove all that the course folder holds of a student: files, marks, their line in the roster."
EXAMPLE = "course forget anna --yes"


def arguments(parser) -> None:
    parser.add_argument("student", metavar="STUDENT")
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder with submitted/ (.)")
    parser.add_argument("--yes", action="store_true", help="do not ask; it cannot be undone")


def run(options) -> int:
    from course import traces
    from course.folder import Folder
    from course.verdict import printable

    identity = student(Folder.at(options.course_dir), options.student)
    found = traces.of(options.course_dir, identity)
    for path in found.paths:
        print(printable(str(path.relative_to(found.folder.root))))
    marks = sum("grades" in row for row in found.grades)
    rows = {"a line of roster.csv": bool(found.person), f"{marks} notebooks in the gradebook": bool(found.grades)}
    rows |= {f"{len(found.cached)} files of the grader's cache": bool(found.cached)}
    for row, is_there in rows.items():
        if is_there:
            print(row)
    if not options.yes and not _agreed(identity):
        print("Nothing was removed.")
        return 1
    shared = traces.shared_files(found)
    traces.forget(found)
    print(f"{printable(identity)} is forgotten: no marks, no files, no line in a list is left.")
    if shared:
        names = ", ".join(str(path.relative_to(found.folder.root)) for path in shared)
        print(f"These files stay and still name them; make them anew, or delete them: {printable(names)}")
    return 0


def _agreed(identity: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("This cannot be undone: add --yes, or answer on a terminal.")
    return input(f"Remove all of this? It cannot be undone. Type {identity} to go on: ") == identity
