"""What a student's code can see, reach and leave behind: nothing but its own notebook."""

# ruff: noqa: E501  (students' programs)

import os
import re
import socket
import threading

import pytest

from course import ROOT

ALL = {"test_add", "test_scale", "test_tally"}

TRY = """def attempt(what, action):
    try:
        print(what, "OPEN", repr(action())[:200])
    except BaseException as error:
        print(what, "shut", type(error).__name__)
"""


def lines(outcome, word: str) -> list[str]:
    """What the attempts at something printed."""
    return [line for line in outcome.printed.splitlines() if line.startswith(f"{word} ")]


def test_10_11_27_nothing_of_the_teachers_can_be_read(grade):
    """Neither the source with its answers, nor the gradebook, the tests, other students, the host's files."""
    paths = [ROOT / "source", ROOT / "release", ROOT / "tests", ROOT / "gradebook.db", ROOT / "nbgrader_config.py"]
    paths += [ROOT / ".git", ROOT / "course/units", ROOT / "course/grade/referee.py", ROOT / "course/grade/job.py"]
    paths += ["/etc/passwd", "/etc/shadow", "/etc/hostname", "/root/.bashrc", "/root/.ssh", "/home", "/var", "/run"]
    paths += [
        "/proc/1/environ",
        "/proc/self/environ",
        "/proc/self/mem",
        "/proc/1/root",
        "/sys/kernel",
        "/dev/sda",
        "/dev/mem",
    ]
    cell = f"""{TRY}
import os
for path in {list(map(str, paths))}:
    attempt("path", lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(9))
for top, folders, files in os.walk({str(ROOT.parent)!r}):
    for name in files:
        if name.endswith((".ipynb", ".db")) and "site-packages" not in top:
            print("path OPEN", top, name)
print("seen", sorted(os.listdir({str(ROOT)!r})))"""
    outcome = grade(before=(cell,))
    empty = ("path OPEN b''", "path OPEN []")
    assert [line for line in lines(outcome, "path") if "OPEN" in line and line not in empty] == []
    assert len(lines(outcome, "path")) == len(paths)
    assert set(eval(lines(outcome, "seen")[0].removeprefix("seen "))) <= {".venv", "course", "helpers"}


def test_21_no_variable_of_the_host(grade):
    """No token and no proxy: an allow-list of variables."""
    cell = "import os, subprocess\nprint('env', dict(os.environ))\nprint(subprocess.run(['env'], capture_output=True, text=True).stdout)"
    outcome = grade(before=(cell,))
    assert "env {" in outcome.printed and "PATH=" in outcome.printed
    assert os.environ["HF_TOKEN"] not in outcome.printed
    assert "TOKEN" not in outcome.printed.replace("TOKENIZERS", "").upper()


def test_21_no_network(grade):
    """A server on the host's loopback hears nothing; names are not resolved."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        cell = f"""{TRY}
import socket, urllib.request
attempt("net", lambda: socket.create_connection(("127.0.0.1", {port}), 2))
attempt("net", lambda: socket.create_connection(("192.0.2.1", 80), 2))
attempt("net", lambda: socket.create_connection(("::1", {port}), 2))
attempt("net", lambda: socket.getaddrinfo("example.org", 80))
attempt("net", lambda: urllib.request.urlopen("http://127.0.0.1:{port}", timeout=2))
attempt("net", lambda: socket.socket(socket.AF_UNIX).connect("/run/docker.sock"))
attempt("net", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)))"""
        outcome = grade(before=(cell,))
        listener = threading.Thread(target=lambda: heard.append(_accepted(server)))
        listener.start()
        listener.join()
    assert heard == [None]
    assert outcome.earned == ALL
    assert [line.split()[1] for line in lines(outcome, "net")] == ["shut"] * 7


def _accepted(server):
    try:
        return server.accept()
    except TimeoutError:
        return None


def test_the_warm_parent_is_out_of_reach(grade, warm):
    """It cannot be seen, signalled, traced, read or spoken to; nor can the sandbox be left from inside."""
    pids = sorted(warm.watch.own)
    cell = f"""{TRY}
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
def call(result):
    if result == -1 or result is None:
        raise OSError(ctypes.get_errno(), "refused")
    return result
