"""`course due`: when an assignment is due, for the class or for one student."""

import datetime
import zoneinfo
from pathlib import Path

from course.commands import UsageError, assignment, assignments, student

HELP = "Say when an assignment is due: for the class, or as an extension for one student."
EXAMPLE = "course due ner 2026-03-01 && course due ner '2026-03-08 18:00' --student anna"
END_OF_DAY = datetime.time(23, 59, 59)


def arguments(parser) -> None:
    parser.add_argument(
        "assignment",
        type=assignment,
        metavar="UNIT_OR_ASSIGNMENT",
        help="such as ner, which means all of its languages, or ner-ru",
    )
    parser.add_argument(
        "date",
        nargs="?",
        metavar="DATE",
        help="2026-03-01 (the end of that day), '2026-03-01 18:00', with +03:00 or a zone such as Europe/Madrid "
        "behind it if it is not this machine's; none: not due any more; nothing: show what is set",
    )
    parser.add_argument("--student", metavar="S", help="an extension for this student, kept in roster.csv")
    parser.add_argument("--course-dir", type=Path, default=Path("."), help="folder with source/ (.)")


def run(options) -> int:
    from course.exchange import roster
    from course.folder import Folder
    from course.grade import lateness
    from course.grade.ledger import Ledger

    folder = Folder.at(options.course_dir)
    wanted = assignments(folder, [options.assignment])
    due = moment(options.date) if options.date is not None else None
    known = roster.load(folder)
    with Ledger(folder) as ledger:
        if options.date is not None and options.student:
            known = _extend(folder, ledger, known, wanted, student(folder, options.student), due)
        for name in wanted:
            ledger.due = known.due(name)
            if options.date is not None and not options.student:
                lateness.set_class_due(ledger, name, due)
            elif options.date is not None:
                lateness.settle(ledger, name)
        for name in wanted:  # all is done before anything is said: whoever listens may hang up
            _show(name, lateness.class_due(ledger, name), known.due(name))
    return 0


def moment(text: str) -> datetime.datetime | None:
    """The moment that was typed, aware; None for `none`. Raises `UsageError`.

    >>> moment("2026-03-01 18:00 Europe/Madrid").isoformat()
    '2026-03-01T18:00:00+01:00'
    >>> moment("2026-03-01+00:00").isoformat(), moment("none")
    ('2026-03-01T23:59:59+00:00', None)
    """
    if text.strip().lower() == "none":
        return None
    words = text.split()
    try:
        zone = zoneinfo.ZoneInfo(words.pop()) if len(words) > 1 and words[-1][0].isalpha() else None
        return _read(" ".join(words), zone)
    except (ValueError, OverflowError, zoneinfo.ZoneInfoNotFoundError):
        raise UsageError(
            f"{text!r} is no date: write it as 2026-03-01, '2026-03-01 18:00' or '2026-03-01 18:00 Europe/Madrid'."
        ) from None


def _read(text: str, zone: datetime.tzinfo | None) -> datetime.datetime:
    """A date, or a date and a time; without a zone it is this machine's, without a time the end of the day."""
    day, rest = text[:10], text[10:].strip().removeprefix("T")
    if not rest or rest[0] in "+-Z":
        rest = f"{END_OF_DAY}{rest}"
    found = datetime.datetime.fromisoformat(f"{day}T{rest.replace(' ', '')}")
    if zone and found.tzinfo:
        raise ValueError("two zones")
    found = found.replace(tzinfo=zone) if zone else found
    return found if found.tzinfo else found.astimezone()


def _extend(folder, ledger, known, wanted: list[str], identity: str, due: datetime.datetime | None):
    """Put a student's own due date into the roster; returns the roster. A student who is not there yet is added."""
    from course import nearest
    from course.exchange import naming, roster
    from course.grade import lateness

    handed_in = {name for assignment_name in wanted for name in folder.students(assignment_name)}
    if identity not in known.students and identity not in handed_in:
        hint = nearest.hint(identity, [*known.students, *handed_in])
        raise UsageError(f"There is no student {identity}, neither in {roster.FILE} nor among the submissions.{hint}")
    if problem := naming.problem(identity):
        raise UsageError(problem)
    for name in wanted:
        of_class = lateness.class_due(ledger, name)
        if due and of_class is None:
            raise UsageError(f"{name} has no due date, so nobody is late: first give one, `course due {name} DATE`.")
        if due and due < of_class:
            raise UsageError(f"{due.isoformat(' ')} is before the due date of the class, {_said(of_class)}.")
    known = known.with_due(identity, dict.fromkeys(wanted, due))
    roster.save(folder, known)
    for name in wanted if due is None else ():
        lateness.take_extension_back(ledger, name, identity)
    return known


def _show(name: str, of_class: datetime.datetime | None, due: dict[str, datetime.datetime]) -> None:
    print(f"{name}: {f'due {_said(of_class)}' if of_class else 'not due'}")
    for one, own in sorted(due.items()):
        print(f"  {one}: {_said(own)}")


def _said(moment: datetime.datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z").strip()
