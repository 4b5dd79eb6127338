"""Jobs on processes of this machine.

In: jobs. Out: pairs of a job and its `Graded`, in the order in which they are done. A worker process runs one job
at a time, so that one that dies or hangs costs nobody but its own submission: such a job is run again once, on a
new worker, then it gets a verdict of its own. The workers are forks of one process, the nursery, which loads the
libraries once for all of them while their sandboxes do the same. Each job runs in a fork of its worker: what a test
does to the grader's own process (a library replaced, a variable set, an alarm in the middle of an import) ends with it.
"""

import concurrent.futures
import contextlib
import dataclasses
import gc
import importlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import reduction
from multiprocessing.connection import Connection, Pipe

from course import ROOT
from course.grade import job as jobs
from course.grade.job import Graded, Job
from course.grade.sandbox.groups import killed_on_machine
from course.grade.sandbox.limits import Limits, MachineExhausted, SandboxUnavailable
from course.grade.sandbox.warm import START, Warm
from helpers import models, profiles

MARGIN = START + 60  # seconds beyond a job's own limit: to load the libraries, and to end what does not end by itself
GRACE = 5.0  # seconds that a worker has to take its sandbox down before it is killed
MESSAGE = 500  # characters of what went wrong
AGAIN = "Memory ran out: submissions that are run again, one at a time: {count}. Fewer of them at a time need less."
INSIDE = ("IPython.core.inputtransformer2",)  # reads a test that is judged inside
NURSERY = "import sys; from course.grade.pool import nurse; nurse(int(sys.argv[1]))"


def local(todo: list[Job], workers: int, crew: "Crew", say: Callable[[str], None]) -> Iterator[tuple[Job, Graded]]:
    """Run the jobs on processes of this machine, which end with their crew. `say` as in `exhausted_last`."""
    executor = concurrent.futures.ThreadPoolExecutor(workers)
    try:
        futures = {executor.submit(crew.run, job): job for job in todo}
        answers = ((futures[future], future.result()) for future in concurrent.futures.as_completed(futures))
        yield from exhausted_last(answers, crew.run_alone, say)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def exhausted_last(
    answers: Iterable[tuple[Job, Graded | None]], alone: Callable[[Job], Graded], say: Callable[[str], None]
) -> Iterator[tuple[Job, Graded]]:
    """The answers as they come, and at the end those of the jobs for which there was no memory (None): each is run
    `alone`. `say` hears how many."""
    exhausted = []
    for job, graded in answers:
        if graded:
            yield job, graded
        else:
            exhausted.append(job)
    if exhausted:
        say(AGAIN.format(count=len(exhausted)))
    for job in exhausted:
        yield job, alone(job)


class Crew:
    """Worker processes, made when they are needed; as many jobs run at a time as threads call `run`."""

    def __init__(self):
        self.lock = threading.Lock()
        self.nursery: _Nursery | None = None
        self.idle: list[_Worker] = []
        self.workers: set[_Worker] = set()
        self.closed = False

    def run(self, job: Job) -> Graded | None:
        """Run one job; None if the machine had no memory for it. Raises `SandboxUnavailable`."""
        reason = ""
        for _ in range(2):
            killed_before = killed_on_machine()
            worker = self._take(Preparation.of(job))
            try:
                answer = worker.ask(job)
            except TimeoutError:
                self._drop(worker)
                return jobs.ungraded(job, "timed_out", "The grader itself got stuck with this submission.")
            except (EOFError, OSError):
                answer = "its worker died"
            if isinstance(answer, Graded):
                self.idle.append(worker)
                return answer
            self._drop(worker)
            if isinstance(answer, MachineExhausted) or killed_on_machine() > killed_before:
                return None
            if isinstance(answer, SandboxUnavailable):
                raise answer
            reason = answer
        return lost(job, reason)

    def run_alone(self, job: Job) -> Graded:
        """Run one job while no other is run, without the workers that wait. Raises `SandboxUnavailable`."""
        while self.idle:
            self._drop(self.idle.pop())
        cause = "This machine ran out of memory with the notebook, not the notebook out of its own: grade it again."
        return self.run(job) or jobs.ungraded(job, "out_of_memory", cause)

    def prepare(self, workers: int, preparation: "Preparation") -> None:
        """Start workers before there is a job for them: loading the libraries takes some seconds."""
        self.idle += [self._new(preparation) for _ in range(workers)]

    def _take(self, preparation: "Preparation") -> "_Worker":
        with self.lock:
            if self.closed:
                raise concurrent.futures.CancelledError
            return self.idle.pop() if self.idle else self._new(preparation)

    def _new(self, preparation: "Preparation") -> "_Worker":
        if self.nursery is None or self.nursery.process.poll() is not None:
            self.nursery = _Nursery()
        try:
            worker = self.nursery.order(preparation)
        except ConnectionError:  # it has died just now
            self.nursery.end()
            self.nursery = _Nursery()
            worker = self.nursery.order(preparation)
        self.workers.add(worker)
        return worker

    def _drop(self, worker: "_Worker") -> None:
        with self.lock:
            if self.closed:  # whoever closes the crew ends its workers
                return
            self.workers.discard(worker)
        worker.end()

    def close(self) -> None:
        """End all workers and their sandboxes."""
        with self.lock:
            self.closed = True
            workers = list(self.workers)
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.end()
        if self.nursery:  # after its workers: their sandboxes are its children
            self.nursery.end()


