"""One submission: a shell, the objects that the grader holds handles of, and the requests that are answered.

In: a connection. Out: a reply to each request, as long as the grader is there. A branch is a fork of the process, with
a connection of its own: what happens there, the process itself never learns.
"""

import array
import contextlib
import itertools
import os
import random
import shutil
import socket
import struct
import tempfile
from pathlib import Path

from course.grade.sandbox.process import arrays
from course.grade.sandbox.process import shell as shells
from course.grade.sandbox.process.files import Files
from course.grade.sandbox.process.refused import ValueRefused
from course.grade.sandbox.process.values import MAX_ITEMS, Handle, decode, encode

HEADER = struct.Struct(">QQ")  # length, number of the request: a reply that comes late is known for what it is
SCRATCH = 4 << 20  # bytes of files that a branch gets its own copy of
LARGE = 256 << 10  # bytes from which on a file is not copied
DESCRIPTOR = array.array("i").itemsize


def read_frame(connection) -> tuple[int, bytes, int | None]:
    """Read one message: its number, its bytes, and the descriptor that came along, if one did.

    Raises `EOFError` when the other side has gone.
    """
    head, ancillary, _, _ = connection.recvmsg(1, socket.CMSG_SPACE(DESCRIPTOR))
    if not head:
        raise EOFError
    length, number = HEADER.unpack(head + _read_exactly(connection, HEADER.size - 1))
    descriptors = array.array("i", ancillary[0][2][:DESCRIPTOR]) if ancillary else []
    return number, _read_exactly(connection, length), descriptors[0] if descriptors else None


def _read_exactly(connection, length: int) -> bytes:
    buffer = bytearray()
    while len(buffer) < length:
        part = connection.recv(min(1 << 20, length - len(buffer)))
        if not part:
            raise EOFError
        buffer += part
    return bytes(buffer)


class Session:
    """The requests of the grader, and what they are answered with."""

    def __init__(self, connection):
        self.connection = connection
        self.descriptor: int | None = None  # that came with the current request
        self.objects: list[object] = []
        self.branches: set[int] = set()
        self.files: Files | None = None  # as they were when forks began to write
        self.copies = Path(tempfile.mkdtemp())  # of the working folder, one a fork
        self.shell = shells.make_shell()
        # A closed list: what is not here cannot be asked for.
        self.operations = {
            "run": lambda source, name: shells.run_cell(self.shell, source, name),
            "test": lambda *arguments: shells.run_test(self.shell, *arguments),
            "branch": self.branch,
            "reap": self.reap_all,
            "scratch": self.work_on_a_copy,
            "mark": self.mark,
            "restore": self.restore,
            "put": _put,
            "set": lambda name, value: os.environ.__setitem__(name, value),
            "hold": self.keep,
            "has": lambda name: name in self.shell.user_ns,
            "name": lambda name: self.shell.user_ns[name],
            "call": _call,
            "attribute": getattr,
            "item": lambda target, key: target[key],
            "items": lambda target: list(itertools.islice(target, MAX_ITEMS)),
            "content": _content,
            "length": len,
            "digests": _digests,
            "weights": lambda model, name, start, stop: _state(model)[name].reshape(-1)[start:stop].clone(),
        }

    def serve(self) -> None:
        """Answer requests until the grader closes the connection."""
        while True:
            try:
                number, request, self.descriptor = read_frame(self.connection)
            except EOFError:
                return
            except KeyboardInterrupt:  # came too late: the call that it was meant for has ended
                continue
            self._reap()
            reply = self.answer(request)
            self.connection.sendall(HEADER.pack(len(reply), number) + reply)

    def answer(self, request: bytes) -> bytes:
        """The reply to one request, an error included."""
        try:
            operation, *arguments = decode(request, resolve=self.resolve, pickles=True)
            return encode(("value", self.operations[operation](*arguments)), keep=self.keep)
        except BaseException as error:
            kind = "refused" if isinstance(error, ValueRefused) else "error"
            return encode((kind, *shells.described(error)))

    def keep(self, value) -> Handle:
        self.objects.append(value)
        return Handle(len(self.objects) - 1, type(value).__name__)

    def resolve(self, handle: Handle):
        return self.objects[handle.number]

    def branch(self) -> int:
        """Fork a process that goes on from here, on the connection that came along; returns its number here."""
        connection = socket.socket(fileno=self.descriptor)
        drawn = random.getstate()  # Python would draw a new seed in the child
        pid = os.fork()
        if pid:
            connection.close()
            self.branches.add(pid)
            return pid
        try:
            random.setstate(drawn)
            self.connection.close()
            self.connection, self.branches = connection, set()
            self.serve()
        finally:
            os._exit(0)

    def mark(self) -> None:
        """Keep files as they are, to have them back after forks have run."""
        self.files = Files(self.files)

    def restore(self) -> None:
        """Take back what forks have done to files."""
        if self.files:
            self.files.restore()
        shutil.rmtree(self.copies, ignore_errors=True)

    def work_on_a_copy(self) -> None:
        """Go to a copy of the working folder, so that what is written there is nobody else's; large files are links."""
        here = os.getcwd()
        files = [path for path in Path(here).rglob("*") if path.is_file() and not path.is_symlink()]
        if sum(size for path in files if (size := path.stat().st_size) <= LARGE) <= SCRATCH:
            self.copies.mkdir(exist_ok=True)
            copy = Path(tempfile.mkdtemp(dir=self.copies), "home")
            shutil.copytree(here, copy, symlinks=True, copy_function=_copy_or_link)
            os.chdir(copy)

    def reap_all(self) -> None:
        """Let go of everything that has ended, orphans of forks as well: each still takes a number of a process."""
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                self.branches.discard(pid)

    def _reap(self) -> None:
        """Let go of the branches that have ended; what the student's code has started is waited for by that code."""
        for pid in list(self.branches):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    self.branches.discard(pid)


