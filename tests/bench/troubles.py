"""Troubles of a machine on which a class is graded, one function each.

In: a room with a class, and a source of chance. Out: the class is graded once, in trouble, and the trouble is over; how
often it has struck. `overload` says what each of them is, and looks at what is left.
"""

import contextlib
import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from course import ROOT, kept
from course.grade import marks, pool
from course.grade.sandbox.groups import Groups
from tests.bench.grading import SMALL
from tests.bench.ladder import without_times

MEMORY = 256  # MiB for a submission: enough for all but one
KILLS = 2  # in one class: it takes a few seconds, and so does a worker to come back
SOON = 0.2  # seconds at most between them: on a fast machine a small class is graded in twice that time
PATIENCE = 600.0  # seconds after which a class that has not ended will not
DISK = 64 << 20  # bytes of a disk that gets full
CROWD = 4  # workers on one core; a class must have as many students, or there will be fewer
ROOM = 64 << 10  # bytes that are left for temporary files
SCARCE = (0.65, 0.95)  # of the memory that a class has needed: too little for its start, or for its students
DAY = 86400.0
CLOCK = "import sys; from tests.bench import troubles; sys.exit(troubles.grade_by_a_bad_clock(sys.argv[1:]))"
NURSERY = "import sys; from tests.bench import troubles; troubles.nurse_by_a_bad_clock(int(sys.argv[1]))"


@dataclasses.dataclass(frozen=True)
class Room:
    """A copy of the class, and a folder for temporary files, so that what is killed leaves nothing behind."""

    course_dir: Path
    temporary: Path

    def start(self, *options: str, before: tuple[str, ...] = (), code: str = "") -> subprocess.Popen:
        """Begin to grade. `before`: a command that starts the command; `code`: what Python runs instead of `course`."""
        python = [sys.executable, "-c", code] if code else [sys.executable, "-m", "course.cli"]
        command = [*before, *python, "grade", SMALL, "--course-dir", str(self.course_dir)]
        command += ["--sandbox", "bwrap", "--memory", str(MEMORY), *options]
        environment = os.environ | {"TMPDIR": str(self.temporary)}
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def grade(self, *options: str, **how) -> int:
        """Grade; returns the exit code. Raises `TimeoutExpired` if that does not end."""
        process = self.start(*options, **how)
        process.communicate(timeout=PATIENCE)
        return process.returncode

    def forget(self) -> None:
        """Nothing was graded."""
        shutil.rmtree(self.course_dir / "autograded")
        (self.course_dir / "gradebook.db").unlink()

    def verdicts(self) -> dict[str, str]:
        """Student → verdict without its times."""
        found = kept.load_all(self.course_dir, SMALL)
        return {verdict.student: without_times(json.loads(verdict.as_json())) for verdict in found}

    def marks(self) -> dict[str, float | None]:
        """Student → final mark in the gradebook."""
        return {student: mark.score for student, mark in marks.of(self.course_dir, SMALL).items()}


def workers(room: Room, chance: random.Random) -> int:
    """Kill workers and referees at random."""
    return _killing(room, chance, lambda command, nursery: _like(nursery))


def anything(room: Room, chance: random.Random) -> int:
    """Kill any process of the grader's at random."""

    def victims(command: psutil.Process, nursery: psutil.Process) -> list[psutil.Process]:
        return [command, nursery, *nursery.children(), *_like(nursery)]

    return _killing(room, chance, victims)


def _like(nursery: psutil.Process) -> list[psutil.Process]:
    """The processes that are forks of the nursery: workers, and their referees."""
    like, command = [], nursery.cmdline()
    for process in nursery.children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended, or is about to
            if process.cmdline() == command:
                like.append(process)
    return like


def _killing(room: Room, chance: random.Random, victims: Callable) -> int:
    process, killed = room.start("--jobs", "2"), 0
    for line in process.stderr:
        if line.startswith(f"{SMALL}: grading"):
            break
    strike_at = time.monotonic() + chance.uniform(0, SOON)
    while process.poll() is None and killed < KILLS:
        time.sleep(0.01)
        if time.monotonic() < strike_at:
            continue
        with contextlib.suppress(psutil.Error, ValueError, IndexError):  # none at the moment: it looks again
            command = psutil.Process(process.pid)
            (nursery,) = command.children()
            chance.choice(victims(command, nursery)).kill()
            killed += 1
            strike_at = time.monotonic() + chance.uniform(0, SOON)
    process.communicate(timeout=PATIENCE)
    return killed


