"""What grading says about one submission, and about each of its graded cells.

Shared by grading, which writes verdicts, and by everything that reads them. The classes are what
`course grade --json` writes, one object a line.
"""

import dataclasses
import json
from pathlib import Path
from typing import Literal

Outcome = Literal["graded", "timed_out", "out_of_memory", "kernel_died", "unreadable", "wrong_notebook"]
Status = Literal["passed", "partial", "failed", "manual"]

NO_ANSWER = "No answer."  # the message of a written answer that was left as it was
MESSAGE_LIMIT = 300  # characters: a message is a hint, not a log


@dataclasses.dataclass(frozen=True)
class CellScore:
    """One graded cell: `score` is None while it waits for a person (`status` "manual")."""

    grade_id: str
    score: float | None
    max_score: float
    status: Status
    message: str = ""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The end of one submission: exactly one outcome, with a sentence of cause.

    `score` adds up the cells that have one; it is None where nothing could be graded.
    """

    student: str
    assignment: str
    verdict: Outcome
    cause: str
    flags: tuple[str, ...]
    score: float | None
    max_score: float
    seconds: float
    cells: tuple[CellScore, ...]
    sandbox: str = ""  # what confined the student's code: "bwrap", "docker", "rlimits"

    def as_json(self) -> str:
        """One line of JSON."""
        return json.dumps(dataclasses.asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "Verdict":
        """Read what `as_json` wrote."""
        fields = json.loads(line)
        cells = tuple(CellScore(**cell) for cell in fields.pop("cells"))
        return cls(**fields | {"flags": tuple(fields["flags"]), "cells": cells})


def save(verdict: Verdict, course_dir: Path) -> None:
    """Keep a verdict under `autograded/`; it replaces an earlier one of the same submission."""
    path = _folder(course_dir, verdict.assignment) / f"{verdict.student}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(".unfinished")  # whoever stops the grader in the middle finds the old one
    unfinished.write_text(verdict.as_json() + "\n", encoding="utf-8")
    unfinished.replace(path)


def load_all(course_dir: Path, assignment: str) -> list[Verdict]:
    """The kept verdicts of an assignment, in the order of the students' names."""
    paths = sorted(_folder(course_dir, assignment).glob("*.json"))
    return [Verdict.from_json(path.read_text(encoding="utf-8")) for path in paths]


def _folder(course_dir: Path, assignment: str) -> Path:
    return course_dir / "autograded" / ".verdicts" / assignment


def bounded(message: str) -> str:
    """The message on one line, cut to `MESSAGE_LIMIT`; control codes and half an emoji become a ?."""
    line = " ".join(message.split())
    return printable(line if len(line) <= MESSAGE_LIMIT else line[: MESSAGE_LIMIT - 1] + "…")


def printable(text: str) -> str:
    """The text without control codes, which a terminal would obey; a name may hold any.

    >>> printable("two\\nlines")
    'two?lines'
    """
    return "".join(character if character.isprintable() else "?" for character in text)
