"""The ladder of grading: classes of growing size on one worker, on two, and through Dask.

    python tests/bench/ladder.py --students 8 32 --workers 1 2 --dask --json ladder.json
    python tests/bench/ladder.py --small --students 2 4

One line a rung: submissions an hour, how long a submission was under way, the start, the peak memory, who used the
processors. Each rung is one run of `course grade`, metered from outside (`metering`), in a new course folder with
nothing in its cache. The verdicts of each are compared with those of one worker, which grades one submission after
another: all of each line of `course grade --json` but the seconds. With Dask the scheduler and as many workers as are
asked for run on the same machine, and are there before the class begins.

Memory is what all processes hold together, with shared pages counted once (PSS), looked at every few seconds. The floor
is the processor time of the students' own code, spread evenly over the cores at work; no grader that runs it can be
faster. `--nbgrader` grades a class of that size by `nbgrader autograde` as well.

Processor time by phase, of all processes together:

`start`     until the class begins: libraries in all processes, the gradebook, the teacher's solution, the release
`code`      what students wrote, in cells and in calls of the tests, and the forks that keep them apart
`referee`   reads the submission, drives the cells, asks, compares
`ledger`    marks into the gradebook
`files`     submissions read; verdicts, graded notebooks, cache written
`passing`   what remains: jobs handed out, answers taken back, processes ended; Dask's own
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from course.commands import positive, progress_bar
from tests.bench import grading, metering

SEED = "0" * 32  # what hidden tests draw from, the same in all rungs
PHASES = ("start", "code", "referee", "ledger", "files", "passing")
LOOK = 3.0  # seconds between two looks at the memory: to look takes time of the same cores
PATIENCE = 60.0  # seconds that processes of Dask have to come, or to go


@dataclasses.dataclass(frozen=True)
class Rung:
    """A size of class, and who grades it: `how` is "processes" or "dask"."""

    students: int
    how: str
    workers: int

    def __str__(self) -> str:
        return f"{self.students} on {self.workers} {'by Dask' if self.how == 'dask' else 'here'}"


def rungs(options: argparse.Namespace) -> list[Rung]:
    """All rungs; of each size the serial one first."""
    workers = sorted({1, *options.workers})
    ways = [("processes", number) for number in workers]
    ways += [("dask", number) for number in options.workers if options.dask]
    return [Rung(size, how, number) for size in sorted(set(options.students)) for how, number in ways]


def climb(rung: Rung, assignment: str, course_dir: Path, tick: Callable[[int], None]) -> tuple[dict, list[str]]:
    """Grade a class anew; returns its figures, and its verdicts without their times. `tick` hears how many are done."""
    meters, lines = course_dir / "meters.jsonl", course_dir / "verdicts.jsonl"
    for path in (meters, lines, course_dir / "gradebook.db"):
        path.unlink(missing_ok=True)
    shutil.rmtree(course_dir / "autograded", ignore_errors=True)
    (course_dir / "autograded").mkdir()
    (course_dir / "autograded" / ".seed").write_text(SEED)
    with contextlib.ExitStack() as stack:
        dask = stack.enter_context(dask_of(rung.workers, meters)) if rung.how == "dask" else None
        command = [sys.executable, metering.__file__, meters, "grade", assignment, "--course-dir", course_dir]
        command += ["--json", lines, "--sandbox", "bwrap"]
        command += ["--scheduler", dask.address] if dask else ["--jobs", rung.workers]
        started, dask_before = time.monotonic(), dask.cpu() if dask else 0.0
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        process = subprocess.Popen([*map(str, command)], cwd=grading.ROOT, **streams)
        stack.callback(process.kill)
        peak = watch(process, dask.processes if dask else [], lambda: tick(_done(course_dir, assignment)))
        seconds = time.monotonic() - started
        if process.returncode:
            sys.exit(f"{rung}: {process.stderr.read().decode()[-2000:]}")
        dask_cpu = dask.cpu() - dask_before if dask else 0.0
    said = metering.read(meters)
    verdicts = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    return figures(rung, said, started, seconds, peak, dask_cpu, verdicts), list(map(without_times, verdicts))


def _done(course_dir: Path, assignment: str) -> int:
    return len(list((course_dir / "autograded" / ".verdicts" / assignment).glob("[!.]*")))


def watch(process: subprocess.Popen, others: list[psutil.Process], look: Callable[[], None]) -> int:
    """Wait for a process; returns the peak memory, in bytes, of it, of the others, and of all that they started."""
    peak, looked = 0, 0.0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.5)
            return peak
        look()
        if time.monotonic() - looked > LOOK:
            peak = max(peak, grading.memory([psutil.Process(process.pid), *others]))
            looked = time.monotonic()


def without_times(verdict: dict) -> str:
    """A line of `course grade --json` without its seconds.

    >>> without_times({"student": "anna", "score": 7.0, "seconds": 1.25})
    '{"student": "anna", "score": 7.0}'
    """
    return json.dumps({name: value for name, value in verdict.items() if name != "seconds"}, ensure_ascii=False)


# --- Dask -------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Dask:
    """A scheduler and workers on loopback."""

    address: str
    processes: list[psutil.Process]

    def cpu(self) -> float:
        """Seconds of processors that they have used themselves so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes)

    def end(self) -> None:
        """End them, workers first, and wait until what they started has gone."""
        started = []
        for process in reversed(self.processes):
            with contextlib.suppress(psutil.Error):
                started += process.children(recursive=True)
                process.terminate()
        psutil.wait_procs([*self.processes, *started], PATIENCE)


