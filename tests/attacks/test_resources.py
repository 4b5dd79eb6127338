"""Students' code that takes all there is: time, memory, processes, output. The limits do the waiting."""

# ruff: noqa: E501  (students' programs)

import time

import pytest

OTHERS = {"test_scale", "test_tally"}
ALL = OTHERS | {"test_add"}
SHORT = {"cell_seconds": 1, "total_seconds": 60}

ENDLESS = {
    "17: a loop": "while True:\n    pass",
    "a loop that swallows the interrupt": "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
    "16: SIGINT ignored": "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass",
    "31: SIGALRM and SIGTERM caught": "import signal\nfor s in (signal.SIGINT, signal.SIGALRM, signal.SIGTERM):\n    signal.signal(s, lambda *a: None)\nwhile True:\n    pass",
    "a long sleep": "import time\ntime.sleep(10_000)",
    "a lock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    "one long call in C": "sum(range(10**12))",
    "a regular expression": "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')",
    "waiting for a child": "import subprocess\nsubprocess.run(['sleep', '10000'])",
    "reading a pipe": "import os\nr, w = os.pipe()\nos.read(r, 1)",
    "an endless await": "import asyncio\nawait asyncio.Event().wait()",
    "stopping itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nwhile True:\n    pass",
}  # fmt: skip


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_cell_costs_nothing_else(grade, name):
    """A cell of the student's own: it is ended, and all three exercises keep their points."""
    outcome = grade(before=(ENDLESS[name],), limits=SHORT)
    assert outcome.earned == ALL
    assert outcome.verdict.verdict == "timed_out"
    assert "1 s" in outcome.verdict.cause


@pytest.mark.parametrize("name", [name for name in ENDLESS if "await" not in name])
def test_an_endless_function_costs_its_own_exercise(grade, name):
    """It is ended in the middle of its test."""
    body = ENDLESS[name].replace("\n", "\n    ")
    outcome = grade(add=f"def add(a, b):\n    {body}", limits=SHORT)
    assert outcome.earned == OTHERS
    assert outcome.verdict.verdict == "timed_out"


def test_many_endless_cells_end_with_the_whole(grade):
    """Ten cells of one second each, of four seconds in all: what was earned before stays earned."""
    loop = "while True:\n    pass"
    started = time.monotonic()
    outcome = grade(
        after=(loop,) * 10,
        scale=f"{loop}\ndef scale(values):\n    return 0",
        make_tally=loop,
        limits={"cell_seconds": 2, "total_seconds": 3},
    )
    assert time.monotonic() - started < 30
    assert outcome.verdict.verdict == "timed_out"
    assert outcome.earned == {"test_add"}


def test_a_test_that_calls_slow_functions_ends_too(grade, monkeypatch):
    """Each call is within the limit, also on a busy machine; their number is not: the referee's own clock ends it."""
    monkeypatch.setattr("course.grade.judge.outside.MARGIN", 1)
    slow = """import time
class Tally:
    count = lambda s, w: 2 * (w == "a")
    __len__ = lambda s: time.sleep(3) or 2
    __getitem__ = lambda s, w: time.sleep(3) or 1
def make_tally(words):
    time.sleep(3)
    return Tally()"""
    outcome = grade(make_tally=slow, limits={"cell_seconds": 5, "total_seconds": 60})  # 12 s of sleep, 6 s of patience
    assert outcome.earned == ALL - {"test_tally"}
    assert outcome.verdict.verdict == "timed_out"


DEATHS = {
    "16: os._exit": "import os\nos._exit(0)",
    "a crash in C": "import ctypes\nctypes.string_at(0)",
    "abort": "import os\nos.abort()",
    "a signal to itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\nos.kill(0, signal.SIGKILL)\nctypes = __import__('ctypes')\nctypes.string_at(0)",
    "a recursion in C": "import sys\nsys.setrecursionlimit(10**9)\nimport ctypes\nclass A:\n    __getattr__ = lambda s, n: getattr(s, n)\ngetattr(A(), 'x')\nctypes.string_at(0)",
}  # fmt: skip


