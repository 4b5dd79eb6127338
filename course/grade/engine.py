"""A class, from submitted/ to marks: reads the course, asks the pool, keeps the ledger.

In: a course folder and an assignment. Out: one `Verdict` per submission, as soon as it is there. A submission
that was graded before, with the same tests and the same grader, gets its verdict from a cache.
"""

import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

from course.grade import pool
from course.grade.job import Graded, Job, ungraded
from course.grade.ledger import GradingError, Ledger
from course.grade.sandbox import Limits, choose
from course.grade.skeleton import MAX_FILE
from course.verdict import Verdict, bounded, load_all

FILES_LIMIT = 32 << 20  # bytes of the teacher's data files that are laid beside a notebook
NAME_LIMIT = 200  # bytes of a student's name: it becomes the name of a file, which may have 255


@dataclasses.dataclass(frozen=True)
class Options:
    """How a class is graded. `sandbox` None means: the best that works here."""

    students: tuple[str, ...] = ()
    jobs: int = os.cpu_count() or 1
    scheduler: str | None = None
    sandbox: str | None = None
    limits: Limits = dataclasses.field(default_factory=Limits)
    force: bool = False


class Unfit(Exception):
    """A submission without a file that could be graded; `outcome` is the word for it, the message says why."""

    def __init__(self, outcome: str, message: str):
        super().__init__(message)
        self.outcome = outcome


def students_of(course_dir: Path, assignment: str) -> list[str]:
    """Who handed in something for the assignment, in alphabetical order. Hidden folders are nobody's."""
    folders = [student / assignment for student in sorted((course_dir / "submitted").glob("[!.]*"))]
    return [folder.parent.name for folder in folders if folder.is_dir() or folder.is_symlink()]


def submissions(assignment: str, course_dir: Path, wanted: tuple[str, ...] = ()) -> list[str]:
    """The students whose submissions are to be graded: all, or those that are wanted. Raises `GradingError`."""
    if assignment not in {path.name for path in (course_dir / "source").glob("*/")}:
        raise GradingError(f"There is no assignment {course_dir / 'source' / assignment}: build it, or name another.")
    handed_in = students_of(course_dir, assignment)
    for student in wanted:
        if student not in handed_in:
            raise GradingError(f"There is no submission {course_dir / 'submitted' / student / assignment}.")
    if not handed_in:
        raise GradingError(f"Nobody has handed in {assignment}: see {course_dir / 'submitted'}/*/{assignment}.")
    for student in handed_in:
        name = os.fsencode(student)
        if len(name) > NAME_LIMIT or not _is_text(name):
            raise GradingError(
                f"The name of the folder submitted/{bounded(student)} is too long or no text: change it."
            )
    return list(dict.fromkeys(wanted)) or handed_in


def _is_text(name: bytes) -> bool:
    try:
        return bool(name.decode())
    except UnicodeDecodeError:
        return False


def grade(assignment: str, course_dir: Path, options: Options) -> Iterator[Verdict]:
    """Grade submissions, yielding each verdict when it is there and entered. Raises `GradingError`."""
    root = course_dir.resolve()
    students = submissions(assignment, root, options.students)
    options = dataclasses.replace(options, students=tuple(students), sandbox=choose(options.sandbox))
    with contextlib.ExitStack() as stack:
        crew = stack.enter_context(contextlib.closing(pool.Crew()))
        if not options.scheduler and (options.force or _has_new(root, assignment, students)):
            crew.prepare(min(options.jobs, len(students)), pool.Preparation(options.sandbox, options.limits))
        ledger = stack.enter_context(Ledger(root))  # takes some seconds as well
        released = ledger.register(assignment)
        parts: dict[str, dict[str, Graded]] = {student: {} for student in students}
        with contextlib.closing(_graded(root, _jobs(root, assignment, released, options), options, crew)) as done:
            for job, graded in done:
                parts[job.student][job.notebook] = graded
                if len(parts[job.student]) == len(released):
                    verdict = _sum(parts[job.student])
                    ledger.record(verdict, parts.pop(job.student))
                    yield verdict


def _jobs(root: Path, assignment: str, released: dict[str, bytes], options: Options) -> list[Job]:
    """A job for each notebook of each submission, without what was handed in."""
    source = root / "source" / assignment
    if not released:
        raise GradingError(f"There is no notebook in {source}.")
    files, seed = _data_files(source), _class_seed(root)
    jobs = []
    for name in sorted(released):
        release = root / "release" / assignment / f"{name}.ipynb"
        job = Job(
            student="",
            assignment=assignment,
            notebook=name,
            source=(source / f"{name}.ipynb").read_bytes(),
            release=release.read_bytes() if release.is_file() else released[name],
            submitted=None,
            files=files,
            seed=seed,
            limits=options.limits,
            sandbox=options.sandbox,
        )
        jobs += [dataclasses.replace(job, student=student) for student in options.students]
    return sorted(jobs, key=lambda job: job.student)


def _class_seed(root: Path) -> str:
    """What the hidden tests of this class draw their inputs from: a secret of its own, made once.

    The next class gets other inputs, so that answers which leaked from this one are worth nothing.
    """
    path = root / "autograded" / ".seed"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_hex(16), encoding="ascii")
    return path.read_text(encoding="ascii")


def _has_new(root: Path, assignment: str, students: list[str]) -> bool:
    """Whether somebody has no verdict yet, so that there is something to run."""
    return not set(students) <= {verdict.student for verdict in load_all(root, assignment)}


