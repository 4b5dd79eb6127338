"""What grading says about one submission, and about each of its graded cells.

Shared by grading, which writes verdicts, and by everything that reads them. The classes are what
`course grade --json` writes, one object a line.
"""

import dataclasses
import json
from typing import Literal

Outcome = Literal["graded", "timed_out", "out_of_memory", "kernel_died", "unreadable", "wrong_notebook"]
Status = Literal["passed", "partial", "failed", "manual"]
Judged = Literal["outside", "inside", "person"]  # on the grader's side; in the student's process; by hand
Reason = Literal["submission", "tests", "source", "grader"]  # what changed, so that a verdict came out anew

NO_ANSWER = "No answer."  # the message of a written answer that was left as it was
NAME_LIMIT = 200  # bytes of a student's name: it becomes the name of a file, which may have 255
MESSAGE_LIMIT = 300  # characters: a message is a hint, not a log


@dataclasses.dataclass(frozen=True)
class Group:
    """One rule group of a test, by the name that the text of the exercise gives it."""

    name: str
    score: float
    max_score: float
    message: str = ""


@dataclasses.dataclass(frozen=True)
class CellScore:
    """One graded cell: `score` is None while it waits for a person (`status` "manual").

    `judged` says in which way: `docs/grading.md` says what each way can promise. `groups` are
    the rules that the test asks for, where it says so (`helpers.rules`). `lent` names earlier answers in place of which
    the teacher's solution was used here.
    """

    grade_id: str
    score: float | None
    max_score: float
    status: Status
    message: str = ""
    judged: Judged | Literal[""] = ""
    groups: tuple[Group, ...] = ()
    lent: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class MadeOf:
    """What decided a verdict, as digests: whoever has another one of them has an old verdict.

    `submission`: the files of the student's folder. `source`: what the teacher's notebooks run, and their data files;
    of it `tests`, grade id → the graded cell with its points. `grader`: versions and settings.
    """

    submission: str
    source: str
    tests: dict[str, str]
    grader: str


@dataclasses.dataclass(frozen=True)
class Before:
    """The verdict in whose place another one came.

    `at`: when that was (ISO 8601, UTC). `score`, `max_score` and `cells` (grade id → points) are the old automatic
    ones, `mark` is the old final mark; None: there was none. `reasons`: what had changed since; empty where nothing
    had and it came out differently all the same (a time limit on a busy machine). `tests`: the graded cells that had
    another test or other points.
    """

    at: str
    verdict: Outcome
    score: float | None
    max_score: float
    mark: float | None
    cells: dict[str, float | None]
    reasons: tuple[Reason, ...]
    tests: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The end of one submission: exactly one outcome, with a sentence of cause.

    `score` adds up the cells that have one; it is None where nothing could be graded. `notes` are sentences that the
    student may read as well: what went wrong, what was kept, put back or found elsewhere. `cause` has the first of them
    on one line, with what is for the teacher alone.
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
    notes: tuple[str, ...] = ()
    made_of: MadeOf | None = None
    before: Before | None = None  # the last verdict that was another one

    def as_json(self, *, notes: bool = False) -> str:
        """One line of JSON, as programs read it; with the notes and what is known of its making, as it is kept."""
        fields = dataclasses.asdict(self)
        for name in () if notes else ("notes", "made_of", "before"):
            del fields[name]
        return json.dumps(fields, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> "Verdict":
        """Read what `as_json` wrote."""
        fields = json.loads(line)
        cells = tuple(_cell(cell) for cell in fields.pop("cells"))
        made_of, before = fields.pop("made_of", None), fields.pop("before", None)
        if before:
            before |= {name: tuple(before[name]) for name in ("reasons", "tests")}
        return cls(
            **fields | {name: tuple(fields.get(name, ())) for name in ("flags", "notes")},
            cells=cells,
            made_of=MadeOf(**made_of) if made_of else None,
            before=Before(**before) if before else None,
        )


def _cell(fields: dict) -> CellScore:
    groups = tuple(Group(**group) for group in fields.get("groups", ()))
    return CellScore(**fields | {"groups": groups, "lent": tuple(fields.get("lent", ()))})


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
