"""The commands of `course`, a module each.

A module has `HELP` (one sentence), `EXAMPLE` (a line to type), `arguments(parser)`, which adds its options, and
`run(options)`, which calls the rooms, prints what a person wants to know and returns the exit code. What is heavy is
imported in `run`. A command is added by its name here and a module of that name.
"""

import argparse
from pathlib import Path

from course import Refusal

NAMES = ("build", "messages", "run", "release", "collect", "grade", "mark", "feedback", "report", "return")
NAMES += ("due", "doctor", "forget", "export-data")


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


def kept_verdicts(assignments: list[str], course_dir: Path) -> list:
    """The kept verdicts of assignments. Raises `UsageError` where there are none."""
    from course import kept

    verdicts = [verdict for name in assignments for verdict in kept.load_all(course_dir, name)]
    if not verdicts:
        raise UsageError(f"Nothing of {', '.join(assignments)} has been graded: run `course grade` first.")
    return verdicts
