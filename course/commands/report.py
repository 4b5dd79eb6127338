"""`course report`: what the teacher wants to know."""

import sys
from pathlib import Path

from course.commands import UsageError, assignment, assignments
from course.commands import names as names_of
from helpers.language import LANGUAGES

HELP = "Write a page on a class: marks, exercises, alike answers, who is missing; and tables of the marks."
EXAMPLE = "course report ner-en ner-ru --csv marks.csv"
NAME_LIMIT = 100  # characters of the page's name


def arguments(parser) -> None:
    parser.add_argument(
        "assignment", nargs="*", type=assignment, metavar="ASSIGNMENT",
        help="such as ner-en, or a unit in all its languages, such as ner (all that was graded)",
    )  # fmt: skip
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder in which was graded (.)")
    parser.add_argument("--lang", choices=LANGUAGES, default=LANGUAGES[0], help="language of the page (en)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the page (reports/ASSIGNMENT….html)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also a table for a spreadsheet, a line a student")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="also the verdicts with the final marks, one JSON object a line"
    )


def run(options) -> int:
    from course import kept
    from course.exchange import roster
    from course.folder import Folder
    from course.grade import fingerprints, marks
    from course.pages import report, standing, tables

    folder = Folder.at(options.course_dir)
    names = _assignments(folder, options.assignment)
    people = roster.load(folder)
    handed = standing.Handed(
        marks={name: marks.of(folder.root, name) for name in names},
        roster={student: entry.name for student, entry in people.students.items()},
        stale={name: fingerprints.stale(folder.root, name) for name in names},
        names=names_of(folder),
        due={name: people.due(name) for name in names},
    )
    units = standing.units(folder, names, handed)
    target = options.out or folder.root / "reports" / f"{_title(options.assignment)}.html"
    report.write(folder, units, handed.roster, options.lang, target)
    if options.csv:
        tables.write_csv(units, options.csv)
    if options.json:
        verdicts = [verdict for name in names for verdict in kept.load_all(folder.root, name)]
        tables.write_json(verdicts, options.json, handed.marks)
    print(f"The report is in {target.resolve()}")
    return 0


def _assignments(folder, wanted: list[str]) -> list[str]:
    """The graded assignments that are meant; those without a verdict are named. Raises `UsageError`."""
    from course.pages import standing

    graded = standing.graded_assignments(folder)
    named = list(dict.fromkeys(wanted or graded))
    found = {name: [each for each in assignments(folder, [name]) if each in graded] for name in named}
    if not any(found.values()):
        raise UsageError(f"Nothing of {', '.join(named) or 'this course'} has been graded: run `course grade` first.")
    for name in (name for name in named if not found[name]):
        print(f"NOTE: nothing of {name} has been graded yet.", file=sys.stderr)
    return list(dict.fromkeys(each for some in found.values() for each in some))


def _title(wanted: list[str]) -> str:
    """The name of the page's file."""
    name = "+".join(wanted) or "all"
    return name if len(name) <= NAME_LIMIT else f"{wanted[0]}+{len(wanted) - 1}"
