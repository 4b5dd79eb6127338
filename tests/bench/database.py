"""How many verdicts a second does the ledger write, into SQLite and into PostgreSQL?

    python tests/bench/database.py --verdicts 200 --writers 1 2 4
    python tests/bench/database.py --verdicts 100 --writers 1 --already 1000 10000 --json database.json

What is measured is `Ledger.record`, the grader's own: marks of all graded cells of the unit `ner` in one transaction,
and the files beside them. Nothing is run; the verdicts are made up. One writer is what a class has, for graders of one
course folder take turns. More writers are as many processes, each with a course folder of its own and its own students,
that enter into one database: what the database itself allows. Both databases wait for the disk, as they do by default
(`fsync`); PostgreSQL is one that is started here, on a socket.

With `--already` so many other students have a verdict beforehand, copies of one: what is a class's last verdict worth?
`first` and `last` are the seconds of a verdict at the beginning and at the end, as medians of a tenth of all: does it
take longer the more there are? `cpu` is what a verdict takes of the writer's processor, which a server's is no part of.
A writer that finds the database locked for longer than it waits, stops: `refused`.
"""

import argparse
import contextlib
import functools
import itertools
import json
import multiprocessing
import shutil
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import nbformat
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert, select

from course import ROOT
from course.commands import positive, progress_bar
from course.folder import Folder
from course.grade import roles
from course.grade.errors import GradingError
from course.grade.job import Graded
from course.grade.ledger import Ledger
from course.verdict import CellScore, Verdict
from tests.bench.ladder import percentile
from tests.postgres import PostgresMissing, postgres

ASSIGNMENT, NOTEBOOK = "ner-en", "ner"