def _call(target, arguments: list, keywords: dict) -> tuple:
    """Call; returns the value and those arguments that are not any more what they were, by place or name."""
    given = {key: value for key, value in [*enumerate(arguments), *keywords.items()] if _can_change(value)}
    before = {key: _snapshot(value) for key, value in given.items()}
    value = target(*arguments, **keywords)
    changed = {key: now for key, now in given.items() if before[key] is not None and _snapshot(now) != before[key]}
    return value, changed


def _can_change(value) -> bool:
    return type(value) in (list, dict, set, bytearray) or arrays.is_array(value)


def _snapshot(value) -> bytes | None:
    try:
        return encode(value)
    except ValueRefused:
        return None


def _content(target):
    """What an object holds that behaves like a dictionary, a set or a list, as one of these.

    Which of them it is, its class says; what it holds is compared on the grader's side.
    """
    from collections.abc import Mapping, Sequence, Set

    if isinstance(target, Mapping):
        return {key: target[key] for key in itertools.islice(target, MAX_ITEMS)}
    if isinstance(target, Set):
        return set(itertools.islice(target, MAX_ITEMS))
    if isinstance(target, Sequence):
        return list(itertools.islice(target, MAX_ITEMS))
    raise ValueRefused(f"An object of the type {type(target).__name__} cannot be compared: make it a plain value.")


def _state(model) -> dict:
    """The weights of a model by name."""
    return {str(name): tensor.detach().cpu() for name, tensor in model.state_dict().items()}


def _digests(model) -> dict[str, tuple[str, list[int]]]:
    """Name of a model's tensor → SHA-256 of its bytes, and its shape."""
    return {name: (arrays.digest(tensor), list(tensor.shape)) for name, tensor in _state(model).items()}


def _put(name: str, data: bytes, append: bool) -> None:
    """Lay a file of the teacher's or the student's beside the notebook."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab" if append else "wb") as file:
        file.write(data)


def _copy_or_link(source: str, target: str) -> None:
    if os.stat(source).st_size <= LARGE:
        shutil.copy2(source, target)
    else:
        os.symlink(source, target)