for pid in [*range(2, 40), *{pids}]:
    attempt("parent", lambda: os.kill(pid, signal.SIGKILL))
    attempt("parent", lambda: call(libc.ptrace(16, pid, 0, 0)))
    attempt("parent", lambda: open(f"/proc/{{pid}}/mem", "rb"))
attempt("parent", lambda: os.kill(os.getppid(), 9) if os.getppid() else 1 / 0)
attempt("escape", lambda: call(libc.unshare(0x10000000)))
attempt("escape", lambda: call(libc.unshare(0x00020000)))
attempt("escape", lambda: call(libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)))
attempt("escape", lambda: call(libc.umount2(b"/proc", 2)))
attempt("escape", lambda: call(libc.ptrace(0, 0, 0, 0)))
attempt("escape", lambda: os.chroot("/tmp"))
attempt("escape", lambda: os.setuid(0))
attempt("escape", lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(8, 0)))
attempt("escape", lambda: call(libc.syscall(248, b"user", b"note", b"x", 1, -3)))
attempt("escape", lambda: os.memfd_create("x"))
attempt("escape", lambda: call(libc.shmget(7, 1 << 30, 0o1666)))
attempt("escape", lambda: call(libc.syscall(435, 0, 0)))"""
    outcome = grade(before=(cell,))
    assert [line for line in lines(outcome, "parent") + lines(outcome, "escape") if "OPEN" in line] == []
    assert len(lines(outcome, "escape")) == 12
    assert outcome.earned == ALL


def test_no_open_file_of_the_graders(grade):
    """The process holds its three streams, its line and its loop, nothing that the parent had open."""
    cell = """import os
from IPython.core.async_helpers import get_asyncio_loop
loop = get_asyncio_loop()
own = loop._selector.fileno(), loop._ssock.fileno(), loop._csock.fileno()
def is_open(number):
    try:
        os.fstat(number)
        return True
    except OSError:
        return False
print("files", [number for number in range(1024) if is_open(number) and number not in own])"""
    (printed,) = lines(grade(before=(cell,)), "files")
    assert re.fullmatch(r"files \[0, 1, 2, \d+\]", printed)


PLACES = [
    "/",
    str(ROOT),
    f"{ROOT}/course",
    f"{ROOT}/course/grade",
    f"{ROOT}/helpers",
    "/usr",
    "/etc",
    "/dev",
    "/sys",
    "/root",
]


def test_only_the_temporary_folders_can_be_written(grade):
    """A module beside `helpers` would be imported by the next submission.

    Where the project was cloned into /tmp, the folders around its own files lie in the submission's private /tmp.
    """
    shut = [place for place in PLACES if not place.startswith("/tmp/")]
    cell = f"""{TRY}
for folder in {shut}:
    attempt("write", lambda: open(folder + "/tqdm.py", "w").write("x"))
attempt("write", lambda: open(np.__file__, "a"))
attempt("temporary", lambda: open("/tmp/x", "w").write("x"))
attempt("temporary", lambda: open("/dev/shm/x", "w").write("x"))"""
    outcome = grade(before=("import numpy as np", cell))
    assert {line.split()[1] for line in lines(outcome, "write")} == {"shut"}
    assert len(lines(outcome, "write")) == len(shut) + 1
    assert {line.split()[1] for line in lines(outcome, "temporary")} == {"OPEN"}


LEAVE = f"""{TRY}
import builtins, ctypes, os, pathlib, signal, socket, subprocess, sys, threading, time
import numpy, helpers, checks, course.grade.sandbox.process.session, course.grade.sandbox.process.values
for folder in ["/tmp", "/dev/shm", "/proc", os.path.expanduser("~"), os.getcwd(), *{PLACES}, sys.prefix]:
    attempt("left", lambda: pathlib.Path(folder, "left-behind.py").write_text("left"))