@contextlib.contextmanager
def sqlite() -> Iterator[str]:
    """A folder for a database; yields the URL behind the scheme."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"///{folder}/gradebook.db"


DATABASES = {"sqlite": sqlite, "postgresql": postgres}


def make_course(root: Path, url: str) -> None:
    """A course folder with the assignment, whose gradebook is this database."""
    shutil.copytree(ROOT / "source" / ASSIGNMENT, root / "source" / ASSIGNMENT)
    (root / "nbgrader_config.py").write_text(f"c = get_config()\nc.CourseDirectory.db_url = {url!r}\n")


def verdict_of(student: str, notebook: nbformat.NotebookNode) -> Verdict:
    """Full marks in every graded cell that holds code."""
    cells = [cell for cell in notebook.cells if roles.is_graded(cell)]
    scores = [roles.points_of(cell) if roles.is_test(cell) else None for cell in cells]
    found = tuple(
        CellScore(
            roles.settings_of(cell).grade_id, score, roles.points_of(cell), "manual" if score is None else "passed"
        )
        for cell, score in zip(cells, scores)
    )
    return Verdict(
        student=student,
        assignment=ASSIGNMENT,
        verdict="graded",
        cause="",
        flags=(),
        score=sum(filter(None, scores)),
        max_score=sum(cell.max_score for cell in found),
        seconds=1.0,
        cells=found,
    )


def enter(root: Path, ledger: Ledger, students: Iterable[str]) -> Iterator[tuple[float, float, float]]:
    """Enter a verdict for each student; yields when it was begun and ended, and seconds of this processor."""
    path = root / "source" / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
    notebook, data = nbformat.read(path, as_version=4), path.read_bytes()
    for verdict in [verdict_of(student, notebook) for student in students]:
        started, cpu = time.monotonic(), time.process_time()
        ledger.record(verdict, {NOTEBOOK: Graded(verdict, data)})
        yield started, time.monotonic(), time.process_time() - cpu


def fill(ledger: Ledger, students: int) -> None:
    """Give so many more students the rows that the one who is there has."""
    from nbgrader.api import Comment, Grade, Student, SubmittedAssignment, SubmittedNotebook

    tables = [row.__table__ for row in (Student, SubmittedAssignment, SubmittedNotebook, Grade, Comment)]
    with ledger.gradebook.engine.begin() as connection:
        there = {table: [dict(row) for row in connection.execute(select(table)).mappings()] for table in tables}
        for _ in range(students):
            new = {row["id"]: uuid.uuid4().hex for rows in there.values() for row in rows}
            for table, rows in there.items():
                copies = [{name: new.get(value, value) for name, value in row.items()} for row in rows]
                connection.execute(insert(table), copies)


def write(root: Path, prefix: str, count: int, start, told) -> None:
    """Enter so many verdicts when all writers are there, and tell of each what `enter` says.

    It tells of fewer, if the database refuses. `start` is a barrier, `told` a queue.
    """
    students = [f"{prefix}-{number:05}" for number in range(count)]
    with Ledger(Folder.at(root)) as ledger:
        start.wait()
        with contextlib.suppress(GradingError):
            for times in enter(root, ledger, students):
                told.put(times)
    told.put(None)


def measured(database: str, already: int, writers: int, count: int, tick: Callable[[], None]) -> dict:
    """Seconds of so many verdicts by so many writers into a new database, in which `already` students have one. `tick`
    hears of each verdict. Raises `PostgresMissing`."""
    context = multiprocessing.get_context("spawn")
    start, told = context.Barrier(writers), context.Queue()
    shares = [len(range(number, count, writers)) for number in range(writers)]
    with DATABASES[database]() as place, tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        for number, share in enumerate(shares):
            root = Path(folder, str(number))
            make_course(root, f"{database}:{place}")
            with Ledger(Folder.at(root)) as ledger:
                ledger.register(ASSIGNMENT)
                if already and not number:
                    list(enter(root, ledger, ["already"]))
                    fill(ledger, already - 1)
            process = context.Process(target=write, args=(root, f"writer-{number}", share, start, told), daemon=True)
            process.start()
            stack.callback(process.join)
        times, ended = [], 0
        while ended < writers:
            if (said := told.get()) is None:
                ended += 1
            else:
                times.append(said)
                tick()
    asked = {"database": database, "already": already, "writers": writers, "refused": count - len(times)}
    return asked | figures(times)


def figures(times: list[tuple[float, float, float]]) -> dict:
    """What the beginnings, the ends and the processor's share of all verdicts say, in seconds.

    >>> figures([(0.0, 0.5, 0.25), (0.5, 1.0, 0.25), (1.0, 2.0, 0.5)])
    {'verdicts': 3, 'per_second': 1.5, 'p50': 0.5, 'p95': 1.0, 'first': 0.5, 'last': 1.0, 'cpu': 0.3333}
    """
    seconds = [ended - started for started, ended, _ in sorted(times)]
    tenth = -(-len(seconds) // 10)
    found = {
        "verdicts": len(seconds),
        "per_second": len(seconds) / (max(ended for _, ended, _ in times) - min(started for started, *_ in times)),
        "p50": percentile(seconds, 50),
        "p95": percentile(seconds, 95),
        "first": statistics.median(seconds[:tenth]),
        "last": statistics.median(seconds[-tenth:]),
        "cpu": statistics.fmean(cpu for *_, cpu in times),
    }
    return {name: round(value, 4) for name, value in found.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verdicts", type=positive, default=200, metavar="N", help="in each measurement (200)")
    parser.add_argument("--writers", type=positive, nargs="+", default=[1, 2, 4], metavar="N", help="(1 2 4)")
    parser.add_argument("--already", type=int, nargs="+", default=[0], metavar="N", help="students before them (0)")
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES), help="(both)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options = parser.parse_args()
    todo = list(itertools.product(options.databases, options.already, options.writers))
    found = []
    with progress_bar() as bar:
        task = bar.add_task("", total=len(todo) * options.verdicts)
        for point in todo:
            bar.update(task, description=", ".join(map(str, point)))
            try:
                found.append(measured(*point, options.verdicts, functools.partial(bar.advance, task)))
            except PostgresMissing as error:
                print(f"Not measured: {error}", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    times = ("p50", "p95", "first", "last", "cpu")
    table = Table(
        "database", "already", "writers", "verdicts", "refused", "a second", *(f"{name}, s" for name in times)
    )
    for point in found:
        names = ("database", "already", "writers", "verdicts", "refused", "per_second", *times)
        table.add_row(*(str(point[name]) for name in names))
    Console(width=130).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