@contextlib.contextmanager
def dask_of(workers: int, meters: Path) -> Iterator[Dask]:
    """A scheduler, and workers with one thread each, which write to the meters."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    commands = [["dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]]
    worker = ["dask_worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
    commands += [[*worker, "--preload", metering.__file__]] * workers
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for name, *options in commands:
            running.append(
                subprocess.Popen(
                    [sys.executable, "-m", f"distributed.cli.{name}", *options],
                    cwd=folder,
                    env=os.environ | {metering.FILE: str(meters)},
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
        dask = Dask(address, [psutil.Process(process.pid) for process in running])
        try:
            _wait_for_workers(address, workers)
            yield dask
        finally:
            dask.end()
            for process in running:
                process.kill()
                process.wait()


def _wait_for_workers(address: str, workers: int) -> None:
    from distributed import Client

    with Client(address, set_as_default=False, timeout=PATIENCE) as client:
        client.wait_for_workers(workers, PATIENCE)


# --- Figures ----------------------------------------------------------------------------------------------------------


def figures(
    rung: Rung, said: dict[str, list[dict]], started: float, seconds: float, peak: int, dask_cpu: float, verdicts
) -> dict:
    """What a rung has shown. Lists are by submission, for `simulation.py`; all times are in seconds."""
    begun = next(line for line in said["stage"] if line["name"] == "grading")
    (grader,) = said["grader"]
    entered = {line["student"]: line["at"] for line in said["entered"]}
    asked = [line for line in said["asked"] if line["student"]]
    taken = {line["student"]: line["started"] for line in reversed(asked)}  # of several notebooks the first
    way = sorted(at - taken[student] for student, at in entered.items())
    on_worker = dict.fromkeys(entered, 0.0)  # of several notebooks the sum
    for line in asked:
        on_worker[line["student"]] += line["ended"] - line["started"]
    cpu = phases(said, begun, grader, dask_cpu)
    each = entering(said["entered"])
    cores = os.cpu_count() or 1
    graded = [verdict["seconds"] for verdict in verdicts]
    return {
        **dataclasses.asdict(rung),
        "cores": cores,
        "seconds": round(seconds, 1),
        "per_hour": round(3600 * rung.students / seconds, 1),
        "start": round(begun["at"] - started, 2),
        "end": round(started + seconds - max(entered.values()), 2),
        "way_p50": round(percentile(way, 50), 2),
        "way_p95": round(percentile(way, 95), 2),
        "graded_p50": round(percentile(graded, 50), 2),
        "graded_p95": round(percentile(graded, 95), 2),
        "peak_gib": round(peak / 2**30, 2),
        "cpu": {name: round(cpu[name], 2) for name in PHASES},
        "busy": round(sum(cpu.values()) / (seconds * cores), 2),
        "floor": round(cpu["code"] / min(rung.workers, cores), 1),
        "most_by_cores": round(3600 * rung.students * cores / (sum(cpu.values()) - cpu["start"])),
        "most_by_ledger": round(3600 / each),
        "on_worker": [round(on_worker[student], 3) for student in sorted(on_worker)],
        "entering": round(each, 4),
        "sandbox": round(statistics.fmean(line["seconds"] for line in said["sandbox"]), 2),
        "scores": sorted({verdict["score"] for verdict in verdicts}, key=lambda score: (score is None, score)),
    }


def phases(said: dict[str, list[dict]], begun: dict, grader: dict, dask_cpu: float) -> dict[str, float]:
    """Phase → seconds of processors, as the head of this file says."""
    teachers = [line for line in said["referee"] if not line["student"]]
    students = [line for line in said["referee"] if line["student"]]
    within = {name: cpu for name, (_, cpu) in grader["phases"].items()}
    loaded = sum(line["cpu"] for line in (*said["sandbox"], *said["nursery"]))
    handing_out = grader["cpu"] - begun["cpu"] - sum(within.values()) + sum(line["cpu"] for line in said["worker"])
    return {
        "start": begun["cpu"] + loaded + sum(line["cpu"] + line["code"] for line in teachers),
        "code": sum(line["code"] for line in students) + sum(line["cpu"] for line in said["forking"]),
        "referee": sum(line["cpu"] for line in students),
        "ledger": within.get("ledger", 0.0),
        "files": within.get("files", 0.0),
        "passing": handing_out + dask_cpu,
    }


def entering(entered: list[dict]) -> float:
    """Seconds that a verdict keeps the one process that enters them from anything else.

    The first is left out where there are more: it has the start of the database's libraries in it.
    """
    serial = [line["serial"] for line in entered]
    return (serial[-1] - serial[0]) / (len(serial) - 1) if len(serial) > 1 else serial[0]


def percentile(values: list[float], percent: int) -> float:
    """The smallest value below or at which so many percent of the values lie (nearest rank).

    >>> percentile([3.0, 1.0, 2.0], 50), percentile([3.0, 1.0, 2.0], 95)
    (2.0, 3.0)
    """
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def why(point: dict) -> str:
    """What keeps a class of that kind from being graded faster, in a sentence."""
    cores, ledger = point["most_by_cores"], point["most_by_ledger"]
    said = f"{point['cores']} cores could grade {cores} an hour, the one process that enters verdicts {ledger}: "
    if cores < ledger:
        return said + f"the cores are the limit here, and would be up to {point['cores'] * ledger // cores} of them."
    return said + "it is the limit here."


def stock(assignment: str, make: Callable[[Path, int], None], students: int) -> dict:
    """The same kind of class by `nbgrader autograde`."""
    with tempfile.TemporaryDirectory() as folder:
        course_dir = Path(folder, "stock")
        make(course_dir, students)
        python = [sys.executable, "-m", "nbgrader"]
        grading.measure([*python, "generate_assignment", assignment], course_dir)
        seconds, peak = grading.measure([*python, "autograde", assignment, grading.STOCK], course_dir)
    figures = {"students": students, "seconds": round(seconds, 1), "per_hour": round(3600 * students / seconds, 1)}
    return figures | {"peak_gib": round(peak, 2)}


def shown(point: dict) -> list[str]:
    """A line of the table."""
    rung = Rung(point["students"], point["how"], point["workers"])
    names = ("seconds", "per_hour", "start", "way_p50", "way_p95", "peak_gib", "busy", "floor")
    cpu = " ".join(f"{point['cpu'][name]:.0f}" for name in PHASES)
    return [str(rung), *(f"{point[name]:g}" for name in names), cpu, "yes" if point["identical"] else "NO"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--students", type=positive, nargs="+", default=[8, 32], metavar="N", help="sizes (8 32)")
    parser.add_argument("--workers", type=positive, nargs="+", default=[1, 2], metavar="N", help="workers (1 2)")
    parser.add_argument("--dask", action="store_true", help="the same through Dask on this machine")
    parser.add_argument("--nbgrader", type=positive, metavar="N", help="so many by nbgrader autograde as well")
    parser.add_argument("--small", action="store_true", help="classes of four small notebooks instead of `ner`")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, after every rung")
    options = parser.parse_args()
    ner = (grading.ASSIGNMENT, grading.make_class)
    assignment, make = (grading.SMALL, grading.make_small_class) if options.small else ner
    found = {"assignment": assignment, "rungs": []}
    todo, serial = rungs(options), {}
    with tempfile.TemporaryDirectory() as folder, progress_bar() as bar:
        task = bar.add_task("", total=sum(rung.students for rung in todo))
        for rung in todo:
            course_dir, done = Path(folder, str(rung.students)), bar.tasks[0].completed
            if not course_dir.is_dir():
                make(course_dir, rung.students)
            bar.update(task, description=str(rung))
            tick = functools.partial(_tick, bar, task, done)
            point, verdicts = climb(rung, assignment, course_dir, tick)
            tick(rung.students)
            point["identical"] = verdicts == serial.setdefault(rung.students, verdicts)
            found["rungs"].append(point)
            if bar.disable:
                print(f"{rung}: {point['seconds']:.0f} s", file=sys.stderr)
            _keep(options.json, found)
    if options.nbgrader:
        found["nbgrader"] = stock(assignment, make, options.nbgrader)
        _keep(options.json, found)
    _print(found)
    return 0 if all(point["identical"] for point in found["rungs"]) else 1


def _tick(bar, task, before: int, done: int) -> None:
    bar.update(task, completed=before + done)


def _keep(path: Path | None, found: dict) -> None:
    if path:
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _print(found: dict) -> None:
    head = ("rung", "s", "an hour", "start, s", "way p50, s", "way p95, s", "peak, GiB", "busy", "floor, s")
    table = Table(*head, f"processors, s: {' '.join(PHASES)}", "as serial")
    for point in found["rungs"]:
        table.add_row(*shown(point))
    Console(width=200).print(table)
    if stock := found.get("nbgrader"):
        print(f"nbgrader autograde, {stock['students']}: {stock['seconds']} s, {stock['per_hour']} an hour")
    for point in {point["how"]: point for point in found["rungs"]}.values():  # of each way the largest
        print(f"{' '.join(shown(point)[:1])}: {why(point)}")


if __name__ == "__main__":
    sys.exit(main())
