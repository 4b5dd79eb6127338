"""Jobs on the workers of a Dask scheduler, where one machine is not enough.

In: jobs. Out: pairs of a job and its `Graded`, in the order in which they are done. Each worker keeps processes as a
grader on one machine does (`pool.Crew`); what is lost with a machine is run again on another one.
"""

import concurrent.futures
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator

from course import Refusal
from course.grade.job import Graded, Job
from course.grade.pool import Crew, exhausted_last, lost
from course.grade.sandbox.limits import SandboxUnavailable

PATIENCE = 3.0  # seconds without a worker after which it is said


class SchedulerError(Refusal):
    """A Dask cluster that cannot grade; the message says why."""


def dask(todo: list[Job], scheduler: str, say: Callable[[str], None]) -> Iterator[tuple[Job, Graded]]:
    """Run the jobs on the workers of a Dask scheduler (`tcp://…`), which runs those of a lost worker again.

    `say` hears when there are no workers, and what `exhausted_last` says. Raises `SchedulerError`.
    """
    try:
        from distributed import Client
    except ImportError:
        raise SchedulerError("Dask is not installed: pip install distributed.") from None
    for handler in logging.getLogger("distributed").handlers:  # what it has to say is said here, in a sentence
        handler.setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SchedulerError(f"The Dask scheduler {scheduler} cannot be reached: {error}.") from None

    def alone(job: Job) -> Graded:
        ((_, graded),) = _answers(client, scheduler, run_alone, [job])
        return graded

    with client, _watched(client, scheduler, say):
        yield from exhausted_last(_answers(client, scheduler, run_job, todo), alone, say)


def _answers(
    client, scheduler: str, function: Callable[[Job], Graded | None], todo: list[Job]
) -> Iterator[tuple[Job, Graded | None]]:
    """What the workers make of the jobs, in the order in which it is done. Raises `SchedulerError`."""
    from distributed import KilledWorker, as_completed

    futures = {client.submit(function, job, pure=False): job for job in todo}
    for future in as_completed(futures, loop=client.loop):
        job = futures[future]
        try:
            yield job, future.result()
        except KilledWorker:
            yield job, lost(job, "its machines were lost")
        except (SandboxUnavailable, GeneratorExit):
            raise
        except (Exception, concurrent.futures.CancelledError) as error:
            if client.status != "running" or isinstance(error, concurrent.futures.CancelledError):
                raise SchedulerError(
                    f"The Dask scheduler {scheduler} was lost. The marks so far are kept: start it again, and the same "
                    "command goes on where it stopped."
                ) from None
            raise SchedulerError(f"The Dask workers of {scheduler} cannot grade: {error!r}.") from None


@contextlib.contextmanager
def _watched(client, scheduler: str, say: Callable[[str], None]) -> Iterator[None]:
    """Meanwhile say it, once, when the scheduler has had no workers for some seconds."""
    ended = threading.Event()

    def watch() -> None:
        with contextlib.suppress(Exception):  # a scheduler that is lost is said elsewhere
            while client.nthreads():
                if ended.wait(PATIENCE):
                    return
            if not ended.wait(PATIENCE) and not client.nthreads():
                say(f"The Dask scheduler {scheduler} has no workers. Start one and it goes on: dask worker {scheduler}")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(PATIENCE)


def run_job(job: Job) -> Graded | None:
    """Run one job from a thread of a Dask worker, on a worker process that is kept for the next one.

    None if its machine had no memory for it: then it is to be run alone.
    """
    return _CREW.run(job)


def run_alone(job: Job) -> Graded:
    """Run one job while no other is run."""
    return _CREW.run_alone(job)


_CREW = Crew()  # of a Dask worker
