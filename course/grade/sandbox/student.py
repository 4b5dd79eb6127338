"""The process of one submission, as the grader sees it.

In: cells to run, requests, files. Out: outputs and plain values. The grader talks to it through one socket and two
pipes, and never trusts what comes out of them. A branch is a fork of the process: it has everything as it is now, and
what happens in it the process itself never learns.
"""

import contextlib
import hashlib
import os
import selectors
import signal
import socket
import time

from course.grade.sandbox.limits import (
    STRETCH,
    CallFailed,
    Forged,
    Patience,
    Stopped,
    TimedOut,
    Unforkable,
)
from course.grade.sandbox.outputs import CellRun, checked
from course.grade.sandbox.process.session import HEADER
from course.grade.sandbox.process.values import MAX_BYTES, Handle, ValueRefused, decode, encode
from course.grade.sandbox.watch import POLL, starved_seconds

GRACE = 2.0  # seconds that an interrupted cell has to stop before it is killed
BURIAL = 10.0  # seconds that it has to take note of hundreds of processes which have ended
PIECE = 16 << 20  # bytes of a file that go over at a time


class Printed:
    """What the processes of a submission print, up to the limit of a cell."""

    def __init__(self, out: int, err: int, limit: int):
        self.names = {out: "stdout", err: "stderr"}
        self.limit = limit
        self.data: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self.cut = False
        self.ended: set[int] = set()

    def read(self, descriptor: int) -> None:
        """Take what has arrived; what is beyond the limit is thrown away."""
        data = os.read(descriptor, 1 << 16)
        if not data:
            self.ended.add(descriptor)
        name = self.names[descriptor]
        room = self.limit - len(self.data[name])
        self.data[name] += data[:room]
        self.cut = self.cut or len(data) > room

    def take(self) -> list[dict]:
        """What was printed since the last time, as outputs."""
        outputs = []
        for name, data in self.data.items():
            if data:
                text = data.decode("utf-8", "replace") + ("\n[…]\n" if self.cut else "")
                outputs.append({"output_type": "stream", "name": name, "text": text})
                data.clear()
        self.cut = False
        return outputs

    def close(self) -> None:
        """Hear nothing more."""
        for descriptor in self.names:
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.names = {}


