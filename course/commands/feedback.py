"""`course feedback`: a page for each student."""

from pathlib import Path

from course.commands import UsageError, kept_verdicts

HELP = "Write a page for each student: what is right, what is not yet, and the hints."
EXAMPLE = "course feedback ner-en --student anna"


def arguments(parser) -> None:
    parser.add_argument("assignment", metavar="ASSIGNMENT")
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder in which was graded (.)")
    parser.add_argument("--student", action="append", metavar="S", help="only this one; may be given several times")


def run(options) -> int:
    from course.grade import marks
    from course.pages import feedback

    graded = kept_verdicts([options.assignment], options.course_dir)
    for student in options.student or ():
        if student not in {verdict.student for verdict in graded}:
            raise UsageError(f"Nothing of {student} has been graded in {options.assignment}: run `course grade` first.")
    final = marks.of(options.course_dir, options.assignment)
    pages = feedback.write_pages(options.assignment, options.course_dir, final, tuple(options.student or ()))
    print(f"{len(pages)} pages are in {options.course_dir.resolve() / 'feedback'}")
    return 0
