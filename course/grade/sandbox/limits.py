"""What one submission may use, and what happens when it does not keep to that.

In: nothing. Out: every limit in one place, with the reason beside the number, and the exceptions by which the sandbox
says that a process had to be ended or has gone.
"""

import dataclasses

from course import Refusal


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one submission may use. A limit that is hit is a verdict with its cause, never a crash.

    Seconds do not count in which a process waited for a processor that others had, as long as the submission is not
    itself the one that keeps it busy.
    """

    cell_seconds: float = 120.0  # a training cell of the course takes about twenty on one busy core
    total_seconds: float = 600.0  # of all graded cells together; the student's own cells have as much again
    memory_mib: int = 4096  # private memory of all its processes: training MiniLM takes less than one GiB
    processes: int = 256  # enough for any pool of workers, too few for a fork bomb
    output_bytes: int = 1 << 20  # of text that one cell prints: more is not read by anybody
    disk_mib: int = 1024  # of /tmp and /dev/shm together, in memory: the largest encoder, saved with its optimizer
    descriptors: int = 512  # of one process: a library maps a few dozen files
    all_descriptors: int = 2048  # of all its processes: a socket takes up to half a MiB of memory that nobody counts

    @property
    def longest(self) -> float:
        """Seconds after which a submission has ended in any case, with its own cells and on the busiest machine."""
        return 2 * STRETCH * self.total_seconds


STRETCH = 4.0  # how much longer than its seconds a cell may take on a machine that others keep busy


class SandboxUnavailable(Refusal):
    """A sandbox that this machine cannot give; the message says why."""


class Stopped(BaseException):
    """The student's process had to be ended or has gone; `verdict` is the word for it.

    No `Exception`: a test's `except Exception` must not take it for an error of the student's function.
    """

    verdict = "kernel_died"
    alive = False  # whether the process can go on with the next cell


class TimedOut(Stopped):
    """Something took too long."""

    verdict = "timed_out"

    def __init__(self, message: str, *, alive: bool = False):
        super().__init__(message)
        self.alive = alive


class OutOfMemory(Stopped):
    """The submission used more memory than it may."""

    verdict = "out_of_memory"


class Disturbed(BaseException):
    """What a submission was doing was ended from outside: nobody can say more of it.

    Not `Stopped`, which would be the submission's fault: it has to be run again.
    """


class MachineExhausted(Disturbed):
    """The whole machine ran out of memory, and something of a submission was ended for it."""


class SandboxGone(Disturbed):
    """The sandbox was ended, and with it the submission, which cannot do that itself."""

    def __init__(self):
        super().__init__("The sandbox has gone.")


class Unforkable(Stopped):
    """The process lives, but has so many threads, say, that it cannot be forked."""

    alive = True


class Forged(Stopped):
    """The student's process sent what our side of it never sends."""


class CallFailed(Exception):
    """The student's code raised an exception.

    `names` are its built-in classes, most special first; `places` the lines of cells that it came through, as name of
    the cell and number of the line, the innermost last.
    """

    def __init__(self, type_name: str, names: list[str], message: str, trace: str, places: list[tuple[str, int]]):
        super().__init__(message)
        self.type_name, self.names, self.message, self.trace, self.places = type_name, names, message, trace, places


@dataclasses.dataclass(frozen=True)
class Patience:
    """How long a request may take, and what is said when it takes longer."""

    seconds: float
    sentence: str

    @classmethod
    def for_a_cell(cls, limits: Limits) -> "Patience":
        """As long as one cell may take."""
        return cls(limits.cell_seconds, f"A cell did not end within {limits.cell_seconds:g} s")
