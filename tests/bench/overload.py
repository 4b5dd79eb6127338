"""Does a class keep its marks when the machine does not keep its promises? Trouble on purpose, from outside.

    python tests/bench/overload.py --minutes 30 --json overload.json
    python tests/bench/overload.py --troubles workers clock --students 4

A class of small notebooks, some answers right and some wrong, is graded by one worker in quiet. Then it is graded anew
in trouble, and, if verdicts are missing or others than in quiet, by the same command again when the trouble is over.
What must hold: each submission has one verdict; none but those of the quiet run and *the grader failed twice* or *this
machine ran out of memory*, which the next command mends; and in the end the same marks in the gradebook. One submission
wants more memory than it may.

`workers`    workers, and the referees that they fork, are killed at random while a class is graded
`anything`   so are sandboxes, the nursery and the command itself; not a student's process, for if that dies, nobody can
             say who did it
`disk`       the disk with the course's folder is full from the first verdict on
`temporary`  the folder for temporary files is full
`crowded`    four workers share one core
`memory`     all processes together have less memory than they need (a control group)
`clock`      the clock jumps up to a day, back and forth, at each look; the files were handed in at any time

`disk` and `temporary` mount a filesystem in memory, `memory` makes a control group: they need root, and are left out
without. The clock is that of `time.time` in the grader's own processes: nobody here may set the machine's.
"""

import argparse
import contextlib
import dataclasses
import itertools
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
from rich.console import Console
from rich.table import Table

from course.commands import positive, progress_bar
from tests.bench.grading import SMALL, TASKS, make_small_class
from tests.bench.troubles import NEED_ROOT, TROUBLES, Room

HOG = "wants = bytearray(1 << 30)\n"
MOST = 5  # commands until all have their marks
GIVEN_UP = ("The grader failed twice with this submission", "This machine ran out of memory with the notebook")
FIGURES = ("classes", "submissions", "struck", "given_up", "others", "commands", "changed")


def make_class(course_dir: Path, students: int) -> None:
    """Submissions of one small notebook whose wrong answers are the bits of the student's number; the last one wants
    more memory than it may have."""
    make_small_class(course_dir, students)
    for path in course_dir.rglob("part-[1-9].ipynb"):
        path.unlink()
    paths = sorted(course_dir.glob(f"submitted/*/{SMALL}/part-0.ipynb"))
    for number, path in enumerate(paths):
        notebook = nbformat.read(path, as_version=4)
        answers = {cell.id: cell for cell in notebook.cells if cell.id in TASKS}
        for bit, name in enumerate(TASKS):
            if number >> bit & 1:
                answers[name].source += f"\ndef {name}(_):\n    return None"
        if path == paths[-1]:
            answers["mean"].source = HOG + answers["mean"].source
        nbformat.write(notebook, path)


