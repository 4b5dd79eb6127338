"""Where students' code runs, and what it cannot do there.

In: the kind of sandbox and the limits. Out: a `Warm` parent with the libraries loaded, which forks a
`Student` process for each submission. The grader talks to a student's process through one socket and two
pipes; it is never asked to trust what comes out of them.
"""

import array
import contextlib
import dataclasses
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from course.grade.kernel import LENGTH
from course.grade.values import MAX_BYTES, ValueRefused, decode, encode

KINDS = ("bwrap", "rlimits")
POLL = 0.1  # seconds between two looks at memory and processes
GRACE = 2.0  # seconds that an interrupted cell has to stop before it is killed
START = 180.0  # seconds to load the libraries on a slow, busy machine
REPO = Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Limits:
    """What one submission may use. A limit that is hit is a verdict with its cause, never a crash."""

    cell_seconds: float = 120.0  # a training cell of the course takes about twenty on one busy core
    total_seconds: float = 600.0  # many slow cells together
    memory_mib: int = 4096  # private memory of all its processes: training MiniLM takes less than one GiB
    processes: int = 256  # enough for any pool of workers, too few for a fork bomb
    output_bytes: int = 1 << 20  # of text that one cell prints: more is not read by anybody
    disk_mib: int = 512  # of /tmp, which lies in memory


class SandboxUnavailable(Exception):
    """A sandbox that this machine cannot give; the message says why."""


class Stopped(Exception):
    """The student's process had to be ended or has gone; `verdict` is the word for it."""

    verdict = "kernel_died"
    alive = False  # whether the process can go on with the next cell


class TimedOut(Stopped):
    verdict = "timed_out"

    def __init__(self, message: str, *, alive: bool = False):
        super().__init__(message)
        self.alive = alive


class OutOfMemory(Stopped):
    verdict = "out_of_memory"


class CallFailed(Exception):
    """The student's code raised an exception: `names` are its built-in classes, most special first."""

    def __init__(self, type_name: str, names: list[str], message: str, trace: str):
        super().__init__(message)
        self.type_name, self.names, self.message, self.trace = type_name, names, message, trace


@dataclasses.dataclass(frozen=True)
class CellRun:
    """What running a cell brought: outputs as nbformat has them, and whether it ended without an error."""

    ok: bool
    outputs: tuple[dict, ...]


def choose(kind: str | None) -> str:
    """Return the sandbox to use.

    The one that was asked for, or the best that works here. Raises `SandboxUnavailable`.
    """
    if kind == "rlimits":
        return kind
    problem = _bwrap_problem()
    if problem is None:
        return "bwrap"
    if kind == "bwrap":
        raise SandboxUnavailable(f"bubblewrap does not work on this machine: {problem}.")
    return "rlimits"


def _bwrap_problem() -> str | None:
    if not shutil.which("bwrap"):
        return "it is not installed (Debian: apt-get install bubblewrap)"
    try:
        command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except subprocess.TimeoutExpired:
        return "it does not answer"
    return None if done.returncode == 0 else done.stderr.strip().rstrip(".") or "it fails"


