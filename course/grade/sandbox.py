"""Where students' code runs, and what it cannot do there.

In: the kind of sandbox and the limits. Out: a `Warm` parent with the libraries loaded, which forks a
`Student` process for each submission. The grader talks to a student's process through one socket and two
pipes; it is never asked to trust what comes out of them.
"""

import array
import contextlib
import dataclasses
import hashlib
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from course.grade.kernel import HEADER, THREADS
from course.grade.values import MAX_BYTES, Handle, ValueRefused, decode, encode

KINDS = ("bwrap", "docker", "rlimits")  # the best first
IMAGE = "course-sandbox"  # an empty image: all that a container sees are mounts, as in bubblewrap
SYSTEM_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")  # into /usr on Debian, folders elsewhere
POLL = 0.1  # seconds between two looks at memory and processes
FEW = 8  # processes whose memory is looked at without counting them again
GRACE = 2.0  # seconds that an interrupted cell has to stop before it is killed
ENDING = 20.0  # seconds that the kernel may take to free gigabytes on a busy machine
SHOWN = ("text/plain", "image/png", "image/jpeg")  # what a graded notebook keeps: nothing that a browser would run
DISPLAY_LIMIT = 4 << 20  # characters of pictures and errors that one cell may show
PARENT_TASKS = 64  # in a container beside the submission's: the warm parent's, with the threads of its libraries
START = 180.0  # seconds to load the libraries on a slow, busy machine
ANSWERING = 30.0  # seconds for a command that starts or asks a sandbox
DOOR = "/run/course"  # where a container finds the socket to the grader
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


class Stopped(BaseException):
    """The student's process had to be ended or has gone; `verdict` is the word for it.

    No `Exception`: a test's `except Exception` must not take it for an error of the student's function.
    """

    verdict = "kernel_died"
    alive = False  # whether the process can go on with the next cell


class TimedOut(Stopped):
    verdict = "timed_out"

    def __init__(self, message: str, *, alive: bool = False):
        super().__init__(message)
        self.alive = alive


class OutOfMemory(Stopped):
    verdict = "out_of_memory"


class Forged(Stopped):
    """The student's process sent what our side of it never sends."""


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
    for candidate in [kind] if kind else KINDS:
        problem = {"bwrap": _bwrap_problem, "docker": _docker_problem, "rlimits": lambda: None}[candidate]()
        if problem is None:
            return candidate
        if kind:
            name = {"bwrap": "bubblewrap", "docker": "Docker"}[kind]
            raise SandboxUnavailable(f"{name} does not work on this machine: {problem}.")
    raise AssertionError("rlimits work everywhere")


def _bwrap_problem() -> str | None:
    if not shutil.which("bwrap"):
        return "it is not installed (Debian: apt-get install bubblewrap)"
    return _failure(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"])


def _docker_problem() -> str | None:
    """Docker must answer, and its containers be able to make namespaces, which part one submission from the next."""
    if not shutil.which("docker"):
        return "it is not installed (Debian: apt-get install docker.io)"
    no_files = bytes(10240)  # as tar says it
    has_image = _failure(["docker", "image", "inspect", IMAGE]) is None
    if not has_image and (problem := _failure(["docker", "import", "-", IMAGE], given=no_files)):
        return problem
    unshare = ["/bin/unshare", "--user", "--pid", "--mount", "--ipc", "--fork", "/bin/true"]
    return _failure(_docker(unshare, {}, Limits()))


def _failure(command: list[str], given: bytes = b"") -> str | None:
    """Why a command does not succeed: the last line that it says."""
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=ANSWERING)
    except subprocess.TimeoutExpired:
        return "it does not answer"
    said = done.stderr.decode(errors="replace").strip().splitlines() or ["it fails"]
    return None if done.returncode == 0 else said[-1].rstrip(".")


