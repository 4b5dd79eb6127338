"""`course feedback`: a page for each student."""

from pathlib import Path

from course.commands import UsageError, assignment, assignments, student
from course.commands import names as names_of

HELP = "Write a page for each student: what is right, what is not yet, and the hints."
EXAMPLE = "course feedback ner --student anna"


def arguments(parser) -> None:
    parser.add_argument(
        "assignment",
        nargs="+",
        type=assignment,
        metavar="ASSIGNMENT",
        help="such as ner-en, or ner for all its languages",
    )
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder in which was graded (.)")
    parser.add_argument("--student", action="append", metavar="S", help="only this one; may be given several times")


def run(options) -> int:
    from course import kept, nearest
    from course.folder import Folder
    from course.grade import marks
    from course.pages import feedback

    folder = Folder.at(options.course_dir)
    names = assignments(folder, options.assignment, graded=True)
    students = {name: {verdict.student for verdict in kept.load_all(folder.root, name)} for name in names}
    wanted = {student(folder, one) for one in options.student or ()}
    if unknown := sorted(wanted.difference(*students.values())):
        hint = nearest.hint(unknown[0], set().union(*students.values()))
        raise UsageError(
            f"Nothing of {unknown[0]} has been graded in {', '.join(names)}: run `course grade` first.{hint}"
        )
    pages, known = [], names_of(folder)
    for name in names:
        of_these = tuple(sorted(wanted & students[name]))
        if of_these or not wanted:
            pages += feedback.write_pages(name, folder.root, marks.of(folder.root, name), of_these, known)
    print(f"{len(pages)} page{'s' * (len(pages) != 1)} in {folder.home('feedback')}")
    return 0
