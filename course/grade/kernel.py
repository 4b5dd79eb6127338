"""The student's process: runs cells, answers calls. It is started inside the sandbox and knows nothing of tests.

The parent imports the heavy libraries once and then only forks: one child a submission. A child gives itself
new user, pid, mount and ipc namespaces, a private /tmp and an empty /proc, drops every privilege, and serves
one connection. As it is process 1 of its namespace, killing it kills all that it started. The parent is out
of its reach: another pid namespace, not dumpable, its control socket closed.

Requests and replies are values (`course.grade.values`), each behind its length and the number of the request.
"""

import array
import base64
import builtins
import contextlib
import ctypes
import functools
import gc
import itertools
import os
import re
import resource
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from course.grade import seccomp
from course.grade.values import MAX_ITEMS, Handle, ValueRefused, decode, encode

WARM = ("numpy", "torch", "transformers", "datasets", "evaluate", "sklearn.metrics", "accelerate", "pandas")
WARM += ("matplotlib.pyplot", "matplotlib_inline.backend_inline", "IPython.core.interactiveshell", "seqeval.metrics")
DISPLAY_LIMIT = 1 << 20  # bytes that one cell may show, in pictures mostly
THREADS = 2  # tasks for each process that is allowed
ENTRY_SIZE = 100  # counted for each thing that is shown, however small
HEADER = struct.Struct(">QQ")  # length, number of the request: a reply that comes late is known for what it is

CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x08000000, 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 0x1000, 0x4000, 0x40000
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 4, 24, 36, 38
DOCKERS_OWN = ("/dev/mqueue", "/run", "/sys/kernel")  # a container has them, but they are nothing of a submission's
LIBC = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """`python -m course.grade.kernel CONTROL namespaces|plain DISK_MIB MEMORY_MIB PROCESSES`.

    `CONTROL` is the number of an open socket, or the path of one. Warm up, then fork on demand.
    """
    control = _open_control(sys.argv[1])
    namespaces, limits = sys.argv[2] == "namespaces", tuple(map(int, sys.argv[3:]))
    LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    if not namespaces:  # who is orphaned stays a child of ours, where the grader finds it
        LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if not namespaces or os.getpid() == 1:  # in bubblewrap process 1 is bubblewrap's
        signal.signal(signal.SIGCHLD, _reap)
    _warm_up()
    control.send(b"ready")
    while True:
        message, ancillary, _, _ = control.recvmsg(64, socket.CMSG_SPACE(3 * 4))
        command, *numbers = message.split()
        if not message:
            return
        if command == b"fork":
            descriptors = array.array("i", ancillary[0][2])
            fork = _fork_into_namespaces if namespaces else _fork
            pid = fork(control, functools.partial(_serve_forever, descriptors, namespaces, *limits))
            for descriptor in descriptors:
                os.close(descriptor)
            control.send(str(pid).encode())
        elif command == b"interrupt":
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(numbers[0]), signal.SIGINT)
            control.send(b"done")


def _open_control(name: str) -> socket.socket:
    if name.isdigit():
        return socket.socket(fileno=int(name))
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(name)
    return control


def _warm_up() -> None:
    for name in WARM:
        with contextlib.suppress(ImportError):
            __import__(name)
    import torch

    # Pools of threads do not survive a fork; one thread a submission, as many submissions as cores.
    torch.set_num_threads(1)
    from transformers import AutoModelForTokenClassification, BertConfig, Trainer  # noqa: F401  (loaded lazily)

    gc.collect()
    gc.freeze()


def _reap(*_) -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _fork(control, serve: Callable[[], None]) -> int:
    """Fork a child that serves a connection; returns its pid."""
    pid = os.fork()
    if pid == 0:
        control.close()
        serve()
    return pid


