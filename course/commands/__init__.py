"""The commands of `course`, a module each.

A module has `HELP` (one sentence), `EXAMPLE` (a line to type), `arguments(parser)`, which adds its options, and
`run(options)`, which calls the rooms, prints what a person wants to know and returns the exit code. What is heavy is
imported in `run`. A command is added by its name here and a module of that name.
"""

import argparse
from collections.abc import Iterable

from course import Refusal

NAMES = ("build", "messages", "run", "release", "collect", "grade", "mark", "feedback", "report", "return")
NAMES += ("site", "due", "doctor", "forget", "export-data")


class UsageError(Refusal):
    """A mistake in what was typed."""


def positive(text: str) -> int:
    """The type of an option that is a whole number from 1 on."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def assignment(text: str) -> str:
    """The type of an argument that names an assignment; a shell completes the folder's name with a slash.

    >>> assignment("ner-en/")
    'ner-en'
    """
    return text.rstrip("/") or text


def progress_bar():
    """A context manager: a bar with the time left, on stderr; hidden where that is no terminal (`disable`)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def names(folder) -> dict[str, str]:
    """Student → name, as the roster has it, else the gradebook."""
    from course.exchange import roster
    from course.grade import marks

    known = {student: entry.name for student, entry in roster.load(folder).students.items() if entry.name}
    return marks.names(folder.root) | known


def student(folder, text: str) -> str:
    """The id of the student who is meant: by the id itself, or by what the roster says of one person.

    What nobody is called is returned as it is. Raises `UsageError` where it may be several.
    """
    from course.exchange import roster

    people = roster.load(folder)
    if text in people.students:
        return text
    found = {one for field in ("name", "email", "username", "number") for one in people.find(**{field: text})}
    if len(found) > 1:
        raise UsageError(f"{text} may be {' or '.join(sorted(found))}: say which.")
    return found.pop() if found else text


def assignments(folder, wanted: Iterable[str], *, graded: bool = False) -> list[str]:
    """The assignments that are meant; a unit stands for all of its languages. `graded`: those with verdicts only.

    Raises `UsageError`.
    """
    from course import nearest
    from course.pages import standing, texts

    sources = folder.assignments()
    done = standing.graded_assignments(folder)
    known = done if graded else [*sources, *done]
    found = []
    for name in wanted:
        meant = [name] if name in {*sources, *done} else list(texts.assignments_of(folder, name))
        if not meant and not sources and not done:
            missing = f"There is no notebook in {folder.home('source')}"
            raise UsageError(f"{missing}, nor an assignment or unit {name}: name the course folder, --course-dir DIR.")
        if not meant:
            units = (texts.settings(folder, each).get("unit", each) for each in sources)
            hint = nearest.hint(name, {*sources, *done, *units})
            raise UsageError(f"There is no assignment or unit {name} in {folder.home('source')}.{hint}")
        found += [each for each in meant if each in known]
        if not set(meant) & set(known):
            raise UsageError(f"Nothing of {name} has been graded: run `course grade` first.")
    return list(dict.fromkeys(found))