for module in (builtins, numpy, helpers, checks, os, course.grade.sandbox.process.session, course.grade.sandbox.process.values):
    module.left_behind = "left"
sys.path.insert(0, "/tmp/left-behind")
sys.modules["left_behind"] = sys
os.environ["LEFT_BEHIND"] = "left"
numpy.random.seed(1)
server = socket.create_server(("127.0.0.1", 5123))
unix = socket.socket(socket.AF_UNIX); unix.bind("\\0left-behind"); unix.listen()
threading.Thread(target=lambda: time.sleep(1000)).start()
for command in (["sleep", "1000"], ["sh", "-c", "trap '' TERM INT HUP; sleep 1000 & sleep 1000"]):
    subprocess.Popen(command, start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        time.sleep(1000)
    os._exit(0)
if os.fork() == 0:
    os._exit(0)  # a zombie
os.nice(19)
os.umask(0)
libc = ctypes.CDLL(None)
libc.syscall(248, b"user", b"left-behind", b"x", 1, -3)
libc.syscall(248, b"user", b"left-behind", b"x", 1, -4)"""

FIND = f"""{TRY}
import builtins, ctypes, os, socket, sys, threading
import numpy, helpers, checks, course.grade.sandbox.process.session, course.grade.sandbox.process.values
found = []
for top, folders, files in os.walk("/"):
    folders[:] = [name for name in folders if "site-packages" not in name]
    found += [top + "/" + name for name in files if "left-behind" in name]
found += [m.__name__ for m in (builtins, numpy, helpers, checks, os, course.grade.sandbox.process.session, course.grade.sandbox.process.values) if hasattr(m, "left_behind")]
found += [path for path in sys.path if "left" in path] + [name for name in sys.modules if "left" in name]
found += [name for name in os.environ if "LEFT" in name]
for address in [("127.0.0.1", 5123), "\\0left-behind"]:
    family = socket.AF_UNIX if type(address) is str else socket.AF_INET
    with socket.socket(family) as line:
        found += [address] if line.connect_ex(address) == 0 else []
found += ["threads"] if threading.active_count() > 1 else []
found += ["nice"] if os.nice(0) else []
libc = ctypes.CDLL(None)
found += [key for key in (-3, -4) if libc.syscall(250, 10, key, b"user", b"left-behind", 0) > 0]
print("found", found)"""


def test_18_nothing_is_left_for_the_next_submission(grade, warm):
    """Files, modules, variables, sockets, threads, processes, keys: one submission leaves them, the next looks."""
    umask = os.umask(0o22)
    os.umask(umask)
    left = grade(before=(LEAVE,))
    assert len([line for line in lines(left, "left") if "OPEN" in line]) >= 3
    assert left.verdict.verdict == "graded"
    assert warm.processes() == {}
    looked = grade(before=(FIND,), limits={"cell_seconds": 100})  # through all folders, also on a cold, busy disk
    assert "found []\n" in looked.printed


def test_a_cells_state_does_not_reach_another_student(grade):
    """Names of one notebook are unknown in the next, also where it fails for want of them."""
    with_name = grade(before=("shared = lambda a, b: a + b",), add="def add(a, b):\n    return shared(a, b)")
    without = grade(add="def add(a, b):\n    return shared(a, b)")
    assert "test_add" in with_name.earned
    assert "test_add" not in without.earned


@pytest.mark.parametrize("where", ["/tmp", "/dev/shm"])
def test_20_a_full_disk_is_an_error_of_the_student(grade, where):
    """64 MiB here; the host's disk is not touched, and the memory is given back."""
    fill = f"""with open("{where}/full", "wb") as file:
    for _ in range(1000):
        file.write(bytes(1 << 20))"""
    outcome = grade(before=(fill, f"import os\nprint('size', os.path.getsize('{where}/full') >> 20)"))
    assert outcome.earned == ALL
    assert int(lines(outcome, "size")[0].split()[1]) <= 64