def _fork_into_namespaces(control, serve: Callable[[], None]) -> int:
    """The same, in namespaces of its own; returns 0 if they could not be made."""
    reader, writer = os.pipe()
    middle = os.fork()
    if middle == 0:
        code = 1
        try:
            os.close(reader)
            control.close()
            _enter_namespaces()
            child = os.fork()
            if child == 0:
                os.close(writer)
                serve()
            os.write(writer, str(child).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with contextlib.suppress(ChildProcessError):  # reaped already
        os.waitpid(middle, 0)
    with os.fdopen(reader, "rb") as pipe:
        return int(pipe.read() or 0)


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _enter_namespaces() -> None:
    uid, gid = os.getuid(), os.getgid()
    LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else the maps below may not be written
    _check(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _serve_forever(descriptors, namespaces: bool, disk_mib: int, memory_mib: int, processes: int) -> None:
    """The child's life, from its first instruction to its last."""
    try:
        inherited_mib = _private_data_mib()
        with contextlib.suppress(OSError):  # if the machine runs out of memory, this is what has to go
            Path("/proc/self/oom_score_adj").write_text("1000")
        os.setsid()  # else `os.kill(0, …)` would reach the parent: process groups cross namespaces
        if namespaces:
            _private_filesystem(disk_mib)
            _drop_privileges()
            _set_task_limit(THREADS * processes)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the grader runs in the background
        _set_limits(disk_mib, inherited_mib + memory_mib)
        _standard_streams(descriptors[1], descriptors[2])
        os.makedirs(os.environ["HOME"], exist_ok=True)
        os.chdir(os.environ["HOME"])
        sys.path.insert(0, "")  # as in Jupyter: modules of the teacher's lie beside the notebook
        Session(socket.socket(fileno=descriptors[0])).serve()
    except BaseException:  # nothing of a child may run on in the parent's code
        traceback.print_exc()
    finally:
        os._exit(0)


def _private_filesystem(disk_mib: int) -> None:
    _check(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
    options = f"size={disk_mib}m,mode=1777".encode()
    below = {point: os.open(point, os.O_PATH) for point in _mounts_below("/tmp")}
    for path in (b"/tmp", b"/dev/shm"):  # the two places where a student's code can write
        _check(LIBC.mount(b"tmpfs", path, b"tmpfs", MS_NOSUID | MS_NODEV, options), path.decode())
    for path in filter(os.path.isdir, DOCKERS_OWN):
        _check(LIBC.mount(b"tmpfs", path.encode(), b"tmpfs", MS_RDONLY, None), path)
    for point, descriptor in below.items():
        _bind(f"/proc/self/fd/{descriptor}", point)
        os.close(descriptor)
    # Libraries look up the processor and the memory there; about processes there is nothing to see.
    kept = {name: _read(f"/proc/{name}") for name in ("cpuinfo", "meminfo", "stat", "version")}
    _check(LIBC.mount(b"tmpfs", b"/proc", b"tmpfs", MS_NOSUID | MS_NODEV, b"size=4m,mode=755"), "/proc")
    for name, text in kept.items():
        with open(f"/proc/{name}", "wb") as file:
            file.write(text)


def _mounts_below(folder: str) -> list[str]:
    """The mounts in a folder: of the project's own files, where it was cloned into /tmp."""
    points = [line.split()[4] for line in _read("/proc/self/mountinfo").splitlines()]
    paths = [point.decode("unicode_escape").encode("latin-1").decode() for point in points]
    return sorted(path for path in paths if path.startswith(f"{folder}/"))


def _bind(source: str, target: str) -> None:
    """Show a file or folder at another place, which is made."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, "w").close()
    _check(LIBC.mount(source.encode(), target.encode(), None, MS_BIND | MS_REC, None), target)


def _private_data_mib() -> int:
    """What the parent's libraries already count towards RLIMIT_DATA."""
    line = next(line for line in _read("/proc/self/status").splitlines() if line.startswith(b"VmData"))
    return int(line.split()[1]) >> 10


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


class _CapHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _CapData(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def _drop_privileges() -> None:
    _check(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    for capability in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    _check(LIBC.capset(ctypes.byref(_CapHeader(0x20080522, 0)), (_CapData * 2)()), "capset")
    seccomp.forbid(LIBC)


def _set_limits(disk_mib: int, memory_mib: int) -> None:
    """What the kernel itself enforces, process by process; the grader watches the sums.

    Private memory is limited, not address space: torch maps gigabytes that it never touches.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mib << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (disk_mib << 20,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that grows too long is an error, not death


def _set_task_limit(tasks: int) -> None:
    """Stop a fork bomb where it starts. (Not root's: it obeys no such limit, and the grader makes a control group.)

    Since Linux 5.14 tasks are counted by user namespace, and a submission has its own; before that, all that the
    user runs on the machine would count.
    """
    if tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) >= (5, 14):
        resource.setrlimit(resource.RLIMIT_NPROC, (tasks, tasks))


def _standard_streams(stdout: int, stderr: int) -> None:
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for descriptor in (null, stdout, stderr):
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115


def read_frame(connection) -> tuple[int, bytes]:
    """Read one message and its number; raises `EOFError` when the other side has gone."""
    length, number = HEADER.unpack(_read_exactly(connection, HEADER.size))
    return number, _read_exactly(connection, length)


def _read_exactly(connection, length: int) -> bytes:
    buffer = bytearray()
    while len(buffer) < length:
        part = connection.recv(min(1 << 20, length - len(buffer)))
        if not part:
            raise EOFError
        buffer += part
    return bytes(buffer)


class Session:
    """One submission: an IPython shell, and the objects that the grader holds handles of."""

    def __init__(self, connection):
        self.connection = connection
        self.objects: list[object] = []
        self.shell = _make_shell()
        # Requests that make no sense in Jupyter are no attributes of this class: a closed list.
        self.operations = {
            "run": self.run,
            "put": _put,
            "hold": lambda value: value,
            "has": lambda name: name in self.shell.user_ns,
            "name": lambda name: self.shell.user_ns[name],
            "call": lambda target, arguments, keywords: target(*arguments, **keywords),
            "attribute": getattr,
            "item": lambda target, key: target[key],
            "items": lambda target: list(itertools.islice(target, MAX_ITEMS)),
            "length": len,
        }

    def serve(self) -> None:
        """Answer requests until the grader closes the connection."""
        while True:
            try:
                number, request = read_frame(self.connection)
            except EOFError:
                return
            except KeyboardInterrupt:  # came too late: the call that it was meant for has ended
                continue
            reply = self.answer(request)
            self.connection.sendall(HEADER.pack(len(reply), number) + reply)

    def answer(self, request: bytes) -> bytes:
        """The reply to one request, an error included."""
        try:
            operation, *arguments = decode(request, resolve=self.resolve, pickles=True)
            return encode(("value", self.operations[operation](*arguments)), keep=self.keep)
        except BaseException as error:
            return encode(_described(error))

    def keep(self, value) -> Handle:
        self.objects.append(value)
        return Handle(len(self.objects) - 1, type(value).__name__)

    def resolve(self, handle: Handle):
        return self.objects[handle.number]

    def run(self, source: str) -> dict:
        """Run a cell as Jupyter would.

        Returns `ok` and the outputs other than stdout and stderr, as nbformat has them.
        """
        self.shell.outputs.clear()
        result = self.shell.run_cell(source, store_history=True)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        return {"ok": bool(result.success), "outputs": list(self.shell.outputs)}


def _put(name: str, data: bytes) -> None:
    """Lay a file of the teacher's beside the notebook."""
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(name, "wb") as file:
        file.write(data)


def _described(error: BaseException) -> tuple:
    """An exception as plain data: the names of its built-in classes, its message, its traceback."""
    names = [kind.__name__ for kind in type(error).__mro__ if getattr(builtins, kind.__name__, None) is kind]
    try:
        trace = "".join(traceback.format_exception(error)[-20:])[-8000:]
    except BaseException:
        trace = ""
    kind = "refused" if isinstance(error, ValueRefused) else "error"
    return (kind, type(error).__name__[:200], names, _message(error), trace)


def _message(error: BaseException) -> str:
    try:
        return "".join(str(error)[:2000])  # not a class derived from str
    except BaseException:
        return "(the error cannot be printed)"


def _make_shell():
    from IPython.core.displayhook import DisplayHook
    from IPython.core.displaypub import DisplayPublisher
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    outputs: list[dict] = []
    by_id: dict[str, dict] = {}  # those that can still be changed
    total = 0

    def show(kind: str, data: dict, metadata: dict | None, display_id: str | None = None) -> None:
        nonlocal total
        if not outputs:  # a new cell
            by_id.clear()
            total = 0
        data = {mime: _as_text(value) for mime, value in data.items() if isinstance(value, (str, bytes))}
        earlier = by_id.get(display_id)
        more = ENTRY_SIZE + sum(map(len, data.values())) - (earlier["size"] if earlier else 0)
        if total + more > DISPLAY_LIMIT:
            return
        total += more
        if earlier:
            earlier.update(data=data, size=earlier["size"] + more)
            return
        entry = {"output_type": kind, "data": data, "metadata": {}, "size": more}
        outputs.append(entry)
        if display_id:
            by_id[display_id] = entry

    class Publisher(DisplayPublisher):
        def publish(self, data, metadata=None, *, transient=None, update=False, **_):
            show("display_data", data, metadata, (transient or {}).get("display_id"))

        def clear_output(self, wait=False):
            pass

    class Hook(DisplayHook):
        def __call__(self, result=None):
            if result is not None and not self.quiet():
                data, metadata = self.compute_format_data(result)
                self.update_user_ns(result)
                show("execute_result", data, metadata)

    class Shell(InteractiveShell):
        def _showtraceback(self, etype, evalue, stb):
            text = [str(line) for line in stb][-40:]
            name = getattr(etype, "__name__", str(etype))
            outputs.append({"output_type": "error", "ename": name, "evalue": _message(evalue), "traceback": text})

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    # The richer modes look through all modules for each frame: with torch loaded, endless recursion took 75 s to show.
    config.InteractiveShell.xmode = "Plain"
    shell = Shell.instance(config=config, display_pub_class=Publisher, displayhook_class=Hook)
    shell.outputs = outputs
    with contextlib.suppress(Exception):
        shell.enable_matplotlib("inline")
    return shell


def _as_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else base64.b64encode(value).decode("ascii")


if __name__ == "__main__":
    main()
