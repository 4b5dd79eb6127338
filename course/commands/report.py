"""`course report`: what the teacher wants to know."""

from pathlib import Path

from course.commands import kept_verdicts

HELP = "Write a page with the marks of an assignment, and tables of them."
EXAMPLE = "course report ner-en --out report.html --csv marks.csv"


def arguments(parser) -> None:
    parser.add_argument("assignment", nargs="+", metavar="ASSIGNMENT")
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder in which was graded (.)")
    parser.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also a table for a spreadsheet")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also the verdicts, one JSON object a line")


def run(options) -> int:
    from course import report

    verdicts = kept_verdicts(options.assignment, options.course_dir)
    report.write_report(verdicts, options.out)
    if options.csv:
        report.write_csv(verdicts, options.csv)
    if options.json:
        report.write_json(verdicts, options.json)
    print(f"The report is in {options.out.resolve()}")
    return 0
