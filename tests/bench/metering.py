"""`course grade` with a meter at each of its processes: who was at work when, and for how many seconds.

    python tests/bench/metering.py meters.jsonl grade ner-en --course-dir DIR --jobs 2

In: a file, and what is typed behind `course`. Out: lines of JSON in that file, one whenever something has ended; `read`
brings them back. Nothing of `course` is changed: its functions are wrapped here, in the process that is asked, in its
nursery and so in all workers. A worker of Dask is metered by `--preload` with this file.

Times are those of the monotonic clock, which all processes of a machine share; `cpu` are seconds of a processor.
"""

import contextlib
import functools
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from course.grade import pool
from course.grade.sandbox.student import Student
from course.grade.sandbox.warm import Warm

FILE = "COURSE_BENCH_METERS"  # the environment variable with the file's path, for all processes
NURSERY = "import sys; from tests.bench import metering; metering.nurse(int(sys.argv[1]))"


def write(kind: str, **values) -> None:
    """Add a line; several processes write, so each line is one call of the system."""
    with open(os.environ[FILE], "ab", buffering=0) as file:
        file.write(json.dumps({"kind": kind} | values).encode() + b"\n")


def read(path: Path) -> dict[str, list[dict]]:
    """Kind → its lines, in the order in which they were written.

    `stage`     name, at, cpu so far
    `asked`     student, started, ended, of a job on its worker
    `referee`   student, cpu, and `code`, the processor time of the student's processes
    `entered`   student, at, and `serial`: the seconds so far in which the process that is asked could enter nothing
                else, ledger and files with their waiting for the disk, and its processor time beside them
    `sandbox`   cpu, and the seconds until it was ready; `forking` cpu of it afterwards
    `nursery`   cpu; `worker` cpu
    `grader`    cpu, and `phases`, name → (seconds, cpu) while the class was graded

    The teacher's own notebooks have "" for their student.
    """
    found: dict[str, list[dict]] = defaultdict(list)
    for line in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        found[line.pop("kind")].append(line)
    return found


# --- The process that is asked ----------------------------------------------------------------------------------------


class Phases:
    """Seconds of one thread, of the clock and of the processor, by what it does. What is inside another phase counts
    for the inner one alone."""

    def __init__(self):
        self.spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self.open: list[str] = []
        self.since = self._now()

    def wrapped(self, name: str, function: Callable) -> Callable:
        """The function, whose seconds count for this phase."""

        @functools.wraps(function)
        def metered(*arguments, **keywords):
            with self.of(name):
                return function(*arguments, **keywords)

        return metered

    @contextlib.contextmanager
    def of(self, name: str) -> Iterator[None]:
        """What happens inside counts for this phase."""
        self._book()
        self.open.append(name)
        try:
            yield
        finally:
            self._book()
            self.open.pop()

    def _book(self) -> None:
        now = self._now()
        if self.open:
            spent = self.spent[self.open[-1]]
            spent[0] += now[0] - self.since[0]
            spent[1] += now[1] - self.since[1]
        self.since = now

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.monotonic(), time.thread_time()


def meter_grader() -> Phases:
    """Wrap what the process that is asked does itself; returns its phases, which begin anew with the class."""
    from course import kept
    from course.folder import Folder
    from course.grade import cache, engine, ledger

    phases = Phases()
    for place, name in ((Folder, "handed_in"), (cache, "load"), (cache, "keep"), (kept, "load"), (kept, "save")):
        setattr(place, name, phases.wrapped("files", getattr(place, name)))
    ledger.replace_file = phases.wrapped("files", ledger.replace_file)
    record = phases.wrapped("ledger", ledger.Ledger.record)

    def entered(self, verdict, parts):
        recorded = record(self, verdict, parts)
        seconds, cpu = (sum(column) for column in zip(*phases.spent.values()))
        write("entered", student=verdict.student, at=time.monotonic(), serial=seconds + time.process_time() - cpu)
        return recorded

    ledger.Ledger.record = entered
    grade = engine.grade

    def staged(*arguments, stage, **keywords):
        def also(words: str) -> None:
            write("stage", name=words, at=time.monotonic(), cpu=time.process_time())
            phases.spent.clear()
            stage(words)

        return grade(*arguments, stage=also, **keywords)

    engine.grade = staged
    return phases


def meter_crew() -> None:
    """Wrap what hands jobs to workers, here or in a worker of Dask; the workers will be metered as well."""
    pool.NURSERY = NURSERY
    ask = pool._Worker.ask

    def asked(self, job):
        started = time.monotonic()
        answer = ask(self, job)
        write("asked", student=job.student, started=started, ended=time.monotonic())
        return answer

    pool._Worker.ask = asked


# --- The nursery, its workers, their referees -------------------------------------------------------------------------


class Metered(Warm):
    """Adds up the processor time of the submissions' processes, and says what the sandbox itself has used."""

    code = 0.0

    def __init__(self, *settings):
        self.started = time.monotonic()
        self.start_cpu = None
        super().__init__(*settings)

    def wait_until_ready(self) -> None:
        """Say how long it took."""
        is_first = not self.watch.own
        super().wait_until_ready()
        if is_first:
            self.start_cpu = self._own_cpu()
            write("sandbox", seconds=time.monotonic() - self.started, cpu=self.start_cpu)

    def end(self) -> None:
        """Add what the submission's processes had used when they were last looked at."""
        super().end()
        self.code += self.watch.cpu_seconds

    def close(self) -> None:
        """What the sandbox used after its start, it used to fork submissions."""
        if self.start_cpu is not None:
            write("forking", cpu=self._own_cpu() - self.start_cpu)
            write("worker", cpu=time.process_time())
            self.start_cpu = None
        super().close()

    def _own_cpu(self) -> float:
        total = 0.0
        for pid in self.watch.own:
            with contextlib.suppress(psutil.Error):
                total += sum(psutil.Process(pid).cpu_times()[:2])
        return total


def nurse(descriptor: int) -> None:
    """A nursery's life, metered."""
    pool.Warm = Metered
    load, answer, told, close = pool._load_libraries, pool._answer, 0.0, Student.close

    def loaded(names: tuple[str, ...]) -> None:
        nonlocal told
        load(names)
        write("nursery", cpu=time.process_time() - told)
        told = time.process_time()

    def answered(job, warm):
        graded = answer(job, warm)
        write("referee", student=job.student, cpu=time.process_time(), code=warm.code)
        return graded

    def closed(self) -> None:
        self.warm.processes()  # a last look: the process may be gone as soon as its connection is closed
        close(self)

    pool._load_libraries, pool._answer, Student.close = loaded, answered, closed
    pool.nurse(descriptor)


def dask_setup(_worker) -> None:
    """What a Dask worker calls that was started with `--preload` and this file."""
    meter_crew()


def main() -> int:
    """Grade, metered; returns the exit code of `course`."""
    if len(sys.argv) < 3 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 2
    os.environ[FILE] = str(Path(sys.argv[1]).resolve())
    from course.cli import main as course

    meter_crew()
    phases = meter_grader()
    try:
        return course(sys.argv[2:])
    finally:
        write("grader", cpu=time.process_time(), phases=phases.spent)


if __name__ == "__main__":
    sys.exit(main())
