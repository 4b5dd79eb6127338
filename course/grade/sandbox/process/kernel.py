"""The parent of all submissions' processes: loads the heavy libraries once, and then only forks.

It is started inside the sandbox. Each child makes itself a world of its own (`isolation`) and answers one connection
(`session`). The parent is out of a child's reach: another pid namespace, not dumpable, its control socket closed.
"""

import array
import contextlib
import functools
import gc
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable

from course.grade.sandbox.process import isolation
from course.grade.sandbox.process.session import Session
from course.grade.sandbox.process.shell import make_shell  # noqa: F401  (imported before the first fork)

# What every submission's shell would else import for itself, three quarters of the time in which it starts.
ALWAYS = ("IPython.core.interactiveshell", "IPython.core.magics", "IPython.core.application", "IPython.core.logger")
ALWAYS += ("IPython.core.magics.ast_mod", "IPython.core.magics.execution", "IPython.core.completerlib", "asyncio")
ALWAYS += ("importlib.metadata", "matplotlib_inline.backend_inline", "cloudpickle")


def main() -> None:
    """`python -m course.grade.sandbox.process.kernel SETTINGS`: warm up, then fork on demand.

    `SETTINGS` is JSON: `control`, the number of an open socket or the path of one; `namespaces`, whether children get
    their own; `core`, the processor that all of them share, or null; `modules` to load; and the limits `disk_mib`,
    `memory_mib`, `processes`, `descriptors`.
    """
    settings = json.loads(sys.argv[1])
    control = _open_control(settings["control"])
    isolation.hide_from_children()
    if not settings["namespaces"]:
        isolation.adopt_orphans()
    if not settings["namespaces"] or os.getpid() == 1:  # in bubblewrap process 1 is bubblewrap's
        signal.signal(signal.SIGCHLD, _reap)
    if settings["core"] is not None:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {settings["core"]})  # the filter of system calls forbids to leave it
    _warm_up(settings["modules"])
    control.send(b"ready")
    while True:
        message, ancillary, _, _ = control.recvmsg(64, socket.CMSG_SPACE(3 * 4))
        if not message:
            return
        if not ancillary:  # somebody wants to know whether this process lives
            control.send(b"yes")
            continue
        descriptors = array.array("i", ancillary[0][2])
        fork = _fork_into_namespaces if settings["namespaces"] else _fork
        pid = fork(control, functools.partial(_serve_forever, descriptors, settings, int(message)))
        for descriptor in descriptors:
            os.close(descriptor)
        control.send(str(pid).encode())


def _open_control(name: int | str) -> socket.socket:
    if isinstance(name, int):
        return socket.socket(fileno=name)
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.connect(name)
    return control


def _warm_up(modules: list[str]) -> None:
    for name in (*ALWAYS, *modules):
        with contextlib.suppress(ImportError):
            __import__(name)
    if "torch" in sys.modules:  # pools of threads do not survive a fork; one thread a submission
        sys.modules["torch"].set_num_threads(1)
        sys.modules["torch"].set_num_threads = lambda number: None
    if "transformers" in sys.modules:
        from transformers import AutoModelForTokenClassification, BertConfig, Trainer  # noqa: F401  (loaded lazily)
    if "matplotlib.backends" in sys.modules:
        with contextlib.suppress(Exception):  # before 3.9 it is not there; of two packages' backends it may complain
            sys.modules["matplotlib.backends"].backend_registry.list_all()  # looks through all installed packages
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
            isolation.enter_namespaces()
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


def _serve_forever(descriptors, settings: dict, more_disk_mib: int) -> None:
    """The child's life, from its first instruction to its last."""
    try:
        isolation.enter(settings, more_disk_mib)
        isolation.standard_streams(descriptors[1], descriptors[2])
        os.makedirs(os.environ["HOME"], exist_ok=True)
        os.chdir(os.environ["HOME"])
        sys.path.insert(0, "")  # as in Jupyter: modules of the teacher's lie beside the notebook
        Session(socket.socket(fileno=descriptors[0])).serve()
    except BaseException:  # nothing of a child may run on in the parent's code
        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