@pytest.mark.parametrize("name", DEATHS)
def test_a_cell_that_dies_costs_nothing_else(grade, name):
    """The rest is graded in a new process; the cell is not run again."""
    outcome = grade(before=(DEATHS[name],))
    assert outcome.earned == ALL
    assert outcome.verdict.verdict in ("kernel_died", "out_of_memory")
    assert outcome.verdict.cause


@pytest.mark.parametrize("name", DEATHS)
def test_a_function_that_dies_costs_its_own_exercise(grade, name):
    """In the middle of its test."""
    body = DEATHS[name].replace("\n", "\n    ")
    outcome = grade(add=f"def add(a, b):\n    {body}")
    assert outcome.earned == OTHERS
    assert outcome.verdict.verdict in ("kernel_died", "out_of_memory")


def test_killing_everybody_kills_only_oneself(grade, warm):
    """Groups, sessions and the parent's number: signals do not leave the submission."""
    cell = """import os, signal
for kill in (os.killpg, os.kill):
    for target in (0, -1, 1, 2, os.getpgid(0), os.getsid(0)):
        try:
            kill(target, signal.SIGTERM)
        except OSError:
            pass
signal.signal(signal.SIGTERM, signal.SIG_DFL)
os.kill(0, signal.SIGKILL)
os.kill(-1, signal.SIGKILL)"""
    before = warm.watch.own
    assert grade(before=(f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{cell}",)).earned == ALL
    assert warm.process.poll() is None and warm.watch.own == before


def test_exit_is_no_crash(grade):
    """`exit()`, `sys.exit()` and `raise SystemExit` end a cell, as in Jupyter."""
    outcome = grade(before=("import sys\nsys.exit(0)", "exit()", "raise SystemExit", "raise KeyboardInterrupt"))
    assert (outcome.verdict.verdict, outcome.earned) == ("graded", ALL)


def test_a_death_only_when_tested_does_not_pass_for_an_exception(grade):
    """Dying is not the error that a test may ask for."""
    outcome = grade(add="import os\ndef add(a, b):\n    return a + b if type(a) is not str else os._exit(0)")
    assert outcome.earned == OTHERS


MEMORY = {
    "20: one long list": "x = [0] * (10**9)",
    "an array": "import numpy\nx = numpy.ones(10**9)",
    "bit by bit": "x = []\nwhile True:\n    x.append(bytearray(1 << 24))",
    "anonymous maps": "import mmap\nkeep = []\nwhile True:\n    m = mmap.mmap(-1, 1 << 26, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n    m.write(b'x' * (1 << 26))\n    keep.append(m)",
    "a text that doubles": "x = 'x'\nwhile True:\n    x += x",
}  # fmt: skip


@pytest.mark.parametrize("name", MEMORY)
def test_20_memory_of_one_process_ends_in_an_error(grade, name):
    """More than 1024 MiB is a `MemoryError` in the function, or the end of its process."""
    body = MEMORY[name].replace("\n", "\n    ")
    outcome = grade(add=f"def add(a, b):\n    {body}\n    return 0")
    assert outcome.earned == OTHERS
    assert outcome.verdict.verdict in ("graded", "out_of_memory", "kernel_died")


MANY = {
    "in many processes": "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        x = bytearray(os.urandom(1 << 20)) * 300\n        time.sleep(1000)\ntime.sleep(1000)",
    "shared between processes": "import mmap, os, time\nkeep = []\nfor _ in range(30):\n    m = mmap.mmap(-1, 1 << 26)\n    m.write(b'x' * (1 << 26))\n    keep.append(m)\nif os.fork() == 0:\n    for m in keep:\n        m.seek(0)\n        m.write(b'y' * (1 << 26))\ntime.sleep(1000)",
}  # fmt: skip


@pytest.mark.parametrize("name", MANY)
def test_20_memory_of_many_processes_is_added_up(grade, name):
    """Each is below the limit, together they are not."""
    outcome = grade(before=(MANY[name],), limits={"cell_seconds": 20})
    assert outcome.verdict.verdict == "out_of_memory"
    assert outcome.earned == ALL


FORKS = {
    "up to where it is refused": "import subprocess\ntry:\n    while True:\n        subprocess.Popen(['sleep', '1000'], start_new_session=True)\nexcept OSError:\n    pass",
    "20: processes": "import os\nwhile True:\n    os.fork()",
    "a shell's": "import subprocess\nsubprocess.run(['sh', '-c', 'f() { f | f & }; f; sleep 1000'])",
    "in sessions of their own": "import subprocess\nwhile True:\n    subprocess.Popen(['sleep', '1000'], start_new_session=True)",
}  # fmt: skip


@pytest.mark.parametrize("name", FORKS)
def test_20_a_fork_bomb_is_ended(grade, name):
    """64 processes here; what it costs is its own cell."""
    outcome = grade(before=(FORKS[name],), limits={"cell_seconds": 20})
    assert outcome.verdict.verdict in ("kernel_died", "out_of_memory")
    assert outcome.earned == ALL


@pytest.mark.parametrize("size", [0, 1 << 16])
def test_20_threads_without_end(grade, size):
    """They fail for want of memory; where each needs little, their number has a limit."""
    bomb = f"import threading, time\nthreading.stack_size({size})\nwhile True:\n    threading.Thread(target=lambda: time.sleep(1000), daemon=True).start()"
    outcome = grade(before=(bomb,))
    assert outcome.earned == ALL
    assert outcome.verdict.verdict in ("graded", "kernel_died")


def test_20_threads_up_to_the_limit(grade):
    """Whoever stops there has a notebook that goes on."""
    cell = "import threading, time\ntry:\n    for _ in range(3_000):\n        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\nexcept RuntimeError:\n    print('enough')"
    outcome = grade(before=(cell,))
    assert outcome.earned == ALL


def test_the_memory_of_one_submission_does_not_count_towards_the_next(grade):
    """It takes the kernel a while to free a gigabyte; the next one starts when that is done."""
    big = "x = bytearray(900 << 20)\nimport os\nos._exit(0)"
    assert grade(before=(big,)).earned == ALL
    outcome = grade(before=("x = bytearray(500 << 20)",))
    assert (outcome.verdict.verdict, outcome.earned) == ("graded", ALL)


def test_own_cells_have_a_budget_of_their_own(grade):
    """Four experiments of a second each, of three seconds in all: no graded cell pays for them, and the page says so."""
    nap = "import time\ntime.sleep(1)"
    outcome = grade(before=(nap,) * 5, limits={"cell_seconds": 10, "total_seconds": 3})
    assert outcome.earned == ALL
    assert "added took more than 3 s together" in outcome.verdict.cause
    assert "the rest was graded" not in outcome.page


def test_processor_time_is_taken_as_time_where_others_take_it(grade):
    """A function that needs little of it is not ended because its own children took the core."""
    hog = "import os, time\nend = time.time() + 6\nfor n in range(20):\n    if os.fork() == 0:\n        os.setsid()\n        while time.time() < end:\n            pass\n        os._exit(0)"
    outcome = grade(before=(hog,), limits={"cell_seconds": 5, "total_seconds": 60})
    assert outcome.earned == ALL


REFUSED = {
    "AF_VSOCK": "socket.socket(40, socket.SOCK_STREAM)",
    "AF_PACKET": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "AF_ALG": "socket.socket(38, socket.SOCK_SEQPACKET)",
    "AF_BLUETOOTH": "socket.socket(31, socket.SOCK_RAW)",
}


@pytest.mark.parametrize("name", REFUSED)
def test_families_of_sockets_that_nobody_needs_are_refused(grade, name):
    """They reach the kernel, or the host of a virtual machine."""
    cell = f"import socket\ntry:\n    {REFUSED[name]}\n    print('OPEN')\nexcept (OSError, AttributeError) as error:\n    print('shut')"
    outcome = grade(before=(cell,))
    assert outcome.printed.strip() == "shut"


def test_its_core_is_not_left(grade):
    """A submission stays where it was put, so that its neighbours have theirs."""
    cell = "import os\nbefore = os.sched_getaffinity(0)\ntry:\n    os.sched_setaffinity(0, range(os.cpu_count()))\nexcept OSError:\n    pass\nprint('same' if os.sched_getaffinity(0) == before else 'OTHER')"
    assert grade(before=(cell,)).printed.strip() == "same"
