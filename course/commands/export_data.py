"""`course export-data`: what a student may ask for."""

from pathlib import Path

from course.commands import student

HELP = "Write all that the course folder holds of a student into a zip file, to be handed to them."
EXAMPLE = "course export-data anna --out reports/anna.zip"


def arguments(parser) -> None:
    parser.add_argument("student", metavar="STUDENT")
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder with submitted/ (.)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the zip (reports/STUDENT.zip)")


def run(options) -> int:
    from course import traces
    from course.folder import Folder
    from course.verdict import printable

    identity = student(Folder.at(options.course_dir), options.student)
    found = traces.of(options.course_dir, identity)
    target = options.out or traces.export_path(found.folder, identity)
    traces.export(found, target)
    print(f"All data of {printable(identity)} are in {target.resolve()}")
    return 0
