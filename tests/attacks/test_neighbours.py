"""One submission against others: a class on parallel workers in which somebody takes all that a machine has.

The class is graded by the command, as root and as an ordinary user with 1,024 descriptors, in bubblewrap and in Docker.
Nothing that one submission is or does ends the class or costs somebody else a point.
"""

# ruff: noqa: E501  (students' programs)

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from course import ROOT

NOBODY = 65534
POINTS = 30  # for everything
MIB = 768  # a submission may use
TAKES = {
    "descriptors in flight": """import array, os, socket
keep, null = [], os.open("/dev/null", 0)
try:
    while True:
        a, b = socket.socketpair()
        keep.append((a, b))
        for _ in range(5):
            a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 200))])
except OSError:
    pass
import time
time.sleep(3)""",
    "descriptors": """import os, time
keep = []
try:
    while True:
        keep.append(os.open("/dev/null", 0))
except OSError:
    time.sleep(3)""",
    "shared memory given back": """import mmap
keep = []
while True:
    m = mmap.mmap(-1, 64 << 20)
    for at in range(0, 64 << 20, 1 << 20):
        m[at:at + (1 << 20)] = b"x" * (1 << 20)
        m.madvise(mmap.MADV_DONTNEED, at, 1 << 20)
    keep.append(m)""",
    "socket buffers": """import os, socket, time
for n in range(6):
    if os.fork() == 0:
        keep = []
        try:
            while True:
                pair = socket.socketpair()
                keep.append(pair)
                pair[0].setblocking(False)
                try:
                    while True:
                        pair[0].send(b"x" * 65536)
                except BlockingIOError:
                    pass
        except OSError:
            time.sleep(9)
        os._exit(0)
time.sleep(3)""",
    "files": """import os
for folder in ("/tmp", "/dev/shm", "."):
    try:
        for n in range(10**9):
            os.close(os.open(f"{folder}/x{n}", os.O_CREAT))
    except OSError:
        pass""",
    "processors": """import os, time
end = time.time() + 8
for n in range(40):
    try:
        if os.fork() == 0:
            os.setsid()
            while time.time() < end:
                pass
            os._exit(0)
    except OSError:
        break
time.sleep(5)""",
    "processes": "import os\nwhile True:\n    os.fork()",
    "memory": "keep = []\nwhile True:\n    keep.append(bytearray(1 << 24))",
    "output": "while True:\n    print('x' * 10_000)",
    "time": "while True:\n    pass",
}
HONEST = ("honest 1", "honest 2", "honest 3", "honest 4")
CLOSED = {"a folder that is closed": "unreadable", "a file that is closed": "unreadable"}
SANDBOXES = [("bwrap", "root"), ("bwrap", "ordinary"), ("docker", "root")]


def write_class(compare, folder: Path) -> None:
    """Those who take everything, honest ones, and folders that nobody can read or name."""
    course = compare.load("conftest")
    compare.write_course(course, folder)

    def hand_in(student: str | bytes, *before: str) -> Path:
        home = Path(os.fsdecode(os.fsencode(folder / "submitted") + b"/" + os.fsencode(student))) / "a"
        home.mkdir(parents=True)
        (home / "n.ipynb").write_text(nbformat.writes(course.submission(course.honest_answers(), before)))
        return home

    for name, cell in TAKES.items():
        hand_in(name, cell)
    for name in HONEST:
        hand_in(name, "import time\ntime.sleep(1)")
    hand_in(b"\xff\xfe")
    hand_in("я" * 120)
    for name in CLOSED:
        home = hand_in(name)
        (home if "folder" in name else home / "n.ipynb").chmod(0)