@contextlib.contextmanager
def room_of(template: Path) -> Iterator[Room]:
    """A copy of the class, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="overload-") as folder:
        room = Room(Path(folder, "course"), Path(folder, "temporary"))
        shutil.copytree(template, room.course_dir)
        room.temporary.mkdir()
        yield room


@dataclasses.dataclass(frozen=True)
class Quiet:
    """What the class gets from one worker without trouble."""

    verdicts: dict[str, str]
    marks: dict[str, float | None]

    @classmethod
    def of(cls, template: Path) -> "Quiet":
        """Grade it. Raises `RuntimeError` if even that does not work."""
        with room_of(template) as room:
            if code := room.grade("--jobs", "1"):
                raise RuntimeError(f"Without any trouble the class ended with {code}.")
            return cls(room.verdicts(), room.marks())


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A class that went through trouble.

    `struck`: how often it did. After the first command: `graded`, verdicts that were there; `given_up`, those that said
    that the grader had failed; `others`, students whose verdict said something else than in quiet. `commands`: how many
    it took until all had theirs. At the end: `changed`, students whose verdict or mark is not that of quiet.
    """

    trouble: str
    students: int
    struck: int
    seconds: float
    graded: int
    given_up: int
    others: tuple[str, ...]
    commands: int
    changed: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether no mark was another one at any time, and none is lost."""
        return not self.others and not self.changed


def go_through(trouble: str, template: Path, quiet: Quiet, chance: random.Random) -> Outcome:
    """Grade a class in trouble, then by the same command until all have their verdicts. Raises `TimeoutExpired` if a
    command does not end."""
    started = time.monotonic()
    with room_of(template) as room:
        struck, commands = TROUBLES[trouble](room, chance), 1
        first = room.verdicts()
        while room.verdicts() != quiet.verdicts and commands < MOST:
            room.grade()
            commands += 1
        last, marks = room.verdicts(), room.marks()
    given_up = {student for student, verdict in first.items() if any(cause in verdict for cause in GIVEN_UP)}
    others = [student for student, verdict in first.items() if verdict != quiet.verdicts.get(student)]
    changed = [
        student
        for student in sorted({*quiet.verdicts, *last, *marks})
        if (last.get(student), marks.get(student)) != (quiet.verdicts.get(student), quiet.marks.get(student))
    ]
    return Outcome(
        trouble=trouble,
        students=len(quiet.verdicts),
        struck=int(struck),
        seconds=round(time.monotonic() - started, 1),
        graded=len(first),
        given_up=len(given_up),
        others=tuple(student for student in others if student not in given_up),
        commands=commands,
        changed=tuple(changed),
    )


def possible(names: list[str]) -> list[str]:
    """The troubles that can be made here."""
    return [name for name in names if os.geteuid() == 0 or name not in NEED_ROOT]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, metavar="M", help="go on for so long; without it each trouble once")
    parser.add_argument("--students", type=positive, default=6, metavar="N", help="of the class (6)")
    parser.add_argument("--troubles", nargs="+", choices=TROUBLES, default=list(TROUBLES), help="(all)")
    parser.add_argument("--seed", type=int, default=13, help="of the chance by which processes are killed (13)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, after every class")
    options = parser.parse_args()
    chance, names, outcomes = random.Random(options.seed), possible(options.troubles), []
    until = time.monotonic() + 60 * options.minutes if options.minutes else None
    with tempfile.TemporaryDirectory() as folder, progress_bar() as bar:
        task = bar.add_task("quiet", total=60 * options.minutes if options.minutes else len(names))
        template = Path(folder, "class")
        make_class(template, options.students)
        quiet, started = Quiet.of(template), time.monotonic()
        for number in itertools.count():
            if (time.monotonic() > until) if until else (number == len(names)):
                break
            name = names[number % len(names)]
            bar.update(task, description=name, completed=time.monotonic() - started if until else number)
            outcomes.append(go_through(name, template, quiet, chance))
            if bar.disable:
                print(outcomes[-1], file=sys.stderr)
            if options.json:
                options.json.write_text(json.dumps(figures(outcomes), indent=1) + "\n", encoding="utf-8")
    table = Table("trouble", *(field for field in FIGURES))
    for name, figure in figures(outcomes).items():
        table.add_row(name, *(str(figure[field]) for field in FIGURES))
    Console(width=120).print(table)
    for outcome in outcomes:
        if not outcome.is_sound:
            print(outcome)
    return 0 if all(outcome.is_sound for outcome in outcomes) else 1


def figures(outcomes: list[Outcome]) -> dict[str, dict[str, int]]:
    """Trouble → sums over its classes, and of submissions over all students."""
    found = {}
    for name in dict.fromkeys(outcome.trouble for outcome in outcomes):
        of_it = [outcome for outcome in outcomes if outcome.trouble == name]
        found[name] = {
            "classes": len(of_it),
            "submissions": sum(outcome.students for outcome in of_it),
            "struck": sum(outcome.struck for outcome in of_it),
            "given_up": sum(outcome.given_up for outcome in of_it),
            "others": sum(len(outcome.others) for outcome in of_it),
            "commands": sum(outcome.commands for outcome in of_it),
            "changed": sum(len(outcome.changed) for outcome in of_it),
        }
    return found


if __name__ == "__main__":
    sys.exit(main())
