"""A grader without a sandbox of its own, run in one: bubblewrap, with limits for the grader and all that it starts.

In: a command, the folders that it may read, one that it may write. Out: its exit code and what it printed, or that it
had to be killed. No network, the system read-only, folders in memory in place of everything else that can be written.
"""

import dataclasses
import os
import subprocess
from pathlib import Path

from course.grade.sandbox import bubblewrap, view
from course.grade.sandbox.groups import Groups

COURSE = "/course"  # where the grader finds its course folder, in memory
RESULTS = "/results"  # what it writes there is read afterwards
MEMORY_MIB = 3072  # the grader, a kernel with NumPy, and the files in memory
TASKS = 300  # a grader and a kernel have about fifty threads
DISK_MIB = 512  # of each folder that can be written
ENDING = 20.0  # seconds that killed processes may take to end
NAMES = ("/etc/hosts", "/etc/nsswitch.conf")  # "localhost" has to mean this machine
GO = 'read go && exec "$@"'  # waits until it is in its control groups


class Unconfined(Exception):
    """This machine cannot confine a grader; the message says why. Nothing was run."""


@dataclasses.dataclass(frozen=True)
class Done:
    """How a command ended: `code` is None where it had to be killed."""

    code: int | None
    said: str


def run(command: list[str], shown: dict[str, str], results: Path, seconds: float) -> Done:
    """Run a command confined. `shown`: path here → path there, to read only. Raises `Unconfined`."""
    if trouble := bubblewrap.problem():
        raise Unconfined(f"bubblewrap does not work here: {trouble}")
    groups = Groups()
    try:
        if os.geteuid() == 0 and set(groups.folders) != {"memory", "pids"}:
            raise Unconfined("root is limited by control groups only, and none can be made here: be another user")
        groups.limit(MEMORY_MIB, TASKS)
        waiting = ["/bin/sh", "-c", GO, "sh", *_limits(groups), *_confined(shown, results), *command]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(waiting, **pipes, env={"PATH": "/usr/bin:/bin"})
        groups.admit(process.pid)
        try:
            said, _ = process.communicate(b"\n", timeout=seconds)
            return Done(process.returncode, said.decode(errors="replace"))
        except subprocess.TimeoutExpired:
            process.kill()  # with the first process of its namespace all others end
            said, _ = process.communicate(timeout=ENDING)
            return Done(None, said.decode(errors="replace"))
    finally:
        groups.remove()


def _limits(groups: Groups) -> list[str]:
    """Limits of the user, which do not hold for root; what a control group counts is not counted twice."""
    limits = [f"--fsize={DISK_MIB << 20}", "--core=0", "--nofile=1024"]
    limits += [] if "pids" in groups.folders else [f"--nproc={TASKS}"]
    limits += [] if "memory" in groups.folders else [f"--as={MEMORY_MIB << 20}"]
    return ["prlimit", *limits]


def _confined(shown: dict[str, str], results: Path) -> list[str]:
    options = [bubblewrap.program(), "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    options += ["--uid", "1000", "--gid", "1000", "--proc", "/proc", "--dev", "/dev"]
    for path in view.SYSTEM_LINKS:
        if os.path.islink(path):
            options += ["--symlink", os.readlink(path), path]
        else:
            options += ["--ro-bind-try", path, path]
    for path in (*view.SYSTEM, *NAMES):
        options += ["--ro-bind-try", path, path]
    for folder in ("/tmp", "/dev/shm", COURSE):
        options += ["--size", str(DISK_MIB << 20), "--tmpfs", folder]
    for here, there in shown.items():
        options += ["--ro-bind", here, there]
    options += ["--bind", str(results), RESULTS, "--clearenv", "--setenv", "OMP_NUM_THREADS", "1"]
    return [*options, "--setenv", "HOME", "/tmp", "--setenv", "LANG", "C.UTF-8", "--chdir", COURSE]


def python(executable: str) -> dict[str, str]:
    """What has to be shown for a Python to work: its environment, and the installation from which it was made."""
    script = "import sys; print(sys.prefix); print(sys.base_prefix)"
    said = subprocess.run([executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return {path: path for path in said.split() if not path.startswith("/usr")}
