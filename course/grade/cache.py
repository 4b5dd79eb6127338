"""Verdicts and findings that would come out the same again: the same notebook, the same tests, the same grader.

In: a job. Out: what came of it the last time, if that is known. Whatever is kept can be thrown away.
"""

import dataclasses
import functools
import hashlib
import json
import sys
from pathlib import Path

from course.folder import Folder, replace_file
from course.grade.job import Graded, Job
from course.grade.judge.plants import Plant
from course.notebooks.unpacking import Handed
from course.verdict import Verdict

LASTING = ("graded", "unreadable", "wrong_notebook")  # not what ran into a limit of a moment's busy machine


@functools.cache
def grader_version() -> bytes:
    """A digest of all that decides a verdict beside the notebooks: the grader, the helpers, the installed packages."""
    here = Path(__file__)
    digest = hashlib.sha256(sys.version.encode())
    shared = [here.parents[1] / "shapes.py", *sorted((here.parents[1] / "notebooks").rglob("*.py"))]
    for path in [*sorted(here.parent.rglob("*.py")), *shared, *sorted((here.parents[2] / "helpers").rglob("*.*"))]:
        if "__pycache__" not in path.parts:
            digest.update(path.read_bytes())
    for path in sorted(here.parents[1].glob("units/*/unseen.*")):
        digest.update(path.read_bytes())
    for package in sorted({path.name for place in sys.path for path in Path(place).glob("*.dist-info")}):
        digest.update(package.encode())
    return digest.digest()


def load(folder: Folder, job: Job) -> Graded | None:
    """What came of a job like this one; None if that is not known."""
    try:
        line, _, notebook = _path(folder, job).read_bytes().partition(b"\n")
        known = json.loads(line)
        plants = [(name, tuple(Plant(*plant) for plant in found)) for name, found in known["plants"]]
        return Graded(Verdict.from_json(known["verdict"]), notebook or None, tuple(plants))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(folder: Folder, job: Job, graded: Graded) -> None:
    """Keep what came of a job, if it would come out the same again."""
    if graded.verdict.verdict in LASTING:
        plants = [(name, [dataclasses.astuple(plant) for plant in found]) for name, found in graded.plants]
        line = json.dumps({"verdict": graded.verdict.as_json(notes=True), "plants": plants})
        replace_file(_path(folder, job), line.encode() + b"\n" + (graded.notebook or b""))


def _path(folder: Folder, job: Job) -> Path:
    settings = (job.seed, job.limits, job.sandbox, job.tests, job.fitness, job.is_solution, job.notebook)
    newest_last = sorted(job.handed, key=lambda file: (file.modified, file.path))
    parts = [job.source, job.release, _of_files(job.files), *map(_of_file, newest_last), repr(settings).encode()]
    digest = hashlib.sha256(grader_version())
    for part in parts:
        digest.update(hashlib.sha256(part).digest())
    return folder.home("autograded") / ".cache" / digest.hexdigest()


@functools.lru_cache(2)
def _of_files(files: tuple[tuple[str, bytes], ...]) -> bytes:
    return b"".join(hashlib.sha256(name.encode()).digest() + hashlib.sha256(data).digest() for name, data in files)


def _of_file(file: Handed) -> bytes:
    return file.path.encode("utf-8", "replace") + b"\0" + file.data