def _bwrap(command: list[str], environment: dict[str, str]) -> list[str]:
    """The command inside bubblewrap: the system read-only, this project's student side, nothing of the teacher's."""
    arguments = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    arguments += ["--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]
    for path in ("/bin", "/sbin", "/lib", "/lib32", "/lib64"):
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    readable = ["/usr", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/mime.types"]
    readable += ["/sys/devices/system/cpu", sys.base_prefix, sys.prefix, *_student_side()]
    for path in dict.fromkeys(readable):
        arguments += ["--ro-bind-try", path, path]
    arguments += ["--clearenv"]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    # What is not a mount of its own would be writable, and seen by the next submission (a module beside `helpers`).
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", *command]


def _student_side() -> list[str]:
    """Of this project a student's process sees `helpers`, and of the grader the two modules that it runs."""
    here = REPO / "course"
    files = [here / "__init__.py", *(here / "grade" / name for name in ("__init__.py", "kernel.py", "values.py"))]
    return [str(REPO / "helpers"), *map(str, files)]


def _environment() -> dict[str, str]:
    """An allow-list: no tokens, no proxies, nothing that says that this is a grader."""
    home = "/tmp/home"
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": home,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(REPO),
        "PYTHONDONTWRITEBYTECODE": "1",
        "IPYTHONDIR": f"{home}/.ipython",
        "MPLCONFIGDIR": f"{home}/.matplotlib",
        "HF_HOME": f"{home}/.huggingface",
        "HF_HUB_OFFLINE": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


class Warm:
    """A parent process in the sandbox, with torch and transformers loaded. Use it as a context manager."""

    def __init__(self, kind: str, limits: Limits):
        self.kind = kind
        self.limits = limits
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mode = "namespaces" if kind == "bwrap" else "plain"
        command = [sys.executable, "-m", "course.grade.kernel", str(theirs.fileno()), mode]
        command += [str(limits.disk_mib), str(limits.memory_mib)]
        environment = _environment()
        if kind == "bwrap":
            command = _bwrap(command, environment)
        self.process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        theirs.close()
        self.control.settimeout(START)
        self.own: frozenset[int] = frozenset()

    def wait_until_ready(self) -> None:
        """Return when the libraries are loaded. Raises `SandboxUnavailable`."""
        try:
            answer = self.control.recv(64)
        except TimeoutError:
            answer = b""
        if answer != b"ready":
            self.close()
            reason = self.process.stderr.read().decode(errors="replace").strip().splitlines()
            raise SandboxUnavailable(f"The sandbox did not start: {reason[-1] if reason else 'no reason was given'}.")
        self.own = frozenset(_descendants(self.process.pid))

    def __enter__(self):
        self.wait_until_ready()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """End the parent and everything that it started."""
        self.control.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def student(self, deadline: float | None = None) -> "Student":
        """Fork a process for a submission, which ends at `deadline` (monotonic). Raises `SandboxUnavailable`."""
        connection, theirs = socket.socketpair()
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        descriptors = array.array("i", [theirs.fileno(), out_write, err_write])
        self.control.sendmsg([b"fork"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        theirs.close()
        os.close(out_write)
        os.close(err_write)
        pid = int(self.control.recv(64) or 0)
        if pid == 0:
            raise SandboxUnavailable("The sandbox could not make namespaces for a submission.")
        return Student(self, pid, connection, out_read, err_read, deadline)

    def signal(self, pid: int, number: int) -> None:
        """Send a signal to a student's process; in a plain sandbox killing takes its process group along."""
        target = -pid if number == signal.SIGKILL and self.kind != "bwrap" else pid
        self.control.send(f"signal {target} {int(number)}".encode())
        self.control.recv(64)

    def usage(self) -> tuple[int, int]:
        """Processes of the current submission, and their private memory in MiB."""
        pids = _descendants(self.process.pid) - self.own
        return len(pids), sum(map(_private_kib, pids)) >> 10


def _descendants(root: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                stat = Path(entry.path, "stat").read_text(errors="replace")
                children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, queue = set(), [root]
    while queue:
        pid = queue.pop()
        found.add(pid)
        queue += children.get(pid, [])
    return found


def _private_kib(pid: int) -> int:
    """Memory that a process does not share with its warm parent."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_Dirty"):
                return int(line.split()[1])
    return 0


class Student:
    """The process of one submission, as the grader sees it."""

    def __init__(self, warm: Warm, pid: int, connection: socket.socket, out: int, err: int, deadline: float | None):
        self.warm = warm
        self.limits = warm.limits
        self.pid = pid
        self.connection = connection
        self.streams = {out: "stdout", err: "stderr"}
        self.printed: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self.cut = False
        self.peak_mib = 0
        self.deadline = deadline or time.monotonic() + self.limits.total_seconds
        self.selector = selectors.DefaultSelector()
        for source in (connection, out, err):
            self.selector.register(source, selectors.EVENT_READ)
        connection.setblocking(False)

    def run(self, source: str) -> CellRun:
        """Run a cell. Raises `Stopped` if the process had to be ended."""
        self.take_printed()
        result = self.ask("run", source)
        if type(result) is not dict or type(result.get("outputs")) is not list:
            raise Stopped("The notebook's process answered with something that is not the result of a cell.")
        return CellRun(result.get("ok") is True, tuple(self.take_printed() + _checked(result["outputs"])))

    def take_printed(self) -> list[dict]:
        """What was printed since the last time, as outputs."""
        self._drain(0)
        outputs = []
        for name, data in self.printed.items():
            if data:
                text = data.decode("utf-8", "replace") + ("\n[…]\n" if self.cut else "")
                outputs.append({"output_type": "stream", "name": name, "text": text})
                data.clear()
        self.cut = False
        return outputs

    def close(self) -> None:
        """Kill the process and all that it started; nothing of it remains."""
        with contextlib.suppress(OSError):
            self.warm.signal(self.pid, signal.SIGKILL)
        self.selector.close()
        self.connection.close()
        for descriptor in self.streams:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.streams = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, operation: str, *arguments, keep=None):
        """Carry out one operation on the student's side and return its value, or a `Handle`.

        `keep` names the handles among the arguments. Raises `CallFailed` for an exception there, `ValueRefused` for a
        value that may not go over, `Stopped` if the process had to be ended.
        """
        request = encode([operation, *arguments], keep=keep, pickles=True)
        reply = decode(self._exchange(LENGTH.pack(len(request)) + request))
        if type(reply) is not tuple or not reply:
            raise ValueRefused("The notebook's process sent a reply of the wrong form.")
        if reply[0] == "value" and len(reply) == 2:
            return reply[1]
        if reply[0] == "refused" and len(reply) == 5:
            raise ValueRefused(str(reply[3]))
        if reply[0] == "error" and len(reply) == 5 and type(reply[2]) is list:
            raise CallFailed(
                str(reply[1]), [name for name in reply[2] if type(name) is str], str(reply[3]), str(reply[4])
            )
        raise ValueRefused("The notebook's process sent a reply of the wrong form.")

    def _exchange(self, request: bytes) -> bytes:
        """Send a request and wait for the reply, within the limits."""
        cell_deadline = min(time.monotonic() + self.limits.cell_seconds, self.deadline)
        interrupted = False
        pending = memoryview(request)
        reply = bytearray()
        while True:
            now = time.monotonic()
            if now > cell_deadline:
                if interrupted:
                    raise TimedOut(
                        f"A cell did not end within {self.limits.cell_seconds:g} s and could not be interrupted."
                    )
                interrupted, cell_deadline = True, now + GRACE
                self.warm.signal(self.pid, signal.SIGINT)
            self._watch()
            pending = self._send(pending)
            self._drain(0 if pending else POLL)
            if not self._receive(reply):
                raise Stopped("The notebook's process died.")
            if len(reply) >= LENGTH.size:
                length = LENGTH.unpack(reply[: LENGTH.size])[0]
                if length > MAX_BYTES + 4096:
                    raise ValueRefused(f"The value is larger than {MAX_BYTES // 2**20} MiB.")
                if len(reply) >= LENGTH.size + length:
                    if interrupted and time.monotonic() > self.deadline:
                        raise TimedOut(f"The notebook did not end within {self.limits.total_seconds:g} s.")
                    if interrupted:
                        raise TimedOut(f"A cell did not end within {self.limits.cell_seconds:g} s.", alive=True)
                    return bytes(reply[LENGTH.size : LENGTH.size + length])

    def _send(self, pending: memoryview) -> memoryview:
        if pending:
            try:
                return pending[self.connection.send(pending[: 1 << 18]) :]
            except BlockingIOError:
                time.sleep(0.005)
            except OSError:
                raise Stopped("The notebook's process died.") from None
        return pending

    def _receive(self, reply: bytearray) -> bool:
        """Take what has arrived; False when the other side has gone."""
        try:
            while part := self.connection.recv(1 << 18):
                reply += part
                if len(reply) > MAX_BYTES + 8192:
                    return True
            return False
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _drain(self, wait: float) -> None:
        """Read what was printed, up to the limit; what comes after it is thrown away."""
        for key, _ in self.selector.select(wait):
            name = self.streams.get(key.fd)
            if name is None:
                continue
            data = os.read(key.fd, 1 << 16)
            if not data:
                self.selector.unregister(key.fd)
            room = self.limits.output_bytes - len(self.printed[name])
            self.printed[name] += data[:room]
            self.cut = self.cut or len(data) > room

    _last_look = 0.0

    def _watch(self) -> None:
        """End a submission that uses too much memory or too many processes."""
        now = time.monotonic()
        if now - self._last_look < POLL:
            return
        self._last_look = now
        processes, memory = self.warm.usage()
        self.peak_mib = max(self.peak_mib, memory)
        if memory > self.limits.memory_mib:
            raise OutOfMemory(f"The notebook used more than {self.limits.memory_mib} MiB of memory.")
        if processes > self.limits.processes:
            raise Stopped(f"The notebook started more than {self.limits.processes} processes.")


def _checked(outputs: list) -> list[dict]:
    """The outputs that have the form of nbformat; the student's process may send anything."""
    kept = []
    for output in outputs:
        if type(output) is not dict:
            continue
        kind, data = output.get("output_type"), output.get("data")
        if kind in ("display_data", "execute_result") and type(data) is dict:
            data = {mime: value for mime, value in data.items() if type(mime) is str}
            entry = {"output_type": kind, "data": data, "metadata": {}}
            kept.append(entry | ({"execution_count": None} if kind == "execute_result" else {}))
        elif kind == "error":
            trace = [str(line)[:2000] for line in output.get("traceback", [])][:60]
            error = {"ename": str(output.get("ename"))[:200], "evalue": str(output.get("evalue"))[:2000]}
            kept.append({"output_type": "error", **error, "traceback": trace})
    return kept
