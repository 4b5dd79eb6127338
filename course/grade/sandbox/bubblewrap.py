"""bubblewrap: a command in namespaces of its own.

In: the command and its environment. Out: the command line that runs it there, or why bubblewrap does not work here.
"""

import os
import shutil

from course.grade.sandbox import view
from course.grade.sandbox.probe import failure


def problem() -> str | None:
    """Why it cannot be used on this machine."""
    if not shutil.which("bwrap"):
        return "it is not installed (Debian: apt-get install bubblewrap)"
    return failure(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"])


def command(inner: list[str], environment: dict[str, str], side: str, models: str) -> list[str]:
    """The command with the system read-only, the student's side of this project, and nothing of the teacher's."""
    arguments = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
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
