"""How would a class be graded that nobody can measure here? A simulation of events, from measured costs.

    python tests/bench/simulation.py ladder.json
    python tests/bench/simulation.py ladder.json --students 10000 --workers 1 8 64 --json simulation.json

In: what `ladder.py --json` wrote. First the simulation is checked: with the costs of the smallest class of each kind it
predicts the larger ones, whose times are known. Then it says what nobody has measured, from the costs of the largest
class on the most workers: the time of a large class, quiet, and with a worker that fails every hour.

The model. The class has a start, once: libraries, gradebook, the teacher's solution. Then each worker takes the next
submission and is busy with it for seconds that are drawn from those measured. What is done goes to the one process
that enters verdicts, one after another; the worker does not wait for that. A worker that fails loses what it was doing,
which is the next to be taken by another one; it is back when a new sandbox has loaded its libraries. A submission that
is lost twice is given up, as the pool does it, and graded when the teacher types the command again.

The limits of the model. The costs are those of the measured machine with as many of its cores at work as in the class
they come from: more workers are thought to bring cores of their own. That a scheduler hands out more slowly the more
workers ask it, the memory that waiting submissions take, and a network are not in it.
"""

import argparse
import dataclasses
import heapq
import itertools
import json
import random
import statistics
import sys
from collections import deque
from pathlib import Path

from rich.console import Console
from rich.table import Table

from course.commands import positive

HOUR = 3600.0
SEED = 13
TRIES = 2  # of a submission whose worker fails, as in `course.grade.pool.Crew.run`
FAILURE = -1  # in the place of a worker's number: an event that meets one by chance
RUNS = 20  # whose mean is compared with a measured class: which submissions are drawn matters in a small one


@dataclasses.dataclass(frozen=True)
class Costs:
    """Seconds: until the first submission is taken, and from the last verdict to the end of the command; of a
    submission on its worker, as measured; of entering a verdict; of a new sandbox."""

    start: float
    end: float
    on_worker: tuple[float, ...]
    entering: float
    sandbox: float

    @classmethod
    def of(cls, rung: dict) -> "Costs":
        """As a rung of the ladder has shown them."""
        return cls(rung["start"], rung["end"], tuple(rung["on_worker"]), rung["entering"], rung["sandbox"])


@dataclasses.dataclass(frozen=True)
class Course:
    """How a simulated class went: seconds in all, the part of them in which the ledger was at work, submissions that
    were lost to a failure, and those of them that were given up."""

    seconds: float
    ledger: float
    again: int
    given_up: int


class Simulation:
    """A class that is graded in thought; its clock jumps from event to event."""

    def __init__(self, students: int, workers: int, costs: Costs, failure_every: float | None, seed: int):
        self.costs, self.failure_every, self.chance = costs, failure_every, random.Random(seed)
        self.waiting = deque(range(students))
        self.losses = [0] * students
        self.left = students
        self.given_up = 0
        self.doing: dict[int, int] = {}  # worker → submission
        self.idle: set[int] = set()
        self.lives = [0] * workers  # of each worker: an event of an earlier life comes to nothing
        self.ledger_free_at = costs.start
        self.events: list[tuple[float, int, int]] = [(costs.start, worker, 0) for worker in range(workers)]
        if failure_every:
            self.events.append((failure_every, FAILURE, 0))
        heapq.heapify(self.events)

    def run(self) -> float:
        """Go on until every submission has its end; returns the seconds until the last is entered."""
        while self.left:
            now, worker, life = heapq.heappop(self.events)
            if worker == FAILURE:
                self._fail(now)
            elif life == self.lives[worker]:
                if worker in self.doing:
                    del self.doing[worker]
                    self._enter(now)
                self._take(worker, now)
        return self.ledger_free_at

    def _take(self, worker: int, now: float) -> None:
        if not self.waiting:
            self.idle.add(worker)
            return
        self.doing[worker] = self.waiting.popleft()
        seconds = self.chance.choice(self.costs.on_worker)
        heapq.heappush(self.events, (now + seconds, worker, self.lives[worker]))

    def _enter(self, now: float) -> None:
        self.left -= 1
        self.ledger_free_at = max(self.ledger_free_at, now) + self.costs.entering

    def _fail(self, now: float) -> None:
        """A worker fails, whatever it does; what it had comes first for the next one that is free."""
        heapq.heappush(self.events, (now + self.failure_every, FAILURE, 0))
        worker = self.chance.randrange(len(self.lives))
        self.lives[worker] += 1
        self.idle.discard(worker)
        heapq.heappush(self.events, (now + self.costs.sandbox, worker, self.lives[worker]))
        if worker in self.doing:
            lost = self.doing.pop(worker)
            self.losses[lost] += 1
            if self.losses[lost] == TRIES:
                self.given_up += 1
                self._enter(now)
            else:
                self.waiting.appendleft(lost)
                if self.idle:
                    self._take(self.idle.pop(), now)