def _bwrap(command: list[str], environment: dict[str, str]) -> list[str]:
    """The command inside bubblewrap: the system read-only, this project's student side, nothing of the teacher's."""
    arguments = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    arguments += ["--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]
    for path in SYSTEM_LINKS:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in ["/sys/devices/system/cpu", *_readable()]:
        arguments += ["--ro-bind-try", path, path]
    arguments += ["--clearenv"]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    # What is not a mount of its own would be writable, and seen by the next submission (a module beside `helpers`).
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", *command]


def _docker(
    command: list[str], environment: dict[str, str], limits: Limits, name: str = "", door: str = ""
) -> list[str]:
    """The command inside a container that sees the same. `door` is the folder with the socket that it has to open."""
    arguments = ["docker", "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL"]
    # Docker's own filter forbids to make namespaces; a submission gets a stricter one (seccomp.py) when it has its own.
    for option in ("no-new-privileges", "seccomp=unconfined", "apparmor=unconfined"):
        arguments += ["--security-opt", option]
    arguments += ["--pids-limit", str(PARENT_TASKS + THREADS * limits.processes)]
    arguments += ["--user", "65534:65534" if os.getuid() == 0 else f"{os.getuid()}:{os.getgid()}"]
    arguments += ["--hostname", "sandbox", "--tmpfs", "/tmp:mode=1777"]
    arguments += ["--name", name] if name else []
    for path in SYSTEM_LINKS:
        if os.path.isdir(path):
            arguments += _mount(os.path.realpath(path), path)
    for path in _readable():
        arguments += _mount(path, path)
    for path in ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf"):  # Docker would show there what it knows
        arguments += _mount("/dev/null", path)
    arguments += _mount(door, DOOR) if door else []
    for variable, value in environment.items():
        arguments += ["--env", f"{variable}={value}"]
    return [*arguments, IMAGE, *command]


def _mount(source: str, target: str) -> list[str]:
    return ["--mount", f'type=bind,readonly,"source={source}","target={target}"']


def _readable() -> list[str]:
    """What a sandbox shows of this machine, read-only: the system, Python, the student's side of this project."""
    system = ["/usr", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/etc/mime.types"]
    return [
        path for path in dict.fromkeys([*system, sys.base_prefix, sys.prefix, *_student_side()]) if Path(path).exists()
    ]


def _student_side() -> list[str]:
    """Of this project a student's process sees `helpers`, and of the grader the modules that it runs."""
    names = ("__init__", "grade/__init__", "grade/kernel", "grade/seccomp", "grade/values")
    files = [REPO / "course" / f"{name}.py" for name in names]
    return [str(REPO / "helpers"), *map(str, files)]


def _environment(folder: str) -> dict[str, str]:
    """An allow-list: no tokens, no proxies, nothing that says that this is a grader. Files go to the folder."""
    home = f"{folder}/home"
    return {
        "TMPDIR": folder,
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
        self.folder = None if kind == "bwrap" else tempfile.mkdtemp(prefix="course-")
        self.group = None if kind == "docker" else _task_group()
        self.control, self.listener = None, None
        self.process = self._start_container() if kind == "docker" else self._start_process()
        self.root = self.process.pid  # of the processes that the grader looks after
        self.own: frozenset[int] = frozenset()

    def _start_process(self) -> subprocess.Popen:
        """The parent as a child of this process, with one end of a socket pair."""
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = _environment(self.folder or "/tmp")
        command = self._kernel(str(theirs.fileno()))
        if self.kind == "bwrap":
            command = _bwrap(command, environment)
        if self.group:  # joined before anything else is started, so that nothing escapes it
            command = ["/bin/sh", "-c", f'echo $$ > {self.group}/cgroup.procs && exec "$@"', "sh", *command]
        process = _popen(command, pass_fds=[theirs.fileno()], env=environment)
        theirs.close()
        return process

    def _start_container(self) -> subprocess.Popen:
        """The parent in a container, which opens a socket in the one folder that it shares with the grader."""
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(f"{self.folder}/socket")
        os.chmod(self.folder, 0o755)
        os.chmod(f"{self.folder}/socket", 0o666)
        self.listener.listen(1)
        name = Path(self.folder).name
        return _popen(_docker(self._kernel(f"{DOOR}/socket"), _environment("/tmp"), self.limits, name, self.folder))

    def _kernel(self, control: str) -> list[str]:
        mode = "plain" if self.kind == "rlimits" else "namespaces"
        limits = (self.limits.disk_mib, self.limits.memory_mib, self.limits.processes)
        return [sys.executable, "-m", "course.grade.kernel", control, mode, *map(str, limits)]

    def _open_door(self) -> None:
        """Let the parent in, and nobody after it."""
        self.listener.settimeout(ANSWERING)
        with contextlib.suppress(TimeoutError):
            self.control, _ = self.listener.accept()
        self.listener.close()
        os.unlink(f"{self.folder}/socket")
        if self.control:
            inspect = ["docker", "inspect", "--format", "{{.State.Pid}}", Path(self.folder).name]
            self.root = int(subprocess.run(inspect, capture_output=True, check=True).stdout)

    def wait_until_ready(self) -> None:
        """Return when the libraries are loaded. Raises `SandboxUnavailable`."""
        if self.own:
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
        self.own = frozenset(_descendants(self.root))
        if self.group:
            most = int((self.group / "pids.current").read_text()) + THREADS * self.limits.processes
            (self.group / "pids.max").write_text(str(most))  # the watch ends it before

    def __enter__(self):
        self.wait_until_ready()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        """End the parent and everything that it started."""
        if self.control:
            self.control.close()
        for process in _descendants(self.root):  # submissions have left its process group
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        if self.kind == "docker":  # also one that has not got as far as to open the door
            subprocess.run(["docker", "rm", "--force", Path(self.folder).name], capture_output=True)
        self.process.wait()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        deadline = time.monotonic() + GRACE
        while self.group and self.group.exists() and time.monotonic() < deadline:
            with contextlib.suppress(OSError):  # its last tasks are still on their way out
                self.group.rmdir()
            time.sleep(0.01)

    def leave(self) -> None:
        """Let go of the parent: another process, forked from this one, goes on with it."""
        for end in (self.control, self.listener, self.process.stderr):
            if end:
                end.close()

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
        answer = self.control.recv(64)
        if not answer:
            raise ConnectionError("The warm parent has gone.")
        pid = int(answer)
        if pid == 0:
            raise SandboxUnavailable("The sandbox could not make namespaces for a submission.")
        return Student(self, pid, connection, out_read, err_read, deadline)

    def interrupt(self, pid: int) -> None:
        """Interrupt a student's process, as the stop button of Jupyter does."""
        self.control.send(f"interrupt {pid}".encode())
        self.control.recv(64)

    def end(self) -> None:
        """Kill a student's process and all that it started; returns when nothing of them is left.

        What still lived, or whose memory was still being freed, would count towards the next submission. The parent
        is not asked: among a fork bomb's processes it would have to wait for its turn.
        """
        deadline = time.monotonic() + ENDING
        while left := self.processes():
            if time.monotonic() > deadline:
                raise TimeoutError("A submission's processes could not be ended.")
            for process in left:
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)
            time.sleep(0.005)
        if self.kind == "rlimits":
            shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> dict[int, int]:
        """The processes of the current submission, with the number of their threads."""
        return {pid: threads for pid, threads in _descendants(self.root).items() if pid not in self.own}


def _popen(command: list[str], **options) -> subprocess.Popen:
    nothing = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, start_new_session=True, **nothing, **options)


def _task_group() -> Path | None:
    """A control group for a sandbox, where the system lets us make one: as root, whose tasks no rlimit counts."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        mounted = {"pids": "/sys/fs/cgroup/pids", "": "/sys/fs/cgroup"}.get(controllers)
        with contextlib.suppress(OSError):
            if mounted:
                group = Path(tempfile.mkdtemp(prefix="course-", dir=mounted + path))
                if (group / "pids.max").exists():
                    return group
                group.rmdir()
    return None


def _descendants(root: int) -> dict[int, int]:
    """A process and all that come from it, with the number of their threads."""
    threads: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                stat = Path(entry.path, "stat").read_text(errors="replace").rpartition(")")[2].split()
                threads[int(entry.name)] = int(stat[17])
                children.setdefault(int(stat[1]), []).append(int(entry.name))
    found, queue = {}, [root]
    while queue:
        pid = queue.pop()
        found[pid] = threads.get(pid, 0)
        queue += children.get(pid, [])
    return found


def _resident_kib(pid: int) -> int:
    """Memory of a process with the pages that it still shares with its parent: quick to ask, never too little."""
    with contextlib.suppress(OSError, ValueError):
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:")))
    return 0


def _own_kib(pid: int) -> int:
    """Memory of a process: its private pages, and its share of what processes share without a file.

    The kernel walks through all its pages for that.
    """
    with contextlib.suppress(OSError, ValueError, LookupError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
        sizes = {name: int(size.split()[0]) for name, _, size in (line.partition(":") for line in lines)}
        return sizes["Private_Dirty"] + sizes.get("Pss_Shmem", 0)
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
        self.requests = 0
        self.held: dict[bytes, Handle] = {}
        self.received = bytearray()
        self.deadline = deadline or time.monotonic() + self.limits.total_seconds
        self.selector = selectors.DefaultSelector()
        for source in (connection, out, err):
            self.selector.register(source, selectors.EVENT_READ)
        connection.setblocking(False)

    def run(self, source: str) -> CellRun:
        """Run a cell. Raises `Stopped` if the process had to be ended."""
        self.take_printed()
        try:
            result = self.ask("run", source)
        except (CallFailed, ValueRefused):  # somebody has taken IPython apart
            raise Stopped("The notebook's process could not run the cell.") from None
        if type(result) is not dict or type(result.get("outputs")) is not list:
            raise Forged("The notebook's process answered with something that is not the result of a cell.")
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
        self.selector.close()
        self.connection.close()
        for descriptor in self.streams:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.streams = {}
        self.warm.end()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def ask(self, operation: str, *arguments, keep=None):
        """Carry out one operation on the student's side and return its value, or a `Handle`.

        `keep` names the handles among the arguments. Raises `CallFailed` for an exception there, `ValueRefused` for a
        value that may not go over, `Stopped` if the process had to be ended.
        """

        def known(value) -> Handle:
            return (keep(value) if keep else None) or self._held(value)

        return self._answer(encode([operation, *arguments], keep=known, pickles=True))

    def _held(self, value) -> Handle:
        """The student's copy of an object of the grader's, which goes over once: a tokenizer takes long to be read.

        An object that has changed since, such as a model put into another mode, goes over again.
        """
        request = encode(["hold", value], pickles=True)
        digest = hashlib.sha256(request).digest()
        if digest not in self.held:
            handle = self._answer(request)
            if type(handle) is not Handle:
                raise Forged("The notebook's process sent a reply of the wrong form.")
            self.held[digest] = handle
        return self.held[digest]

    def _answer(self, request: bytes):
        self.requests += 1
        try:
            reply = decode(self._exchange(HEADER.pack(len(request), self.requests) + request))
        except ValueRefused:  # our side of the process refuses such values itself
            reply = None
        match reply:
            case ("value", value):
                return value
            case ("refused", str(), [*_], str(message), str()):
                raise ValueRefused(message)
            case ("error", str(type_name), [*names], str(message), str(trace)) if all(type(n) is str for n in names):
                raise CallFailed(type_name, names, message, trace)
        raise Forged("The notebook's process sent a reply of the wrong form.")

    def _exchange(self, request: bytes) -> bytes:
        """Send a request and wait for the reply, within the limits."""
        cell_deadline = min(time.monotonic() + self.limits.cell_seconds, self.deadline)
        interrupted = False
        pending = memoryview(request)
        while True:
            now = time.monotonic()
            if now > cell_deadline:
                if interrupted:
                    raise TimedOut(
                        f"A cell did not end within {self.limits.cell_seconds:g} s and could not be interrupted."
                    )
                interrupted, cell_deadline = True, now + GRACE
                self.warm.interrupt(self.pid)
            self._watch()
            pending = self._send(pending)
            self._drain(0 if pending else POLL)
            is_open = self._receive()
            if (reply := self._next_reply()) is not None:
                if interrupted and time.monotonic() > self.deadline:
                    raise TimedOut(f"The notebook did not end within {self.limits.total_seconds:g} s.")
                if interrupted:
                    raise TimedOut(f"A cell did not end within {self.limits.cell_seconds:g} s.", alive=True)
                return reply
            if not is_open:
                raise Stopped("The notebook's process died.")

    def _next_reply(self) -> bytes | None:
        """The reply to the last request, if it is there; another one to an earlier request is thrown away."""
        while len(self.received) >= HEADER.size:
            length, number = HEADER.unpack(self.received[: HEADER.size])
            if length > MAX_BYTES + 4096 or number > self.requests:
                raise Forged("The notebook's process sent a reply of the wrong form.")
            end = HEADER.size + length
            if len(self.received) < end:
                break
            reply = bytes(self.received[HEADER.size : end])
            del self.received[:end]
            if number == self.requests and self.received:
                raise Forged("The notebook's process sent a reply that nobody has asked for.")
            if number == self.requests:
                return reply
        return None

    def _send(self, pending: memoryview) -> memoryview:
        if pending:
            try:
                return pending[self.connection.send(pending[: 1 << 18]) :]
            except BlockingIOError:
                time.sleep(0.005)
            except OSError:
                raise Stopped("The notebook's process died.") from None
        return pending

    def _receive(self) -> bool:
        """Take what has arrived; False when the other side has gone."""
        try:
            while part := self.connection.recv(1 << 18):
                self.received += part
                if len(self.received) > MAX_BYTES + 8192:
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
        memory = 0
        processes = self._processes()
        if sum(map(_resident_kib, processes)) >> 10 <= self.limits.memory_mib:
            return  # it cannot be too much
        for process in processes:
            memory += _own_kib(process) >> 10
            if memory > self.limits.memory_mib:
                raise OutOfMemory(f"The notebook used more than {self.limits.memory_mib} MiB of memory.")
            if len(processes) > FEW and time.monotonic() - now > POLL:
                now = time.monotonic()
                self._processes()  # to look at each of a fork bomb's takes longer than it takes to grow

    def _processes(self) -> dict[int, int]:
        processes = self.warm.processes()
        if len(processes) > self.limits.processes:
            raise Stopped(f"The notebook started more than {self.limits.processes} processes.")
        if sum(processes.values()) > THREADS * self.limits.processes:
            raise Stopped(f"The notebook started more than {THREADS * self.limits.processes} threads.")
        return processes


def _checked(outputs: list) -> list[dict]:
    """Of what a cell showed, the text and the pictures; the student's process may send anything."""
    kept, room = [], DISPLAY_LIMIT
    for output in outputs:
        if type(output) is not dict:
            continue
        kind, data = output.get("output_type"), output.get("data")
        if kind in ("display_data", "execute_result") and type(data) is dict:
            data = {mime: _text(data[mime]) for mime in SHOWN if type(data.get(mime)) is str}
            entry = {"output_type": kind, "data": data, "metadata": {}}
            entry |= {"execution_count": None} if kind == "execute_result" else {}
            room -= 1000 + sum(map(len, data.values()))
        elif kind == "error":
            name, message = (_text(output.get(key))[:2000] for key in ("ename", "evalue"))
            trace = output.get("traceback")
            trace = [_text(line)[:2000] for line in trace[:60]] if type(trace) is list else []
            entry = {"output_type": "error", "ename": name, "evalue": message, "traceback": trace}
            room -= 1000 + sum(map(len, (name, message, *trace)))
        else:
            continue
        if room < 0:
            break
        kept.append(entry)
    return kept


def _text(value) -> str:
    return value if type(value) is str else ""
