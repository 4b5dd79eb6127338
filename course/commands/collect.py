"""`course collect`: what students handed in on a learning platform, to `submitted/`."""

import sys
from pathlib import Path

from course.commands import assignment, progress_bar

HELP = "Put the submissions in downloaded archives and folders where grading finds them."
EXAMPLE = "course collect ner nlp-ner-1234.zip --roster participants.csv"
SHOWN = {  # status → what the table calls it
    "placed": "placed",
    "replaced": "replaced",
    "same": "unchanged",
    "older": "older attempt",
    "other": "other unit",
    "ambiguous": "two candidates",
    "empty": "no notebook",
    "refused": "refused",
    "unknown": "not on the roster",
    "missing": "not handed in",
}


def arguments(parser) -> None:
    parser.add_argument(
        "name", type=assignment, metavar="ASSIGNMENT_OR_UNIT", help="such as ner-en, or ner for all its languages"
    )
    parser.add_argument(
        "source", nargs="+", type=Path, metavar="SOURCE", help="a zip or a folder: Moodle's, Canvas's, Blackboard's …"
    )
    parser.add_argument(
        "--roster", type=Path, metavar="FILE", help="who takes part: a CSV of the platform's, or id,name,email,…; kept"
    )
    parser.add_argument(
        "--keep", choices=("latest", "first"), default="latest", help="which attempt counts (latest); the others stay"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and write nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there, one JSON object a line")
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder with source/ and submitted/ (.)")


def run(options) -> int:
    from course.exchange.request import Request
    from course.folder import Folder, replace_file
    from course.grade.submission.building import build

    folder = Folder.at(options.course_dir)
    request = Request(
        folder=folder,
        name=options.name,
        sources=tuple(options.source),
        build=lambda kind, read: build(kind.source, kind.release, read),
        table=options.roster,
        keep=options.keep,
        dry_run=options.dry_run,
        due=_due_dates(folder),
    )
    rows = _with_progress(request)
    _print_table(rows, options.dry_run)
    if options.json:
        replace_file(options.json, "".join(f"{row.as_json()}\n" for row in rows).encode("utf-8", "replace"))
    return 0


def _due_dates(folder):
    """The class's due dates, as the gradebook has them, if there is one."""
    import functools

    from course.grade import lateness
    from course.grade.ledger import Ledger

    is_there = (folder.root / "gradebook.db").is_file() or "db_url" in folder.config.get("CourseDirectory", {})

    @functools.cache
    def due(assignment: str):
        if not is_there:
            return None
        with Ledger(folder) as ledger:
            return lateness.class_due(ledger, assignment)

    return due


def _with_progress(request) -> list:
    """Collect; on a terminal with a bar and the time left."""
    from course.exchange.collect import collect

    with progress_bar() as progress:
        task = progress.add_task("reading", total=None)

        def begin(people: int) -> None:
            progress.update(task, description=request.name, total=people + 2)

        rows = []
        for some in collect(request, begin):
            rows += some
            progress.advance(task)
        return rows


def _print_table(rows, dry_run: bool) -> None:
    from collections import Counter

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from course.verdict import printable

    table = Table("status", "student", "assignment", "handed in")
    table.add_column("what, and why", overflow="fold")
    order = list(SHOWN)
    for row in sorted(rows, key=lambda row: (order.index(row.status), row.student, row.assignment)):
        entry = row.entry.rpartition("/")[2] if row.student else row.entry or row.source
        when = row.submitted_at[:16].replace("T", " ") + " late" * bool(row.late)
        what = " — ".join(filter(None, (entry, row.reason)))
        cells = (SHOWN[row.status], row.student or row.name, row.assignment, when, what)
        # Names and paths come from students: neither rich's markup nor a terminal's control codes take effect.
        table.add_row(*(Text(printable(cell)) for cell in cells))
    Console().print(table)
    counts = Counter(row.status for row in rows)
    print(", ".join(f"{counts[status]} {words}" for status, words in SHOWN.items() if counts[status]) or "Nothing.")
    if dry_run:
        print("Nothing was written: this was a trial.", file=sys.stderr)
