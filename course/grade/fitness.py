"""Are the tests of an assignment fit to grade a class?

In: the teacher's notebooks. Out: for each, what the teacher's own solution and the untouched release get, in the
sandbox, before anybody's answers are run. The solution must get full marks and the release none; where not, the teacher
hears it first, and a test that the solution does not pass is marked by a person: no student loses by it.
"""

import dataclasses
from collections.abc import Callable, Iterator

from course.grade import roles
from course.grade.job import Fitness, Graded, Job, notebooks_of
from course.notebooks.unpacking import Handed
from course.verdict import CellScore


def jobs_of(job: Job) -> tuple[Job, Job]:
    """The teacher's own solution and the untouched release, handed in for the same notebook."""
    path = f"{job.notebook}.ipynb"
    solution = dataclasses.replace(job, handed=(Handed(path, 0.0, job.source),), is_solution=True)
    return solution, dataclasses.replace(job, handed=(Handed(path, 0.0, job.release),))


def of(job: Job, solution: Graded, untouched: Graded) -> Fitness:
    """What is known from the two. Where the teacher's notebook holds no solution, it says nothing about its tests."""
    source, release = notebooks_of(job.source, job.release)
    tests = {roles.settings_of(cell).grade_id for cell in source.cells if roles.is_test(cell)}
    lost = [cell for cell in solution.verdict.cells if cell.grade_id in tests and cell.score != cell.max_score]
    free = [cell.grade_id for cell in untouched.verdict.cells if cell.grade_id in tests and cell.score]
    broken = [(cell.grade_id, _reason(cell)) for cell in lost] if roles.is_solved(source, release) else []
    return Fitness(tuple(broken), tuple(free), solution.plants)


def _reason(cell: CellScore) -> str:
    return cell.message.rstrip(".") or f"{cell.score or 0:g} of {cell.max_score:g} points"


def sentences(job: Job, fitness: Fitness) -> Iterator[str]:
    """What the teacher has to know before the class is graded."""
    source, release = notebooks_of(job.source, job.release)
    for grade_id, reason in fitness.broken:
        yield f"{job.notebook}: the teacher's own solution does not pass {grade_id} ({reason}): a person marks it."
    for grade_id in fitness.free:
        yield f"{job.notebook}: the untouched notebook passes {grade_id}: everybody gets these points."
    for grade_id in fitness.unwatched if roles.is_solved(source, release) else ():
        yield f"{job.notebook}: {grade_id} cannot be watched: after the cells above it a fork of the process hangs."
    if not roles.is_solved(source, release) and any(map(roles.is_test, source.cells)):
        yield f"{job.notebook}: there is no solution in the source, so nobody knows whether its tests can be passed."


def check(jobs: list[Job], run: Callable[[list[Job]], Iterator[tuple[Job, Graded]]]) -> dict[str, Fitness]:
    """Name of a notebook → what is known about its tests. `run` grades jobs."""
    pairs = {job.notebook: jobs_of(job) for job in jobs}
    done: dict[tuple[str, bool], Graded] = {}
    for job, graded in run([job for pair in pairs.values() for job in pair]):
        done[job.notebook, job.is_solution] = graded
    return {job.notebook: of(job, done[job.notebook, True], done[job.notebook, False]) for job in jobs}