def as_ordinary_user(command: list) -> list:
    """The command as it is run by an ordinary user with 1,024 descriptors; what only root may see of it is laid open."""
    command = ["sh", "-c", 'ulimit -n 1024; exec "$@"', "sh", *map(str, command)]
    if os.geteuid():
        return command
    paths = {Path(path).resolve() for path in (sys.base_prefix, sys.prefix, ROOT)}
    wanted = [path for path in paths if not paths & set(path.parents)]  # the environment lies in the checkout
    hidden = {closed: path for path in wanted if (closed := _closed_parent(path))}
    steps = ["set -e"]
    for number, (closed, path) in enumerate(hidden.items()):
        steps += [f"mkdir -p /run/laid-open-{number}", f"mount --bind '{path}' /run/laid-open-{number}"]
        steps += [f"mount -t tmpfs -o mode=755 tmpfs '{closed}'", f"mkdir -p '{path}'"]
        steps += [f"mount --move /run/laid-open-{number} '{path}'"]
    drop = f'exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups "$@"'
    return ["unshare", "--mount", "sh", "-c", "\n".join([*steps, "cd /", drop]), "sh", *command]


def _closed_parent(path: Path) -> Path | None:
    return next((p for p in reversed(path.parents) if not stat.S_IMODE(p.stat().st_mode) & stat.S_IXOTH), None)


@pytest.fixture(scope="module", params=SANDBOXES, ids=" as ".join)
def verdicts(request, compare, needed):
    """Student → the line of `course grade`, and what the command said of the class."""
    kind, user = request.param
    needed(kind)
    if user == "root" and os.geteuid():
        pytest.skip("these tests are not run by root")
    folder = Path(tempfile.mkdtemp(prefix="class-"))  # pytest's own folders are closed to other users
    try:
        write_class(compare, folder)
        lines = folder / "out.jsonl"
        command = [sys.executable, "-m", "course.cli", "grade", "a", "--course-dir", folder, "--sandbox", kind]
        command += ["--cell-timeout", "6", "--timeout", "60", "--memory", str(MIB), "--jobs", "2", "--json", lines]
        environment = os.environ | {"HOME": str(folder), "PYTHONPATH": str(ROOT)}
        if user == "ordinary":
            if os.geteuid() == 0:
                subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
            command = as_ordinary_user(command)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        yield {line["student"]: line for line in map(json.loads, lines.read_text().splitlines())}
    finally:
        for name in CLOSED:
            (folder / "submitted" / name / "a").chmod(0o700)
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_one_keeps_its_points(verdicts, name):
    """Whoever is graded beside it."""
    assert (verdicts[name]["score"], verdicts[name]["verdict"]) == (POINTS, "graded"), verdicts[name]


@pytest.mark.parametrize("name", TAKES)
def test_whoever_takes_everything_has_a_verdict(verdicts, name):
    """It ends its own cell at most: right answers are right."""
    assert verdicts[name]["score"] == POINTS, verdicts[name]


@pytest.mark.parametrize("name", ["shared memory given back", "memory"])
def test_memory_beyond_the_limit_is_called_so(verdicts, name):
    """Or, where Python was refused more of it first, a `MemoryError`."""
    allowed = ("out_of_memory",) if name.startswith("shared") else ("out_of_memory", "graded", "kernel_died")
    assert verdicts[name]["verdict"] in allowed, verdicts[name]


def test_what_cannot_be_read_is_its_own_verdict(verdicts, request):
    """Root reads everything; for anybody else it is unreadable."""
    is_root = "as root" in request.node.callspec.id and os.geteuid() == 0
    for name in CLOSED:
        assert verdicts[name]["verdict"] == ("graded" if is_root else "unreadable"), verdicts[name]


def test_what_cannot_be_a_name_is_its_own_verdict(verdicts):
    """A folder whose name is no text, and one whose name no gradebook takes."""
    odd = [line for name, line in verdicts.items() if name not in {*TAKES, *HONEST, *CLOSED}]
    assert [line["verdict"] for line in odd] == ["unreadable"] * 2
    assert all(line["cause"].endswith("rename it.") for line in odd)
