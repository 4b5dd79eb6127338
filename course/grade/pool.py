"""Jobs on processes: local ones by default, Dask's where one machine is not enough.

In: jobs. Out: pairs of a job and its `Graded`, in the order in which they are done. A worker that dies, or
that does not answer long after its job's own limit, loses only its job, which is run again once; then it gets
a verdict of its own.
"""

import concurrent.futures
import contextlib
import multiprocessing
import os
from collections.abc import Iterator

from course.grade import job as jobs
from course.grade.job import Graded, Job
from course.grade.sandbox import Limits, Warm
from course.verdict import Verdict

_WARM: dict[tuple[str, Limits], Warm] = {}


def run_job(job: Job) -> Graded:
    """Run one job in this process, with the warm parent that it keeps for the next ones."""
    key = (job.sandbox, job.limits)
    if key not in _WARM:
        warm = Warm(*key)
        warm.wait_until_ready()
        _WARM[key] = warm
    try:
        return jobs.grade(job, _WARM[key])
    except OSError:  # the warm parent has gone: the next job makes a new one
        _WARM.pop(key).close()
        raise


def _prepare_worker() -> None:
    """One thread per worker: as many workers as cores share the machine."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"  # neither a test nor an answer makes the grader download anything
    import helpers  # noqa: F401  (sets how OpenMP waits, before torch is imported)


def local(todo: list[Job], workers: int) -> Iterator[tuple[Job, Graded]]:
    """Run the jobs on processes of this machine."""
    if not todo:
        return
    lost = []
    with _processes(min(workers, len(todo))) as executor:
        futures = {executor.submit(run_job, job): job for job in todo}
        for future in concurrent.futures.as_completed(futures):
            try:
                yield futures[future], future.result()
            except (concurrent.futures.BrokenExecutor, OSError):
                lost.append(futures[future])
    # When a worker dies, all jobs of its pool are lost, and nobody knows whose fault it was: each is tried on its own.
    for job in lost:
        try:
            with _processes(1) as executor:
                yield job, executor.submit(run_job, job).result()
        except (concurrent.futures.BrokenExecutor, OSError):
            yield job, _lost(job)


@contextlib.contextmanager
def _processes(workers: int):
    context = multiprocessing.get_context("spawn")
    executor = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def dask(todo: list[Job], scheduler: str) -> Iterator[tuple[Job, Graded]]:
    """Run the jobs on the workers of a Dask scheduler (`tcp://…`).

    Jobs of a worker that is lost are run again by Dask.
    """
    from distributed import Client, as_completed

    with Client(scheduler) as client:
        client.run(_prepare_worker)
        futures = {client.submit(run_job, job, pure=False): job for job in todo}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except Exception:
                yield futures[future], _lost(futures[future])


def _lost(job: Job) -> Graded:
    cause = "The grader's worker died twice with this submission: please report it with the notebook."
    return Graded(Verdict(job.student, job.assignment, "kernel_died", cause, ("tampering",), None, 0.0, 0.0, ()), None)
