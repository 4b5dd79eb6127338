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
    "other": "other unit or language",
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
    _say(rows, options)
    if options.json:
        replace_file(options.json, "".join(f"{row.as_json()}\n" for row in rows).encode("utf-8", "replace"))
    return 0


def _due_dates(folder):
    """The class's due dates, as the gradebook has them, if there is one."""
    import functools

    is_there = (folder.root / "gradebook.db").is_file() or "db_url" in folder.config.get("CourseDirectory", {})

    @functools.cache
    def due(assignment: str):
        if not is_there:
            return None
        from course.grade import lateness
        from course.grade.ledger import Ledger

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


def _say(rows, options) -> None:
    """A line for each entry; its file, and why, only where something is not as expected."""
    from collections import Counter

    from course.listing import Line, listing, who

    groups = {status: [] for status in SHOWN}
    for row in sorted(rows, key=lambda row: ((row.name or row.student).casefold(), row.student, row.assignment)):
        when = row.submitted_at[:16].replace("T", " ") + " late" * bool(row.late)
        entry = row.entry.rpartition("/")[2] if row.student else row.entry or row.source
        is_said = row.status == "missing" or row.reason in ("", f"It is {row.assignment}.")
        said = "" if is_said else " — ".join(filter(None, (entry, row.reason)))
        assignment = "" if row.status == "missing" else row.assignment
        groups[row.status].append(Line((*who(row.name or entry, row.student), assignment, when), said))
    text = listing((SHOWN[status], lines) for status, lines in groups.items())
    print(text or "Nothing.")
    counts = Counter(row.status for row in rows)
    print(", ".join(f"{counts[status]} {words}" for status, words in SHOWN.items() if counts[status]))
    for assignment, count in sorted(_elsewhere(rows, options).items()):
        placed = "Would be placed" if options.dry_run else "Placed"
        print(f"{placed} under {assignment}, not {options.name}, because that is what the notebooks are: {count}.")
    if options.dry_run:
        print("Nothing was written: this was a trial.", file=sys.stderr)


def _elsewhere(rows, options) -> dict[str, int]:
    """The assignments that are not those that were named, and how many students' notebooks lie there."""
    from course.exchange.collect import assignments
    from course.folder import Folder
    from course.notebooks.kinds import kinds

    wanted = assignments(options.name, kinds(Folder.at(options.course_dir)))
    lying = ("placed", "replaced", "same", "other", "unknown")
    found: dict[str, set[str]] = {}
    for row in rows:
        if row.status in lying and row.assignment not in wanted:
            found.setdefault(row.assignment, set()).add(row.student)
    return {name: len(students) for name, students in found.items()}
