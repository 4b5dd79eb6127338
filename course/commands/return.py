"""`course return`: marks and feedback, back to the learning platform."""

import sys
from pathlib import Path

from course.commands import UsageError, assignment
from course.commands import names as names_of

HELP = "Enter the marks in the table that a learning platform has given, and pack the students' pages for it."
EXAMPLE = "course return ner --moodle Grades-nlp-ner-1234.csv"
SHOWN = {  # status → what the table calls it
    "entered": "entered",
    "same": "as it was",
    "open": "waits for a person",
    "unmarked": "no mark",
    "locked": "left as it is",
    "absent": "not in the table",
    "ambiguous": "cannot be told",
    "missing": "nothing handed in",
    "unknown": "not in this course",
}
NAMED = 40  # names of those of whom there is nothing to say but that they are missing


def arguments(parser) -> None:
    parser.add_argument(
        "assignment", nargs="+", type=assignment, metavar="ASSIGNMENT",
        help="such as ner-en, or ner for all its languages: they end as one column",
    )  # fmt: skip
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument("--moodle", type=Path, metavar="WORKSHEET", help="its grading worksheet, as downloaded")
    form.add_argument("--canvas", type=Path, metavar="GRADEBOOK", help="the course's gradebook, as exported")
    form.add_argument("--csv", action="store_true", help="a table of the marks for anything else")
    column = parser.add_mutually_exclusive_group()
    column.add_argument("--column", default="", metavar="TITLE", help="Canvas: the assignment, by its title or number")
    column.add_argument("--new-column", default="", metavar="TITLE", help="Canvas: make a new assignment of this title")
    parser.add_argument("--with-open", action="store_true", help="enter marks that still wait for a person")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where the files go (returned/ASSIGNMENT)")
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder in which was graded (.)")


def run(options) -> int:
    from course.exchange import gradebook, returning, worksheet
    from course.folder import Folder, replace_file

    folder = Folder.at(options.course_dir)
    if (options.column or options.new_column) and not options.canvas:
        raise UsageError("--column and --new-column are for Canvas's gradebook: give it with --canvas.")
    unit, names = _unit(folder, options.assignment)
    source = options.moodle or options.canvas
    out = options.out or folder.root / "returned" / unit
    target = out / (source.name if source else f"{unit}.csv")
    if source and target.resolve() == source.resolve():
        raise UsageError(f"--out is the folder in which {source.name} lies: choose another one, yours stays as it is.")
    if source and not source.is_file():
        raise UsageError(f"There is no file {source}.")
    backs, notes = _backs(folder, names)
    backs = _with_pages(folder, backs) if options.moodle else backs
    parcels = ()
    if options.moodle:
        sheet = worksheet.fill(options.moodle, backs, options.with_open)
        filled, parcels = sheet.filled, sheet.parcels
    elif options.canvas:
        titles, others = _titles(folder, names), _titles(folder, _of_other_units(folder, names))
        wanted = gradebook.Wanted((unit, *titles), options.column, options.new_column, others)
        filled = gradebook.fill(options.canvas, backs, wanted, options.with_open)
    else:
        filled = returning.plain(backs, options.with_open)
    replace_file(target, filled.data)
    zips = worksheet.write_zips(parcels, out) if options.moodle else []
    _say(filled, names, notes)
    print(f"The marks are in {target.resolve()}")
    for path in zips:
        print(f"The pages are in {path.resolve()}")
    return 0


def _unit(folder, wanted: list[str]) -> tuple[str, list[str]]:
    """The unit that the assignments belong to, and those of them of which something came. Raises `UsageError`."""
    from course import nearest
    from course.pages import standing
    from course.pages.texts import assignments_of, settings

    graded = standing.graded_assignments(folder)
    found = []
    for name in wanted:
        meant = [name] if name in graded else list(assignments_of(folder, name))
        if not {*meant} & {*graded}:
            hint = nearest.hint(name, graded)
            raise UsageError(f"Nothing of {name} has been graded: run `course grade` first.{hint}")
        found += [name for name in meant if name in graded or folder.students(name)]
    names = list(dict.fromkeys(found))
    units = {settings(folder, name).get("unit", name) for name in names}
    if len(units) > 1:
        raise UsageError(
            f"{', '.join(sorted(units))} are several units: return them one by one, each has a column of its own."
        )
    return (wanted[0] if len(names) == 1 else units.pop()), names


