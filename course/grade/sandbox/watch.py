"""What the processes of a submission use, as Linux shows it from outside.

In: the process at the root of a sandbox. Out: its processes, their memory, descriptors and processor time, and
`Stopped` as soon as a submission uses too much. What no process shows (buffers of sockets, say) is bounded by the
number of those that could have any.
"""

import contextlib
import os
import re
import time
from pathlib import Path

from course.grade.sandbox.groups import Groups, killed_on_machine
from course.grade.sandbox.limits import Limits, MachineExhausted, OutOfMemory, Stopped
from course.grade.sandbox.process.isolation import TASKS

POLL = 0.1  # seconds between two looks
ROOM = 0.75  # of the memory that a process may hold after a cell that wanted more than there was
FEW = 8  # processes whose memory is looked at without counting them again
SLACK_MIB = 16  # by which the memory of shared maps may grow before each of them is looked at
TICKS = os.sysconf("SC_CLK_TCK")
SHARED_MAP = re.compile(rb"^(\w+)-(\w+) \S+s \w+ \S+ (\d+) +/dev/zero", re.MULTILINE)


class Watch:
    """Looks after the submission of the moment in one sandbox."""

    def __init__(self, root: int, groups: Groups):
        self.root = root
        self.groups = groups
        self.own: frozenset[int] = frozenset()  # the sandbox's processes, which are nobody's submission
        self.inherited_kib = 0  # memory that every submission shares with the parent
        self.cpu_seconds = 0.0  # that the submission has used, when it was last looked at
        self._last_look = 0.0
        self._killed = self._killed_on_machine = 0
        self._counted: dict[int, int] = {}  # process → its memory in KiB when all were counted exactly
        self._exact_kib = 0
        self._shmem_kib = 0  # of the whole machine, when shared maps were last looked at

    def settle(self) -> None:
        """Take the processes of now for the sandbox's own."""
        self.own = frozenset(descendants(self.root))
        self.inherited_kib = max(map(_resident_kib, self.own), default=0)

    def begin(self) -> None:
        """A new submission: nothing of it has been seen."""
        self._counted, self._exact_kib, self._last_look, self.cpu_seconds = {}, 0, 0.0, 0.0
        self._shmem_kib = _shmem_kib()
        self._note_kills()

    def _note_kills(self) -> None:
        self._killed, self._killed_on_machine = self.groups.killed(), killed_on_machine()

    def look_for_kills(self, limits: Limits, *, has_died: bool = False) -> None:
        """End a submission of which the system has killed a process for want of memory, by an exception.

        Raises `MachineExhausted` where it was not the submission that had reached its limit. Where nobody counts a
        submission's own processes, that is asked when one `has_died`.
        """
        is_own = self.groups.killed() > self._killed
        uncounted = has_died and self.groups.used_mib() is None
        if is_own or (uncounted and killed_on_machine() > self._killed_on_machine):
            self._note_kills()
            if not self.groups.has_been_full():
                raise MachineExhausted
            raise OutOfMemory(f"The notebook used more than {limits.memory_mib} MiB of memory.")

    def processes(self) -> dict[int, int]:
        """The processes of the current submission, with the number of their threads."""
        found = {pid: process for pid, process in descendants(self.root).items() if pid not in self.own}
        self.cpu_seconds = max(self.cpu_seconds, sum(seconds for _, seconds in found.values()))
        return {pid: threads for pid, (threads, _) in found.items()}

    def host_pid(self, pid: int) -> int | None:
        """The number outside of the sandbox of a process that has this one inside."""
        for process in self.processes():
            with contextlib.suppress(OSError, ValueError, IndexError):
                status = Path(f"/proc/{process}/status").read_text(errors="replace")
                numbers = re.search(r"^NSpid:\s*(.*)$", status, re.MULTILINE)[1].split()
                if int(numbers[-1]) == pid:
                    return process
        return None

    def look(self, limits: Limits, *, at_once: bool = False) -> None:
        """End a submission that uses too much, by an exception; unless `at_once`, not more often than `POLL` says."""
        now = time.monotonic()
        if now - self._last_look < POLL and not at_once:
            return
        self._last_look = now
        processes = self._few_enough(limits)
        self._check_descriptors(processes, limits)
        self._check_memory(processes, limits)

    def look_for_room(self, limits: Limits) -> None:
        """End a submission that has kept so much memory that the next cell would end it, by an exception."""
        kept = sum(max(0, _resident_kib(process) - self.inherited_kib) for process in self.processes())
        if kept > ROOM * (limits.memory_mib << 10):
            raise OutOfMemory(f"The notebook used more than {limits.memory_mib} MiB of memory.")

    def _few_enough(self, limits: Limits) -> dict[int, int]:
        processes = self.processes()
        if len(processes) > limits.processes:
            raise Stopped(f"The notebook started more than {limits.processes} processes.")
        if sum(processes.values()) > TASKS * limits.processes:
            raise Stopped(f"The notebook started more than {TASKS * limits.processes} threads.")
        return processes

    def _check_descriptors(self, processes: dict[int, int], limits: Limits) -> None:
        total = 0
        for process in processes:
            with contextlib.suppress(OSError):
                total += len(os.listdir(f"/proc/{process}/fd"))
        if total > limits.all_descriptors:
            raise Stopped(f"The notebook had more than {limits.all_descriptors} files and connections open.")

    def _check_memory(self, processes: dict[int, int], limits: Limits) -> None:
        counted = self.groups.used_mib()
        if counted is not None and counted <= limits.memory_mib:
            return
        memory = self._shared_maps_kib(processes)
        # Exact counting walks through all pages; it cannot have become too much by more than processes have grown.
        grown = {pid: _resident_kib(pid) for pid in processes}
        growth = sum(max(0, size - self._counted.get(pid, 0)) for pid, size in grown.items())
        if self._exact_kib + growth + memory > limits.memory_mib << 10:
            self._exact_kib = self._count(processes, limits, memory)
            self._counted = grown

    def _count(self, processes: dict[int, int], limits: Limits, memory: int) -> int:
        """KiB of memory of all processes together; what they share is divided among them."""
        total, started = 0, time.monotonic()
        allowed = (limits.memory_mib << 10) + self.inherited_kib
        for number, process in enumerate(processes, 1):
            total += _proportional_kib(process)
            # The parent has its share of what it shares with the first one, and a smaller one with each further.
            inherited = self.inherited_kib * number // (number + 1)
            if total + memory > allowed or total + memory - inherited > limits.memory_mib << 10:
                raise OutOfMemory(f"The notebook used more than {limits.memory_mib} MiB of memory.")
            if number > FEW and time.monotonic() - started > POLL:
                started = time.monotonic()
                self._few_enough(limits)  # to look at each of a fork bomb's takes longer than it takes to grow
        return max(0, total - self.inherited_kib * len(processes) // (len(processes) + 1))

    def _shared_maps_kib(self, processes: dict[int, int]) -> int:
        """The size of anonymous memory that processes share, in use or not: its pages need not show anywhere.

        It is looked for only where the machine has more shared memory than when the submission began.
        """
        if _shmem_kib() - self._shmem_kib < SLACK_MIB << 10:
            return 0
        sizes: dict[bytes, int] = {}
        for process in processes:
            with contextlib.suppress(OSError):
                for first, last, inode in SHARED_MAP.findall(Path(f"/proc/{process}/maps").read_bytes()):
                    sizes[inode] = max(sizes.get(inode, 0), int(last, 16) - int(first, 16))
        return sum(sizes.values()) >> 10


def descendants(root: int) -> dict[int, tuple[int, float]]:
    """A process and all that come from it, with the number of their threads and their processor time in seconds.

    One that has ended, and whose parent has not looked yet, has no threads: it still takes a number.
    """
    stats = {int(name): stat for name in os.listdir("/proc") if name.isdigit() and (stat := _stat(name))}
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(int(stat[1]), []).append(pid)
    found, queue = {}, [root]
    while queue:
        pid = queue.pop()
        found[pid] = _threads_and_seconds(stats[pid]) if pid in stats else (0, 0.0)
        queue += children.get(pid, [])
    return found


def _stat(pid: str) -> list[bytes]:
    """What /proc says of a process, from its state on; empty if it has gone. All processes are asked many times."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
        try:
            return os.read(descriptor, 4096).rpartition(b")")[2].split()
        finally:
            os.close(descriptor)
    except OSError:
        return []


def _threads_and_seconds(stat: list[bytes]) -> tuple[int, float]:
    threads = int(stat[17])
    has_ended = stat[0] in (b"Z", b"X") and threads < 2  # else its first thread has ended and others have not
    return 0 if has_ended else threads, sum(map(int, stat[11:15])) / TICKS


def starved_seconds(pid: int) -> float:
    """How long a process has waited for a processor that others had, in its whole life."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    return 0.0


def _shmem_kib() -> int:
    with contextlib.suppress(OSError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("Shmem:")), 0)
    return 0


def _resident_kib(pid: int) -> int:
    """Memory of a process with the pages that it still shares: quick to ask, never too little for what shows."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))
    return 0


def _proportional_kib(pid: int) -> int:
    """Memory of a process that lies in no file: its own pages, and its share of those that several have.

    The kernel walks through all its pages for that.
    """
    with contextlib.suppress(OSError, ValueError, LookupError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(size.split()[0]) for name, _, size in (line.partition(":") for line in lines)}
        return sizes["Pss_Anon"] + sizes.get("Pss_Shmem", 0)
    return 0