def _graded(root: Path, jobs: list[Job], options: Options, crew: pool.Crew) -> Iterator[tuple[Job, Graded]]:
    """What is known comes first; for the rest the pool is asked."""
    names = {job.notebook for job in jobs}
    todo = []
    for job in jobs:
        try:
            job = dataclasses.replace(job, submitted=_submitted(root, job, names - {job.notebook}))
        except Unfit as unfit:
            yield job, ungraded(job, unfit.outcome, str(unfit))
            continue
        if known := None if options.force else _from_cache(root, job):
            yield job, known
        else:
            todo.append(job)
    if not todo:
        return
    done = pool.dask(todo, options.scheduler) if options.scheduler else pool.local(todo, options.jobs, crew)
    with contextlib.closing(done):
        for job, graded in done:
            _to_cache(root, job, graded)
            yield job, graded


def _submitted(root: Path, job: Job, others: set[str]) -> bytes:
    """The notebook that was handed in: the one of the right name, else the newest that is not another of `others`.

    Links are not followed: they could lead anywhere on the teacher's machine. Raises `Unfit`.
    """
    folder = root / "submitted" / job.student / job.assignment
    if folder.is_symlink() or folder.parent.is_symlink():
        raise Unfit("wrong_notebook", "The submission's folder is a symbolic link: it is not followed.")
    try:
        notebooks = [path for path in folder.iterdir() if path.suffix.lower() in (".ipynb", ".zip")]
        notebooks = [path for path in notebooks if path.stem not in others]
        files = [path for path in notebooks if path.is_file() and not path.is_symlink()]
        if not files and any(path.is_symlink() for path in notebooks):
            raise Unfit("wrong_notebook", "The notebook is a symbolic link: it is not followed.")
        if not files:
            raise Unfit("wrong_notebook", f"The submission holds no notebook {job.notebook}.ipynb.")
        best = max(files, key=lambda path: (path.stem == job.notebook, path.stat().st_mtime, path.name))
        with best.open("rb") as file:
            return file.read(MAX_FILE + 1)
    except OSError as error:
        raise Unfit("unreadable", f"The file cannot be read: {error.strerror}.") from None


def _data_files(source: Path) -> tuple[tuple[str, bytes], ...]:
    paths = [path.relative_to(source) for path in sorted(source.rglob("*")) if path.is_file()]
    paths = [path for path in paths if path.suffix != ".ipynb" and not any(part[0] in "._" for part in path.parts[:-1])]
    if sum((source / path).stat().st_size for path in paths) > FILES_LIMIT:
        raise GradingError(f"The data files in {source} are larger than {FILES_LIMIT >> 20} MiB together.")
    return tuple((str(path), (source / path).read_bytes()) for path in paths)


def _sum(parts: dict[str, Graded]) -> Verdict:
    """The verdict of a submission; of several notebooks it has all cells, each behind the name of its notebook."""
    verdicts = {name: parts[name].verdict for name in sorted(parts)}
    first, *others = verdicts.values()
    if not others:
        return first
    scores = [verdict.score for verdict in verdicts.values() if verdict.score is not None]
    return dataclasses.replace(
        first,
        verdict=next((verdict.verdict for verdict in verdicts.values() if verdict.verdict != "graded"), "graded"),
        cause=bounded(" ".join(f"{name}: {verdict.cause}" for name, verdict in verdicts.items() if verdict.cause)),
        flags=tuple(sorted({flag for verdict in verdicts.values() for flag in verdict.flags})),
        score=sum(scores) if scores else None,
        max_score=sum(verdict.max_score for verdict in verdicts.values()),
        seconds=round(sum(verdict.seconds for verdict in verdicts.values()), 2),
        cells=tuple(
            dataclasses.replace(cell, grade_id=f"{name}/{cell.grade_id}")
            for name, verdict in verdicts.items()
            for cell in verdict.cells
        ),
    )


@functools.cache
def _grader_version() -> bytes:
    """A digest of all that decides a verdict beside the notebooks: the grader, the helpers, the installed packages."""
    here = Path(__file__)
    digest = hashlib.sha256(sys.version.encode())
    for path in [*sorted(here.parent.glob("*.py")), *sorted((here.parents[2] / "helpers").rglob("*.*"))]:
        if "__pycache__" not in path.parts:
            digest.update(path.read_bytes())
    for package in sorted(f"{package.name} {package.version}" for package in importlib.metadata.distributions()):
        digest.update(package.encode())
    return digest.digest()


def _cache_file(root: Path, job: Job) -> Path:
    parts = [job.source, job.release, job.submitted, repr((job.files, job.seed, job.limits, job.sandbox)).encode()]
    digest = hashlib.sha256(_grader_version())
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return root / "autograded" / ".cache" / digest.hexdigest()


def _from_cache(root: Path, job: Job) -> Graded | None:
    path = _cache_file(root, job)
    try:
        line, _, notebook = path.read_bytes().partition(b"\n")
        verdict = Verdict.from_json(line.decode())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # The same notebook may have been handed in by somebody else.
    return Graded(dataclasses.replace(verdict, student=job.student, assignment=job.assignment), notebook or None)


def _to_cache(root: Path, job: Job, graded: Graded) -> None:
    """Keep what would come out the same again: not what ran into a limit of this moment's busy machine."""
    if graded.verdict.verdict in ("graded", "unreadable", "wrong_notebook"):
        path = _cache_file(root, job)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_bytes(graded.verdict.as_json().encode() + b"\n" + (graded.notebook or b""))
        unfinished.replace(path)