class Line:
    """Requests to one process, and its replies, one at a time."""

    def __init__(self, warm, pid: int | None, connection: socket.socket, printed: Printed):
        self.warm = warm
        self.limits = warm.limits
        self.pid = pid
        self.connection = connection
        self.printed = printed
        self.requests = 0
        self.starved = 0.0  # seconds of its requests in which others kept it from running
        self.held: dict[bytes, Handle] = {}
        self.received = bytearray()
        connection.setblocking(False)

    def answers(self) -> bool:
        """Whether the process lives: no process replies to whom a signal is on its way that ends it."""
        try:
            self.ask("has", "")
        except Stopped:
            return False
        except (CallFailed, ValueRefused):
            pass
        return True

    def clock(self) -> float:
        """Seconds on a clock that stands still while others keep the process from running."""
        return time.monotonic() - self.starved

    def ask(self, operation: str, *arguments, keep=None, patience: Patience | None = None):
        """Carry out one operation on the student's side and return its value, or a `Handle`.

        `keep` names the handles among the arguments. Raises `CallFailed` for an exception there, `ValueRefused` for a
        value that may not go over, `Stopped` if the process had to be ended,
        `Disturbed` if that was nobody's fault.
        """

        def known(value) -> Handle:
            return (keep(value) if keep else None) or self._held(value)

        request = encode([operation, *arguments], keep=known, pickles=True)
        return self._answer(request, patience or Patience.for_a_cell(self.limits))

    def _held(self, value) -> Handle:
        """The student's copy of an object of the grader's, which goes over once: a tokenizer takes long to be read.

        An object that has changed since, such as a model put into another mode, goes over again.
        """
        request = encode(["hold", value], pickles=True)
        digest = hashlib.sha256(request).digest()
        if digest not in self.held:
            handle = self._answer(request, Patience.for_a_cell(self.limits))
            if type(handle) is not Handle:
                raise Forged("The notebook's process sent a reply of the wrong form.")
            self.held[digest] = handle
        return self.held[digest]

    def _answer(self, request: bytes, patience: Patience, descriptor: int | None = None):
        self.requests += 1
        try:
            message = HEADER.pack(len(request), self.requests) + request
            reply = decode(self._exchange(message, patience, descriptor))
        except ValueRefused:  # our side of the process refuses such values itself
            reply = None
        match reply:
            case ("value", value):
                return value
            case ("refused", str(), [*_], str(message), str(), [*_]):
                raise ValueRefused(message)
            case ("error", str(type_name), [*names], str(message), str(trace), [*places]):
                if all(type(name) is str for name in names) and all(map(_is_place, places)):
                    raise CallFailed(type_name, names, message, trace, places)
        raise Forged("The notebook's process sent a reply of the wrong form.")

    def _exchange(self, request: bytes, patience: Patience, descriptor: int | None) -> bytes:
        """Send a request and wait for the reply, within the limits."""
        clock = _Clock(self.warm.watch, self.pid, patience.seconds)
        interrupted = None
        pending = memoryview(request)
        with self._selector() as selector:
            while True:
                if interrupted and time.monotonic() > interrupted + GRACE:
                    raise TimedOut(f"{patience.sentence} and could not be interrupted.")
                if not interrupted and clock.is_over():
                    interrupted = time.monotonic()
                    self._interrupt()
                self._watch()
                pending, descriptor = self._send(pending, descriptor)
                self._read_printed(selector, 0 if pending else POLL)
                is_open = self._receive()
                if (reply := self._next_reply()) is not None:
                    self.starved += clock.starved_since()
                    if interrupted:
                        raise TimedOut(f"{patience.sentence}.", alive=True)
                    return reply
                if not is_open:
                    raise self._death()

    def _selector(self):
        selector = selectors.DefaultSelector()
        for source in (self.connection, *self.printed.names):
            if source not in self.printed.ended:
                selector.register(source, selectors.EVENT_READ)
        return selector

    def _read_printed(self, selector, wait: float) -> None:
        for key, _ in selector.select(wait):
            if key.fd in self.printed.names:
                self.printed.read(key.fd)
                if key.fd in self.printed.ended:
                    selector.unregister(key.fd)

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

    def _send(self, pending: memoryview, descriptor: int | None) -> tuple[memoryview, int | None]:
        """Send as much as goes, with the first byte the descriptor; returns what is left of both."""
        if pending:
            try:
                if descriptor is not None:
                    return pending[socket.send_fds(self.connection, [pending[:1]], [descriptor]) :], None
                return pending[self.connection.send(pending[: 1 << 18]) :], None
            except BlockingIOError:
                time.sleep(0.005)
            except OSError:
                raise self._death() from None
        return pending, descriptor

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

    def _interrupt(self) -> None:
        """Interrupt the process, as the stop button of Jupyter does."""
        if self.pid is not None:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGINT)

    def _watch(self) -> None:
        self.warm.watch.look(self.limits)

    def _death(self) -> Stopped:
        """Why the other side has gone. Raises `Disturbed` if that was not the notebook's own doing."""
        self.warm.watch.look_for_kills(self.limits, has_died=True)
        self.warm.look_for_life()
        return Stopped("The notebook's process died.")


