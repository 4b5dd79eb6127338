"""What a submission's process gives up before it runs anything of the student's.

In: a fork of the warm parent. Out: the same process in user, pid, mount and ipc namespaces of its own, with private
temporary folders and an empty /proc, without privileges, behind a filter of system calls, within the limits that Linux
itself enforces. As it is process 1 of its namespace, killing it kills all that it started.
"""

import contextlib
import ctypes
import os
import re
import resource
import signal
import sys
from pathlib import Path

from course.grade.sandbox.process import seccomp

TASKS = 2  # for each process that is allowed, with their threads
INODES = 20_000  # files and folders: each takes a KiB of memory, however empty it is
SIGNALS = 1024  # that wait to be delivered: Linux counts them for all that a user runs
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 4, 24, 36, 38
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x08000000, 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT = 1, 2, 4, 0x20
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
DOCKERS_OWN = ("/dev/mqueue", "/run", "/sys/kernel")  # a container has them, but they are nothing of a submission's
SHARED = "/tmp/.shm"  # seen as /dev/shm: both places count towards one size
LIBC = ctypes.CDLL(None, use_errno=True)


def hide_from_children() -> None:
    """Let no process look into this one."""
    LIBC.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def adopt_orphans() -> None:
    """Who is orphaned becomes a child of this process, where the grader finds it."""
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def enter_namespaces() -> None:
    """Make namespaces in which this process is alone; its next child is the first process there."""
    uid, gid = os.getuid(), os.getgid()
    LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # else the maps below may not be written
    _check(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def enter(settings: dict, more_disk_mib: int) -> None:
    """Give everything up. `settings` are the kernel's (`kernel.main`); `more_disk_mib` is for the teacher's files."""
    inherited_mib = _private_data_mib()
    disk_mib = settings["disk_mib"] + more_disk_mib
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")  # if the machine runs out of memory, this has to go
    os.setsid()  # else `os.kill(0, …)` would reach the parent: process groups cross namespaces
    if settings["namespaces"]:
        _private_filesystem(disk_mib)
        _drop_privileges()
        _set_task_limit(TASKS * settings["processes"])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the grader runs in the background
    _set_limits(disk_mib, inherited_mib + settings["memory_mib"], settings["descriptors"])


def _check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def _private_filesystem(disk_mib: int) -> None:
    _check(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
    below = {point: os.open(point, os.O_PATH) for point in _mounts_below("/tmp")}
    # The two places where a student's code can write are one filesystem, in memory.
    options = f"size={disk_mib}m,nr_inodes={INODES},mode=1777".encode()
    _check(LIBC.mount(b"tmpfs", b"/tmp", b"tmpfs", MS_NOSUID | MS_NODEV, options), "/tmp")
    os.mkdir(SHARED)
    os.chmod(SHARED, 0o1777)
    _bind(SHARED, "/dev/shm")
    for path in filter(os.path.isdir, DOCKERS_OWN):
        _check(LIBC.mount(b"tmpfs", path.encode(), b"tmpfs", MS_RDONLY, None), path)
    for point, descriptor in below.items():
        _bind(f"/proc/self/fd/{descriptor}", point)
        os.close(descriptor)
    # Libraries look up the processor and the memory there; about processes there is nothing to see.
    kept = {name: _read(f"/proc/{name}") for name in ("cpuinfo", "meminfo", "stat", "version")}
    _check(LIBC.mount(b"tmpfs", b"/proc", b"tmpfs", MS_NOSUID | MS_NODEV, b"size=4m,nr_inodes=16,mode=755"), "/proc")
    for name, text in kept.items():
        with open(f"/proc/{name}", "wb") as file:
            file.write(text)
    _check(LIBC.mount(None, b"/proc", None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, None), "/proc")


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


def _set_limits(disk_mib: int, memory_mib: int, descriptors: int) -> None:
    """What the kernel itself enforces, process by process; the grader watches the sums.

    Private memory is limited, not address space: torch maps gigabytes that it never touches.
    """
    _limit(resource.RLIMIT_DATA, memory_mib << 20)
    _limit(resource.RLIMIT_FSIZE, disk_mib << 20)
    _limit(resource.RLIMIT_CORE, 0)
    # Descriptors in flight are counted for all that a user runs: the grader must be allowed more than a student is.
    _limit(resource.RLIMIT_NOFILE, descriptors)
    _limit(resource.RLIMIT_SIGPENDING, SIGNALS)
    _limit(resource.RLIMIT_MSGQUEUE, 0)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that grows too long is an error, not death


def _limit(what: int, most: int) -> None:
    hard = resource.getrlimit(what)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def _set_task_limit(tasks: int) -> None:
    """Stop a fork bomb where it starts. (Not root's: it obeys no such limit, and the grader makes a control group.)

    Since Linux 5.14 tasks are counted by user namespace, and a submission has its own; before that, all that the
    user runs on the machine would count.
    """
    if tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) >= (5, 14):
        resource.setrlimit(resource.RLIMIT_NPROC, (tasks, tasks))


def standard_streams(stdout: int, stderr: int) -> None:
    """Make two pipes what is printed to, and nothing what is read."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for descriptor in (null, stdout, stderr):
        os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
