"""A class, from submitted/ to marks: reads the course, asks the pool, keeps the ledger.

In: a course folder and an assignment. Out: one `Verdict` per submission, as soon as it is there. A submission
that was graded before, with the same tests and the same grader, gets its verdict from a cache.
"""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from course.grade import pool
from course.grade.job import Graded, Job
from course.grade.ledger import GradingError, Ledger
from course.grade.sandbox import Limits, choose
from course.verdict import Verdict

FILES_LIMIT = 32 << 20  # bytes of the teacher's data files that are laid beside a notebook


@dataclasses.dataclass(frozen=True)
class Options:
    """How a class is graded. `sandbox` None means: the best that works here."""

    students: tuple[str, ...] = ()
    jobs: int = os.cpu_count() or 1
    scheduler: str | None = None
    sandbox: str | None = None
    limits: Limits = dataclasses.field(default_factory=Limits)
    force: bool = False


def students_of(course_dir: Path, assignment: str) -> list[str]:
    """Who handed in something for the assignment, in alphabetical order. Links are not followed."""
    found = []
    for student in sorted((course_dir / "submitted").glob("*")):
        folder = student / assignment
        if folder.is_dir() and not folder.is_symlink() and not student.is_symlink():
            found.append(student.name)
    return found


def submissions(assignment: str, course_dir: Path, wanted: tuple[str, ...] = ()) -> list[str]:
    """The students whose submissions are to be graded: all, or those that are wanted. Raises `GradingError`."""
    handed_in = students_of(course_dir, assignment)
    if not (course_dir / "source" / assignment).is_dir():
        raise GradingError(f"There is no assignment {course_dir / 'source' / assignment}: build it, or name another.")
    for student in wanted:
        if student not in handed_in:
            raise GradingError(f"There is no submission {course_dir / 'submitted' / student / assignment}.")
    if not handed_in:
        raise GradingError(f"Nobody has handed in {assignment}: see {course_dir / 'submitted'}/*/{assignment}.")
    return list(wanted) or handed_in


def grade(assignment: str, course_dir: Path, options: Options) -> Iterator[Verdict]:
    """Grade submissions, yielding each verdict when it is there and entered. Raises `GradingError`."""
    root = course_dir.resolve()
    students = submissions(assignment, root, options.students)
    kind = choose(options.sandbox)
    with Ledger(root) as ledger:
        released = ledger.register(assignment)
        name = _notebook_name(root, assignment)
        todo = []
        for student in students:
            job = _job(root, assignment, name, released[name], student, kind, options.limits)
            known = None if options.force else _from_cache(root, job)
            if known:
                ledger.record(name, known)
                yield known.verdict
            else:
                todo.append(job)
        done = pool.dask(todo, options.scheduler) if options.scheduler else pool.local(todo, options.jobs)
        for job, graded in done:
            _to_cache(root, job, graded)
            ledger.record(name, graded)
            yield graded.verdict


def _notebook_name(root: Path, assignment: str) -> str:
    names = sorted(path.stem for path in (root / "source" / assignment).glob("*.ipynb"))
    if len(names) != 1:
        raise GradingError(f"source/{assignment} must hold one notebook; it holds {len(names)}.")
    return names[0]


def _job(root: Path, assignment: str, name: str, released: bytes, student: str, kind: str, limits: Limits) -> Job:
    source = root / "source" / assignment
    release = root / "release" / assignment / f"{name}.ipynb"
    return Job(
        student=student,
        assignment=assignment,
        notebook=name,
        source=(source / f"{name}.ipynb").read_bytes(),
        release=release.read_bytes() if release.is_file() else released,
        submitted=_submitted(root / "submitted" / student / assignment, name),
        files=_data_files(source),
        limits=limits,
        sandbox=kind,
    )


def _submitted(folder: Path, name: str) -> bytes | None:
    """The bytes of the notebook that was handed in: the right name, else the only one, else the newest.

    Links are not followed: they could lead anywhere on the teacher's machine.
    """
    files = [p for p in folder.iterdir() if p.is_file() and not p.is_symlink() and p.suffix in (".ipynb", ".zip")]
    if not files:
        return None
    right = [path for path in files if path.stem == name]
    return (right or sorted(files, key=lambda path: path.stat().st_mtime))[-1].read_bytes()


@functools.cache
def _data_files(source: Path) -> tuple[tuple[str, bytes], ...]:
    files = [path for path in sorted(source.rglob("*")) if path.is_file() and path.suffix != ".ipynb"]
    if sum(path.stat().st_size for path in files) > FILES_LIMIT:
        raise GradingError(f"The data files in {source} are larger than {FILES_LIMIT >> 20} MiB together.")
    return tuple((str(path.relative_to(source)), path.read_bytes()) for path in files)


@functools.cache
def _grader_version() -> bytes:
    """A digest of the code that decides a verdict: the grader and the helpers."""
    here = Path(__file__)
    files = [*sorted(here.parent.glob("*.py")), *sorted((here.parents[2] / "helpers").rglob("*.*"))]
    digest = hashlib.sha256()
    for path in files:
        if "__pycache__" not in path.parts:
            digest.update(path.read_bytes())
    return digest.digest()


def _cache_file(root: Path, job: Job) -> Path:
    parts = [job.source, job.release, job.submitted or b"", repr((job.files, job.limits, job.sandbox)).encode()]
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
        path.write_bytes(graded.verdict.as_json().encode() + b"\n" + (graded.notebook or b""))