def disk(room: Room, chance: random.Random) -> int:
    """Fill the disk with the course's folder when the first verdict is there."""
    with _small_disk(room.course_dir, keep=True):
        process = room.start("--jobs", "1")
        while process.poll() is None and not room.verdicts():
            time.sleep(0.05)
        filler = room.course_dir / "filler"
        _fill(filler)
        process.communicate(timeout=PATIENCE)
        filler.unlink()
        return process.returncode != 0


def temporary(room: Room, chance: random.Random) -> int:
    """Leave room for a few temporary files: where there is none at all, Python takes another folder."""
    with _small_disk(room.temporary):
        filler = room.temporary / "filler"
        _fill(filler)
        os.truncate(filler, filler.stat().st_size - ROOM)
        room.grade("--jobs", "2")
        return 1


def _fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass


@contextlib.contextmanager
def _small_disk(folder: Path, *, keep: bool = False) -> Iterator[None]:
    """A filesystem of its own, in memory, in place of the folder; `keep`: with what was in it, and what comes of it."""
    before = folder.with_name(f"{folder.name}-before")
    folder.rename(before)
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True)
    try:
        if keep:
            shutil.copytree(before, folder, dirs_exist_ok=True)
        yield
        if keep:
            shutil.rmtree(before)
            shutil.copytree(folder, before)
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()
        before.rename(folder)


def crowded(room: Room, chance: random.Random) -> int:
    """Let all processes share one core, among them four times as many workers as that."""
    core = min(os.sched_getaffinity(0))
    room.grade("--jobs", str(CROWD), before=("taskset", "--cpu-list", str(core)))
    return CROWD


def memory(room: Room, chance: random.Random) -> int:
    """Give all processes together less memory than they need, whatever each of them may have."""
    needed = _grouped(room, None)
    room.forget()
    _grouped(room, int(needed * chance.uniform(*SCARCE)))
    return 1


def _grouped(room: Room, limit: int | None) -> int:
    """Grade in a control group, with so many bytes; returns the most that were in use."""
    groups = Groups()
    folder = groups.folders["memory"]
    try:
        for name in ("memory.limit_in_bytes", "memory.max"):
            if limit and (folder / name).exists():
                (folder / name).write_text(str(limit))
        *before, _ = groups.joining([""])
        room.grade("--jobs", "4", before=tuple(before))
        peaks = (folder / name for name in ("memory.max_usage_in_bytes", "memory.peak"))
        return int(next(path for path in peaks if path.exists()).read_text())
    finally:
        for inner in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                inner.rmdir()
        groups.remove()


def clock(room: Room, chance: random.Random) -> int:
    """Let the clock jump, in the command and in all that it starts; the files come from any time."""
    for path in (room.course_dir / "submitted").rglob("*.ipynb"):
        at = chance.uniform(0, 2 * time.time())
        os.utime(path, (at, at))
    room.grade("--jobs", "2", code=CLOCK)
    return 1


def _spoil_the_clock() -> None:
    true, chance = time.time, random.Random()
    time.time = lambda: true() + chance.uniform(-DAY, DAY)


def grade_by_a_bad_clock(arguments: list[str]) -> int:
    """`course`, with a clock that jumps, here and in the nursery."""
    from course.cli import main as course

    _spoil_the_clock()
    pool.NURSERY = NURSERY
    return course(arguments)


def nurse_by_a_bad_clock(descriptor: int) -> None:
    """A nursery's life with a clock that jumps; its workers inherit it."""
    _spoil_the_clock()
    pool.nurse(descriptor)


TROUBLES: dict[str, Callable[[Room, random.Random], int]] = {
    trouble.__name__: trouble for trouble in (workers, anything, disk, temporary, crowded, memory, clock)
}
NEED_ROOT = {"disk", "temporary", "memory"}