@dataclasses.dataclass(frozen=True)
class Preparation:
    """What a worker can know before its first job: `libraries` are what tests need on the grader's own side."""

    sandbox: str
    limits: Limits
    modules: tuple[str, ...]
    libraries: tuple[str, ...]

    @classmethod
    def of(cls, job: Job) -> "Preparation":
        """For jobs like this one."""
        return cls.for_tests(jobs.way_of(job) == "outside", job.sandbox, job.limits, job.modules)

    @classmethod
    def for_tests(cls, are_outside: bool, sandbox: str, limits: Limits, modules: tuple[str, ...]) -> "Preparation":
        """For jobs with tests that are judged outside, where they need the same modules, or inside."""
        return cls(sandbox, limits, modules, modules if are_outside else INSIDE)


class _Nursery:
    """The process that forks workers, as the side that orders them sees it."""

    def __init__(self):
        ours, theirs = socket.socketpair()
        # A session of its own: Ctrl-C is for the process that is asked, which ends the others in order.
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            # One thread per worker; and neither a test nor an answer makes the grader download anything.
            env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self.control = Connection(ours.detach())

    def order(self, preparation: Preparation) -> "_Worker":
        """Return a worker that is not there yet; this does not wait for it."""
        ours, theirs = socket.socketpair()
        self.control.send(preparation)
        reduction.send_handle(self.control, theirs.fileno(), self.process.pid)
        theirs.close()
        return _Worker(Connection(ours.detach()))

    def end(self) -> None:
        """End the process, with the sandboxes that no worker has taken over yet."""
        self.process.terminate()
        try:
            self.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.control.close()


class _Worker:
    """A process that runs one job after another, as the side that hands them out sees it."""

    def __init__(self, connection: Connection):
        self.connection = connection
        self.lock = threading.Lock()
        self.pid = 0  # until it has come into the world and said so
        self.descriptor = -1  # of the process; a pid alone may be somebody else's by the time it is used

    def ask(self, job: Job) -> Graded | SandboxUnavailable | MachineExhausted | str:
        """What came of a job; a string says why nothing did. Raises `TimeoutError`, or `EOFError` if it died."""
        if not self._is_there(MARGIN):
            raise TimeoutError
        self.connection.send(job)
        if not self.connection.poll(job.limits.longest + MARGIN):
            raise TimeoutError
        return self.connection.recv()

    def _is_there(self, patience: float = 0) -> bool:
        if not self.pid and self.connection.poll(patience):
            with self.lock:  # to end it, another thread may ask as well
                if not self.pid:
                    self.pid = self.connection.recv()
                    self.descriptor = os.pidfd_open(self.pid)
        return self.pid != 0

    def terminate(self) -> None:
        """Ask the process to end; it takes its sandbox along. One that is not there yet ends when it comes."""
        with contextlib.suppress(EOFError, OSError):
            if self._is_there():
                signal.pidfd_send_signal(self.descriptor, signal.SIGTERM)

    def end(self) -> None:
        """End the process, by force if need be."""
        self.terminate()
        if self.descriptor >= 0:
            if not select.select([self.descriptor], [], [], GRACE)[0]:
                signal.pidfd_send_signal(self.descriptor, signal.SIGKILL)
                select.select([self.descriptor], [], [])
            os.close(self.descriptor)
        self.connection.close()