class Student(Line):
    """The process of a submission itself. Use it as a context manager."""

    def __init__(self, warm, pid: int | None, connection: socket.socket, out: int, err: int):
        super().__init__(warm, pid, connection, Printed(out, err, warm.limits.output_bytes))

    def run(self, source: str, name: str = "<cell 0>", patience: Patience | None = None) -> CellRun:
        """Run a cell. Raises `Stopped` if the process had to be ended."""
        self.take_printed()
        try:
            result = self.ask("run", source, name, patience=patience)
        except (CallFailed, ValueRefused):  # somebody has taken IPython apart
            raise Stopped("The notebook's process could not run the cell.") from None
        if type(result) is not dict or type(result.get("outputs")) is not list:
            raise Forged("The notebook's process answered with something that is not the result of a cell.")
        self.warm.watch.look(self.limits, at_once=True)  # what a cell leaves behind is its own, not the next one's
        return CellRun(result.get("ok") is True, tuple(self.take_printed() + checked(result["outputs"])))

    def put(self, name: str, data: bytes) -> None:
        """Lay a file beside the notebook."""
        for start in range(0, len(data) or 1, PIECE):
            self.ask("put", name, data[start : start + PIECE], start > 0)

    def take_printed(self) -> list[dict]:
        """What was printed since the last time, as outputs."""
        with self._selector() as selector:
            self._read_printed(selector, 0)
        return self.printed.take()

    def branch(self) -> "Branch":
        """Fork the process. Raises `Stopped`."""
        return _branch(self)

    def prune(self, keep: set[int]) -> None:
        """Kill all processes but some, and have this one take note of that: else they would still count."""
        deadline = time.monotonic() + BURIAL
        while self.warm.prune(keep) and time.monotonic() < deadline:
            with contextlib.suppress(Stopped, CallFailed, ValueRefused):  # there may still be too many
                self.ask("reap", patience=Patience(GRACE, "Processes were not buried"))
            time.sleep(POLL / 5)

    def close(self) -> None:
        """Kill the process and all that it started; nothing of it remains."""
        self.connection.close()
        self.printed.close()
        self.warm.end()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _watch(self) -> None:
        super()._watch()
        self.warm.watch.look_for_kills(self.limits)


class Branch(Line):
    """A fork of a submission's process, thrown away when it has been asked what it was made for."""

    def branch(self) -> "Branch":
        """Fork the fork."""
        return _branch(self)

    def close(self) -> None:
        """End it; what it started ends with the submission."""
        self.connection.close()
        if self.pid is not None:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)


def _branch(line: Line) -> Branch:
    connection, theirs = socket.socketpair()
    try:
        pid = line._answer(encode(["branch"]), Patience.for_a_cell(line.limits), theirs.fileno())
    except BaseException as error:
        connection.close()
        if isinstance(error, (CallFailed, ValueRefused)):
            raise Unforkable("The notebook's process could not be forked.") from None
        raise
    finally:
        theirs.close()
    host_pid = line.warm.watch.host_pid(pid) if type(pid) is int else None
    if host_pid is None or host_pid == line.pid:
        connection.close()
        line.warm.look_for_life()
        raise Stopped("The notebook's process could not be forked.")
    branch = Branch(line.warm, host_pid, connection, line.printed)
    branch.held = dict(line.held)
    return branch


def _is_place(place) -> bool:
    match place:
        case (str(), int()):
            return True
    return False


class _Clock:
    """Seconds of a request that count: not those in which others kept the process from running.

    A submission that keeps its processor busy itself has had its time, whatever its first process was waiting for.
    """

    def __init__(self, watch, pid: int | None, seconds: float):
        self.watch, self.pid, self.seconds = watch, pid, seconds
        self.started = time.monotonic()
        self.starved = starved_seconds(pid) if pid else 0.0
        self.used = watch.cpu_seconds

    def is_over(self) -> bool:
        elapsed = time.monotonic() - self.started
        if elapsed <= self.seconds:
            return False
        if self.pid is None or elapsed > STRETCH * self.seconds:
            return True
        return max(elapsed - self.starved_since(), self.watch.cpu_seconds - self.used) > self.seconds

    def starved_since(self) -> float:
        return starved_seconds(self.pid) - self.starved if self.pid else 0.0