def _of_other_units(folder, names: list[str]) -> list[str]:
    """The assignments of the course that are no other language of these."""
    from course.pages.texts import settings

    units = {name: settings(folder, name).get("unit", name) for name in {*folder.assignments(), *names}}
    return sorted(name for name, unit in units.items() if unit not in {units[own] for own in names})


def _titles(folder, names: list[str]) -> tuple[str, ...]:
    """What assignments may be called on a platform: by their unit, by their names, by their headings."""
    from course.pages.texts import TITLE, read, settings

    notebooks = [notebook for name in names for notebook in read(folder, "source", name).values()]
    texts = [cell.source for notebook in notebooks for cell in notebook.cells if cell.cell_type == "markdown"]
    headings = [found[1] for found in map(TITLE.search, texts) if found]
    units = [settings(folder, name).get("unit", name) for name in names]
    return tuple(dict.fromkeys([*units, *names, *headings]))


def _backs(folder, names: list[str]) -> tuple[list, list[str]]:
    """What goes back for everybody, and what is to be known of all."""
    from course.exchange import arrivals, returning, roster
    from course.grade import fingerprints, marks

    found = {name: marks.of(folder.root, name) for name in names}
    stale = {name: fingerprints.stale(folder.root, name) for name in names}
    waiting = {
        name: {student for student, reasons in changed.items() if {"ungraded", "submission"} & {*reasons}}
        for name, changed in stale.items()
    }
    came = {name: arrivals.load(folder, name) for name in names}
    backs = returning.of(found, roster.load(folder), came, waiting)
    old = [back for back in backs if {"tests", "source"} & {*stale.get(back.assignment, {}).get(back.student.id, ())}]
    said = [f"The notebook or its tests have changed since {len(old)} of these were graded: run `course grade` again."]
    late = [f"{back.name} ({back.mark.penalty:g})" for back in backs if back.mark and back.mark.penalty]
    penalties = [f"Points that lateness has cost: {', '.join(late)}."] if late else []
    return backs, [*(said if old else []), *penalties]


def _with_pages(folder, backs: list) -> list:
    """The same with the students' pages, written anew so that they show these marks, and a comment beside the grade."""
    import dataclasses
    from collections import defaultdict

    from rich.console import Console

    from course.pages import comment, feedback
    from course.pages.texts import settings

    console = Console(stderr=True)
    marks, pages, known = defaultdict(dict), defaultdict(list), names_of(folder)
    for back in backs:
        if back.mark:
            marks[back.assignment][back.student.id] = back.mark
    with console.status("writing the pages …"):
        for name, found in marks.items():
            for path in feedback.write_pages(name, folder.root, found, tuple(found), known):
                pages[name, path.parent].append(path)
    languages = {name: settings(folder, name).get("language", "en") for name in marks}
    ready = []
    for back in backs:
        home = folder.path("feedback", back.assignment, back.student.id) if back.mark else None
        theirs = tuple(pages[back.assignment, home])
        has_score = back.mark and back.mark.score is not None
        files = [path.name for path in theirs]
        said = comment.comment(back.mark, languages[back.assignment], files) if has_score else ""
        ready.append(dataclasses.replace(back, pages=theirs, comment=said))
    return ready


def _say(filled, names: list[str], notes: list[str]) -> None:
    """Name everybody whose grade was not simply entered, and what is to be known of all."""
    from collections import Counter

    from course.listing import Line, listing, who
    from course.verdict import printable

    quiet = ("entered", "same", "missing", "unknown")
    groups = {status: [] for status in SHOWN}
    for row in sorted(filled.rows, key=lambda row: (row.name.casefold(), row.student)):
        if row.status not in quiet or row.reason:
            groups[row.status].append(Line((*who(row.name, row.student), row.assignment, row.grade), row.reason))
    if text := listing((SHOWN[status], lines) for status, lines in groups.items()):
        print(text)
    people = {status: [row.name for row in filled.rows if row.status == status] for status in quiet}
    for status, said in (
        ("missing", f"No notebook of {', '.join(names)} came from"),
        ("unknown", "In the table, but not in this course (forgotten, or never handed in)"),
    ):
        if found := people[status]:
            more = f" … and {len(found) - NAMED} more" if len(found) > NAMED else ""
            print(f"{said}: {printable(', '.join(found[:NAMED]))}{more}")
    for note in (*filled.notes, *notes):
        print(f"NOTE: {note}", file=sys.stderr)
    counts = Counter(row.status for row in filled.rows)
    print(", ".join(f"{counts[status]} {words}" for status, words in SHOWN.items() if counts[status]) or "Nobody.")