def nurse(descriptor: int) -> None:
    """A nursery's life: an order in, a worker out, until the other side hangs up.

    Nobody waits here for the processes that end: their numbers stay theirs as long as a worker may use them.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # for the workers, too
    import helpers  # noqa: F401  (sets how OpenMP waits, before torch is imported)

    control = Connection(descriptor)
    ordered: list[tuple[int, Warm | None]] = []
    try:
        with contextlib.suppress(EOFError, ConnectionError):
            while True:
                while not ordered or control.poll():
                    preparation = control.recv()
                    ordered.append((reduction.recv_handle(control), _start(preparation)))
                _load_libraries(preparation.libraries)
                _bear(control, ordered)
    finally:
        for _, warm in ordered:
            if warm:
                warm.close()
        os._exit(0)  # to unload the libraries takes a second or two


def _start(preparation: Preparation) -> Warm | None:
    with contextlib.suppress(SandboxUnavailable, OSError):  # the first job will say it
        return Warm(preparation.sandbox, preparation.limits, preparation.modules)


def _bear(control: Connection, ordered: list[tuple[int, Warm | None]]) -> None:
    """Fork the worker that was ordered first; each side closes what is the other's."""
    handle, warm = ordered[0]
    if os.fork() == 0:
        control.close()
        for other, others in ordered[1:]:
            os.close(other)
            if others:
                others.leave()
        serve(Connection(handle), warm)
    del ordered[0]
    os.close(handle)
    if warm:
        warm.leave()


def serve(connection: Connection, warm: Warm | None) -> None:
    """A worker's life: a job in, an answer out, until the other side hangs up. It does not return."""
    try:
        with contextlib.suppress(EOFError, ConnectionError):
            connection.send(os.getpid())
            while True:
                job = connection.recv()
                try:
                    wanted = (job.sandbox, job.limits, job.modules)
                    if warm is None or (warm.kind, warm.limits, warm.modules) != wanted:
                        if warm:
                            warm.close()
                        warm = Warm(*wanted)
                    warm.wait_until_ready()
                    _share_models(warm)
                    jobs.prepare(job)
                    answer = _in_a_fork(job, warm)
                except (SandboxUnavailable, OSError) as error:
                    answer = error if isinstance(error, SandboxUnavailable) else f"{type(error).__name__}: {error}"
                connection.send(answer)
    finally:
        if warm:
            warm.close()
        os._exit(0)  # to unload the libraries takes a second or two


def _share_models(warm: Warm) -> None:
    """Make by hand what has to be made so in the folder that the sandbox shows as well, for all submissions once."""
    if os.environ.get("COURSE_MODELS") != warm.models:
        os.environ["COURSE_MODELS"] = warm.models
        models.fetch.cache_clear()
        jobs.given_of.cache_clear()  # it names what lay in the folder before


def _in_a_fork(job: Job, warm: Warm) -> Graded | SandboxUnavailable | MachineExhausted | str:
    """What came of a job in a process that has run no other; a string says why nothing did."""
    ours, theirs = Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            models.allow_only(profiles.checkpoints())  # a test may be given any name
            theirs.send(_answer(job, warm))
            theirs.close()
        finally:
            os._exit(0)
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        return "its referee died"
    finally:
        ours.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _answer(job: Job, warm: Warm) -> Graded | SandboxUnavailable | MachineExhausted | str:
    try:
        return jobs.grade(job, warm)
    except (SandboxUnavailable, MachineExhausted) as error:
        return error
    except BaseException as error:  # whatever it is, it is this submission's
        return f"{type(error).__name__}: {error}"[:MESSAGE]


def _load_libraries(names: tuple[str, ...]) -> None:
    """Import what tests need on the grader's side, for all forks to share."""
    for name in names:
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.freeze()  # or every fork would copy what its collector looks at


def lost(job: Job, reason: str) -> Graded:
    """The end of a job with which the grader failed twice."""
    cause = f"The grader failed twice with this submission ({reason}): please report it with the notebook."
    return jobs.ungraded(job, "kernel_died", cause)
