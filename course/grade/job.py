"""One submission: bytes in, verdict and graded notebook out.

A pure job: it reads no file of the course and writes none, so it can run in any process on any machine. What is
not pure, the warm parent in the sandbox and what the teacher's own cells make, is made once per worker and kept.
"""

import dataclasses
import functools
import hashlib
import time

import nbformat
from nbformat import NotebookNode

from course.grade import carried, roles
from course.grade.judge import own_work
from course.grade.judge.given import Given
from course.grade.judge.plants import Plant
from course.grade.run import Run
from course.grade.sandbox.limits import Limits
from course.grade.sandbox.warm import Warm
from course.grade.submission import building
from course.grade.submission.cells import slots_of
from course.grade.submission.needed import needed_parts
from course.notebooks import files
from course.notebooks.files import Choice
from course.notebooks.reading import Unreadable, WrongNotebook
from course.notebooks.unpacking import Handed
from course.verdict import Judged, Verdict, bounded

REPAIRS_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Fitness:
    """What is known about the tests of a notebook before anybody's answers are run.

    `broken`: grade id of a test that the teacher's own solution does not pass, and why; a person marks it. `free`:
    tests that the untouched release passes. `plants`: the planted failures of each test that is judged inside.
    """

    broken: tuple[tuple[str, str], ...] = ()
    free: tuple[str, ...] = ()
    plants: tuple[tuple[str, tuple[Plant, ...]], ...] = ()

    @property
    def unwatched(self) -> tuple[str, ...]:
        """The tests that the solution passes and for which there are no planted failures."""
        lost = dict(self.broken)
        return tuple(grade_id for grade_id, plants in self.plants if not plants and grade_id not in lost)


@dataclasses.dataclass(frozen=True)
class Job:
    """A submission and what it is graded against, all as bytes.

    `handed` are the files of the student's folder. `files` are the teacher's data files, laid beside the notebook.
    From `seed` the hidden tests draw their inputs, anew for each notebook. `tests` is the way in which tests are
    judged, "" for what the notebook says. `is_solution`: it is the teacher's own; planted failures are tried on it.
    """

    student: str
    assignment: str
    notebook: str
    source: bytes
    release: bytes
    handed: tuple[Handed, ...]
    files: tuple[tuple[str, bytes], ...] = ()
    limits: Limits = dataclasses.field(default_factory=Limits)
    sandbox: str = "bwrap"
    modules: tuple[str, ...] = ()
    seed: str = ""
    tests: Judged | str = ""
    fitness: Fitness = dataclasses.field(default_factory=Fitness)
    is_solution: bool = False


@dataclasses.dataclass(frozen=True)
class Graded:
    """The end of a job: the verdict, the executed notebook (None where there is none to show), and of the teacher's
    own solution the planted failures that it does not pass."""

    verdict: Verdict
    notebook: bytes | None
    plants: tuple[tuple[str, tuple[Plant, ...]], ...] = ()


@functools.lru_cache(8)
def notebooks_of(source: bytes, release: bytes) -> tuple[NotebookNode, NotebookNode]:
    """The teacher's notebook as it is run for grading, and what students got. Nobody may change them."""
    read, released = (nbformat.reads(data.decode(), as_version=4) for data in (source, release))
    roles.set_parameters(read)
    return read, released


@functools.lru_cache(8)
def given_of(source: bytes, release: bytes, files: tuple[tuple[str, bytes], ...]) -> Given:
    """What the teacher's own cells make."""
    return Given(*notebooks_of(source, release), files)


@functools.lru_cache(8)
def _read_once(source: bytes, release: bytes) -> None:
    """Read the teacher's code, most of which stands in every submission: what is said of it is kept."""
    notebook, released = notebooks_of(source, release)
    slots_of(notebook, released)
    needed_parts(notebook, roles.is_excursus, roles.is_test)


def way_of(job: Job) -> Judged:
    """How the tests of a job are judged."""
    return job.tests or roles.way_of(notebooks_of(job.source, job.release)[0])


def prepare(job: Job) -> Given | None:
    """What all submissions to the same notebook share, computed once, before a process is forked for one of them."""
    _read_once(job.source, job.release)
    return given_of(job.source, job.release, job.files) if way_of(job) == "outside" else None


def grade(job: Job, warm: Warm) -> Graded:
    """Grade one submission. Whatever is submitted, this returns a verdict."""
    started = time.monotonic()
    source, release = notebooks_of(job.source, job.release)
    way = way_of(job)
    try:
        build = functools.partial(building.build, source, release, unlocked=way == "inside")
        choice = files.choose(job.handed, job.notebook, build)
    except Unreadable as error:
        return ungraded(job, "unreadable", str(error), started)
    except WrongNotebook as error:
        return ungraded(job, "wrong_notebook", str(error), started)
    run = Run(job, warm, source, release, choice, prepare(job), _seed(job, choice))
    run.all_cells()
    improved = carried.forward(run) if way == "outside" and not job.is_solution else ()
    copied = own_work.copied(source, release, choice.submission)
    flagged = f"Flagged `copied`: {own_work.sentence(copied)}" if copied else ""
    notes = (*run.notes(), *improved, *choice.notes, *choice.submission.repairs)
    verdict = Verdict(
        student=job.student,
        assignment=job.assignment,
        verdict=run.outcome,
        cause=bounded(" ".join(filter(None, [flagged, *run.for_the_teacher, *notes[:REPAIRS_SHOWN]]))),
        flags=_flags(recovered=choice.submission.recovered, copied=bool(copied), tampering=run.tampering),
        score=sum(cell.score or 0.0 for cell in run.scores),
        max_score=sum(cell.max_score for cell in run.scores),
        seconds=round(time.monotonic() - started, 2),
        cells=tuple(run.scores),
        sandbox=job.sandbox,
        notes=notes,
    )
    return Graded(verdict, nbformat.writes(run.notebook).encode("utf-8", "replace"), tuple(run.effective.items()))


def _flags(**found: bool) -> tuple[str, ...]:
    return tuple(name for name, is_set in found.items() if is_set)


def _seed(job: Job, choice: Choice) -> str:
    """What hidden tests draw from: another attempt meets other inputs, the same notebook the same."""
    sources = "\0".join(cell.source for cell in choice.submission.notebook.cells)
    return hashlib.sha256(f"{job.seed}\0{sources}".encode("utf-8", "replace")).hexdigest()


def ungraded(job: Job, outcome: str, cause: str, started: float | None = None) -> Graded:
    """The end of a submission that was not run; `started` (monotonic) is when work on it began, if any did."""
    source, _ = notebooks_of(job.source, job.release)
    points = sum(roles.points_of(cell) for cell in source.cells if roles.is_graded(cell))
    seconds = round(time.monotonic() - started, 2) if started else 0.0
    verdict = Verdict(
        job.student,
        job.assignment,
        outcome,
        bounded(cause),
        (),
        None,
        points,
        seconds,
        (),
        job.sandbox,
        (bounded(cause),),
    )
    return Graded(verdict, None)
