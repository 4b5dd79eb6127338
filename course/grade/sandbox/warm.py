"""A parent process in the sandbox, with the libraries loaded, which forks a process for each submission.

In: the kind of sandbox, the limits, the modules to load. Out: a `Student` for a submission. One submission at a time:
when it ends, nothing of it is left.
"""

import contextlib
import errno
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from course.grade.sandbox import bubblewrap, docker, view
from course.grade.sandbox.groups import Groups
from course.grade.sandbox.limits import Limits, SandboxGone, SandboxUnavailable
from course.grade.sandbox.process.isolation import TASKS
from course.grade.sandbox.student import Student
from course.grade.sandbox.watch import Watch, descendants

START = 180.0  # seconds to load the libraries on a slow, busy machine
ENDING = 20.0  # seconds that the kernel may take to free gigabytes on a busy machine
CROWDED = 10.0  # seconds that descriptors in flight may keep the grader from handing over its own
LANGUAGE_MODELS = ("numpy", "torch", "transformers", "datasets", "evaluate", "sklearn.metrics", "accelerate", "pandas")
LANGUAGE_MODELS += ("matplotlib.pyplot", "seqeval.metrics")


class Warm:
    """The parent. Use it as a context manager."""

    def __init__(self, kind: str, limits: Limits, modules: tuple[str, ...] = LANGUAGE_MODELS):
        self.kind = kind
        self.limits = limits
        self.modules = modules
        self.core = Core()
        try:
            self.side = view.make_side()
            self.models = tempfile.mkdtemp(prefix="course-models-")  # made by hand; a submission reads them
            os.chmod(self.models, 0o755)
            self.folder = None if kind == "bwrap" else tempfile.mkdtemp(prefix="course-")
        except OSError as error:
            raise SandboxUnavailable(
                f"{tempfile.gettempdir()} takes no temporary files ({error.strerror}): make room there, or let TMPDIR "
                "name another folder."
            ) from None
        self.groups = Groups() if kind != "docker" else None
        self.control, self.listener = None, None
        _allow_more_descriptors_than_a_student_has()
        self.process = self._start_container() if kind == "docker" else self._start_process()
        self.watch = Watch(self.process.pid, self.groups)

    def _start_process(self) -> subprocess.Popen:
        """The parent as a child of this process, with one end of a socket pair."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = self._kernel(theirs.fileno())
        environment = view.environment(self.folder or "/tmp", self.models, self.side if self.folder else view.SIDE)
        if self.kind == "bwrap":
            command = bubblewrap.command(command, environment, self.side, self.models)
        process = _popen(self.groups.joining(command), pass_fds=[theirs.fileno()], env=environment)
        theirs.close()
        return process

    def _start_container(self) -> subprocess.Popen:
        """The parent in a container, which opens a socket in the one folder that it shares with the grader."""
        self.groups = Groups.none()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(f"{self.folder}/socket")
        os.chmod(self.folder, 0o755)
        os.chmod(f"{self.folder}/socket", 0o666)
        self.listener.listen(1)
        command, environment = self._kernel(f"{docker.DOOR}/socket"), view.environment("/tmp", self.models)
        shown = {self.side: view.SIDE, self.models: self.models, self.folder: docker.DOOR}
        return _popen(docker.command(command, environment, self.limits, shown, Path(self.folder).name))

    def _kernel(self, control: int | str) -> list[str]:
        settings = {
            "control": control,
            "namespaces": self.kind != "rlimits",
            "core": self.core.number,
            "modules": self.modules,
            "disk_mib": self.limits.disk_mib,
            "memory_mib": self.limits.memory_mib,
            "processes": self.limits.processes,
            "descriptors": self.limits.descriptors,
        }
        return [sys.executable, "-m", "course.grade.sandbox.process.kernel", json.dumps(settings)]

    def _open_door(self) -> None:
        """Let the parent in, and nobody after it."""
        self.listener.settimeout(START)
        with contextlib.suppress(TimeoutError):
            self.control, _ = self.listener.accept()
        self.listener.close()
        os.unlink(f"{self.folder}/socket")
        if self.control:
            inspect = ["docker", "inspect", "--format", "{{.State.Pid}}", Path(self.folder).name]
            self.watch.root = int(subprocess.run(inspect, capture_output=True, check=True).stdout)

    def wait_until_ready(self) -> None:
        """Return when the libraries are loaded. Raises `SandboxUnavailable`."""
        if self.watch.own:
            return
        if self.listener:
            self._open_door()
        answer = b""
        if self.control:
            self.control.settimeout(START)
            with contextlib.suppress(TimeoutError):
                answer = self.control.recv(64)
        if answer != b"ready":
            self.close()
            reason = self.process.stderr.read().decode(errors="replace").strip().splitlines()
            raise SandboxUnavailable(f"The sandbox did not start: {reason[-1] if reason else 'no reason was given'}.")
        self.watch.settle()

    def __enter__(self):
        self.wait_until_ready()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """End the parent and everything that it started."""
        if self.control:
            self.control.close()
        _signal(descendants(self.watch.root), signal.SIGKILL)  # submissions have left its process group
        if self.kind == "docker":  # also one that has not got as far as to open the door
            subprocess.run(["docker", "rm", "--force", Path(self.folder).name], capture_output=True)
        self.process.wait()
        for folder in filter(None, (self.folder, self.side, self.models)):
            shutil.rmtree(folder, ignore_errors=True)
        self.groups.remove()
        self.core.leave()

    def leave(self) -> None:
        """Let go of the parent: another process, forked from this one, goes on with it."""
        self.core.leave()
        for end in (self.control, self.listener, self.process.stderr):
            if end:
                end.close()

    def student(self, more_disk_mib: int = 0) -> Student:
        """Fork a process for a submission, with room for so much of the teacher's files.

        Raises `SandboxUnavailable`, `SandboxGone`.
        """
        connection, theirs = socket.socketpair()
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        handed_over = (theirs.fileno(), out_write, err_write)
        self.groups.limit(self.limits.memory_mib + self.limits.disk_mib + more_disk_mib, TASKS * self.limits.processes)
        self.watch.begin()
        try:
            _send(self.control, str(more_disk_mib).encode(), handed_over)
        finally:
            theirs.close()
            os.close(out_write)
            os.close(err_write)
        answer = self._reply()
        if int(answer) == 0:
            raise SandboxUnavailable("The sandbox could not make namespaces for a submission.")
        pid = self.watch.host_pid(1 if self.kind != "rlimits" else int(answer))
        if pid is not None:
            with contextlib.suppress(OSError):
                self.groups.admit(pid)
        return Student(self, pid, connection, out_read, err_read)

    def look_for_life(self) -> None:
        """Raise `SandboxGone` if somebody has ended the parent, and so a submission with it, which did nothing wrong.

        A submission cannot reach the parent: it has process numbers of its own. Without a sandbox it can, and its
        teacher shall hear that it died.
        """
        if self.kind != "rlimits":
            _send(self.control, b"?")
            self._reply()  # who is being ended does not reply any more, however long that takes

    def _reply(self) -> bytes:
        try:
            reply = self.control.recv(64)
        except OSError:
            reply = b""
        if not reply:
            raise SandboxGone
        return reply

    def end(self) -> None:
        """Kill a student's process and all that it started; returns when nothing of them is left.

        What still lived, or whose memory was still being freed, would count towards the next submission. The parent
        is not asked: among a fork bomb's processes it would have to wait for its turn.
        """
        deadline = time.monotonic() + ENDING
        while left := self.watch.processes():
            if time.monotonic() > deadline:
                raise TimeoutError("A submission's processes could not be ended.")
            _signal(left, signal.SIGKILL)
            time.sleep(0.005)
        if self.kind == "rlimits":
            shutil.rmtree(self.folder, ignore_errors=True)

    def prune(self, keep: set[int]) -> bool:
        """Kill the processes of a submission but for some: what a fork has started goes with it.

        They are stopped before they are killed: else a fork bomb would put new ones in the place of each. Returns
        whether there are some that have ended and still take numbers.
        """
        deadline = time.monotonic() + ENDING
        stopped: set[int] = set()
        while time.monotonic() < deadline:
            found = {pid: threads for pid, threads in self.watch.processes().items() if pid not in keep}
            left = {pid for pid, threads in found.items() if threads}
            if not left:
                return bool(found)
            _signal(left, signal.SIGKILL if left <= stopped else signal.SIGSTOP)
            stopped |= left
            time.sleep(0.005)
        return False

    def processes(self) -> dict[int, int]:
        """The processes of the current submission, with the number of their threads."""
        return self.watch.processes()


class Core:
    """A processor for one sandbox alone, so that a busy submission is slow by itself; no number if all are taken.

    Whoever has one holds a name that this machine gives only once, and that goes with its holder.
    """

    def __init__(self):
        self.number: int | None = None
        self.holder = socket.socket(socket.AF_UNIX)
        for number in sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else ():
            with contextlib.suppress(OSError):
                self.holder.bind(f"\0course-grade-core-{number}")
                self.number = number
                return
        self.holder.close()

    def leave(self) -> None:
        """Let go of it, if nobody else holds the same."""
        self.holder.close()


def _popen(command: list[str], **options) -> subprocess.Popen:
    nothing = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, start_new_session=True, **nothing, **options)


def _signal(processes: Iterable[int], number: int) -> None:
    for process in processes:
        with contextlib.suppress(OSError):
            os.kill(process, number)


def _send(connection: socket.socket, message: bytes, descriptors: tuple[int, ...] = ()) -> None:
    """Send a message, perhaps with descriptors: Linux refuses them while too many of this user's are in flight."""
    deadline = time.monotonic() + CROWDED
    while True:
        try:
            socket.send_fds(connection, [message], descriptors)
            return
        except OSError as error:
            if error.errno != errno.ETOOMANYREFS:
                raise SandboxGone from None
            if time.monotonic() > deadline:
                raise SandboxUnavailable("The system hands no descriptors over.") from None
            time.sleep(0.05)


def _allow_more_descriptors_than_a_student_has() -> None:
    """Raise this process's limit as far as it goes: descriptors in flight are counted for all of a user's processes,
    and each may send some as long as there are fewer than its own limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