def simulate(students: int, workers: int, costs: Costs, failure_every: float | None = None, seed: int = SEED) -> Course:
    """Grade a class in thought. `failure_every`: seconds after which a worker fails, another one each time by chance.

    >>> costs = Costs(start=10.0, end=1.0, on_worker=(2.0,), entering=0.5, sandbox=5.0)
    >>> simulate(4, 2, costs).seconds  # two are done at 12, two at 14; the last is entered at 15
    16.0
    >>> simulate(4, 64, costs).seconds  # all are done at 12, and wait for the ledger
    15.0
    >>> simulate(2, 1, costs, failure_every=13.0)  # the second is lost at 13; the worker is back at 18
    Course(seconds=21.5, ledger=0.047, again=1, given_up=0)
    """
    simulation = Simulation(students, workers, costs, failure_every, seed)
    seconds = simulation.run() + costs.end
    again = sum(losses > 0 for losses in simulation.losses)
    return Course(seconds, round(students * costs.entering / seconds, 3), again, simulation.given_up)


def predicted(rung: dict, costs: Costs) -> float:
    """Seconds of a measured class by the simulation, as the mean of several."""
    return statistics.fmean(
        simulate(rung["students"], rung["workers"], costs, seed=seed).seconds for seed in range(RUNS)
    )


def checked(rungs: list[dict]) -> list[dict]:
    """Each class that was measured, but for the smallest of its kind, as the costs of that one predict it."""
    found = []
    for _, group in itertools.groupby(sorted(rungs, key=_kind), key=_kind):
        smallest, *others = sorted(group, key=lambda rung: rung["students"])
        for rung in others:
            seconds = predicted(rung, Costs.of(smallest))
            kind = {name: rung[name] for name in ("students", "how", "workers")} | {"costs_of": smallest["students"]}
            error = round(seconds / rung["seconds"] - 1, 3)
            found.append(kind | {"measured": rung["seconds"], "predicted": round(seconds, 1), "error": error})
    return found


def _kind(rung: dict) -> tuple[str, int]:
    return rung["how"], rung["workers"]


def foretold(rungs: list[dict], students: int, workers: list[int]) -> list[dict]:
    """A class of this size on so many workers, quiet and with a failure every hour, for each way to grade it."""
    found = []
    for how in sorted({rung["how"] for rung in rungs}):
        measured = max((rung for rung in rungs if rung["how"] == how), key=lambda r: (r["workers"], r["students"]))
        costs = Costs.of(measured)
        for number, every in itertools.product(workers, (None, HOUR)):
            course = simulate(students, number, costs, every)
            kind = {"students": students, "how": how, "workers": number, "failures": every is not None}
            kind |= {"costs_of": measured["students"], "per_hour": round(HOUR * students / course.seconds)}
            found.append(kind | dataclasses.asdict(course) | {"seconds": round(course.seconds)})
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ladder", type=Path, help="what ladder.py --json wrote")
    parser.add_argument("--students", type=positive, default=10_000, metavar="N", help="size of the class (10000)")
    parser.add_argument("--workers", type=positive, nargs="+", default=[1, 8, 64], metavar="N", help="(1 8 64)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    rungs = json.loads(options.ladder.read_text(encoding="utf-8"))["rungs"]
    found = {"checked": checked(rungs), "foretold": foretold(rungs, options.students, options.workers)}
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    _print(found)
    return 0


def _print(found: dict) -> None:
    check = Table("class", "workers", "costs of", "measured, s", "predicted, s", "error")
    for point in found["checked"]:
        row = (point["students"], f"{point['workers']} {point['how']}", point["costs_of"], point["measured"])
        check.add_row(*map(str, row), f"{point['predicted']:g}", f"{point['error']:+.1%}")
    table = Table(
        "class", "workers", "a failure an hour", "hours", "an hour", "ledger at work", "run again", "given up"
    )
    for point in found["foretold"]:
        row = (point["students"], f"{point['workers']} {point['how']}", "yes" if point["failures"] else "no")
        hours = f"{point['seconds'] / HOUR:.2f}"
        row += (hours, point["per_hour"], f"{point['ledger']:.1%}", point["again"], point["given_up"])
        table.add_row(*map(str, row))
    console = Console(width=120)
    console.print(check if found["checked"] else "There is one class of each kind: nothing to check the simulation by.")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
